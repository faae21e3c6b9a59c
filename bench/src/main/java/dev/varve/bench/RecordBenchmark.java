// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import static java.util.Objects.requireNonNull;

import dev.varve.record.Acknowledge;
import dev.varve.record.Follower;
import dev.varve.record.RecordReader;
import dev.varve.record.RecordWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Appending, reading and following a million small records; {@code -prof gc} for their bytes. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5)
@Measurement(iterations = 11)
@Fork(1)
@OperationsPerInvocation(RecordBenchmark.RECORDS)
public class RecordBenchmark {
  static final int RECORDS = 1_000_000;

  /** Bytes of a record. */
  @Param("64")
  public int length;

  private final Path path = Dataset.directory().resolve("records-" + ProcessHandle.current().pid());
  private final Arena arena = Arena.ofShared();
  private @Nullable MemorySegment record;
  private @Nullable RecordWriter each;
  private @Nullable RecordWriter onFlush;
  private @Nullable RecordReader reader;
  private @Nullable Follower follower;

  /** Writes what is read, and opens all that is written to. */
  @Setup
  public void open() {
    MemorySegment bytes = arena.allocate(length, 8);
    record = bytes;
    try (RecordWriter writer = RecordWriter.builder(path("read")).replace()) {
      for (int i = 0; i < RECORDS; i++) {
        writer.append(bytes);
      }
    }
    reader = RecordReader.open(path("read"));
    onFlush = RecordWriter.builder(path("flush")).replace();
    each = RecordWriter.builder(path("each")).acknowledge(Acknowledge.EACH).replace();
    follower = Follower.open(path("each"));
  }

  private Path path(String what) {
    return path.resolveSibling(path.getFileName() + "-" + what);
  }

  /** Closes and deletes everything. */
  @TearDown
  public void close() throws IOException {
    requireNonNull(reader).close();
    requireNonNull(follower).close();
    requireNonNull(onFlush).close();
    requireNonNull(each).close();
    for (String what : new String[] {"read", "flush", "each"}) {
      Files.deleteIfExists(path(what));
    }
  }

  /** Appends. */
  @Benchmark
  public long append() {
    return append(requireNonNull(onFlush));
  }

  /** Appends to a writer that acknowledges each record. */
  @Benchmark
  public long appendEach() {
    return append(requireNonNull(each));
  }

  private long append(RecordWriter to) {
    MemorySegment bytes = requireNonNull(record);
    long number = 0;
    for (int i = 0; i < RECORDS; i++) {
      number = to.append(bytes);
    }
    return number;
  }

  /** Reads in order. */
  @Benchmark
  public long read() {
    RecordReader from = requireNonNull(reader);
    long sum = 0;
    from.seek(0);
    while (from.next()) {
      sum += from.length() + from.memory().get(ValueLayout.JAVA_BYTE, from.offset());
    }
    return sum;
  }

  /** Appends a record and has a follower deliver it, one after the other. */
  @Benchmark
  public long follow() {
    RecordWriter to = requireNonNull(each);
    Follower from = requireNonNull(follower);
    MemorySegment bytes = requireNonNull(record);
    long sum = 0;
    for (int i = 0; i < RECORDS; i++) {
      to.append(bytes);
      while (!from.poll()) {
        Thread.onSpinWait();
      }
      sum += from.length();
    }
    return sum;
  }
}
