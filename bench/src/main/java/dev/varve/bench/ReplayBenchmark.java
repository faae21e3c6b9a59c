// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.arrow.StreamCache;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** One replay of a dataset, the opening of the reader included. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class ReplayBenchmark {

  /** What replays. */
  public enum Way {
    /** Arrow's reader of IPC files. */
    FILE_READER,
    /** Arrow's reader of IPC streams. */
    STREAM_READER,
    /** Vectors in Arrow's memory, read where they are. */
    RESIDENT,
    /** A cache in memory. */
    HOT,
    /** A cache in files that are in the page cache. */
    DISK
  }

  /** What is replayed. */
  @Param({"GENERATED", "BIRDSTRIKES", "FLIGHTS"})
  public Dataset data = Dataset.GENERATED;

  /** What replays it. */
  @Param public Way way = Way.DISK;

  /** What is done to each batch. */
  @Param public Sums work = Sums.TOUCH;

  private final BufferAllocator allocator = new RootAllocator();
  private @Nullable StreamCache cache;
  private @Nullable Resident resident;

  /** Fills the cache. */
  @Setup
  public void fill() throws IOException {
    switch (way) {
      case HOT -> cache = Caches.hot(data, allocator);
      case DISK -> cache = Caches.disk(data, allocator);
      case RESIDENT -> resident = new Resident(data);
      default -> {}
    }
  }

  /** Deletes the cache. */
  @TearDown
  public void delete() {
    if (cache != null) {
      cache.close();
    }
    if (resident != null) {
      resident.close();
    }
    allocator.close();
  }

  /** Replays once. */
  @Benchmark
  public long replay() throws IOException {
    if (resident != null) {
      return resident.sum(work);
    }
    try (ArrowReader reader =
        switch (way) {
          case FILE_READER -> data.fileReader(allocator);
          case STREAM_READER -> data.streamReader(allocator);
          default -> java.util.Objects.requireNonNull(cache).reader();
        }) {
      return work.sum(reader);
    }
  }
}
