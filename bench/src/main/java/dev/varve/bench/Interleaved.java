// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.arrow.BatchProducer;
import dev.varve.arrow.Compression;
import dev.varve.arrow.ReadOptions;
import dev.varve.arrow.StreamCache;
import dev.varve.arrow.StreamCacheBuilder;
import dev.varve.bench.Rounds.Clock;
import dev.varve.bench.Rounds.Contender;
import dev.varve.bench.Rounds.Cost;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.ArrowReader;

/**
 * Benchmarks whose contenders take turns in one JVM.
 *
 * <p>JMH runs one benchmark after the other, minutes apart; on a machine that others use, ratios of
 * such figures say little. Here they come from rounds of well under a minute.
 *
 * <pre>bench/run interleaved touch|sum|ingest|blocked|seam|formats|append|read|shards|all [ROUNDS]
 * </pre>
 */
public final class Interleaved {

  private final BufferAllocator allocator = new RootAllocator();
  private final int scale;
  private final String suffix;

  private Interleaved(int scale) {
    this.scale = scale;
    this.suffix =
        Boolean.getBoolean("arrow.enable_unsafe_memory_access") ? "-unsafe-access" : "-default";
  }

  /**
   * Runs some of them.
   *
   * @param args which, and how many rounds each
   */
  public static void main(String[] args) throws Exception {
    String which = args.length > 0 ? args[0] : "all";
    int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 0;
    List<String> all =
        List.of("touch", "sum", "ingest", "blocked", "seam", "formats", "append", "read", "shards");
    Interleaved interleaved = new Interleaved(rounds);
    for (String each : which.equals("all") ? all : Arrays.asList(which.split(",", -1))) {
      switch (each) {
        case "touch" -> interleaved.touch();
        case "sum" -> interleaved.sum();
        case "ingest" -> interleaved.ingest();
        case "blocked" -> interleaved.blocked();
        case "seam" -> interleaved.seam();
        case "formats" -> interleaved.formats();
        case "append" -> interleaved.append();
        case "read" -> interleaved.read();
        case "shards" -> interleaved.shards();
        default -> throw new IllegalArgumentException(each + " is none of " + all);
      }
    }
  }

  private Rounds rounds(int warmups, int rounds) {
    return new Rounds(warmups, scale > 0 ? scale : rounds);
  }

  private void finish(Rounds rounds, String name) throws IOException {
    Path results = Dataset.home().resolve("target").resolve("results");
    rounds.write(results.resolve("interleaved-" + name + suffix + ".json"));
  }

  /** Replay that looks at no body. */
  private void touch() throws Exception {
    Rounds rounds = rounds(5, 21);
    for (Dataset data : Dataset.values()) {
      try (StreamCache hot = Caches.hot(data, allocator);
          StreamCache disk = Caches.disk(data, allocator)) {
        int times = data == Dataset.GENERATED ? 50 : 500;
        int peerTimes = data == Dataset.GENERATED ? 1 : 20;
        rounds.run(
            "touch " + data,
            List.of(
                Rounds.timed("ArrowFileReader", peerTimes, () -> file(data, Sums.TOUCH)),
                Rounds.timed("ArrowStreamReader", peerTimes, () -> stream(data, Sums.TOUCH)),
                Rounds.timed("StreamCache, hot", times, () -> cache(hot, Sums.TOUCH)),
                Rounds.timed("StreamCache, disk", times, () -> cache(disk, Sums.TOUCH))));
      }
    }
    finish(rounds, "touch");
  }

  /** Replay that reads every value. */
  private void sum() throws Exception {
    Rounds rounds = rounds(4, 21);
    for (Dataset data : Dataset.values()) {
      try (Resident resident = new Resident(data);
          StreamCache hot = Caches.hot(data, allocator);
          StreamCache disk = Caches.disk(data, allocator)) {
        int times = data == Dataset.GENERATED ? 1 : 100;
        for (Sums sums : List.of(Sums.GETTERS, Sums.BUFFERS)) {
          rounds.run(
              "sum by " + sums + " " + data,
              List.of(
                  Rounds.timed("resident", times, () -> resident.sum(sums)),
                  Rounds.timed("StreamCache, hot", times, () -> cache(hot, sums)),
                  Rounds.timed("StreamCache, disk", times, () -> cache(disk, sums)),
                  Rounds.timed("ArrowFileReader", times, () -> file(data, sums)),
                  Rounds.timed("ArrowStreamReader", times, () -> stream(data, sums))));
        }
      }
    }
    finish(rounds, "sum");
  }

  /** Writing the generated data to files. */
  private void ingest() throws Exception {
    Rounds rounds = rounds(2, 15);
    boolean isNative = Interleaved.class.getModule().isNativeAccessEnabled();
    try (Resident source = new Resident(Dataset.GENERATED)) {
      int batches = source.size();
      rounds.run(
          "ingest " + (isNative ? "with" : "without") + " native access",
          List.of(
              FreeMemory.before(
                  new Contender("ArrowFileWriter", () -> writeFile(source.producer(batches)))),
              FreeMemory.before(ingestion("memoryCapacity(0)", source, 0, Compression.NONE)),
              FreeMemory.before(
                  ingestion("default memoryCapacity", source, -1, Compression.NONE))));
    }
    finish(rounds, isNative ? "ingest" : "ingest-without-native");
  }

  private Contender ingestion(String name, Resident source, long memory, Compression compression) {
    return new Contender(
        "StreamCache, " + name,
        () -> {
          Path directory = Caches.fresh();
          BatchProducer producer = source.producer(source.size());
          StreamCacheBuilder builder =
              Caches.reading(producer, allocator).directory(directory).compression(compression);
          if (memory >= 0) {
            builder.memoryCapacity(memory);
          }
          Clock clock = Clock.start();
          try (StreamCache cache = builder.create()) {
            cache.ingestAll();
            return clock.ofProcess();
          }
        });
  }

  private static Cost writeFile(BatchProducer producer) throws IOException {
    Path path = Dataset.directory().resolve("written-" + ProcessHandle.current().pid() + ".arrow");
    Clock clock = Clock.start();
    try (producer;
        FileChannel channel =
            FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      VectorSchemaRoot root = producer.root();
      try (ArrowFileWriter writer = new ArrowFileWriter(root, null, channel)) {
        writer.start();
        while (producer.next()) {
          writer.writeBatch();
        }
        writer.end();
      }
      return clock.ofProcess();
    } finally {
      Files.deleteIfExists(path);
    }
  }

  /** Readers of cached batches beside a reader that waits for a source. */
  private void blocked() throws Exception {
    Rounds rounds = rounds(5, 31);
    int batches = 50;
    CountDownLatch released = new CountDownLatch(1);
    try (Resident resident = new Resident(Dataset.GENERATED);
        StreamCache free =
            Caches.reading(resident.producer(batches), allocator)
                .directory(Caches.fresh())
                .create();
        StreamCache stuck =
            Caches.reading(blocking(resident.producer(batches), batches, released), allocator)
                .directory(Caches.fresh())
                .create()) {
      free.ingestAll();
      Thread waiting = Thread.ofPlatform().daemon().start(() -> waitFor(stuck, batches));
      while (stuck.ingestedCount() < batches || waiting.getState() != Thread.State.TIMED_WAITING) {
        Thread.sleep(10);
      }
      ReadOptions cached = ReadOptions.ALL.range(0, batches);
      for (Sums sums : List.of(Sums.TOUCH, Sums.BUFFERS)) {
        int times = sums == Sums.TOUCH ? 200 : 1;
        rounds.run(
            "cached batches by " + sums,
            List.of(
                Rounds.timed("source exhausted", times, () -> cache(free, cached, sums)),
                Rounds.timed("source blocked in a pull", times, () -> cache(stuck, cached, sums))));
      }
      released.countDown();
      waiting.join();
    }
    finish(rounds, "blocked");
  }

  private static void waitFor(StreamCache cache, int batch) {
    try (ArrowReader reader = cache.reader()) {
      for (int i = 0; i <= batch; i++) {
        boolean unused = reader.loadNextBatch();
      }
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static BatchProducer blocking(BatchProducer producer, int after, CountDownLatch latch) {
    return new BatchProducer() {
      private int given;

      @Override
      public VectorSchemaRoot root() throws IOException {
        return producer.root();
      }

      @Override
      public boolean next() throws IOException {
        if (given++ == after) {
          try {
            latch.await();
          } catch (InterruptedException e) {
            throw new IOException(e);
          }
        }
        return producer.next();
      }

      @Override
      public void close() throws IOException {
        producer.close();
      }
    };
  }

  /** The storage seam beside the JDK's own calls. */
  private void seam() throws Exception {
    Rounds rounds = rounds(5, 31);
    try (Seam seam = new Seam(Dataset.directory())) {
      seam.run(rounds);
    }
    finish(rounds, "seam");
  }

  /** What has no target: compression, projection, order, readers at once. */
  private void formats() throws Exception {
    Rounds rounds = rounds(2, 9);
    Dataset data = Dataset.GENERATED;
    try (Resident source = new Resident(data)) {
      List<Contender> contenders = new ArrayList<>();
      for (Compression compression : Compression.values()) {
        contenders.add(ingestion(compression.toString(), source, 0, compression));
      }
      rounds.run("ingest compressed", contenders);
    }
    try (StreamCache plain = Caches.disk(data, allocator);
        StreamCache lz4 = Caches.compressed(data, allocator, Compression.LZ4);
        StreamCache zstd = Caches.compressed(data, allocator, Compression.ZSTD)) {
      ReadOptions two = ReadOptions.ALL.columns("i0", "f0");
      ReadOptions shuffled = ReadOptions.ALL.shuffled(7);
      rounds.run(
          "replay, sum by BUFFERS",
          List.of(
              Rounds.timed("plain", () -> cache(plain, Sums.BUFFERS)),
              Rounds.timed("2 of 8 columns", () -> cache(plain, two, Sums.BUFFERS)),
              Rounds.timed("shuffled", () -> cache(plain, shuffled, Sums.BUFFERS)),
              Rounds.timed("2 readers at once", () -> together(plain)),
              Rounds.timed("LZ4", () -> cache(lz4, Sums.BUFFERS)),
              Rounds.timed("LZ4, 2 of 8 columns", () -> cache(lz4, two, Sums.BUFFERS)),
              Rounds.timed("ZSTD", () -> cache(zstd, Sums.BUFFERS)),
              Rounds.timed("ZSTD, 2 of 8 columns", () -> cache(zstd, two, Sums.BUFFERS))));
    }
    finish(rounds, "formats");
  }

  /** Writing record files. */
  private void append() throws Exception {
    Rounds rounds = rounds(1, 7);
    new Records(Dataset.directory()).append(rounds);
    finish(rounds, "append");
  }

  /** Reading record files. */
  private void read() throws Exception {
    Rounds rounds = rounds(2, 9);
    new Records(Dataset.directory()).read(rounds);
    finish(rounds, "read");
  }

  /** Writing record files by two threads. */
  private void shards() throws Exception {
    Rounds rounds = rounds(1, 7);
    new Records(Dataset.directory()).shards(rounds);
    finish(rounds, "shards");
  }

  private static long together(StreamCache cache) throws Exception {
    Thread other =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    long unused = cache(cache, Sums.BUFFERS);
                  } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                  }
                });
    long sum = cache(cache, Sums.BUFFERS);
    other.join();
    return sum;
  }

  private long file(Dataset data, Sums sums) throws IOException {
    try (ArrowReader reader = data.fileReader(allocator)) {
      return sums.sum(reader);
    }
  }

  private long stream(Dataset data, Sums sums) throws IOException {
    try (ArrowReader reader = data.streamReader(allocator)) {
      return sums.sum(reader);
    }
  }

  private static long cache(StreamCache cache, Sums sums) throws IOException {
    return cache(cache, ReadOptions.ALL, sums);
  }

  private static long cache(StreamCache cache, ReadOptions options, Sums sums) throws IOException {
    try (ArrowReader reader = cache.reader(options)) {
      return sums.sum(reader);
    }
  }
}
