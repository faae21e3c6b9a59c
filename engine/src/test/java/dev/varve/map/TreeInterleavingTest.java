// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.map.MapHistory.Kind;
import dev.varve.map.MapHistory.Operation;
import dev.varve.map.MapHistory.Subject;
import dev.varve.memory.Slab;
import dev.varve.memory.SlabPool;
import dev.varve.memory.Words;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** As {@link SkipListInterleavingTest}, for a tree: a writer, and two readers beside it. */
@Tag("array")
class TreeInterleavingTest {

  private static final int RUNS =
      Integer.getInteger(
          "varve.map.interleavings", Boolean.getBoolean("varve.long") ? 10_000 : 600);
  private static final Kind[] WRITES = {
    Kind.STORE, Kind.STORE, Kind.PUT_IF_ABSENT, Kind.DELETE, Kind.DELETE, Kind.DELETE
  };
  private static final Kind[] READS = MapHistory.READS.toArray(Kind[]::new);

  private final SlabPool pool = new SlabPool(64 << 10, 1 << 20);

  /** The array takes the slab's place, which goes back at once: nobody closes the tree. */
  private static Words array(Slab slab, Runnable hook) {
    long words = slab.byteSize() / Long.BYTES;
    slab.release();
    return new StoppingWords(Lists.array(words), hook);
  }

  @ParameterizedTest
  @CsvSource({"3, false", "15, false", "50, false", "5, true", "30, true"})
  void everyHistoryHasAnOrder(int switchEvery, boolean bytes) throws InterruptedException {
    TreeLayout layout = new TreeLayout(256, bytes, bytes);
    for (int seed = 0; seed < RUNS; seed++) {
      Random random = new Random(seed * 4L + switchEvery);
      Interleaver interleaver = new Interleaver(seed, switchEvery);
      Tree tree =
          new Tree(
              layout,
              new TreeMemory(layout, pool, Long.MAX_VALUE, true, slab -> array(slab, interleaver)));
      AnyMap map = new AnyMap.OfTree(tree);
      AnyMap.Session session = map.session();
      TreeMap<Long, Long> before = new TreeMap<>();
      int filled = random.nextInt(2 * layout.leafCapacity + 2);
      for (long key = 0; key < filled; key++) {
        session.put(key * 2, key * 2 + 1);
        before.put(key * 2, key * 2 + 1);
      }
      int thinned = random.nextInt(4);
      for (long key = 0; key < filled; key++) {
        if (random.nextInt(4) < thinned) {
          session.remove(key * 2);
          before.remove(key * 2);
        }
      }
      List<Operation> all = new ArrayList<>();
      List<Runnable> bodies = new ArrayList<>();
      int[] clock = {0};
      for (int thread = 0; thread < 3; thread++) {
        Kind[] kinds = thread == 0 ? WRITES : READS;
        List<Operation> mine = new ArrayList<>();
        for (int i = 0; i < (thread == 0 ? 4 : 3); i++) {
          long key = random.nextInt(2 * filled + 2);
          mine.add(new Operation(kinds[random.nextInt(kinds.length)], key, 100 + i));
        }
        all.addAll(mine);
        Subject subject = MapHistory.of(tree);
        bodies.add(() -> mine.forEach(operation -> operation.run(subject, clock)));
      }
      String where = "seed " + seed + ", switch every " + switchEvery + ": " + all;
      try {
        interleaver.runAll(bodies);
      } catch (AssertionError e) {
        throw new AssertionError(where, e);
      }
      TreeMap<Long, Long> end = MapHistory.entries(map);
      assertThat(MapHistory.explains(all, before, end))
          .as("%s from %s to %s", where, before, end)
          .isTrue();
      tree.validate();
    }
  }
}
