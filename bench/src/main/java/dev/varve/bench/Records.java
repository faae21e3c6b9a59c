// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.Rounds.Clock;
import dev.varve.bench.Rounds.Contender;
import dev.varve.bench.Rounds.Cost;
import dev.varve.record.Acknowledge;
import dev.varve.record.Compression;
import dev.varve.record.RecordProducer;
import dev.varve.record.RecordReader;
import dev.varve.record.RecordWriter;
import dev.varve.record.RecordWriterBuilder;
import dev.varve.record.ShardedWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.SplittableRandom;

/** Record files of a gigabyte beside Chronicle Queue and {@link FramedFile}. */
final class Records {
  private static final long BYTES = Long.getLong("varve.bench.recordBytes", 1L << 30);
  private static final int[] LENGTHS = {64, 1 << 10, 64 << 10};
  private static final int RANDOM = 200_000;

  private final Path directory;

  Records(Path directory) {
    this.directory = directory;
  }

  /** Writes a gigabyte. */
  void append(Rounds rounds) throws Exception {
    for (int length : LENGTHS) {
      RecordSource source = RecordSource.of(length);
      long records = BYTES / length;
      rounds.run(
          "append records of " + length + " bytes",
          List.of(
              writing("FileChannel", path -> FramedFile.write(path, source, records)),
              writing("RecordWriter, on flush", path -> write(path, source, records)),
              writing("RecordWriter, each", path -> writeEach(path, source, records)),
              writing("Chronicle Queue", path -> Chronicle.write(path, source, records))));
    }
  }

  /** Reads what was written, in order and by number. */
  void read(Rounds rounds) throws Exception {
    for (int length : LENGTHS) {
      RecordSource source = RecordSource.of(length);
      long records = BYTES / length;
      Path framed = fresh();
      Path ours = fresh();
      Path queue = fresh();
      try {
        FreeMemory.provide();
        FramedFile.write(framed, source, records);
        FreeMemory.provide();
        write(ours, source, records);
        FreeMemory.provide();
        Chronicle.write(queue, source, records);
        try (RecordReader kept = RecordReader.open(ours)) {
          rounds.run(
              "read records of " + length + " bytes",
              List.of(
                  Rounds.timed("FileChannel", () -> FramedFile.read(framed)),
                  Rounds.timed("RecordReader, opened anew", () -> read(ours)),
                  Rounds.timed("RecordReader, again", () -> again(kept)),
                  Rounds.timed("Chronicle Queue", () -> Chronicle.read(queue))));
          if (length == 1 << 10) {
            random(rounds, framed, kept, records);
          }
        }
      } finally {
        delete(framed);
        delete(ours);
        delete(queue);
      }
    }
  }

  private static void random(Rounds rounds, Path framed, RecordReader reader, long records)
      throws Exception {
    long[] numbers = new SplittableRandom(3).longs(RANDOM, 0, records).toArray();
    ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 10);
    try (FileChannel channel = FileChannel.open(framed, StandardOpenOption.READ)) {
      rounds.run(
          RANDOM + " records of 1024 bytes by number",
          List.of(
              Rounds.timed(
                  "FileChannel", () -> FramedFile.random(channel, buffer, 1 << 10, numbers)),
              Rounds.timed("RecordReader", () -> byNumber(reader, numbers))));
    }
    long before = allocated();
    long unused = byNumber(reader, numbers);
    System.out.printf("by number: %d heap bytes for %d records%n", allocated() - before, RANDOM);
    before = allocated();
    unused += again(reader);
    System.out.printf("in order: %d heap bytes for %d records%n", allocated() - before, records);
  }

  private static long allocated() {
    return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean())
        .getCurrentThreadAllocatedBytes();
  }

  /** Writes a gigabyte to two shards with two workers, and zstd beside one thread. */
  void shards(Rounds rounds) throws Exception {
    RecordSource small = RecordSource.of(64);
    rounds.run(
        "16777216 records of 64 bytes",
        List.of(
            writing("RecordWriter", path -> write(path, small, 1 << 24)),
            writing(
                "ShardedWriter, 2 workers",
                path -> shard(path, Compression.NONE, small, 1 << 24))));
    RecordSource source = RecordSource.of(1 << 10);
    long records = (256L << 20) / source.length();
    rounds.run(
        "256 MiB of records of 1024 bytes, zstd",
        List.of(
            writing(
                "RecordWriter",
                path ->
                    write(
                        RecordWriter.builder(path).compression(Compression.ZSTD), source, records)),
            writing(
                "ShardedWriter, 2 workers",
                path -> shard(path, Compression.ZSTD, source, records))));
  }

  private static void shard(Path path, Compression compression, RecordSource source, long records)
      throws IOException {
    MemorySegment memory = source.memory();
    int length = source.length();
    try (ShardedWriter writer =
            ShardedWriter.builder(path).shards(2).workers(2).compression(compression).create();
        RecordProducer producer = writer.producer()) {
      for (long i = 0; i < records; i++) {
        producer.append(memory, source.offset(i), length);
      }
    }
  }

  private static void write(Path path, RecordSource source, long records) {
    write(RecordWriter.builder(path), source, records);
  }

  private static void writeEach(Path path, RecordSource source, long records) {
    write(RecordWriter.builder(path).acknowledge(Acknowledge.EACH), source, records);
  }

  private static void write(RecordWriterBuilder builder, RecordSource source, long records) {
    MemorySegment memory = source.memory();
    int length = source.length();
    try (RecordWriter writer = builder.create()) {
      for (long i = 0; i < records; i++) {
        writer.append(memory, source.offset(i), length);
      }
    }
  }

  private static long read(Path path) {
    try (RecordReader reader = RecordReader.open(path)) {
      return sum(reader);
    }
  }

  private static long again(RecordReader reader) {
    reader.seek(0);
    return sum(reader);
  }

  private static long sum(RecordReader reader) {
    long sum = 0;
    while (reader.next()) {
      sum += reader.memory().get(ValueLayout.JAVA_BYTE, reader.offset());
    }
    return sum;
  }

  private static long byNumber(RecordReader reader, long[] numbers) {
    long sum = 0;
    for (long number : numbers) {
      if (!reader.moveTo(number)) {
        throw new IllegalStateException("lost " + number);
      }
      sum += reader.memory().get(ValueLayout.JAVA_BYTE, reader.offset());
    }
    return sum;
  }

  /** What writes to a path that does not exist. */
  private interface Writing {
    void to(Path path) throws IOException;
  }

  private Contender writing(String name, Writing writing) {
    return FreeMemory.before(
        new Contender(
            name,
            () -> {
              Path path = fresh();
              try {
                Clock clock = Clock.start();
                writing.to(path);
                Cost cost = clock.ofProcess();
                return cost;
              } finally {
                delete(path);
              }
            }));
  }

  private Path fresh() throws IOException {
    Path path = Files.createTempFile(directory, "records", "");
    Files.delete(path);
    return path;
  }

  private static void delete(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      try (var files = Files.list(path)) {
        for (Path each : files.toList()) {
          Files.delete(each);
        }
      }
    }
    Files.deleteIfExists(path);
    Path lock = path.resolveSibling(path.getFileName() + ".lock");
    Files.deleteIfExists(lock);
  }
}
