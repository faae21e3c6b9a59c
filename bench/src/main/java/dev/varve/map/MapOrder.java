// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.SlabPool;
import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;
import org.openjdk.jcstress.infra.results.J_Result;

/**
 * What threads see of the maps' memory under the hardware's own order, by jcstress. The words lie
 * in heap segments, as nobody closes the many maps; the code is that of native memory.
 *
 * <pre>bench/run jcstress -t MapOrder</pre>
 */
public final class MapOrder {

  private static final long KEY = 5;
  private static final long MARK = 0x5A5A_0000L;
  private static final TreeLayout LAYOUT = new TreeLayout(256, false, false);
  private static final SlabPool POOL = new SlabPool(64 << 10, 1 << 20);

  private MapOrder() {}

  private static Words heap(long words) {
    return Words.over(MemorySegment.ofArray(new long[(int) words]));
  }

  private static SkipListMap skipList() {
    SkipListGeometry geometry = new SkipListGeometry(9, 256, 4, 1, 1L << 30, true);
    return new SkipListMap(geometry, false, false, MapOrder::heap);
  }

  private static Tree tree() {
    return new Tree(
        LAYOUT,
        new TreeMemory(
            LAYOUT,
            POOL,
            Long.MAX_VALUE,
            true,
            slab -> {
              slab.release(); // the words below take its place
              return heap(slab.byteSize() / Long.BYTES);
            }));
  }

  private static void put(Tree tree, long key, long value) {
    tree.update(Tree.Mode.PUT, key, null, 0, value, null, 0, 0);
  }

  /** A block that a compare-and-set of its handle published is seen whole. */
  @JCStressTest
  @Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "before")
  @Outcome(id = "1515847685", expect = Expect.ACCEPTABLE, desc = "after")
  @Outcome(expect = Expect.FORBIDDEN, desc = "torn")
  @State
  public static class SkipListPublication {
    private final SkipListMap map = skipList();

    /** Splits the node with the last of these. */
    @Actor
    public void writer() {
      for (long key = 1; key <= KEY; key++) {
        map.put(key, MARK + key);
      }
    }

    /** Looks the last one up. */
    @Actor
    public void reader(J_Result result) {
      result.r1 = map.get(KEY, 0);
    }
  }

  /** A reader whose block is freed, poisoned and used again never takes what it holds then. */
  @JCStressTest
  @Outcome(id = "1515847685, 1515847685", expect = Expect.ACCEPTABLE, desc = "what is there")
  @Outcome(expect = Expect.FORBIDDEN, desc = "of a freed block")
  @State
  public static class SkipListReclamation {
    private final SkipListMap map = skipList();

    /** Creates a map with the key. */
    public SkipListReclamation() {
      map.put(KEY, MARK + KEY);
    }

    /** Takes blocks out and in again around the key, by updates, splits and merges. */
    @Actor
    public void writer() {
      for (long round = 0; round < 4; round++) {
        for (long key = 1; key <= 8; key++) {
          if (key != KEY) {
            map.put(key, round);
          }
        }
        for (long key = 1; key <= 8; key++) {
          if (key != KEY) {
            map.remove(key);
          }
        }
      }
    }

    /** Looks it up by search and by cursor. */
    @Actor
    public void reader(JJ_Result result) {
      result.r1 = map.get(KEY, 0);
      SkipListCursor cursor = map.cursor();
      result.r2 = cursor.ceiling(KEY) && cursor.longKey() == KEY ? cursor.longValue() : 0;
    }
  }

  /** A node is seen whole before what refers to it. */
  @JCStressTest
  @Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "before")
  @Outcome(id = "1515847685", expect = Expect.ACCEPTABLE, desc = "after")
  @Outcome(expect = Expect.FORBIDDEN, desc = "torn")
  @State
  public static class TreePublication {
    private final Tree tree = tree();

    /** Splits the root with the last of these. */
    @Actor
    public void writer() {
      for (long key = KEY + 14; key >= KEY; key--) {
        put(tree, key, MARK + key);
      }
    }

    /** Looks the last one up. */
    @Actor
    public void reader(J_Result result) {
      result.r1 = tree.reader.get(KEY, 0);
    }
  }

  /** A reader whose node is merged away, poisoned and used again never takes what it holds then. */
  @JCStressTest
  @Outcome(id = "1515847685, 1515847685", expect = Expect.ACCEPTABLE, desc = "what is there")
  @Outcome(expect = Expect.FORBIDDEN, desc = "of a freed node")
  @State
  public static class TreeReclamation {
    private final Tree tree = tree();

    /** Creates a tree with the key. */
    public TreeReclamation() {
      put(tree, KEY, MARK + KEY);
    }

    /** Makes the tree grow and shrink around the key. */
    @Actor
    public void writer() {
      for (long round = 0; round < 2; round++) {
        for (long key = 0; key < 18; key++) {
          if (key != KEY) {
            put(tree, key, round);
          }
        }
        for (long key = 0; key < 18; key++) {
          if (key != KEY) {
            tree.remove(key, null, 0, 0);
          }
        }
      }
    }

    /** Looks it up by search and by cursor. */
    @Actor
    public void reader(JJ_Result result) {
      result.r1 = tree.reader.get(KEY, 0);
      TreeCursor cursor = tree.cursor();
      boolean found = cursor.seek(TreeCursor.Seek.CEILING, KEY, null, 0, 0);
      result.r2 = found && cursor.key() == KEY ? cursor.value() : 0;
    }
  }
}
