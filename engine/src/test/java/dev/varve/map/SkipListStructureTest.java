// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random updates against a TreeMap, with the validator after every step. */
class SkipListStructureTest {

  @ParameterizedTest
  @ValueSource(ints = {3, 4, 7, 124})
  void keepsItsInvariants(int maxEntries) {
    for (int seed = 0; seed < 8; seed++) {
      SkipList list = Lists.longs(maxEntries);
      TreeMap<Long, Long> model = new TreeMap<>();
      Random random = new Random(seed);
      int keys = 40 * maxEntries;
      for (int step = 0; step < 3000; step++) {
        boolean growing = (step / 700) % 2 == 0;
        long key = random.nextInt(keys);
        String where = "seed " + seed + " step " + step + " key " + key;
        if (random.nextInt(10) < (growing ? 7 : 3)) {
          long value = random.nextLong();
          assertThat(Lists.put(list, key, value))
              .as(where)
              .isEqualTo(model.put(key, value) != null);
        } else {
          assertThat(Lists.remove(list, key)).as(where).isEqualTo(model.remove(key) != null);
        }
        if (step % 7 == 0 || step > 2900) {
          Validator.check(list);
        }
        long probe = random.nextInt(keys);
        assertThat(list.get(probe, -1)).as(where).isEqualTo(model.getOrDefault(probe, -1L));
      }
      for (long key = 0; key < keys; key++) {
        assertThat(list.get(key, -1)).isEqualTo(model.getOrDefault(key, -1L));
      }
      for (long key = 0; key < keys; key++) {
        Lists.remove(list, key);
      }
      Validator.check(list);
      assertThat(list.entries.sum()).isZero();
    }
  }
}
