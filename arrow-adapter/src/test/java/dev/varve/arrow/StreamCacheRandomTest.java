// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.log.WritePolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Any chunking, tier, policy, budget, compression, and any interleaving of readers and closes gives
 * back the source exactly. A failure prints its seed, which {@code -Dvarve.seed} repeats.
 */
@Timeout(600)
class StreamCacheRandomTest {

  @TempDir Path home;
  private BufferAllocator allocator;
  private final List<ArrowSamples.Batch> batches = new ArrayList<>();

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
  }

  @AfterEach
  void close() {
    allocator.close();
  }

  @Test
  void whateverIsChosenTheSourceComesBack() throws Exception {
    Long fixed = Long.getLong("varve.seed");
    long first = fixed != null ? fixed : System.nanoTime();
    int rounds = fixed != null ? 1 : Boolean.getBoolean("varve.long") ? 3_000 : 60;
    for (int round = 0; round < rounds; round++) {
      long seed = first + round;
      try {
        run(new Random(seed), home.resolve("r" + round));
      } catch (Throwable e) {
        throw new AssertionError("-Dvarve.seed=" + seed, e);
      } finally {
        batches.forEach(ArrowSamples.Batch::close);
        batches.clear();
      }
      assertThat(allocator.getAllocatedMemory()).as("seed %d", seed).isZero();
    }
  }

  private void run(Random random, Path directory) throws Exception {
    List<ArrowSamples.Sample> samples = ArrowSamples.all();
    ArrowSamples.Sample sample = samples.get(random.nextInt(samples.size()));
    int count = random.nextInt(12) + 1;
    int dictionarySeed = random.nextInt();
    for (int i = 0; i < count; i++) {
      int rows = random.nextInt(4) == 0 ? 0 : random.nextInt(200);
      batches.add(sample.create(allocator, rows, dictionarySeed + i / 3, 0.2));
    }
    boolean disk = random.nextInt(3) > 0;
    boolean kept = disk && random.nextBoolean();
    int limit = random.nextBoolean() ? Integer.MAX_VALUE : 5;
    StreamCacheBuilder builder = options(random, disk, directory);
    if (limit < 10) {
      builder.maxReaders(limit);
    }
    if (kept) {
      builder.kept();
    }
    StreamCache cache =
        builder.source(new SampleProducer(sample, List.copyOf(batches), allocator)).create();
    try (cache) {
      readAll(cache, random, limit);
    }
    if (kept && limit == Integer.MAX_VALUE) {
      try (StreamCache again = options(random, true, directory).open()) {
        assertThat(again.upstreamExhausted()).isTrue();
        readAll(again, random, limit);
      }
    }
  }

  private StreamCacheBuilder options(Random random, boolean disk, Path directory) {
    StreamCacheBuilder builder =
        StreamCache.builder()
            .allocator(allocator)
            .readAhead(random.nextInt(4))
            .sourceMemory(SourceMemory.values()[random.nextInt(2)])
            .compression(
                random.nextInt(3) > 0
                    ? Compression.NONE
                    : Compression.values()[random.nextInt(Compression.values().length)]);
    if (disk) {
      long[] budgets = {0, 1_000, 20_000, 1 << 24};
      builder
          .directory(directory)
          .memoryCapacity(budgets[random.nextInt(budgets.length)])
          .segmentBytes(4096 << random.nextInt(6))
          .writePolicy(WritePolicy.values()[random.nextInt(2)]);
    }
    return builder;
  }

  /** Something that reads some batches of the stream, step by step. */
  private interface Walker {
    /** Returns false at its end. */
    boolean step() throws IOException;

    void close() throws IOException;
  }

  private void readAll(StreamCache cache, Random random, int limit) throws IOException {
    List<Walker> walkers = new ArrayList<>();
    int readers = Math.min(limit, 5);
    for (int i = 0; i < readers; i++) {
      walkers.add(walker(cache, random));
    }
    boolean all = random.nextInt(4) == 0;
    try {
      while (!walkers.isEmpty()) {
        Walker walker = walkers.get(random.nextInt(walkers.size()));
        boolean leaves = random.nextInt(60) == 0;
        if (leaves || !walker.step()) {
          walker.close();
          walkers.remove(walker);
        }
        if (all && random.nextInt(10) == 0) {
          assertThat(cache.ingestAll()).isEqualTo(batches.size());
        }
      }
      assertThat(cache.ingestAll()).isEqualTo(batches.size());
    } finally {
      for (Walker walker : walkers) {
        walker.close();
      }
    }
  }

  private Walker walker(StreamCache cache, Random random) {
    int count = batches.size();
    int columns = cache.schema().getFields().size();
    return switch (random.nextInt(5)) {
      case 0 -> new Plain(cache.reader(), 0, count, null);
      case 1 -> {
        int from = random.nextInt(count + 1);
        int end = from + random.nextInt(count + 2);
        yield new Plain(
            cache.reader(ReadOptions.ALL.range(from, end)), from, Math.min(end, count), null);
      }
      case 2 -> {
        int[] chosen = random.ints(columns, 0, Math.max(1, columns)).limit(3).toArray();
        yield new Plain(cache.reader(ReadOptions.ALL.columns(chosen)), 0, count, chosen);
      }
      case 3 -> new Shuffled(cache.reader(ReadOptions.ALL.shuffled(random.nextLong())));
      default -> new Shared(cache.shared(Start.BEGINNING));
    };
  }

  private void check(VectorSchemaRoot root, long batch, int[] columns) {
    VectorSchemaRoot expected = batches.get((int) batch).root();
    assertThat(root.getRowCount()).isEqualTo(expected.getRowCount());
    List<FieldVector> found = root.getFieldVectors();
    for (int i = 0; i < found.size(); i++) {
      FieldVector vector = expected.getVector(columns == null ? i : columns[i]);
      RootAssert.assertRange(found.get(i), vector, 0, expected.getRowCount());
    }
  }

  private final class Plain implements Walker {
    private final StreamReader reader;
    private final int end;
    private final int[] columns;
    private int next;

    Plain(StreamReader reader, int from, int end, int[] columns) {
      this.reader = reader;
      this.next = from;
      this.end = end;
      this.columns = columns;
    }

    @Override
    public boolean step() throws IOException {
      if (!reader.loadNextBatch()) {
        assertThat(next).isGreaterThanOrEqualTo(end);
        return false;
      }
      assertThat(reader.lastBatch()).isEqualTo(next);
      check(reader.getVectorSchemaRoot(), next++, columns);
      if (columns == null) {
        checkDictionaries(reader, next - 1);
      }
      return true;
    }

    private void checkDictionaries(ArrowReader source, int batch) {
      var dictionaries = batches.get(batch).dictionaries();
      for (long id : dictionaries.getDictionaryIds()) {
        FieldVector expected = dictionaries.lookup(id).getVector();
        RootAssert.assertRange(
            source.lookup(id).getVector(), expected, 0, expected.getValueCount());
      }
    }

    @Override
    public void close() throws IOException {
      reader.close();
    }
  }

  private final class Shuffled implements Walker {
    private final StreamReader reader;
    private final Set<Long> seen = new HashSet<>();

    Shuffled(StreamReader reader) {
      this.reader = reader;
    }

    @Override
    public boolean step() throws IOException {
      if (!reader.loadNextBatch()) {
        assertThat(seen).hasSize(batches.size());
        return false;
      }
      assertThat(seen.add(reader.lastBatch())).isTrue();
      check(reader.getVectorSchemaRoot(), reader.lastBatch(), null);
      return true;
    }

    @Override
    public void close() throws IOException {
      reader.close();
    }
  }

  private final class Shared implements Walker {
    private final SharedReader reader;
    private final List<BatchLease> held = new ArrayList<>();
    private long next;

    Shared(SharedReader reader) {
      this.reader = reader;
    }

    @Override
    public boolean step() throws IOException {
      BatchLease lease = reader.next().orElse(null);
      if (lease == null) {
        assertThat(next).isEqualTo(batches.size());
        return false;
      }
      held.add(lease);
      assertThat(lease.index()).isEqualTo(next++);
      if (held.size() > 3) {
        held.removeFirst().close();
      }
      for (BatchLease each : held) {
        check(each.root(), each.index(), null);
      }
      return true;
    }

    @Override
    public void close() {
      held.forEach(BatchLease::close);
      reader.close();
    }
  }
}
