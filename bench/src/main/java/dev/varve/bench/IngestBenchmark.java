// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.arrow.Compression;
import dev.varve.arrow.StreamCache;
import dev.varve.arrow.StreamCacheBuilder;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Writing the generated gigabyte from memory to files, unsynced. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3)
@Measurement(iterations = 11)
@Fork(1)
public class IngestBenchmark {

  /** What writes. */
  public enum Way {
    /** Arrow's writer of IPC files. */
    FILE_WRITER,
    /** A cache that keeps nothing in memory. */
    DISK,
    /** A cache with its default budget of memory. */
    DEFAULT,
    /** As {@link #DISK}, with LZ4. */
    DISK_LZ4,
    /** As {@link #DISK}, with Zstandard. */
    DISK_ZSTD
  }

  /** What writes. */
  @Param public Way way = Way.DISK;

  private final BufferAllocator allocator = new RootAllocator();
  private final Path path = Dataset.directory().resolve("ingest-" + ProcessHandle.current().pid());
  private @Nullable Resident source;
  private @Nullable StreamCache cache;

  /** Reads the data into memory. */
  @Setup
  public void load() throws IOException {
    source = new Resident(Dataset.GENERATED);
  }

  /** Deletes what was written. */
  @TearDown(Level.Invocation)
  public void delete() {
    if (cache != null) {
      cache.close();
      cache = null;
    }
    Caches.delete(path);
  }

  /** Lets go of the data. */
  @TearDown
  public void unload() {
    if (source != null) {
      source.close();
    }
    allocator.close();
  }

  /** Writes everything. */
  @Benchmark
  public long ingest() throws IOException {
    Resident resident = java.util.Objects.requireNonNull(source);
    var producer = resident.producer(resident.size());
    if (way == Way.FILE_WRITER) {
      try (producer;
          FileChannel channel =
              FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
          ArrowFileWriter writer = new ArrowFileWriter(producer.root(), null, channel)) {
        while (producer.next()) {
          writer.writeBatch();
        }
        writer.end();
      }
      return Files.size(path);
    }
    StreamCacheBuilder builder = Caches.reading(producer, allocator).directory(path);
    if (way != Way.DEFAULT) {
      builder.memoryCapacity(0);
    }
    builder.compression(
        switch (way) {
          case DISK_LZ4 -> Compression.LZ4;
          case DISK_ZSTD -> Compression.ZSTD;
          default -> Compression.NONE;
        });
    StreamCache created = builder.create();
    cache = created;
    return created.ingestAll();
  }
}
