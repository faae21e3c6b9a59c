// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.map.CsbTreeMap;
import dev.varve.map.SkipListMap;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;
import java.util.TreeMap;

/**
 * Measures what the ordered maps take of the Java heap, and how long collections last beside them:
 * full ones, asked for, and those that garbage brings about.
 *
 * <pre>BENCH_JVM='-Xmx2g -Xmn64m -XX:+UseSerialGC' bench/run heap</pre>
 */
public final class MapHeap {

  private static final int FULL = 11;
  private static final long GARBAGE = 4L << 30;
  private static final long FACTOR = 0x9E37_79B9_7F4A_7C15L;

  private static volatile Object last = "";

  private MapHeap() {}

  /**
   * Prints the figures.
   *
   * @param args the numbers of entries; a million and ten million if there are none
   */
  public static void main(String[] args) {
    long[] sizes =
        args.length == 0
            ? new long[] {1_000_000, 10_000_000}
            : Arrays.stream(args).mapToLong(Long::parseLong).toArray();
    measure("nothing", 0, usedHeap());
    for (long size : sizes) {
      long before = usedHeap();
      try (SkipListMap map = SkipListMap.builder().longKeys().longValues().build()) {
        for (long i = 1; i <= size; i++) {
          map.put(i * FACTOR, i);
        }
        measure("SkipListMap", size, before);
        check(map.size(), size);
      }
      before = usedHeap();
      try (CsbTreeMap<Long, Long> map = CsbTreeMap.create(KeyCodecs.int64(), ValueCodecs.int64())) {
        for (long i = 1; i <= size; i++) {
          map.put(i * FACTOR, i, 0);
        }
        measure("CsbTreeMap", size, before);
        check(map.size(), size);
      }
      before = usedHeap();
      TreeMap<Long, Long> map = new TreeMap<>();
      for (long i = 1; i <= size; i++) {
        map.put(i * FACTOR, i);
      }
      measure("TreeMap", size, before);
      check(map.size(), size);
    }
  }

  private static void check(long found, long expected) {
    if (found != expected) {
      throw new IllegalStateException(found + " entries, not " + expected);
    }
  }

  private static long usedHeap() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  private static void measure(String what, long size, long before) {
    long held = usedHeap() - before;
    double[] full = new double[FULL];
    for (int i = 0; i < FULL; i++) {
      long begin = System.nanoTime();
      System.gc();
      full[i] = (System.nanoTime() - begin) / 1e6;
    }
    Arrays.sort(full);
    long count = -collections(true);
    long millis = -collections(false);
    for (long made = 0; made < GARBAGE; made += 1 << 10) {
      last = new byte[1 << 10];
    }
    count += collections(true);
    millis += collections(false);
    System.out.printf(
        Locale.ROOT,
        "%-12s %,11d entries: %,9d KiB of heap, full collection %.1f ms (%.1f to %.1f), %d others"
            + " of %.2f ms%n",
        what,
        size,
        held >> 10,
        full[FULL / 2],
        full[0],
        full[FULL - 1],
        count,
        (double) millis / Math.max(1, count));
  }

  /** How many collections there were, or how many milliseconds they took. */
  private static long collections(boolean count) {
    long sum = 0;
    for (GarbageCollectorMXBean each : ManagementFactory.getGarbageCollectorMXBeans()) {
      sum += count ? each.getCollectionCount() : each.getCollectionTime();
    }
    return sum;
  }
}
