// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.map.TreeCursor.Seek;
import dev.varve.memory.SlabPool;
import dev.varve.memory.Words;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;

/** What readers rely on, seen from the memory itself and without a race. */
class TreeVersionTest {

  private final TreeLayout layout = new TreeLayout(256, false, false);
  private final SlabPool pool = new SlabPool(64 << 10, 0);
  private final Tree tree = new Tree(layout, new TreeMemory(layout, pool, Long.MAX_VALUE, true));

  private long[] snapshot() {
    Words[] slabs = tree.memory.open();
    int words = 1 << tree.memory.slabShift;
    long[] all = new long[slabs.length * words];
    for (int i = 0; i < all.length; i++) {
      all[i] = slabs[i / words].getPlain(i % words);
    }
    return all;
  }

  /** Whenever a word of a node changes its version grows, and freed nodes are unreadable. */
  @Test
  void everyChangeIsANewVersion() {
    Random random = new Random(4);
    long[] before = snapshot();
    int freed = 0;
    for (int step = 0; step < 6_000; step++) {
      long key = random.nextInt(1_500);
      boolean grows = step / 1_500 % 2 == 0;
      if (random.nextInt(10) < (grows ? 9 : 1)) {
        tree.update(Tree.Mode.PUT, key, null, 0, random.nextLong(), null, 0, 0);
      } else {
        tree.remove(key, null, 0, 0);
      }
      long[] after = snapshot();
      for (int node = 0; node < before.length; node += layout.nodeWords) {
        int changed = 0;
        for (int i = TreeLayout.LINK; i < layout.nodeWords; i++) {
          changed += before[node + i] != after[node + i] ? 1 : 0;
        }
        long was = before[node];
        long is = after[node];
        assertThat(is & TreeLayout.BUSY).isIn(0L, was & TreeLayout.BUSY); // never used yet
        if (changed > 0 && is == was) {
          // Only the list of free nodes goes through unreadable nodes.
          assertThat(TreeLayout.isReadable(is)).as("node %d at step %d", node, step).isFalse();
        } else if (is != was) {
          assertThat(is / TreeLayout.VERSION).isGreaterThan(was / TreeLayout.VERSION);
        }
        freed += (is & ~was & TreeLayout.FREE) != 0 ? 1 : 0;
        if ((is & ~was & TreeLayout.FREE) != 0) {
          assertThat(after[node + TreeLayout.KEYS]).isEqualTo(TreeMemory.POISON);
        }
      }
      before = after;
    }
    assertThat(freed).isGreaterThan(50);
    tree.close();
  }

  /** All of it runs over the array of a model checker. */
  @Test
  void everyAccessGoesThroughTheSeam() {
    Tree other =
        new Tree(
            layout,
            new TreeMemory(
                layout,
                pool,
                Long.MAX_VALUE,
                true,
                slab -> Words.over(new AtomicLongArray((int) slab.byteSize() / Long.BYTES))));
    Random random = new Random(6);
    TreeMap<Long, Long> model = new TreeMap<>();
    TreeCursor cursor = other.cursor();
    for (int step = 0; step < 20_000; step++) {
      long key = random.nextInt(3_000);
      if (random.nextInt(10) < (step / 5_000 % 2 == 0 ? 8 : 2)) {
        other.update(Tree.Mode.PUT, key, null, 0, step, null, 0, 0);
        model.put(key, (long) step);
      } else {
        other.remove(key, null, 0, 0);
        model.remove(key);
      }
      long sought = random.nextInt(3_000);
      assertThat(other.reader.get(sought, -1)).isEqualTo(model.getOrDefault(sought, -1L));
      Long above = model.higherKey(sought);
      assertThat(cursor.seek(Seek.HIGHER, sought, null, 0, 0)).isEqualTo(above != null);
      if (above != null) {
        assertThat(cursor.key()).isEqualTo(above);
      }
    }
    other.validate();
    other.close();
    tree.close();
  }

  /** A cursor does not follow the link of a leaf that has changed. */
  @Test
  void cursorsGoOnByTheKeyAfterAChange() {
    for (int i = 0; i < 2_000; i++) {
      tree.update(Tree.Mode.PUT, 2L * i, null, 0, i, null, 0, 0);
    }
    TreeCursor cursor = tree.cursor();
    Random random = new Random(5);
    for (int round = 0; round < 500; round++) {
      long from = random.nextInt(4_000);
      if (!cursor.seek(Seek.CEILING, from, null, 0, 0)) {
        continue;
      }
      boolean removes = random.nextBoolean();
      for (int i = 0; i < 100; i++) {
        long key = from + random.nextInt(200);
        if (removes) {
          tree.remove(key, null, 0, 0);
        } else {
          tree.update(Tree.Mode.PUT, key, null, 0, key, null, 0, 0);
        }
      }
      boolean ascending = round % 3 != 0;
      long last = cursor.key();
      int met = 0;
      for (boolean more = cursor.move(ascending); more && met < 150; met++) {
        assertThat(Long.compareUnsigned(cursor.key(), last) > 0).isEqualTo(ascending);
        if (met > layout.leafCapacity) {
          // Beyond the batch, what is there is what is met, and nothing is left out.
          assertThat(tree.reader.get(cursor.key(), -1)).isEqualTo(cursor.value());
          for (long between = Math.min(last, cursor.key()) + 1;
              between < Math.max(last, cursor.key());
              between++) {
            assertThat(tree.reader.get(between, -1)).isEqualTo(-1);
          }
        }
        last = cursor.key();
        more = cursor.move(ascending);
      }
    }
    tree.close();
  }

  /** A cursor does not take a leaf of another generation for its own, though it looks the same. */
  @Test
  void cursorsNoticeAnotherGeneration() {
    TreeCursor cursor = tree.cursor();
    for (int generation = 0; generation < 20; generation++) {
      // The same steps give the same nodes and versions, but each generation has lower keys.
      long lowest = 1_000_000 - generation * 3_000;
      for (int i = 0; i < 1_000; i++) {
        tree.update(Tree.Mode.PUT, lowest + i, null, 0, i, null, 0, 0);
      }
      assertThat(cursor.seek(Seek.CEILING, lowest + 300, null, 0, 0)).isTrue();
      assertThat(cursor.key()).isEqualTo(lowest + 300);
      tree.clear();
      for (int i = 0; i < 1_000; i++) {
        tree.update(Tree.Mode.PUT, lowest - 2_000 + i, null, 0, i, null, 0, 0);
      }
      long last = cursor.key();
      while (cursor.move(true)) {
        assertThat(cursor.key()).isEqualTo(++last);
      }
      assertThat(last - lowest).isBetween(300L, 300L + layout.leafCapacity);
      tree.clear();
    }
    tree.close();
  }
}
