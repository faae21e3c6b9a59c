// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jetbrains.lincheck.util.LoggingLevel;
import org.junit.jupiter.api.Test;

/**
 * Lincheck looks for an order that explains what operations of several threads returned: in random
 * schedules, and in those that a model checker picks, over an array whose accesses it sees.
 */
@Param(name = "key", gen = IntGen.class, conf = "0:9")
@Param(name = "value", gen = IntGen.class, conf = "1:3")
public class SkipListLincheckTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int FILLED = 5;

  /** More passes of a loop than this are taken for waiting; blocks are copied in loops. */
  private static final int LOOPS = 100;

  /**
   * Nodes of three entries at most, so that few operations split and merge. One free list, because
   * threads have other numbers in each run; no poison, whose accesses would outnumber all others.
   */
  private static final SkipListGeometry GEOMETRY =
      new SkipListGeometry(10, 256, 3, 1, 1L << 30, false);

  private final SkipListMap map;

  /** Creates a map with some entries. */
  public SkipListLincheckTest() {
    map =
        new SkipListMap(
            GEOMETRY, false, false, words -> Words.over(new AtomicLongArray((int) words)));
    for (int i = 0; i < FILLED; i++) {
      map.put(2L * i, 1);
    }
  }

  @Operation
  public long put(@Param(name = "key") int key, @Param(name = "value") int value) {
    return map.getAndPut(key, value, 0);
  }

  @Operation
  public boolean putIfAbsent(@Param(name = "key") int key, @Param(name = "value") int value) {
    return map.putIfAbsent(key, value);
  }

  @Operation
  public boolean replaceIf(@Param(name = "key") int key, @Param(name = "value") int value) {
    return map.replaceIf(key, 1, value);
  }

  @Operation
  public long remove(@Param(name = "key") int key) {
    return map.getAndRemove(key, 0);
  }

  @Operation
  public long add(@Param(name = "key") int key, @Param(name = "value") int value) {
    return map.addAndGet(key, value);
  }

  @Operation
  public long get(@Param(name = "key") int key) {
    return map.get(key, 0);
  }

  @Operation
  public long ceiling(@Param(name = "key") int key) {
    SkipListCursor cursor = map.cursor();
    return cursor.ceiling(key) ? cursor.longKey() * 100 + cursor.longValue() : -1;
  }

  @Operation
  public long lower(@Param(name = "key") int key) {
    SkipListCursor cursor = map.cursor();
    return cursor.lower(key) ? cursor.longKey() * 100 + cursor.longValue() : -1;
  }

  @Operation
  public long pollFirst() {
    SkipListCursor cursor = map.cursor();
    return map.pollFirst(cursor) ? cursor.longKey() * 100 + cursor.longValue() : -1;
  }

  @Operation
  public long pollLast() {
    SkipListCursor cursor = map.cursor();
    return map.pollLast(cursor) ? cursor.longKey() * 100 + cursor.longValue() : -1;
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
        .checkObstructionFreedom(true)
        .loopIterationsBeforeThreadSwitch(LOOPS)
        .loopBound(100 * LOOPS)
        .logLevel(LONG ? LoggingLevel.INFO : LoggingLevel.WARN)
        .sequentialSpecification(Model.class)
        .check(SkipListLincheckTest.class);
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
        .check(SkipListLincheckTest.class);
  }
}
