// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.ClosedException;
import dev.varve.NotFoundException;
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
import org.apache.arrow.vector.dictionary.DictionaryProvider;
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
  private final List<SampleProducer> sources = new ArrayList<>();

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
    int rounds = fixed != null ? 1 : Boolean.getBoolean("varve.long") ? 3_000 : 300;
    for (int round = 0; round < rounds; round++) {
      long seed = first + round;
      try {
        run(new Random(seed), home.resolve("r" + round));
      } catch (Throwable e) {
        throw new AssertionError("-Dvarve.seed=" + seed, e);
      } finally {
        batches.forEach(ArrowSamples.Batch::close);
        batches.clear();
        sources.clear();
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
    long ingested;
    try (StreamCache cache = builder.source(source(sample, 0)).create()) {
      readAll(cache, random, limit);
      cache.close();
      ingested = cache.ingestedCount();
    }
    if (kept && limit == Integer.MAX_VALUE) {
      reopen(sample, random, directory, ingested);
    }
    for (SampleProducer source : sources) {
      source.awaitClosed();
    }
  }

  /** What was closed early is continued, perhaps in several steps. */
  private void reopen(ArrowSamples.Sample sample, Random random, Path directory, long ingested)
      throws Exception {
    long count = ingested;
    boolean complete = false;
    while (!complete) {
      boolean wasComplete;
      try (StreamCache cache = options(random, true, directory).open()) {
        assertThat(cache.ingestedCount()).isEqualTo(count);
        wasComplete = cache.upstreamExhausted();
        if (wasComplete) {
          readAll(cache, random, Integer.MAX_VALUE);
        }
      }
      if (!wasComplete) {
        try (StreamCache cache =
            options(random, true, directory).source(source(sample, (int) count)).open()) {
          readAll(cache, random, Integer.MAX_VALUE);
          cache.close();
          count = cache.ingestedCount();
        }
      }
      complete = wasComplete;
    }
    assertThat(count).isEqualTo(batches.size());
  }

  private SampleProducer source(ArrowSamples.Sample sample, int from) {
    SampleProducer source = new SampleProducer(sample, List.copyOf(batches), allocator).from(from);
    sources.add(source);
    return source;
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
    if (random.nextBoolean()) {
      builder.transferBuffers();
    }
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

    /** The batch it needs next. */
    long next();

    void close() throws IOException;
  }

  private void readAll(StreamCache cache, Random random, int limit) throws IOException {
    List<Walker> walkers = new ArrayList<>();
    int readers = Math.min(limit, 5);
    for (int i = 0; i < readers; i++) {
      walkers.add(walker(cache, random));
    }
    walkers.add(new Numbered(cache, random));
    boolean all = random.nextInt(4) == 0;
    int closeAfter = random.nextInt(4) == 0 ? random.nextInt(40) : Integer.MAX_VALUE;
    try {
      for (int step = 0; !walkers.isEmpty(); step++) {
        if (step == closeAfter) {
          cache.close();
        }
        Walker walker = walkers.get(random.nextInt(walkers.size()));
        boolean leaves = random.nextInt(60) == 0;
        if (leaves || !steps(walker, cache, step >= closeAfter)) {
          walker.close();
          walkers.remove(walker);
        }
        if (all && step < closeAfter && random.nextInt(10) == 0) {
          assertThat(cache.ingestAll()).isEqualTo(batches.size());
        }
      }
      if (closeAfter == Integer.MAX_VALUE) {
        assertThat(cache.ingestAll()).isEqualTo(batches.size());
      }
    } finally {
      for (Walker walker : walkers) {
        walker.close();
      }
    }
  }

  /** Of a cache that was closed, readers get what was ingested, and then an exception. */
  private boolean steps(Walker walker, StreamCache cache, boolean closed) throws IOException {
    try {
      return walker.step();
    } catch (ClosedException e) {
      assertThat(closed).isTrue();
      assertThat(cache.ingestedCount()).isLessThanOrEqualTo(walker.next());
      return false;
    }
  }

  private Walker walker(StreamCache cache, Random random) {
    int count = batches.size();
    int columns = cache.schema().getFields().size();
    return switch (random.nextInt(6)) {
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
      case 4 -> new Cast(cache.cast(cache.schema()).reader());
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

  private void checkDictionaries(DictionaryProvider found, long batch) {
    var dictionaries = batches.get((int) batch).dictionaries();
    for (long id : dictionaries.getDictionaryIds()) {
      FieldVector expected = dictionaries.lookup(id).getVector();
      RootAssert.assertRange(found.lookup(id).getVector(), expected, 0, expected.getValueCount());
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

    @Override
    public long next() {
      return next;
    }

    @Override
    public void close() throws IOException {
      reader.close();
    }
  }

  /** Casts every column to the type it has. */
  private final class Cast implements Walker {
    private final ArrowReader reader;
    private long next;

    Cast(ArrowReader reader) {
      this.reader = reader;
    }

    @Override
    public boolean step() throws IOException {
      if (!reader.loadNextBatch()) {
        assertThat(next).isEqualTo(batches.size());
        return false;
      }
      check(reader.getVectorSchemaRoot(), next, null);
      checkDictionaries(reader, next++);
      return true;
    }

    @Override
    public long next() {
      return next;
    }

    @Override
    public void close() throws IOException {
      reader.close();
    }
  }

  /** Takes batches by their numbers, or the numbers of their rows. */
  private final class Numbered implements Walker {
    private final StreamCache cache;
    private final Random random;
    private int left = 20;

    Numbered(StreamCache cache, Random random) {
      this.cache = cache;
      this.random = random;
    }

    @Override
    public boolean step() {
      long count = cache.ingestedCount();
      if (count > 0) {
        long batch = random.nextLong(count);
        int rows = batches.get((int) batch).root().getRowCount();
        try (BatchLease lease =
            rows == 0 || random.nextBoolean()
                ? cache.batch(batch)
                : cache.batchOfRow(cache.firstRow(batch) + random.nextInt(rows))) {
          assertThat(lease.index()).isEqualTo(batch);
          check(lease.root(), batch, null);
          checkDictionaries(lease.dictionaries(), batch);
        } catch (NotFoundException e) {
          assertThat(cache.statistics().log().firstBatch()).isGreaterThan(batch);
        }
      }
      return left-- > 0;
    }

    /** Asking a closed cache for a batch is always refused. */
    @Override
    public long next() {
      return Long.MAX_VALUE;
    }

    @Override
    public void close() {}
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
      checkDictionaries(reader, reader.lastBatch());
      return true;
    }

    /** It begins when it has all of them. */
    @Override
    public long next() {
      return batches.size();
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
        checkDictionaries(each.dictionaries(), each.index());
      }
      return true;
    }

    @Override
    public long next() {
      return next;
    }

    @Override
    public void close() {
      held.forEach(BatchLease::close);
      reader.close();
    }
  }
}
