// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.map.TreeCursor.Seek;
import dev.varve.memory.Slab;
import dev.varve.memory.SlabPool;
import dev.varve.memory.Words;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jetbrains.lincheck.util.LoggingLevel;
import org.junit.jupiter.api.Test;

/** As {@link SkipListLincheckTest}, for the tree. */
@Param(name = "key", gen = IntGen.class, conf = "0:30")
@Param(name = "value", gen = IntGen.class, conf = "1:3")
public class CsbTreeLincheckTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");

  /** One leaf of the smallest nodes is full: the next entry makes it three nodes. */
  private static final int FILLED = 14;

  /** More passes of a loop than this are taken for waiting; nodes are moved in loops. */
  private static final int LOOPS = 100;

  private static final TreeLayout LAYOUT = new TreeLayout(256, false, false);
  private static final SlabPool POOL = new SlabPool(64 << 10, 1 << 20);

  private final Tree tree;

  /** Creates a tree with some entries. */
  public CsbTreeLincheckTest() {
    tree =
        new Tree(
            LAYOUT,
            new TreeMemory(LAYOUT, POOL, Long.MAX_VALUE, false, CsbTreeLincheckTest::array));
    for (int i = 0; i < FILLED; i++) {
      tree.update(Tree.Mode.PUT, 2L * i, null, 0, 1, null, 0, 0);
    }
  }

  /** The array takes the slab's place, which goes back at once: nobody closes the tree. */
  private static Words array(Slab slab) {
    slab.release();
    return Words.over(new AtomicLongArray((64 << 10) / Long.BYTES));
  }

  @Operation
  public long put(@Param(name = "key") int key, @Param(name = "value") int value) {
    return tree.update(Tree.Mode.PUT, key, null, 0, value, null, 0, 0);
  }

  @Operation
  public boolean putIfAbsent(@Param(name = "key") int key, @Param(name = "value") int value) {
    return tree.update(Tree.Mode.IF_ABSENT, key, null, 0, value, null, 0, 0) == 0;
  }

  @Operation
  public long remove(@Param(name = "key") int key) {
    return tree.remove(key, null, 0, 0);
  }

  @Operation
  public long add(@Param(name = "key") int key, @Param(name = "value") int value) {
    return tree.update(Tree.Mode.ADD, key, null, 0, value, null, 0, 0);
  }

  @Operation
  public long get(@Param(name = "key") int key) {
    return tree.reader.get(key, 0);
  }

  @Operation
  public long ceiling(@Param(name = "key") int key) {
    return seek(Seek.CEILING, key);
  }

  @Operation
  public long lower(@Param(name = "key") int key) {
    return seek(Seek.LOWER, key);
  }

  private long seek(Seek seek, int key) {
    TreeCursor cursor = tree.cursor();
    return cursor.seek(seek, key, null, 0, 0) ? cursor.key() * 100 + cursor.value() : -1;
  }

  /** What the results are explained by. */
  public static final class Model extends MapModel {

    /** Creates the same entries. */
    public Model() {
      super(FILLED, 2);
    }
  }

  @Test
  void modelChecking() {
    new ModelCheckingOptions()
        .iterations(LONG ? 200 : 5)
        .invocationsPerIteration(LONG ? 1_000 : 100)
        .threads(2)
        .actorsPerThread(LONG ? 3 : 2)
        .actorsBefore(2)
        .actorsAfter(2)
        .loopIterationsBeforeThreadSwitch(LOOPS)
        .loopBound(100 * LOOPS)
        .logLevel(LONG ? LoggingLevel.INFO : LoggingLevel.WARN)
        .sequentialSpecification(Model.class)
        .check(CsbTreeLincheckTest.class);
  }

  @Test
  void stress() {
    new StressOptions()
        .iterations(LONG ? 300 : 6)
        .invocationsPerIteration(LONG ? 20_000 : 300)
        .threads(3)
        .actorsPerThread(3)
        .actorsBefore(4)
        .actorsAfter(4)
        .logLevel(LONG ? LoggingLevel.INFO : LoggingLevel.WARN)
        .sequentialSpecification(Model.class)
        .check(CsbTreeLincheckTest.class);
  }
}
