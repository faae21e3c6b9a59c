// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.memory.Layouts;
import dev.varve.memory.SlabPool;
import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A tree that is cleared or closed between any two accesses of a reader, and whose memory then
 * belongs to somebody else who happens to leave the headers of nodes as they are.
 */
@Tag("once")
class TreeGenerationTest {

  private static final int ENTRIES = 6_000;
  private static final long SOUGHT = 5_001;
  private static final long GARBAGE = 0x6A6A_6A6A_6A6A_6A6AL;

  private final SlabPool pool = new SlabPool(64 << 10, 4 << 20);

  private Tree tree(TreeLayout layout, Between between, boolean poison) {
    return new Tree(
        layout,
        new TreeMemory(
            layout,
            pool,
            Long.MAX_VALUE,
            poison,
            slab -> new StoppingWords(Words.over(slab.segment()), between)));
  }

  private static long value(long key) {
    return key * 8 + 1;
  }

  private void overwrite(TreeLayout layout, long slabs) {
    for (int slab = 0; slab < slabs; slab++) {
      MemorySegment theirs = pool.acquire().segment();
      for (long word = 0; word < theirs.byteSize() / Long.BYTES; word++) {
        // Of numbers only the values, so that the keys still lead there.
        if (layout.variableKeys
            ? word % layout.nodeWords != 0
            : word % layout.nodeWords >= layout.values) {
          theirs.set(Layouts.LE_LONG, word * Long.BYTES, GARBAGE);
        }
      }
    }
  }

  private interface Read {
    /** Null if there is no such key. */
    Long value(AnyMap.Session session);
  }

  private static Long get(AnyMap.Session session) {
    long value = session.get(SOUGHT);
    return value == 0 ? null : Long.valueOf(value);
  }

  private static Long seek(AnyMap.Session session) {
    if (!session.ceiling(SOUGHT)) {
      return null;
    }
    assertThat(session.key()).isEqualTo(SOUGHT);
    return session.value();
  }

  /** From the entry before, which may be all of a leaf away. */
  private static Long next(AnyMap.Session session) {
    for (boolean more = session.ceiling(SOUGHT - 30); more; more = session.next()) {
      assertThat(session.value()).isEqualTo(value(session.key()));
      if (session.key() == SOUGHT) {
        return session.value();
      }
    }
    return null;
  }

  @ParameterizedTest
  @CsvSource({
    "get, false, false", "get, false, true", "get, true, false", "get, true, true",
    "seek, false, false", "seek, false, true", "seek, true, false", "seek, true, true",
    "next, false, false", "next, true, false"
  })
  void aReaderNoticesThatItsMemoryIsAnothers(String how, boolean bytes, boolean closes) {
    Read read =
        switch (how) {
          case "get" -> TreeGenerationTest::get;
          case "seek" -> TreeGenerationTest::seek;
          default -> TreeGenerationTest::next;
        };
    TreeLayout layout = new TreeLayout(256, bytes, bytes);
    int step = how.equals("next") ? 7 : 1;
    int access = 1;
    for (boolean happened = true; happened; access += step) {
      Between between = new Between();
      Tree tree = tree(layout, between, false);
      AnyMap map = new AnyMap.OfTree(tree);
      AnyMap.Session session = map.session();
      for (long key = 0; key < ENTRIES; key++) {
        session.put(key, value(key));
      }
      long slabs = map.heldBytes() / pool.slabBytes();
      assertThat(slabs).isGreaterThan(1);
      between.at(
          access,
          () -> {
            if (closes) {
              tree.close();
            } else {
              tree.clear();
            }
            overwrite(layout, closes ? slabs : slabs - 1);
          });
      String where = "access " + access;
      if (closes) {
        boolean closed = false;
        try {
          assertThat(read.value(session)).as(where).isEqualTo(value(SOUGHT));
        } catch (ClosedException e) {
          closed = true;
        }
        happened = between.happened();
        assertThat(closed).as(where).isEqualTo(happened);
      } else {
        assertThat(read.value(session)).as(where).isIn(null, value(SOUGHT));
        happened = between.happened();
      }
      if (!happened || !closes) {
        tree.close();
      }
      assertThatThrownBy(() -> tree.reader.get(1, 0)).isInstanceOf(ClosedException.class);
    }
    assertThat(access).isGreaterThan(10);
  }

  /** Merges the leaf of a key away, and has its node taken for the highest keys. */
  private static void reuse(AnyMap.Session session) {
    for (long key = 0; key < 10; key++) {
      session.remove(key);
    }
    for (long key = 56; key < 60; key++) {
      session.put(key, value(key));
    }
  }

  @Test
  void aReaderNoticesThatItsNodeIsAnother() {
    TreeLayout layout = new TreeLayout(256, false, false);
    int access = 1;
    for (boolean happened = true; happened; access++) {
      Between between = new Between();
      Tree tree = tree(layout, between, true);
      AnyMap.Session session = new AnyMap.OfTree(tree).session();
      for (long key = 0; key < 56; key++) {
        session.put(key, value(key)); // four leaves of fourteen
      }
      for (long key = 14; key < 28; key++) {
        if (key < 20 || key > 23) {
          session.remove(key);
        }
      }
      between.at(access, () -> reuse(session));
      assertThat(tree.reader.get(20, 0)).as("access %d", access).isEqualTo(value(20));
      happened = between.happened();
      tree.validate();
      tree.close();
    }
    assertThat(access).isGreaterThan(10);
  }

  /** What happens between two accesses of a writer; false if that one has the lock already. */
  private static boolean unlessLocked(Runnable change) {
    try {
      change.run();
      return true;
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("must not change the map");
      return false;
    }
  }

  private enum Write {
    PUT,
    INSERT,
    REMOVE
  }

  /** Another writer changes the leaf, merges it away or uses it anew on a writer's way down. */
  @ParameterizedTest
  @CsvSource({
    "PUT, false",
    "INSERT, false",
    "REMOVE, false",
    "PUT, true",
    "INSERT, true",
    "REMOVE, true"
  })
  void aWriterNoticesThatItsLeafIsAnother(Write write, boolean bytes) {
    TreeLayout layout = new TreeLayout(256, bytes, bytes);
    long key = write == Write.INSERT ? 25 : 20;
    int before = 0;
    int access = 1;
    for (boolean happened = true; happened; access++) {
      Between between = new Between();
      Tree tree = tree(layout, between, true);
      AnyMap.Session session = new AnyMap.OfTree(tree).session();
      AnyMap.Session other = new AnyMap.OfTree(tree).session();
      TreeMap<Long, Long> model = new TreeMap<>();
      for (long each = 0; each < 4L * layout.leafCapacity; each++) {
        session.put(each, value(each));
        model.put(each, value(each));
      }
      for (long each = 14; each < 28; each++) {
        if (each < 20 || each > 23) {
          session.remove(each);
          model.remove(each);
        }
      }
      boolean[] changed = {false};
      between.at(access, () -> changed[0] = unlessLocked(() -> reuse(other)));
      switch (write) {
        case PUT, INSERT -> session.put(key, 1);
        case REMOVE -> session.remove(key);
      }
      happened = between.happened();
      if (changed[0]) {
        before++;
        reuse(model);
      }
      if (write == Write.REMOVE) {
        model.remove(key);
      } else {
        model.put(key, 1L);
      }
      tree.validate();
      assertThat(MapHistory.entries(new AnyMap.OfTree(tree)))
          .as("access %d", access)
          .isEqualTo(model);
      tree.close();
    }
    assertThat(before).isGreaterThan(10);
    assertThat(access).isGreaterThan(before + 10);
  }

  private static void reuse(TreeMap<Long, Long> model) {
    for (long key = 0; key < 10; key++) {
      model.remove(key);
    }
    for (long key = 56; key < 60; key++) {
      model.put(key, value(key));
    }
  }

  /** The map is cleared on a writer's way down, and filled so that its leaf looks as it was. */
  @ParameterizedTest
  @CsvSource({"false", "true"})
  void aWriterNoticesThatItsGenerationIsAnother(boolean bytes) {
    TreeLayout layout = new TreeLayout(256, bytes, bytes);
    int before = 0;
    int access = 1;
    for (boolean happened = true; happened; access++) {
      Between between = new Between();
      Tree tree = tree(layout, between, false);
      AnyMap.Session session = new AnyMap.OfTree(tree).session();
      AnyMap.Session other = new AnyMap.OfTree(tree).session();
      TreeMap<Long, Long> model = new TreeMap<>();
      for (long key = 0; key < 60; key++) {
        session.put(1_000 + key, value(key));
        model.put(1_000 + key, value(key));
      }
      boolean[] cleared = {false};
      between.at(
          access,
          () ->
              cleared[0] =
                  unlessLocked(
                      () -> {
                        tree.clear();
                        model.clear();
                        for (long key = 0; key < 60; key++) {
                          other.put(3_000 + key, value(key));
                          model.put(3_000 + key, value(key));
                        }
                      }));
      session.put(1_025, 1);
      model.put(1_025L, 1L);
      happened = between.happened();
      before += cleared[0] ? 1 : 0;
      tree.validate();
      assertThat(MapHistory.entries(new AnyMap.OfTree(tree)))
          .as("access %d", access)
          .isEqualTo(model);
      tree.close();
    }
    assertThat(before).isGreaterThan(10);
  }
}
