// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.file.Durability;
import dev.varve.log.LogStatus;
import dev.varve.log.WritePolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a stream cache promises, one promise a test. */
@Timeout(120)
class StreamCacheCapabilitiesTest {

  private static final int ROWS = 100;

  @TempDir Path home;
  private BufferAllocator allocator;

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
  }

  @AfterEach
  void close() {
    allocator.close();
  }

  private TestSource source(int batches) {
    return new TestSource(allocator, batches, ROWS);
  }

  private StreamCacheBuilder builder(TestSource source) {
    return StreamCache.builder().source(source).allocator(allocator);
  }

  private StreamCacheBuilder onDisk(TestSource source) {
    return builder(source).directory(home.resolve("cache"));
  }

  /** Bytes of one batch as it is cached. */
  private long batchBytes() throws IOException {
    try (StreamCache cache = builder(source(1)).create();
        BatchLease ignored = first(cache)) {
      return cache.statistics().log().hotBytes();
    }
  }

  private static BatchLease first(StreamCache cache) throws IOException {
    cache.ingestAll();
    return cache.batch(0);
  }

  private long segmentBytes() throws IOException {
    try (Stream<Path> files = Files.walk(home)) {
      long bytes = 0;
      for (Path file : files.filter(each -> each.toString().endsWith(".arrow")).toList()) {
        bytes += Files.size(file);
      }
      return bytes;
    }
  }

  // ---- the source is read once

  @Test
  void theSourceIsReadOnceAndEveryReadComesFromTheCache() throws Exception {
    TestSource source = source(10);
    try (StreamCache cache = builder(source).create()) {
      for (int epoch = 0; epoch < 4; epoch++) {
        try (StreamReader reader = cache.reader()) {
          TestSource.expect(reader, 0, 10, ROWS);
          assertThat(reader.loadNextBatch()).isFalse();
          assertThat(reader.loadNextBatch()).isFalse();
        }
      }
      assertThat(source.pulls).hasValue(11);
    }
  }

  @Test
  void settingsAreCheckedBeforeTheSourceIsTouched() throws Exception {
    TestSource source = source(1);
    try {
      List<StreamCacheBuilder> wrong =
          List.of(
              builder(source).kept(),
              builder(source).diskCapacity(1 << 20),
              builder(source).writePolicy(WritePolicy.ON_EVICTION),
              builder(source).durability(Durability.SYNC),
              onDisk(source).writePolicy(WritePolicy.ON_EVICTION).durability(Durability.SYNC));
      for (StreamCacheBuilder each : wrong) {
        assertThatThrownBy(each::create).isInstanceOf(IllegalArgumentException.class);
      }
      StreamCacheBuilder fine = builder(source);
      assertThatThrownBy(() -> fine.memoryCapacity(-1))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> fine.diskCapacity(-1)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> fine.segmentBytes(1)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> fine.maxReaders(0)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> fine.readAhead(-1)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(StreamCache.builder()::create)
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(fine::open).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(fine::openReadOnly).isInstanceOf(IllegalArgumentException.class);
      assertThat(source.touches).hasValue(0);
      assertThat(source.pulls).hasValue(0);
      assertThat(home).isEmptyDirectory();
    } finally {
      source.close();
    }
  }

  @Test
  void aBatchIsPulledWhenSomeReaderFirstNeedsIt() throws Exception {
    TestSource source = source(5);
    try (StreamCache cache = builder(source).create();
        StreamReader reader = cache.reader();
        StreamReader other = cache.reader()) {
      assertThat(source.pulls).hasValue(0);
      TestSource.expect(reader, 0, 1, ROWS);
      assertThat(source.pulls).hasValue(1);
      TestSource.expect(other, 0, 1, ROWS);
      assertThat(source.pulls).hasValue(1);
      TestSource.expect(other, 1, 3, ROWS);
      assertThat(source.pulls).hasValue(3);
      assertThat(cache.ingestedCount()).isEqualTo(3);
      assertThat(cache.upstreamExhausted()).isFalse();
    }
  }

  // ---- capacity

  @Test
  void memoryCapacityIsAHardLimitInMemoryMode() throws Exception {
    long batch = batchBytes();
    try (StreamCache cache = builder(source(10)).memoryCapacity(3 * batch + batch / 2).create();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 3, ROWS);
      for (int attempt = 0; attempt < 3; attempt++) {
        assertThatThrownBy(reader::loadNextBatch)
            .isInstanceOfSatisfying(
                FullException.class,
                e -> {
                  assertThat(e.capacity()).isEqualTo(3 * batch + batch / 2);
                  assertThat(e.needed()).isEqualTo(batch);
                  assertThat(e).hasMessageContaining(String.valueOf(3 * batch + batch / 2));
                  assertThat(e).hasMessageContaining(String.valueOf(3 * batch));
                });
      }
      assertThat(cache.ingestedCount()).isEqualTo(3);
      assertThat(reader.position()).isEqualTo(3);
    }
  }

  @Test
  void onDiskTheMemoryBudgetIsSoftAndMayBeZero() throws Exception {
    long batch = batchBytes();
    for (long budget : new long[] {0, batch - 1, 2 * batch}) {
      try (StreamCache cache =
          onDisk(source(10)).memoryCapacity(budget).segmentBytes(4096).create()) {
        assertThat(cache.ingestAll()).isEqualTo(10);
        assertThat(cache.statistics().log().hotBytes()).isLessThanOrEqualTo(budget);
        try (StreamReader reader = cache.reader()) {
          TestSource.expect(reader, 0, 10, ROWS);
          assertThat(reader.lastBatchHot()).isEqualTo(budget >= batch);
        }
      }
    }
  }

  @Test
  void theDiskErrorNamesCapacityUsedAndNeeded() throws Exception {
    long capacity = 40_000;
    try (StreamCache cache =
            onDisk(source(1000)).memoryCapacity(0).diskCapacity(capacity).create();
        StreamReader reader = cache.reader()) {
      assertThatThrownBy(cache::ingestAll)
          .isInstanceOfSatisfying(
              FullException.class,
              e -> {
                assertThat(e.capacity()).isEqualTo(capacity);
                assertThat(e.used()).isBetween(1L, capacity);
                assertThat(e.needed()).isPositive();
                assertThat(e)
                    .hasMessageContaining("capacity " + capacity)
                    .hasMessageContaining("used " + e.used())
                    .hasMessageContaining("needed " + e.needed());
                assertThat(e.getMessage()).containsOnlyOnce("capacity " + capacity);
              });
      long count = cache.ingestedCount();
      assertThat(count).isBetween(3L, 20L);
      TestSource.expect(reader, 0, count, ROWS);
      assertThatThrownBy(reader::loadNextBatch).isInstanceOf(FullException.class);
      long disk = 0;
      try (Stream<Path> files = Files.walk(home)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          disk += Files.size(file);
        }
      }
      assertThat(disk).isLessThanOrEqualTo(capacity);
    }
  }

  @Test
  void onEvictionTheFileStaysEmptyIfAllFits() throws Exception {
    try (StreamCache cache =
        onDisk(source(10)).writePolicy(WritePolicy.ON_EVICTION).memoryCapacity(1 << 20).create()) {
      cache.ingestAll();
      assertThat(segmentBytes()).isZero();
      try (StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 10, ROWS);
        assertThat(reader.lastBatchHot()).isTrue();
      }
      cache.flush();
      assertThat(segmentBytes()).isPositive();
    }
  }

  @Test
  void onInsertionTheFileGetsEveryBatchAtOnce() throws Exception {
    try (StreamCache cache = onDisk(source(3)).create();
        StreamReader reader = cache.reader()) {
      long before = 0;
      for (int batch = 0; batch < 3; batch++) {
        TestSource.expect(reader, batch, batch + 1, ROWS);
        assertThat(segmentBytes()).isGreaterThan(before);
        before = segmentBytes();
      }
    }
  }

  @Test
  void readersNeverSeeAGapWhileBatchesMoveToDisk() throws Exception {
    long batch = batchBytes();
    int batches = 400;
    try (StreamCache cache =
            onDisk(source(batches))
                .writePolicy(WritePolicy.ON_EVICTION)
                .memoryCapacity(3 * batch)
                .segmentBytes(5 * batch)
                .create();
        Threads threads = new Threads()) {
      for (int i = 0; i < 3; i++) {
        threads.run(
            () -> {
              try (BufferAllocator own = new RootAllocator();
                  StreamReader reader = cache.reader(ReadOptions.ALL.allocator(own))) {
                TestSource.expect(reader, 0, batches, ROWS);
              }
            });
      }
      assertThat(cache.ingestAll()).isEqualTo(batches);
      threads.join();
      assertThat(cache.statistics().log().evictions()).isGreaterThan(100);
    }
  }

  @Test
  void anOversizedBatchGoesByTheBudgetAndTheOrderHolds() throws Exception {
    long small = batchBytes();
    for (WritePolicy policy : WritePolicy.values()) {
      BatchProducer producer = new Mixed(allocator);
      try (StreamCache cache =
              StreamCache.builder()
                  .source(producer)
                  .allocator(allocator)
                  .directory(home.resolve("mixed" + policy))
                  .writePolicy(policy)
                  .memoryCapacity(3 * small)
                  .create();
          StreamReader reader = cache.reader()) {
        cache.ingestAll();
        for (int i = 0; i < 9; i++) {
          assertThat(reader.loadNextBatch()).isTrue();
          TestSource.check(reader.getVectorSchemaRoot(), i, i % 3 == 1 ? 2000 : ROWS);
          assertThat(i % 3 != 1 || !reader.lastBatchHot()).isTrue();
        }
      }
    }
  }

  private static final class Mixed implements BatchProducer {
    private final VectorSchemaRoot root;
    private int next;

    Mixed(BufferAllocator allocator) {
      root = VectorSchemaRoot.create(TestSource.SCHEMA, allocator);
    }

    @Override
    public VectorSchemaRoot root() {
      return root;
    }

    @Override
    public boolean next() {
      if (next == 9) {
        return false;
      }
      TestSource.fill(root, next, next % 3 == 1 ? 2000 : ROWS);
      next++;
      return true;
    }

    @Override
    public void close() {
      root.close();
    }
  }

  // ---- what can be asked

  @Test
  void schemaIsThereAlsoAfterClose() throws Exception {
    StreamCache cache = builder(source(2)).create();
    assertThat(cache.schema()).isEqualTo(TestSource.SCHEMA);
    cache.close();
    assertThat(cache.schema()).isEqualTo(TestSource.SCHEMA);
    assertThat(cache.ingestedCount()).isZero();
    assertThat(cache.upstreamExhausted()).isFalse();
    assertThat(cache.status()).isEqualTo(LogStatus.OPEN);
  }

  @Test
  void exhaustedOnlyOnceTheEndWasSeen() throws Exception {
    try (StreamCache cache = builder(source(2)).create();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 2, ROWS);
      assertThat(cache.ingestedCount()).isEqualTo(2);
      assertThat(cache.ingestedRows()).isEqualTo(2 * ROWS);
      assertThat(cache.upstreamExhausted()).isFalse();
      assertThat(reader.loadNextBatch()).isFalse();
      assertThat(cache.upstreamExhausted()).isTrue();
      assertThat(cache.status()).isEqualTo(LogStatus.COMPLETE);
    }
  }

  // ---- starts

  @Test
  void readersStartAtTheBeginningAtTheFrontierAndAnywhere() throws Exception {
    try (StreamCache cache = builder(source(10)).create();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 4, ROWS);
      try (StreamReader frontier = cache.reader(Start.FRONTIER);
          StreamReader at = cache.reader(Start.at(2));
          StreamReader beyond = cache.reader(Start.at(7));
          StreamReader outside = cache.reader(Start.at(50));
          StreamReader beginning = cache.reader(Start.BEGINNING)) {
        assertThat(frontier.position()).isEqualTo(4);
        TestSource.expect(reader, 4, 5, ROWS);
        TestSource.expect(frontier, 4, 6, ROWS);
        TestSource.expect(at, 2, 10, ROWS);
        assertThat(beyond.position()).isEqualTo(7);
        TestSource.expect(beyond, 7, 10, ROWS);
        assertThat(beyond.loadNextBatch()).isFalse();
        assertThat(outside.loadNextBatch()).isFalse();
        TestSource.expect(beginning, 0, 10, ROWS);
      }
      assertThatThrownBy(() -> Start.at(-1)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void theCacheIsIterableOverLeases() throws Exception {
    try (StreamCache cache = builder(source(5)).create()) {
      for (int epoch = 0; epoch < 2; epoch++) {
        long expected = 0;
        for (BatchLease lease : cache) {
          assertThat(lease.index()).isEqualTo(expected);
          TestSource.check(lease.root(), expected++, ROWS);
        }
        assertThat(expected).isEqualTo(5);
      }
    }
  }

  @Test
  void anIterationThatIsLeftEarlyDoesNotOutliveTheCache() throws Exception {
    Path directory = home.resolve("cache");
    StreamCache cache = onDisk(source(5)).create();
    for (BatchLease lease : cache) {
      lease.close();
      break;
    }
    assertThat(cache.statistics().log().readersOpen()).isEqualTo(1);
    cache.close();
    assertThat(directory).doesNotExist();
  }

  // ---- waiting

  @Test
  void aWaitTakesATimeout() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    try (StreamCache cache = builder(source(3).blockAt(1, entered, release)).create();
        StreamReader reader = cache.reader();
        SharedReader shared = cache.shared(Start.at(1))) {
      TestSource.expect(reader, 0, 1, ROWS);
      assertThat(reader.loadNextBatch(Duration.ofMillis(5))).isEqualTo(ReadResult.TIMEOUT);
      assertThat(reader.position()).isEqualTo(1);
      assertThat(shared.next(Duration.ofMillis(5))).isEmpty();
      assertThat(shared.atEnd()).isFalse();
      entered.await();
      release.countDown();
      assertThat(reader.loadNextBatch(Duration.ofDays(1_000_000))).isEqualTo(ReadResult.LOADED);
      TestSource.check(reader.getVectorSchemaRoot(), 1, ROWS);
      assertThat(reader.loadNextBatch(Duration.ofMinutes(1))).isEqualTo(ReadResult.LOADED);
      assertThat(reader.loadNextBatch(Duration.ofMinutes(1))).isEqualTo(ReadResult.END);
    }
  }

  @Test
  void aPollWithoutPatienceStillHasTheBatchPulled() throws Exception {
    try (StreamCache cache = builder(source(1)).create();
        StreamReader reader = cache.reader()) {
      ReadResult result = reader.loadNextBatch(Duration.ZERO);
      while (result == ReadResult.TIMEOUT) {
        Thread.onSpinWait();
        result = reader.loadNextBatch(Duration.ZERO);
      }
      TestSource.check(reader.getVectorSchemaRoot(), 0, ROWS);
    }
  }

  @Test
  void aWaitIsCancelledByClosingTheReader() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    try (StreamCache cache = builder(source(3).blockAt(0, entered, release)).create();
        StreamReader reader = cache.reader();
        SharedReader shared = cache.shared(Start.BEGINNING);
        StreamReader shuffled = cache.reader(ReadOptions.ALL.shuffled(1));
        ArrowReader cast = cache.cast(TestSource.SCHEMA).reader();
        ExecutorService pool = Executors.newFixedThreadPool(4)) {
      List<Future<?>> waits = new ArrayList<>();
      waits.add(pool.submit(() -> reader.loadNextBatch()));
      waits.add(pool.submit(() -> shared.next()));
      waits.add(pool.submit(() -> shuffled.loadNextBatch()));
      waits.add(pool.submit(() -> cast.loadNextBatch()));
      entered.await();
      reader.close();
      shared.close();
      shuffled.close();
      cast.close();
      for (Future<?> wait : waits) {
        assertThatThrownBy(wait::get).hasCauseInstanceOf(ClosedException.class);
      }
      release.countDown();
      try (StreamReader after = cache.reader()) {
        TestSource.expect(after, 0, 3, ROWS);
      }
    }
  }

  // ---- ingestAll

  @Test
  void ingestAllIsIdempotentAndMayBeCalledConcurrently() throws Exception {
    TestSource source = source(50);
    try (StreamCache cache = builder(source).create();
        ExecutorService pool = Executors.newFixedThreadPool(4)) {
      List<Future<Long>> counts = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        counts.add(pool.submit(cache::ingestAll));
      }
      for (Future<Long> count : counts) {
        assertThat(count.get()).isEqualTo(50);
      }
      assertThat(cache.ingestAll()).isEqualTo(50);
      assertThat(source.pulls).hasValue(51);
      assertThat(source.closes).hasValue(1);
    }
    assertThat(source.closes).hasValue(1);
  }

  // ---- maxReaders

  @Test
  void maxReadersCountsReadersOfEveryPathAndClosingFreesNoPlace() throws Exception {
    try (StreamCache cache = builder(source(3)).maxReaders(5).create()) {
      cache.reader().close();
      cache.shared(Start.BEGINNING).close();
      cache.cast(TestSource.SCHEMA).reader().close();
      cache.reader(ReadOptions.ALL.columns("id").shuffled(1)).close();
      for (BatchLease lease : cache) {
        TestSource.check(lease.root(), lease.index(), ROWS);
      }
      assertThat(cache.statistics().log().readersCreated()).isEqualTo(5);
      assertThatThrownBy(cache::reader).isInstanceOf(NotFoundException.class);
      assertThatThrownBy(() -> cache.shared(Start.FRONTIER))
          .isInstanceOf(ConflictException.class)
          .hasMessageContaining("5");
      assertThatThrownBy(() -> cache.cast(TestSource.SCHEMA).reader(atFrontier()))
          .isInstanceOf(ConflictException.class);
      assertThatThrownBy(() -> cache.reader(atFrontier())).isInstanceOf(ConflictException.class);
    }
  }

  private static ReadOptions atFrontier() {
    return ReadOptions.ALL.from(Start.FRONTIER);
  }

  @Test
  void nothingIsEvictedUntilAllReadersExist() throws Exception {
    long batch = batchBytes();
    try (StreamCache cache = builder(source(20)).memoryCapacity(6 * batch).maxReaders(2).create();
        StreamReader one = cache.reader()) {
      TestSource.expect(one, 0, 6, ROWS);
      assertThat(cache.statistics().log().hotBatches()).isEqualTo(6);
      assertThatThrownBy(one::loadNextBatch).isInstanceOf(FullException.class);
      try (StreamReader two = cache.reader()) {
        assertThat(cache.statistics().log().hotBatches()).isEqualTo(6);
        TestSource.expect(two, 0, 4, ROWS);
        assertThat(cache.statistics().log().hotBatches()).isEqualTo(2);
        assertThat(cache.statistics().log().firstBatch()).isEqualTo(4);
        TestSource.expect(one, 6, 9, ROWS);
        two.close();
        assertThat(cache.statistics().log().firstBatch()).isEqualTo(9);
        TestSource.expect(one, 9, 20, ROWS);
        assertThat(one.loadNextBatch()).isFalse();
        assertThat(cache.statistics().log().hotBatches()).isZero();
      }
    }
  }

  @Test
  void releasingGoesOnDuringIngestAll() throws Exception {
    long batch = batchBytes();
    int batches = 300;
    try (StreamCache cache =
            builder(source(batches)).memoryCapacity(400 * batch).maxReaders(1).create();
        StreamReader reader = cache.reader();
        Threads threads = new Threads()) {
      threads.run(() -> TestSource.expect(reader, 0, batches, ROWS));
      assertThat(cache.ingestAll()).isEqualTo(batches);
      threads.join();
      assertThat(cache.statistics().log().hotBatches()).isZero();
      assertThat(cache.statistics().log().releases()).isEqualTo(batches);
    }
  }

  @Test
  void whenAllReadersAreGoneIngestAllKeepsNothing() throws Exception {
    long batch = batchBytes();
    try (StreamCache cache =
        builder(source(100)).memoryCapacity(3 * batch).maxReaders(1).create()) {
      cache.reader().close();
      assertThat(cache.ingestAll()).isEqualTo(100);
      assertThat(cache.statistics().log().hotBatches()).isLessThanOrEqualTo(1);
    }
  }

  @Test
  void segmentsWhollyBehindTheSlowestReaderAreDeletedAndCredited() throws Exception {
    long batch = batchBytes();
    int batches = 200;
    try (StreamCache cache =
            onDisk(source(batches))
                .memoryCapacity(0)
                .diskCapacity(40 * batch)
                .maxReaders(2)
                .create();
        StreamReader one = cache.reader();
        StreamReader two = cache.reader()) {
      for (int i = 0; i < batches; i++) {
        TestSource.expect(one, i, i + 1, ROWS);
        if (i >= 5) {
          TestSource.expect(two, i - 5, i - 4, ROWS);
        }
        assertThat(segmentBytes()).isLessThanOrEqualTo(40 * batch);
      }
      TestSource.expect(two, batches - 5, batches, ROWS);
    }
  }

  @Test
  void aStartThatWasReleasedIsRefused() throws Exception {
    try (StreamCache cache = builder(source(10)).maxReaders(3).create();
        StreamReader one = cache.reader();
        StreamReader two = cache.reader();
        StreamReader three = cache.reader()) {
      TestSource.expect(one, 0, 5, ROWS);
      TestSource.expect(two, 0, 5, ROWS);
      TestSource.expect(three, 0, 4, ROWS);
      assertThatThrownBy(() -> one.seek(2))
          .isInstanceOf(NotFoundException.class)
          .hasMessageContaining("batch 2");
      assertThatThrownBy(() -> cache.batch(3)).isInstanceOf(NotFoundException.class);
      assertThatThrownBy(() -> cache.reader(Start.at(2)))
          .isInstanceOf(NotFoundException.class)
          .hasMessageContaining("released");
      assertThat(one.position()).isEqualTo(5);
      TestSource.expect(one, 5, 6, ROWS);
    }
  }

  // ---- casts

  private static final Schema WIDE =
      new Schema(
          List.of(
              ArrowSamples.nullable("id", new ArrowType.Decimal(38, 2, 128)),
              ArrowSamples.nullable("name", ArrowType.LargeUtf8.INSTANCE)));

  @Test
  void aCastViewReplaysAndConsumesNothing() throws Exception {
    try (StreamCache cache = builder(source(4)).create()) {
      CastView view = cache.cast(WIDE);
      assertThat(view.schema()).isEqualTo(WIDE);
      for (int epoch = 0; epoch < 2; epoch++) {
        try (ArrowReader reader = view.reader()) {
          for (int i = 0; i < 4; i++) {
            assertThat(reader.loadNextBatch()).isTrue();
            VectorSchemaRoot root = reader.getVectorSchemaRoot();
            assertThat(root.getSchema()).isEqualTo(WIDE);
            assertThat(root.getVector(0).getObject(1).toString())
                .isEqualTo((i * 1_000_000L + 1) + ".00");
            assertThat(root.getVector(1).getObject(0)).hasToString("batch " + i + " row 0");
          }
          assertThat(reader.loadNextBatch()).isFalse();
        }
      }
      try (StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 4, ROWS);
      }
    }
  }

  @Test
  void aCastReadsPartsInOrdersAndOnAccountsOfItsReaders() throws Exception {
    try (StreamCache cache = builder(source(6)).create();
        BufferAllocator mine = new RootAllocator()) {
      CastView view = cache.cast(WIDE);
      ReadOptions part = ReadOptions.ALL.range(2, 5).allocator(mine);
      List<Long> order = new ArrayList<>();
      try (ArrowReader reader = view.reader(part);
          ArrowReader shuffled = view.reader(part.shuffled(4));
          StreamReader plain = cache.reader(part.shuffled(4))) {
        for (int i = 2; i < 5; i++) {
          assertThat(reader.loadNextBatch()).isTrue();
          assertThat(firstId(reader)).isEqualTo(i * 1_000_000L);
          assertThat(shuffled.loadNextBatch()).isTrue();
          order.add(firstId(shuffled) / 1_000_000);
          assertThat(plain.loadNextBatch()).isTrue();
          assertThat(order.getLast()).isEqualTo(plain.lastBatch());
        }
        assertThat(reader.loadNextBatch()).isFalse();
        assertThat(mine.getAllocatedMemory()).isPositive();
      }
      assertThat(order).containsExactlyInAnyOrder(2L, 3L, 4L);
    }
  }

  private static long firstId(ArrowReader reader) throws IOException {
    Object id = reader.getVectorSchemaRoot().getVector(0).getObject(0);
    return ((java.math.BigDecimal) id).longValueExact();
  }

  @Test
  void aCastThatCannotBePlannedTakesNoPlace() throws Exception {
    Schema impossible =
        new Schema(
            List.of(
                ArrowSamples.nullable("id", ArrowType.Struct.INSTANCE),
                ArrowSamples.nullable("name", ArrowType.Utf8.INSTANCE)));
    try (StreamCache cache = builder(source(2)).maxReaders(1).create()) {
      assertThatThrownBy(() -> cache.cast(impossible))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("id");
      assertThatThrownBy(() -> cache.cast(new Schema(List.of())))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> cache.cast(TestSource.SCHEMA).reader(ReadOptions.ALL.columns("id")))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> cache.reader(ReadOptions.ALL.columns("nobody")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("nobody");
      assertThat(cache.statistics().log().readersCreated()).isZero();
      try (StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 2, ROWS);
      }
    }
  }

  @Test
  void anOverflowIsAnErrorAndTheBatchIsNotPassedOver() throws Exception {
    Schema narrow =
        new Schema(
            List.of(
                ArrowSamples.nullable("id", new ArrowType.Int(16, true)),
                ArrowSamples.nullable("name", ArrowType.Utf8.INSTANCE)));
    try (StreamCache cache = builder(source(3)).maxReaders(2).create();
        ArrowReader reader = cache.cast(narrow).reader()) {
      assertThat(reader.loadNextBatch()).isTrue();
      for (int attempt = 0; attempt < 3; attempt++) {
        assertThatThrownBy(reader::loadNextBatch).isInstanceOf(CastException.class);
      }
      assertThat(cache.statistics().log().readersCreated()).isEqualTo(1);
      try (StreamReader plain = cache.reader()) {
        TestSource.expect(plain, 0, 3, ROWS);
      }
    }
  }

  // ---- readers are ArrowReaders

  @Test
  void everyReaderIsAnArrowReaderAndCanBeTheSourceOfAnotherCache() throws Exception {
    try (StreamCache cache = builder(source(6)).create();
        StreamCache second =
            StreamCache.builder()
                .source((ArrowReader) cache.reader())
                .allocator(allocator)
                .directory(home.resolve("second"))
                .memoryCapacity(0)
                .create();
        StreamCache third =
            StreamCache.builder().source(second.cast(WIDE).reader()).allocator(allocator).create();
        StreamReader reader = second.reader()) {
      assertThat(third.ingestAll()).isEqualTo(6);
      TestSource.expect(reader, 0, 6, ROWS);
      assertThat(third.schema()).isEqualTo(WIDE);
      assertThat(third.ingestedRows()).isEqualTo(6L * ROWS);
    }
  }

  @Test
  void anyNumberOfReadersEachWithAnAllocatorOfItsOwn() throws Exception {
    try (StreamCache cache = onDisk(source(40)).memoryCapacity(8192).create();
        Threads threads = new Threads()) {
      for (int i = 0; i < 8; i++) {
        boolean own = i % 2 == 0;
        threads.run(
            () -> {
              try (BufferAllocator mine = new RootAllocator();
                  StreamReader reader =
                      cache.reader(own ? ReadOptions.ALL.allocator(mine) : ReadOptions.ALL)) {
                TestSource.expect(reader, 0, 40, ROWS);
                assertThat(mine.getAllocatedMemory()).isEqualTo(own ? 1 : 0);
              }
            });
      }
      threads.join();
    }
  }

  // ---- lifetime

  @Test
  void closeIsIdempotentAndClosedThingsSaySo() throws Exception {
    TestSource source = source(5);
    StreamCache cache = onDisk(source).create();
    StreamReader reader = cache.reader();
    reader.close();
    reader.close();
    cache.close();
    cache.close();
    assertThat(source.closes).hasValue(1);
    assertThatThrownBy(reader::loadNextBatch).isInstanceOf(ClosedException.class);
    assertThatThrownBy(cache::reader).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> cache.shared(Start.FRONTIER)).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> cache.batch(0)).isInstanceOf(ClosedException.class);
    assertThatThrownBy(cache::ingestAll).isInstanceOf(ClosedException.class);
    assertThatThrownBy(cache::flush).isInstanceOf(ClosedException.class);
    assertThat(home.resolve("cache")).doesNotExist();
  }

  @Test
  void readersGoOnAfterTheCacheWasClosedAndFilesGoWithTheLast() throws Exception {
    Path directory = home.resolve("cache");
    TestSource source = source(10);
    StreamCache cache = onDisk(source).memoryCapacity(0).create();
    StreamReader one = cache.reader();
    StreamReader two = cache.reader();
    TestSource.expect(one, 0, 6, ROWS);
    cache.close();
    assertThat(source.closes).hasValue(1);
    assertThat(directory).exists();
    TestSource.expect(two, 0, 6, ROWS);
    assertThatThrownBy(two::loadNextBatch).isInstanceOf(ClosedException.class);
    one.close();
    assertThat(directory).exists();
    two.seek(0);
    TestSource.expect(two, 0, 1, ROWS);
    BigIntVector ids = (BigIntVector) two.getVectorSchemaRoot().getVector(0);
    var pair = ids.getTransferPair(allocator);
    pair.transfer();
    BigIntVector kept = (BigIntVector) pair.getTo();
    two.close();
    assertThat(directory).doesNotExist();
    assertThat(kept.get(7)).isEqualTo(7);
    kept.close();
  }

  @Test
  void deliveredBatchesStayValidUntilReleased() throws Exception {
    long batch = batchBytes();
    for (boolean disk : new boolean[] {false, true}) {
      List<BatchLease> leases = new ArrayList<>();
      TestSource source = source(12);
      StreamCacheBuilder builder = disk ? onDisk(source).memoryCapacity(0) : builder(source);
      if (disk) {
        builder.diskCapacity(100 * batch);
      }
      StreamCache cache = builder.maxReaders(1).create();
      try (SharedReader shared = cache.shared(Start.BEGINNING)) {
        for (int i = 0; i < 12; i++) {
          leases.add(shared.next().orElseThrow());
        }
        assertThat(shared.next()).isEmpty();
      }
      cache.close();
      for (BatchLease lease : leases) {
        TestSource.check(lease.root(), lease.index(), ROWS);
      }
      leases.forEach(BatchLease::close);
      leases.forEach(BatchLease::close);
      assertThat(leases.getFirst().root().getRowCount()).isZero();
    }
  }

  @Test
  void theSourceIsClosedWhenItIsExhausted() throws Exception {
    TestSource source = source(3);
    try (StreamCache cache = builder(source).create();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 3, ROWS);
      assertThat(source.closes).hasValue(0);
      assertThat(reader.loadNextBatch()).isFalse();
      assertThat(source.closes).hasValue(1);
    }
    assertThat(source.closes).hasValue(1);
  }

  @Test
  void aSourceThatFailsToCloseHidesNothing() throws Exception {
    TestSource inner = source(2);
    BatchProducer source =
        new BatchProducer() {
          @Override
          public VectorSchemaRoot root() {
            return inner.root();
          }

          @Override
          public DictionaryProvider dictionaries() throws IOException {
            return inner.dictionaries();
          }

          @Override
          public boolean next() throws IOException {
            return inner.next();
          }

          @Override
          public void close() throws IOException {
            inner.close();
            throw new IOException("cannot close");
          }
        };
    try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create()) {
      assertThat(cache.ingestAll()).isEqualTo(2);
      assertThat(cache.upstreamExhausted()).isTrue();
    }
  }
}
