// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.codec.KeyCodec;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.memory.SlabPool;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import org.junit.jupiter.api.Test;

/** The examples of the guide to ordered maps, and of the documentation of the classes. */
class CsbTreeGuideTest {

  record Reading(String sensor, long time) {}

  @Test
  void objects() {
    try (CsbTreeMap<String, Long> visits =
        CsbTreeMap.create(KeyCodecs.text(), ValueCodecs.int64())) {
      NavigableMap<String, Long> map = visits.asMap();
      map.put("berlin", 3L);
      map.merge("berlin", 1L, Long::sum);
      map.put("oslo", 1L);
      assertThat(map.headMap("c")).containsExactly(Map.entry("berlin", 4L));
    }
  }

  @Test
  void countsBySortedNames() {
    List<String> seen = new ArrayList<>();
    try (CsbTreeMap<String, Long> visits =
        CsbTreeMap.create(KeyCodecs.text(), ValueCodecs.int64())) {
      NavigableMap<String, Long> map = visits.asMap();
      map.put("oslo", 1L);
      map.merge("berlin", 3L, Long::sum);
      map.headMap("c").forEach((city, count) -> seen.add(city + " " + count));
    }
    assertThat(seen).containsExactly("berlin 3");
  }

  @Test
  void keysOfTwoFields() {
    KeyCodec<Reading> codec =
        KeyCodecs.composite(
            KeyCodecs.text(),
            Reading::sensor,
            KeyCodecs.descending(KeyCodecs.int64()),
            Reading::time,
            Reading::new);
    try (CsbTreeMap<Reading, Double> readings = CsbTreeMap.create(codec, ValueCodecs.float64())) {
      NavigableMap<Reading, Double> map = readings.asMap();
      map.put(new Reading("roof", 1), 20.5);
      map.put(new Reading("roof", 2), 21.0);
      map.put(new Reading("cellar", 5), 12.0);
      // The newest reading of the roof comes first.
      Reading newest = new Reading("roof", Long.MAX_VALUE);
      assertThat(map.ceilingEntry(newest).getValue()).isEqualTo(21.0);
    }
  }

  @Test
  void numbersWithoutGarbage() {
    try (CsbTreeMap<Long, Long> counts =
        CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64()).maxBytes(64 << 20).build()) {
      long from = KeyCodecs.int64().toLong(-5L);
      long to = KeyCodecs.int64().toLong(5L);
      counts.addAndGet(from, 1);
      counts.addAndGet(from + 3, 2);
      counts.addAndGet(to, 4);
      long sum = 0;
      CsbTreeCursor cursor = counts.cursor();
      for (boolean more = cursor.ceiling(from);
          more && Long.compareUnsigned(cursor.key(), to) < 0;
          more = cursor.next()) {
        sum += cursor.value();
      }
      assertThat(sum).isEqualTo(3);
    }
  }

  @Test
  void sortedInput() {
    long[] sorted = {2, 3, 5, 7, 11};
    try (SlabPool pool = new SlabPool(1 << 20, 64 << 20);
        CsbTreeMap<Long, Long> primes =
            CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64()).pool(pool).build()) {
      primes.bulkLoad(
          new SortedSource() {
            private int at = -1;

            @Override
            public boolean advance() {
              return ++at < sorted.length;
            }

            @Override
            public long key() {
              return sorted[at];
            }

            @Override
            public long value() {
              return at;
            }
          });
      assertThat(primes.get(7, -1)).isEqualTo(3);
    }
  }
}
