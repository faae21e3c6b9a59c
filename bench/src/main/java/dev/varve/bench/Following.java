// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.record.Acknowledge;
import dev.varve.record.Follower;
import dev.varve.record.RecordWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.wire.DocumentContext;

/**
 * How long a record takes from its writer to a follower: 64 bytes, one each 5 µs, each with the
 * time at which it was written. Both sides are threads of one JVM, or of two on one machine.
 *
 * <pre>bench/run follow [ROUNDS]</pre>
 */
public final class Following {
  private static final int RECORDS = 200_000;
  private static final long EVERY_NANOS = 5_000;
  private static final int LENGTH = 64;

  private Following() {}

  /**
   * Measures, or writes for a measuring process.
   *
   * @param args the number of rounds; or a kind and a path to write to
   */
  public static void main(String[] args) throws Exception {
    if (args.length == 2) {
      write(args[0], Path.of(args[1]));
      return;
    }
    int rounds = args.length == 1 ? Integer.parseInt(args[0]) : 7;
    for (boolean twoProcesses : new boolean[] {false, true}) {
      System.out.println(twoProcesses ? "\ntwo processes" : "\none process");
      for (int round = -1; round < rounds; round++) {
        for (String kind : List.of("varve", "chronicle")) {
          long[] nanos = measure(kind, twoProcesses);
          Arrays.sort(nanos);
          if (round >= 0) {
            System.out.printf(
                "%-10s p50 %d ns, p90 %d ns, p99 %d ns, most %d us%n",
                kind,
                nanos[nanos.length / 2],
                nanos[nanos.length / 10 * 9],
                nanos[nanos.length / 100 * 99],
                nanos[nanos.length - 1] / 1000);
          }
        }
      }
    }
  }

  private static long[] measure(String kind, boolean twoProcesses) throws Exception {
    Path directory = Files.createTempDirectory(Dataset.directory(), "follow");
    Path path = directory.resolve("f");
    try {
      if (kind.equals("varve")) {
        RecordWriter.builder(path).create().close();
      }
      Process process = null;
      Thread thread = null;
      if (twoProcesses) {
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElseThrow());
        command.addAll(
            java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(
            List.of(
                "-cp",
                System.getProperty("java.class.path"),
                Following.class.getName(),
                kind,
                path.toString()));
        process = new ProcessBuilder(command).inheritIO().start();
      } else {
        thread = Thread.ofPlatform().start(() -> write(kind, path));
      }
      long[] nanos = kind.equals("varve") ? follow(path) : tail(path);
      if (process != null) {
        process.waitFor();
      }
      if (thread != null) {
        thread.join();
      }
      return nanos;
    } finally {
      try (var files = Files.walk(directory)) {
        for (Path each : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
    }
  }

  private static void write(String kind, Path path) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment record = arena.allocate(LENGTH, 8);
      if (kind.equals("varve")) {
        try (RecordWriter writer =
            RecordWriter.builder(path).acknowledge(Acknowledge.EACH).append()) {
          pace(record, () -> writer.append(record));
        }
      } else {
        Bytes<?> bytes = Bytes.wrapForRead(record.asByteBuffer().order(ByteOrder.nativeOrder()));
        try (ChronicleQueue queue = Chronicle.open(path);
            ExcerptAppender appender = queue.createAppender()) {
          pace(record, () -> Chronicle.append(appender, bytes.bytesStore(), 0, LENGTH));
        }
      }
    }
  }

  /** Half a second late at first, so that the follower is there. */
  private static void pace(MemorySegment record, Runnable append) {
    long next = System.nanoTime() + 500_000_000;
    for (int i = 0; i < RECORDS; i++) {
      while (System.nanoTime() < next) {
        Thread.onSpinWait();
      }
      record.set(ValueLayout.JAVA_LONG, 0, System.nanoTime());
      append.run();
      next += EVERY_NANOS;
    }
  }

  private static long[] follow(Path path) {
    long[] nanos = new long[RECORDS];
    try (Follower follower = Follower.open(path)) {
      for (int i = 0; i < RECORDS; i++) {
        if (!follower.poll(Duration.ofSeconds(20))) {
          throw new IllegalStateException("only " + i + " records came: " + follower.state());
        }
        long written = follower.memory().get(ValueLayout.JAVA_LONG_UNALIGNED, follower.offset());
        nanos[i] = System.nanoTime() - written;
      }
    }
    return nanos;
  }

  private static long[] tail(Path path) {
    long[] nanos = new long[RECORDS];
    try (ChronicleQueue queue = Chronicle.open(path);
        ExcerptTailer tailer = queue.createTailer()) {
      for (int i = 0; i < RECORDS; ) {
        try (DocumentContext context = tailer.readingDocument()) {
          if (context.isPresent()) {
            nanos[i++] = System.nanoTime() - context.wire().bytes().readLong();
          } else {
            Thread.onSpinWait();
          }
        }
      }
    }
    return nanos;
  }
}
