// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** 8 platform and 10,000 virtual threads at once on one map, which is as small as with one. */
@Tag("once")
class MapThreadsTest {

  private static final int PLATFORM = 8;
  private static final int VIRTUAL = 10_000;
  private static final int STEPS_OF_PLATFORM = 10_000;
  private static final int STEPS_OF_VIRTUAL = 20;
  private static final int KEYS_OF_PLATFORM = 500;
  private static final int KEYS_OF_VIRTUAL = 5;

  /** A key that is one thread's own, among those of all others. */
  private static long key(int index, int thread) {
    return (long) index * (PLATFORM + VIRTUAL) + thread;
  }

  @ParameterizedTest
  @CsvSource({"skip list, false", "skip list, true", "tree, false", "tree, true"})
  void everyThreadFindsItsOwn(String kind, boolean bytes) throws InterruptedException {
    try (AnyMap map =
        kind.equals("tree")
            ? AnyMap.tree(CsbTreeMapBuilder.DEFAULT_NODE_BYTES, bytes)
            : AnyMap.skipList(
                new SkipListGeometry(13, 1024, SkipListGeometry.MAX_ENTRIES, 2, 1L << 30, true),
                bytes)) {
      ConcurrentSkipListMap<Long, Long> all = new ConcurrentSkipListMap<>();
      Parallel.run(
          PLATFORM,
          VIRTUAL,
          thread -> {
            boolean isVirtual = thread >= PLATFORM;
            int keys = isVirtual ? KEYS_OF_VIRTUAL : KEYS_OF_PLATFORM;
            int steps = isVirtual ? STEPS_OF_VIRTUAL : STEPS_OF_PLATFORM;
            AnyMap.Session session = map.session();
            TreeMap<Long, Long> mine = new TreeMap<>();
            for (int step = 0; step < steps; step++) {
              long key = key(step * 7 % keys, thread);
              // Every third step removes, so that blocks and nodes are used again.
              if (step % 3 == 2) {
                assertThat(session.remove(key)).isEqualTo(mine.remove(key) != null);
              } else {
                long value = MapChurnTest.value(key, step | 1);
                assertThat(session.put(key, value)).isEqualTo(mine.put(key, value) != null);
              }
              long other = key(step * 3 % keys, thread);
              assertThat(session.get(other)).isEqualTo(mine.getOrDefault(other, 0L));
              if (isVirtual && step % 5 == 0) {
                Thread.yield();
              }
            }
            all.putAll(mine);
          });
      assertThat(MapHistory.entries(map)).isEqualTo(new TreeMap<>(all));
      assertThat(map.size()).isEqualTo(all.size());
      map.validate();
      // 24 bytes an entry and as much again of slack, and the key and value where they are bytes:
      // nothing that counts threads.
      long perEntry = bytes ? 400 : 48;
      assertThat(map.heldBytes()).isLessThan(all.size() * perEntry + (2 << 20));
      System.out.printf(
          "%s, %s: %d entries in %d KiB%n",
          kind, bytes ? "bytes" : "numbers", all.size(), map.heldBytes() >> 10);
    }
  }
}
