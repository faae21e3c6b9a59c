// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.memory.Layouts;
import dev.varve.memory.Words;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What the memory seam costs: the same accesses through {@link Words} and bare. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(3)
@OperationsPerInvocation(WordsBenchmark.COUNT)
public class WordsBenchmark {

  /** How many words each invocation touches. */
  static final int COUNT = 1024;

  private static final VarHandle WORD = Layouts.LE_LONG.varHandle();

  private final MemorySegment segment = Arena.ofAuto().allocate(8 * COUNT, 64);
  private final Words words = Words.over(segment);

  /** Makes the words one random cycle for {@link #chaseSeam} and {@link #chaseBare}. */
  @Setup(Level.Iteration)
  public void link() {
    List<Integer> order = new ArrayList<>();
    for (int i = 1; i < COUNT; i++) {
      order.add(i);
    }
    Collections.shuffle(order, new Random(1));
    long at = 0;
    for (int next : order) {
      words.setPlain(at, next);
      at = next;
    }
    words.setPlain(at, 0);
  }

  /** Acquiring reads through the seam, each of the place that the one before names. */
  @Benchmark
  public long chaseSeam() {
    Words local = words;
    long at = 0;
    for (int i = 0; i < COUNT; i++) {
      at = local.getAcquire(at);
    }
    return at;
  }

  /** The same of the bare segment. */
  @Benchmark
  public long chaseBare() {
    MemorySegment local = segment;
    long at = 0;
    for (int i = 0; i < COUNT; i++) {
      at = (long) WORD.getAcquire(local, at << 3);
    }
    return at;
  }

  /** Acquiring reads through the seam. */
  @Benchmark
  public long readSeam() {
    long sum = 0;
    for (int i = 0; i < COUNT; i++) {
      sum += words.getAcquire(i);
    }
    return sum;
  }

  /** Acquiring reads of the bare segment. */
  @Benchmark
  public long readBare() {
    long sum = 0;
    for (int i = 0; i < COUNT; i++) {
      sum += (long) WORD.getAcquire(segment, 8L * i);
    }
    return sum;
  }

  /** Releasing writes through the seam. */
  @Benchmark
  public void writeSeam() {
    for (int i = 0; i < COUNT; i++) {
      words.setRelease(i, i);
    }
  }

  /** Releasing writes to the bare segment. */
  @Benchmark
  public void writeBare() {
    for (int i = 0; i < COUNT; i++) {
      WORD.setRelease(segment, 8L * i, (long) i);
    }
  }

  /** Compare-and-set through the seam. */
  @Benchmark
  public int casSeam() {
    int successes = 0;
    for (int i = 0; i < COUNT; i++) {
      successes += words.compareAndSet(i, i, i) ? 1 : 0;
    }
    return successes;
  }

  /** Compare-and-set on the bare segment. */
  @Benchmark
  public int casBare() {
    int successes = 0;
    for (int i = 0; i < COUNT; i++) {
      successes += WORD.compareAndSet(segment, 8L * i, (long) i, (long) i) ? 1 : 0;
    }
    return successes;
  }
}
