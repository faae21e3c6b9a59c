// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.map.MapHistory.Kind;
import dev.varve.map.MapHistory.Operation;
import dev.varve.map.MapHistory.Subject;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Runs a few operations of two or three threads in thousands of interleavings of their accesses,
 * and looks for an order of the operations that explains the results.
 */
@Tag("array")
class SkipListInterleavingTest {

  private static final int RUNS =
      Integer.getInteger(
          "varve.map.interleavings", Boolean.getBoolean("varve.long") ? 10_000 : 1_500);

  @ParameterizedTest
  @CsvSource({"3, false", "8, false", "20, false", "50, false", "5, true", "30, true"})
  void everyHistoryHasAnOrder(int switchEvery, boolean bytes) throws InterruptedException {
    Kind[] kinds = Kind.values();
    for (int seed = 0; seed < RUNS; seed++) {
      Random random = new Random(seed * 4L + switchEvery);
      Interleaver interleaver = new Interleaver(seed, switchEvery);
      try (SkipListMap map =
          new SkipListMap(
              Lists.tiny(3),
              bytes,
              bytes,
              words -> new StoppingWords(Lists.array(words), interleaver))) {
        TreeMap<Long, Long> before = new TreeMap<>();
        AnyMap.Session session = new AnyMap.OfSkipList(map).session();
        int filled = random.nextInt(12);
        for (long key = 0; key < filled; key++) {
          session.put(key * 2, key * 2);
          before.put(key * 2, key * 2);
        }
        for (long key = 0; key < filled; key++) {
          if (random.nextBoolean()) {
            session.remove(key * 2);
            before.remove(key * 2);
          }
        }
        int threads = 2 + random.nextInt(2);
        int each = threads == 2 ? 3 : 2;
        List<Operation> all = new ArrayList<>();
        List<Runnable> bodies = new ArrayList<>();
        int[] clock = {0};
        for (int i = 0; i < threads; i++) {
          List<Operation> mine = new ArrayList<>();
          for (int j = 0; j < each; j++) {
            Kind kind = random.nextInt(3) == 0 ? Kind.REMOVE : kinds[random.nextInt(kinds.length)];
            mine.add(new Operation(kind, random.nextInt(24), 100 + all.size() + j));
          }
          all.addAll(mine);
          Subject subject = MapHistory.of(map);
          bodies.add(() -> mine.forEach(operation -> operation.run(subject, clock)));
        }
        String where = "seed " + seed + ", switch every " + switchEvery + ": " + all;
        try {
          interleaver.runAll(bodies);
        } catch (AssertionError e) {
          throw new AssertionError(where, e);
        }
        TreeMap<Long, Long> end = MapHistory.entries(new AnyMap.OfSkipList(map));
        assertThat(MapHistory.explains(all, before, end))
            .as("%s from %s to %s", where, before, end)
            .isTrue();
        Validator.checkButHints(map.list());
      }
    }
  }
}
