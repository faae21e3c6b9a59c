// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.MapPeer.Session;
import dev.varve.bench.MapPeers.Kind;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
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

/**
 * Ordered maps by JMH: reads of a filled map, and replacing values. {@code -t 2} for two threads,
 * {@code -prof gc} for allocation; the maps with one owner only with one.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xms12g", "-Xmx12g", "-Xmn7g"})
public class MapBenchmark {

  /** The map. */
  @Param public MapPeers map = MapPeers.SKIP_LIST;

  /** Its keys and values. */
  @Param("NUMBERS")
  public Kind kind = Kind.NUMBERS;

  /** How many it has. */
  @Param({"1000000", "10000000"})
  public long entries;

  /** Which collection comes before the measurement, which moves what is on the heap. */
  public enum Collection {
    /** None, if the young generation holds all. */
    NONE,
    /** One of the young generation. */
    YOUNG,
    /** One of all. */
    FULL
  }

  /** The collection. */
  @Param("NONE")
  public Collection collection = Collection.NONE;

  private MapPeer peer = MapPeers.ARRAY.create(Kind.NUMBERS, 0);

  /** Fills the map. */
  @Setup
  public void fill() {
    peer = map.create(kind, entries);
    if (map != MapPeers.ARRAY) {
      Session session = peer.session();
      for (long i = 0; i < entries; i++) {
        session.put(i);
      }
    }
    switch (collection) {
      case YOUNG -> OrderedMaps.collectYoung();
      case FULL -> System.gc();
      case NONE -> {}
    }
  }

  /** Closes it. */
  @TearDown
  public void close() {
    peer.close();
  }

  /** What a thread has. */
  @State(Scope.Thread)
  public static class Worker {

    private Session session = MapPeers.ARRAY.create(Kind.NUMBERS, 0).session();
    private long entries;

    /** Begins the thread's work. */
    @Setup
    public void begin(MapBenchmark benchmark) {
      session = benchmark.peer.session();
      entries = benchmark.entries;
    }

    private long next() {
      return ThreadLocalRandom.current().nextLong(entries);
    }
  }

  /** Reads the value of a random key. */
  @Benchmark
  public long get(Worker worker) {
    return worker.session.get(worker.next());
  }

  /** Puts a value in place of that of a random key. */
  @Benchmark
  public void replace(Worker worker) {
    worker.session.put(worker.next());
  }

  /** Goes over 100 entries from a random key on. */
  @Benchmark
  public long scan(Worker worker) {
    return worker.session.scan(worker.next(), 100);
  }

  /** Goes over all entries. */
  @Benchmark
  public long iterate(Worker worker) {
    return worker.session.iterate();
  }
}
