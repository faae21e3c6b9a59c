// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.arrow.StreamCache;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

/**
 * Measures the anonymous memory (RssAnon) of processes with a heap of 64 MiB that ingest and replay
 * 4 GiB, beside a JVM that does nothing. Needs {@code /proc}; writes 4 GiB to disk.
 *
 * <pre>bench/run footprint</pre>
 */
public final class Footprint {

  private static final long BYTES = 4L << 30;
  private static final int EPOCHS = 3;
  private static final String HEAP = "-Xmx64m";

  private static final byte[] STATUS = new byte[8192];
  private static final byte[] RSS = "RssAnon:".getBytes(StandardCharsets.US_ASCII);

  private static long most;

  private Footprint() {}

  /**
   * Runs the processes and prints what they took.
   *
   * @param args none; in the processes it starts, what to do
   */
  public static void main(String[] args) throws Exception {
    if (args.length > 0) {
      child(args[0], args.length > 1 ? Long.parseLong(args[1]) : 0);
      return;
    }
    long bare = run("bare");
    System.out.printf("bare JVM: %d KiB%n", bare);
    for (long budget : new long[] {0, 32}) {
      long all = run("ingest", Long.toString(budget));
      System.out.printf(
          "ingest and replay, memory budget %d MiB: %d KiB, %.1f MiB more than bare, %.1f beside"
              + " the budget%n",
          budget, all, (all - bare) / 1024.0, (all - bare) / 1024.0 - budget);
      long replay = run("replay", Long.toString(budget));
      System.out.printf(
          "replay of a kept cache, memory budget %d MiB: %d KiB, %.1f MiB more than bare%n",
          budget, replay, (replay - bare) / 1024.0);
      StreamCache.delete(directory());
    }
  }

  private static Path directory() {
    return Dataset.directory().resolve("footprint");
  }

  private static long run(String... args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String each :
        java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (isForCaches(each)) {
        command.add(each);
      }
    }
    command.add(HEAP);
    command.add("-cp");
    command.add(classPath());
    command.add(Footprint.class.getName());
    command.addAll(List.of(args));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    List<String> lines = process.inputReader().lines().toList();
    if (process.waitFor() != 0 || lines.isEmpty()) {
      throw new IOException(command + " failed: " + lines);
    }
    lines.forEach(line -> System.out.println("  " + line));
    return Long.parseLong(lines.getLast());
  }

  /** What other benchmarks need is left out: opened packages, for example, take memory. */
  private static boolean isForCaches(String option) {
    return !option.startsWith("-Xm")
        && !option.startsWith("-XX:MaxDirect")
        && !option.startsWith("--add-exports")
        && !option.startsWith("-Dchronicle")
        && (!option.startsWith("--add-opens") || option.contains("/java.nio="));
  }

  /** As it is, but with our allocation manager in place of netty's and all of netty. */
  private static String classPath() throws IOException {
    Path built = Dataset.home().resolveSibling("arrow-memory").resolve("target");
    try (Stream<Path> jars = Files.list(built)) {
      Stream<String> ours =
          jars.map(Path::toString)
              .filter(jar -> jar.endsWith(".jar") && !jar.matches(".*-(sources|javadoc)\\.jar"));
      Stream<String> others =
          Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
              .filter(entry -> !Path.of(entry).getFileName().toString().contains("netty"));
      return Stream.concat(others, ours).collect(Collectors.joining(File.pathSeparator));
    }
  }

  private static void child(String what, long budget) throws IOException {
    sample();
    switch (what) {
      case "bare" -> {}
      case "ingest" -> ingest(budget << 20);
      case "replay" -> replay(budget << 20);
      default -> throw new IllegalArgumentException(what);
    }
    sample();
    System.out.println(most);
  }

  /** The source makes one batch and hands it over again and again, in memory of its own. */
  private static void ingest(long budget) throws IOException {
    try (BufferAllocator allocator = new RootAllocator();
        VectorSchemaRoot root = VectorSchemaRoot.create(Dataset.schema(), allocator)) {
      Dataset.fill(root, new SplittableRandom(1));
      System.out.printf("the source's batch: %d KiB%n", allocator.getAllocatedMemory() >> 10);
      Repeated source = new Repeated(root, BYTES);
      try (StreamCache cache =
          Caches.reading(source, allocator)
              .directory(directory())
              .kept()
              .memoryCapacity(budget)
              .create()) {
        while (cache.ingestedCount() < source.batches()) {
          try (ArrowReader reader = cache.reader()) {
            replay(reader);
          }
        }
        System.out.printf("ingested and replayed: %d KiB at most%n", most);
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
          try (ArrowReader reader = cache.reader()) {
            replay(reader);
          }
        }
        System.out.printf("replayed %d times more: %d KiB at most%n", EPOCHS, most);
      }
    }
  }

  private static void replay(long budget) throws IOException {
    try (BufferAllocator allocator = new RootAllocator();
        StreamCache cache =
            StreamCache.builder()
                .directory(directory())
                .allocator(allocator)
                .memoryCapacity(budget)
                .open()) {
      for (int epoch = 0; epoch < EPOCHS; epoch++) {
        try (ArrowReader reader = cache.reader()) {
          replay(reader);
        }
        System.out.printf("epoch %d: %d KiB at most%n", epoch, most);
      }
    }
  }

  private static void replay(ArrowReader reader) throws IOException {
    VectorSchemaRoot root = reader.getVectorSchemaRoot();
    long sum = 0;
    long batches = 0;
    while (reader.loadNextBatch()) {
      sum += Sums.BUFFERS.sum(root);
      if (batches++ % 16 == 0) {
        sample();
      }
    }
    if (sum == 1) {
      System.out.println("an unlikely sum");
    }
  }

  /** Takes no memory that would be measured then. */
  private static void sample() throws IOException {
    try (RandomAccessFile status = new RandomAccessFile("/proc/self/status", "r")) {
      int length = status.read(STATUS);
      for (int at = 0; at < length - RSS.length; at++) {
        if (Arrays.equals(STATUS, at, at + RSS.length, RSS, 0, RSS.length)) {
          most = Math.max(most, number(at + RSS.length));
        }
      }
    }
  }

  private static long number(int from) {
    int at = from;
    while (!Character.isDigit(STATUS[at])) {
      at++;
    }
    long number = 0;
    for (; Character.isDigit(STATUS[at]); at++) {
      number = 10 * number + STATUS[at] - '0';
    }
    return number;
  }
}
