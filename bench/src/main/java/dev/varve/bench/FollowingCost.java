// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.record.Acknowledge;
import dev.varve.record.Follower;
import dev.varve.record.RecordWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What followers cost a writer that acknowledges each record: 64 bytes, one each 5 µs, and as fast
 * as it can. All are threads of one JVM.
 *
 * <pre>bench/run cost [ROUNDS]</pre>
 */
public final class FollowingCost {
  private static final int[] FOLLOWERS = {0, 1, 2};
  private static final int LENGTH = 64;
  private static final long EVERY_NANOS = 5_000;
  private static final int PACED = 200_000;
  private static final int UNPACED = 5_000_000;

  private FollowingCost() {}

  /**
   * Measures.
   *
   * @param args the number of rounds
   */
  public static void main(String[] args) throws Exception {
    int rounds = args.length == 1 ? Integer.parseInt(args[0]) : 7;
    for (boolean paced : new boolean[] {true, false}) {
      double[][] nanos = new double[FOLLOWERS.length][rounds];
      for (int round = -2; round < rounds; round++) {
        for (int i = 0; i < FOLLOWERS.length; i++) {
          int which = (round & 1) == 0 ? i : FOLLOWERS.length - 1 - i;
          double measured = measure(FOLLOWERS[which], paced);
          if (round >= 0) {
            nanos[which][round] = measured;
          }
        }
      }
      System.out.println(paced ? "\none each 5 us: ns in append" : "\nat full speed: ns a record");
      for (int i = 0; i < FOLLOWERS.length; i++) {
        double[] ratios = new double[rounds];
        for (int round = 0; round < rounds; round++) {
          ratios[round] = nanos[i][round] / nanos[0][round];
        }
        Arrays.sort(ratios);
        Arrays.sort(nanos[i]);
        System.out.printf(
            Locale.ROOT,
            "%d followers: median %.1f, %.1f to %.1f; %.2f times none%n",
            FOLLOWERS[i],
            nanos[i][rounds / 2],
            nanos[i][0],
            nanos[i][rounds - 1],
            ratios[rounds / 2]);
      }
    }
  }

  /** Returns how many nanoseconds a record takes its writer. */
  private static double measure(int followers, boolean paced) throws Exception {
    Path directory = Files.createTempDirectory(Dataset.directory(), "cost");
    Path path = directory.resolve("f");
    int records = paced ? PACED : UNPACED;
    try (Arena arena = Arena.ofConfined();
        RecordWriter writer = RecordWriter.builder(path).acknowledge(Acknowledge.EACH).create()) {
      List<Thread> threads = new ArrayList<>();
      List<Long> seen = java.util.Collections.synchronizedList(new ArrayList<>());
      for (int i = 0; i < followers; i++) {
        Follower follower = Follower.open(path);
        threads.add(Thread.ofPlatform().start(() -> seen.add(follow(follower, records))));
      }
      MemorySegment record = arena.allocate(LENGTH, 8);
      double nanos = paced ? paced(writer, record) : unpaced(writer, record);
      for (Thread thread : threads) {
        thread.join();
      }
      if (seen.stream().anyMatch(count -> count != records) || seen.size() != followers) {
        throw new IllegalStateException("followers saw " + seen);
      }
      return nanos / records;
    } finally {
      try (var files = Files.walk(directory)) {
        for (Path each : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
    }
  }

  private static long unpaced(RecordWriter writer, MemorySegment record) {
    long start = System.nanoTime();
    for (int i = 0; i < UNPACED; i++) {
      writer.append(record);
    }
    return System.nanoTime() - start;
  }

  private static long paced(RecordWriter writer, MemorySegment record) {
    long next = System.nanoTime();
    long sum = 0;
    for (int i = 0; i < PACED; i++) {
      long start = System.nanoTime();
      while (start < next) {
        Thread.onSpinWait();
        start = System.nanoTime();
      }
      writer.append(record);
      sum += System.nanoTime() - start;
      next += EVERY_NANOS;
    }
    return sum;
  }

  private static long follow(Follower follower, int records) {
    long count = 0;
    try (follower) {
      while (count < records && follower.poll(Duration.ofSeconds(20))) {
        count++;
      }
    }
    return count;
  }
}
