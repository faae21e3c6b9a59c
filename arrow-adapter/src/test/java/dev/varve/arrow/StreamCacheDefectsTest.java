// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FullException;
import dev.varve.file.SimulatedStorage;
import dev.varve.log.LogStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Mistakes that caches of streams are known for, and that this one must not make. */
@Timeout(120)
class StreamCacheDefectsTest {

  private static final int ROWS = 50;

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

  private StreamCacheBuilder builder(BatchProducer source) {
    return StreamCache.builder().source(source).allocator(allocator);
  }

  private StreamCacheBuilder opener() {
    return StreamCache.builder().allocator(allocator).directory(home.resolve("cache"));
  }

  /** First: a stream that failed must never look complete to anybody. */
  @Test
  void aFailureOfTheSourceIsStickyForEveryReader() throws Exception {
    for (boolean kept : new boolean[] {false, true}) {
      TestSource source = source(10).failAt(4, "the wire broke");
      StreamCacheBuilder builder = builder(source);
      if (kept) {
        builder.directory(home.resolve("cache")).kept();
      }
      try (StreamCache cache = builder.create();
          StreamReader early = cache.reader()) {
        TestSource.expect(early, 0, 4, ROWS);
        for (int attempt = 0; attempt < 3; attempt++) {
          assertThatThrownBy(early::loadNextBatch)
              .isInstanceOfSatisfying(
                  UpstreamException.class, e -> assertThat(e.batch()).isEqualTo(4))
              .hasMessageContaining("the wire broke")
              .hasMessageContaining("batch 4");
        }
        assertThatThrownBy(cache::ingestAll).isInstanceOf(UpstreamException.class);
        try (StreamReader late = cache.reader();
            StreamReader frontier = cache.reader(Start.FRONTIER);
            StreamReader beyond = cache.reader(Start.at(7));
            StreamReader shuffled = cache.reader(ReadOptions.ALL.shuffled(1));
            StreamReader range = cache.reader(ReadOptions.ALL.range(1, 4));
            SharedReader shared = cache.shared(Start.at(4));
            var cast = cache.cast(TestSource.SCHEMA).reader()) {
          TestSource.expect(late, 0, 4, ROWS);
          assertThatThrownBy(late::loadNextBatch).isInstanceOf(UpstreamException.class);
          assertThatThrownBy(frontier::loadNextBatch).isInstanceOf(UpstreamException.class);
          assertThatThrownBy(beyond::loadNextBatch).isInstanceOf(UpstreamException.class);
          assertThatThrownBy(shuffled::loadNextBatch).isInstanceOf(UpstreamException.class);
          assertThatThrownBy(shared::next).isInstanceOf(UpstreamException.class);
          assertThatThrownBy(shared::atEnd).isInstanceOf(UpstreamException.class);
          TestSource.expect(range, 1, 4, ROWS);
          assertThat(range.loadNextBatch()).isFalse();
          for (int i = 0; i < 4; i++) {
            assertThat(cast.loadNextBatch()).isTrue();
          }
          assertThatThrownBy(cast::loadNextBatch).isInstanceOf(UpstreamException.class);
        }
        assertThat(cache.upstreamExhausted()).isFalse();
        assertThat(cache.status()).isEqualTo(LogStatus.FAILED);
        assertThat(cache.failure()).hasValueSatisfying(m -> assertThat(m).contains("wire broke"));
        assertThat(source.pulls).hasValue(5);
        cache.close();
        assertThatThrownBy(early::loadNextBatch).isInstanceOf(UpstreamException.class);
      }
      assertThat(source.closes).hasValue(1);
    }
    try (StreamCache cache = opener().open();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 4, ROWS);
      assertThatThrownBy(reader::loadNextBatch)
          .isInstanceOf(UpstreamException.class)
          .hasMessageContaining("the wire broke");
    }
  }

  @Test
  void anErrorWithoutAMessageAndAnUncheckedOneAreStickyToo() throws Exception {
    List<RuntimeException> unchecked =
        List.of(new IllegalStateException(), new UnsupportedOperationException("no"));
    for (RuntimeException each : unchecked) {
      TestSource source =
          source(3)
              .at(
                  1,
                  () -> {
                    throw each;
                  });
      try (StreamCache cache = builder(source).create();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 1, ROWS);
        for (int attempt = 0; attempt < 2; attempt++) {
          assertThatThrownBy(reader::loadNextBatch)
              .isInstanceOf(UpstreamException.class)
              .hasCauseReference(each)
              .hasMessageContaining(
                  each.getMessage() == null ? "IllegalStateException" : each.getMessage());
        }
      }
    }
  }

  /** Second: what did not fit is still the next, whoever asks. */
  @Test
  void aBatchThatDidNotFitIsNextAfterRoomWasMade() throws Exception {
    long batch;
    try (StreamCache cache = builder(source(1)).create()) {
      cache.ingestAll();
      batch = cache.statistics().log().hotBytes();
    }
    TestSource source = source(30);
    try (StreamCache cache = builder(source).memoryCapacity(4 * batch).maxReaders(2).create();
        StreamReader ahead = cache.reader();
        StreamReader behind = cache.reader()) {
      TestSource.expect(ahead, 0, 4, ROWS);
      for (int next = 4; next < 30; next++) {
        assertThatThrownBy(ahead::loadNextBatch).isInstanceOf(FullException.class);
        assertThatThrownBy(cache::ingestAll).isInstanceOf(FullException.class);
        assertThat(cache.ingestedCount()).isEqualTo(next);
        TestSource.expect(behind, next - 4, next - 3, ROWS);
        // The root of the reader that is behind still holds its batch.
        behind.getVectorSchemaRoot().clear();
        TestSource.expect(ahead, next, next + 1, ROWS);
        ahead.getVectorSchemaRoot().clear();
      }
      assertThat(ahead.loadNextBatch()).isFalse();
      TestSource.expect(behind, 26, 30, ROWS);
      assertThat(source.pulls).hasValue(31);
    }
  }

  @Test
  void aFullDiskLosesNoBatchEither() throws Exception {
    SimulatedStorage disk = SimulatedStorage.create(1);
    disk.mappingReserve(1 << 20);
    TestSource source = source(40);
    try (StreamCache cache =
            builder(source)
                .storage(disk)
                .directory(Path.of("/cache"))
                .memoryCapacity(0)
                .segmentBytes(8192)
                .create();
        StreamReader reader = cache.reader()) {
      long room = 20_000;
      disk.capacity(room);
      long read = 0;
      int refusals = 0;
      while (read < 40) {
        try {
          if (!reader.loadNextBatch()) {
            break;
          }
          TestSource.check(reader.getVectorSchemaRoot(), read++, ROWS);
        } catch (FullException e) {
          refusals++;
          try (StreamReader other = cache.reader()) {
            TestSource.expect(other, 0, read, ROWS);
          }
          room += 3_000;
          disk.capacity(room);
        }
      }
      assertThat(refusals).isGreaterThan(5);
      assertThat(reader.loadNextBatch()).isFalse();
      assertThat(source.pulls).hasValue(41);
    }
  }

  /** Third: a batch of another schema is no batch of this stream. */
  @Test
  void aBatchOfAnotherSchemaIsRejected() throws Exception {
    Schema other = new Schema(List.of(ArrowSamples.nullable("id", new ArrowType.Int(32, true))));
    TestSource inner = source(5);
    BatchProducer source =
        new BatchProducer() {
          private final VectorSchemaRoot wrong = VectorSchemaRoot.create(other, allocator);
          private int next;

          @Override
          public VectorSchemaRoot root() {
            return next == 3 ? wrong : inner.root();
          }

          @Override
          public boolean next() throws IOException {
            next++;
            return inner.next();
          }

          @Override
          public void close() {
            wrong.close();
            inner.close();
          }
        };
    try (StreamCache cache = builder(source).create();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 2, ROWS);
      for (int attempt = 0; attempt < 2; attempt++) {
        assertThatThrownBy(reader::loadNextBatch)
            .isInstanceOf(UpstreamException.class)
            .hasMessageContaining("schema");
      }
      assertThat(cache.ingestedCount()).isEqualTo(2);
    }
  }

  /** Third: nor is one whose root has kept its schema while a vector grew another child. */
  @Test
  void aBatchWhoseVectorsHaveLeftTheSchemaIsRejected() throws Exception {
    FieldType ints = FieldType.nullable(new ArrowType.Int(32, true));
    StructVector struct = StructVector.empty("s", allocator);
    IntVector a = struct.addOrGet("a", ints, IntVector.class);
    expectRejected(
        VectorSchemaRoot.of(struct),
        batch -> {
          if (batch == 2) {
            struct.addOrGet("b", ints, IntVector.class).setSafe(0, 7);
          }
          struct.setIndexDefined(0);
          a.setSafe(0, batch);
        },
        "column s has the children [a: Int(32, true), b: Int(32, true)], expected"
            + " [a: Int(32, true)]");
  }

  /** Third: also where the vector does not tell, as a dense union of structs. */
  @Test
  void aBatchWhoseDenseUnionHasLeftTheSchemaIsRejected() throws Exception {
    FieldType ints = FieldType.nullable(new ArrowType.Int(32, true));
    Field struct =
        ArrowSamples.nullable("s", new ArrowType.Struct(), new Field("a", ints, List.of()));
    ArrowType type = new ArrowType.Union(UnionMode.Dense, new int[] {0});
    Schema schema = new Schema(List.of(ArrowSamples.nullable("u", type, struct)));
    VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
    DenseUnionVector union = (DenseUnionVector) root.getVector(0);
    expectRejected(
        root,
        batch -> {
          union.setTypeId(0, (byte) 0);
          union.setOffset(0, 0);
          StructVector child = union.getStruct((byte) 0);
          child.addOrGet(batch < 2 ? "a" : "b", ints, IntVector.class).setSafe(0, batch);
          child.setIndexDefined(0);
          child.setValueCount(1);
        },
        "column u.s has the children [a: Int(32, true), b: Int(32, true)], expected"
            + " [a: Int(32, true)]");
  }

  /** The third of the batches is of another schema. */
  private void expectRejected(VectorSchemaRoot root, IntConsumer fill, String what)
      throws IOException {
    try (StreamCache cache = builder(filled(root, fill)).create();
        StreamReader reader = cache.reader()) {
      for (int i = 0; i < 2; i++) {
        assertThat(reader.loadNextBatch()).isTrue();
      }
      for (int attempt = 0; attempt < 2; attempt++) {
        assertThatThrownBy(reader::loadNextBatch)
            .isInstanceOf(UpstreamException.class)
            .hasMessageContaining("differs from the schema of the stream: " + what);
      }
      assertThat(cache.ingestedCount()).isEqualTo(2);
    }
  }

  /** Arrow tells the children of a dense union in the order of their type ids. */
  @Test
  void aDenseUnionOfAnyTypeIdsIsOfItsSchema() throws Exception {
    for (int[] ids : new int[][] {{0, 1}, {5, 9}, {9, 5}, null}) {
      Field[] children = {
        ArrowSamples.nullable("i", new ArrowType.Int(32, true)),
        ArrowSamples.nullable("l", new ArrowType.Int(64, true))
      };
      ArrowType type = new ArrowType.Union(UnionMode.Dense, ids);
      Schema schema = new Schema(List.of(ArrowSamples.nullable("u", type, children)));
      VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
      DenseUnionVector union = (DenseUnionVector) root.getVector(0);
      byte longs = (byte) (ids == null ? 1 : ids[1]);
      BatchProducer source =
          filled(
              root,
              batch -> {
                union.setTypeId(0, longs);
                union.setOffset(0, 0);
                union.getBigIntVector(longs).setSafe(0, batch);
                union.getBigIntVector(longs).setValueCount(1);
              });
      try (StreamCache cache = builder(source).create();
          StreamReader reader = cache.reader()) {
        for (long i = 0; i < 3; i++) {
          assertThat(reader.loadNextBatch()).isTrue();
          assertThat(reader.getVectorSchemaRoot().getVector(0).getObject(0)).isEqualTo(i);
        }
      }
    }
  }

  /** A root whose field says other type ids than its vector has for the same children. */
  @Test
  void aDenseUnionOfOtherTypeIdsIsRejected() throws Exception {
    Field[] children = {
      ArrowSamples.nullable("a", new ArrowType.Int(32, true)),
      ArrowSamples.nullable("b", new ArrowType.Int(64, true))
    };
    ArrowType told = new ArrowType.Union(UnionMode.Dense, new int[] {5, 9});
    ArrowType made = new ArrowType.Union(UnionMode.Dense, new int[] {9, 5});
    FieldVector union = ArrowSamples.nullable("u", made, children).createVector(allocator);
    VectorSchemaRoot root =
        new VectorSchemaRoot(
            List.of(ArrowSamples.nullable("u", told, children)), List.of(union), 0);
    try (StreamCache cache = builder(filled(root, batch -> {})).create();
        StreamReader reader = cache.reader()) {
      assertThatThrownBy(reader::loadNextBatch)
          .isInstanceOf(UpstreamException.class)
          .hasMessageContaining("column u has the type ids [9, 5], expected [5, 9]");
    }
  }

  /** Batches of one row, without an end. */
  private static BatchProducer filled(VectorSchemaRoot root, IntConsumer fill) {
    return new BatchProducer() {
      private int next;

      @Override
      public VectorSchemaRoot root() {
        return root;
      }

      @Override
      public boolean next() {
        fill.accept(next++);
        root.setRowCount(1);
        return true;
      }

      @Override
      public void close() {
        root.close();
      }
    };
  }

  /**
   * Who waits for a batch is woken by that batch, not by the next: the source does not give the
   * next before the reader has this one, and does not give this one before the reader waits for it.
   */
  @Test
  void aReaderGetsABatchWithoutTheSourceGivingTheNext() throws Exception {
    int batches = 12;
    Thread readingThread = Thread.currentThread();
    AtomicInteger read = new AtomicInteger();
    TestSource source = source(batches);
    for (int batch = 0; batch <= batches; batch++) {
      int pulled = batch;
      source.at(batch, () -> requireSoon(() -> read.get() == pulled && isWaiting(readingThread)));
    }
    try (StreamCache cache = builder(source).readAhead(3).create();
        StreamReader reader = cache.reader()) {
      while (reader.loadNextBatch()) {
        TestSource.check(reader.getVectorSchemaRoot(), read.get(), ROWS);
        read.incrementAndGet();
      }
      assertThat(read).hasValue(batches);
    }
  }

  private static boolean isWaiting(Thread thread) {
    return thread.getState() == Thread.State.TIMED_WAITING
        || thread.getState() == Thread.State.WAITING;
  }

  private static void requireSoon(BooleanSupplier condition) throws IOException {
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > limit) {
        throw new IOException("the batch before did not reach the reader that waits for it");
      }
      Thread.onSpinWait();
    }
  }

  /** Fourth: a slow source slows nobody who does not need it. */
  @Test
  void readersOfCachedBatchesDoNotWaitForABlockedSource() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    TestSource source = source(8).blockAt(5, entered, release);
    try (StreamCache cache =
            builder(source).directory(home.resolve("cache")).readAhead(2).create();
        Threads threads = new Threads();
        StreamReader waiting = cache.reader()) {
      threads.run(() -> TestSource.expect(waiting, 0, 8, ROWS));
      entered.await();
      // The source is blocked and stays so until all of this was done.
      for (int i = 0; i < 3; i++) {
        try (StreamReader reader = cache.reader();
            StreamReader range = cache.reader(ReadOptions.ALL.range(0, 5).shuffled(i))) {
          TestSource.expect(reader, 0, 5, ROWS);
          for (int batch = 0; batch < 5; batch++) {
            assertThat(range.loadNextBatch()).isTrue();
          }
          assertThat(range.loadNextBatch()).isFalse();
        }
      }
      cache.batch(4).close();
      cache.statistics();
      cache.sync();
      assertThat(cache.ingestedCount()).isEqualTo(5);
      release.countDown();
      threads.join();
    }
  }

  @Test
  void closeReturnsWhileAPullIsBlockedAndThePullingThreadClosesTheSource() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    CountDownLatch gone = new CountDownLatch(1);
    List<Thread> closers = new ArrayList<>();
    TestSource source =
        source(8)
            .blockAt(2, entered, release)
            .whenClosed(
                () -> {
                  closers.add(Thread.currentThread());
                  gone.countDown();
                });
    StreamCache cache = builder(source).directory(home.resolve("cache")).create();
    try (Threads threads = new Threads();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 2, ROWS);
      threads.run(
          () ->
              assertThatThrownBy(reader::loadNextBatch)
                  .isInstanceOf(dev.varve.ClosedException.class));
      entered.await();
      cache.close();
      threads.join();
      assertThat(source.closes).hasValue(0);
      reader.seek(0);
      TestSource.expect(reader, 0, 2, ROWS);
    }
    assertThat(home.resolve("cache")).doesNotExist();
    release.countDown();
    gone.await();
    assertThat(source.closes).hasValue(1);
    assertThat(closers).hasSize(1).doesNotContain(Thread.currentThread());
  }

  /** Whatever the source's close throws, nobody waits for a thread that it ended. */
  @Test
  void anErrorWhileTheSourceIsClosedIsNoFailureOfTheCache() throws Exception {
    for (int wanted : new int[] {2, 8}) {
      TestSource source =
          source(8)
              .whenClosed(
                  () -> {
                    throw new AssertionError("on purpose");
                  });
      try (StreamCache cache = builder(source).directory(home.resolve("cache")).create();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, wanted, ROWS);
        if (wanted == 8) {
          assertThat(reader.loadNextBatch()).isFalse();
          assertThat(cache.status()).isEqualTo(LogStatus.COMPLETE);
        }
        cache.close();
        assertThat(source.closes).hasValue(1);
      }
      assertThat(home.resolve("cache")).doesNotExist();
    }
  }

  /** Fifth: threads that share a reader, and threads that should not. */
  @Test
  void aSharedReaderGivesEachBatchOnceInOrderOfHandOut() throws Exception {
    int batches = 500;
    for (int round = 0; round < 2; round++) {
      boolean disk = round == 1;
      StreamCacheBuilder builder = builder(source(batches)).maxReaders(1);
      if (disk) {
        builder.directory(home.resolve("shared")).memoryCapacity(0).segmentBytes(4096);
      }
      Set<Long> seen = new ConcurrentSkipListSet<>();
      try (StreamCache cache = builder.create();
          SharedReader shared = cache.shared(Start.BEGINNING);
          Threads threads = new Threads()) {
        for (int i = 0; i < 6; i++) {
          threads.run(
              () -> {
                long last = -1;
                while (true) {
                  try (BatchLease lease = shared.next().orElse(null)) {
                    if (lease == null) {
                      return;
                    }
                    assertThat(lease.index()).isGreaterThan(last);
                    last = lease.index();
                    assertThat(seen.add(last)).isTrue();
                    TestSource.check(lease.root(), last, ROWS);
                  }
                }
              });
        }
        threads.join();
        assertThat(seen).hasSize(batches);
        assertThat(shared.atEnd()).isTrue();
        assertThat(cache.statistics().log().hotBatches()).isZero();
      }
    }
  }

  @Test
  void aPlainReaderInASecondThreadSaysSo() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    try (StreamCache cache = builder(source(3).blockAt(0, entered, release)).create();
        StreamReader reader = cache.reader();
        var cast = cache.cast(TestSource.SCHEMA).reader();
        Threads threads = new Threads()) {
      Thread[] users = new Thread[2];
      CountDownLatch begun = new CountDownLatch(2);
      threads.run(
          () -> {
            users[0] = Thread.currentThread();
            begun.countDown();
            TestSource.expect(reader, 0, 3, ROWS);
          });
      threads.run(
          () -> {
            users[1] = Thread.currentThread();
            begun.countDown();
            assertThat(cast.loadNextBatch()).isTrue();
          });
      begun.await();
      entered.await();
      for (Thread user : users) {
        while (user.getState() != Thread.State.TIMED_WAITING) {
          Thread.onSpinWait();
        }
      }
      assertThatThrownBy(reader::loadNextBatch)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("in use by thread " + users[0].getName());
      assertThatThrownBy(cast::loadNextBatch)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("in use by thread " + users[1].getName());
      assertThatThrownBy(() -> reader.seek(0)).isInstanceOf(IllegalStateException.class);
      release.countDown();
      threads.join();
    }
  }

  /** Sixth: directories that somebody uses, or used. */
  @Test
  void aDirectoryInUseOrLeftBehindGetsAClearAnswer() throws Exception {
    Path directory = home.resolve("cache");
    TestSource refused = source(3);
    try (StreamCache cache = builder(source(3)).directory(directory).kept().create()) {
      cache.ingestAll();
      assertThatThrownBy(() -> builder(refused).directory(directory).create())
          .isInstanceOf(BusyException.class)
          .hasMessageContaining(directory.toString());
      assertThatThrownBy(() -> opener().open()).isInstanceOf(BusyException.class);
      assertThatThrownBy(() -> StreamCache.delete(directory)).isInstanceOf(BusyException.class);
      try (StreamCache follower = opener().openReadOnly();
          StreamReader reader = follower.reader()) {
        TestSource.expect(reader, 0, 3, ROWS);
      }
      assertThat(refused.closes).hasValue(0);
    }
    assertThatThrownBy(() -> builder(refused).directory(directory).create())
        .isInstanceOf(ConflictException.class);
    assertThat(refused.pulls).hasValue(0);
    StreamCache.delete(directory);
    try (StreamCache cache = builder(refused).directory(directory).create()) {
      assertThat(cache.ingestAll()).isEqualTo(3);
    }
    Path strange = Files.createDirectory(home.resolve("strange"));
    Files.writeString(strange.resolve("thesis.txt"), "mine");
    TestSource other = source(3);
    assertThatThrownBy(() -> builder(other).directory(strange).create())
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining(strange.toString());
    other.close();
    assertThat(strange.resolve("thesis.txt")).hasContent("mine");
  }

  @Test
  void aTemporaryCacheOfADeadProcessIsReplacedAndAKeptOneReopened() throws Exception {
    for (boolean kept : new boolean[] {false, true}) {
      SimulatedStorage process = SimulatedStorage.create(3);
      process.mappingReserve(1 << 20);
      TestSource source = source(10);
      StreamCacheBuilder builder =
          builder(source).storage(process).directory(Path.of("/cache")).memoryCapacity(0);
      if (kept) {
        builder.kept();
      }
      SimulatedStorage after;
      try (StreamCache cache = builder.create();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 6, ROWS);
        after = process.killed();
        after.mappingReserve(1 << 20);
      }
      TestSource again = source(10);
      StreamCacheBuilder second =
          builder(again).storage(after).directory(Path.of("/cache")).memoryCapacity(0);
      if (kept) {
        assertThatThrownBy(second::create).isInstanceOf(ConflictException.class);
        again.from(6);
        try (StreamCache cache = second.open();
            StreamReader reader = cache.reader()) {
          assertThat(cache.wasRecovered()).isTrue();
          assertThat(cache.ingestedCount()).isEqualTo(6);
          TestSource.expect(reader, 0, 10, ROWS);
          assertThat(reader.loadNextBatch()).isFalse();
        }
      } else {
        try (StreamCache cache = second.create();
            StreamReader reader = cache.reader()) {
          TestSource.expect(reader, 0, 10, ROWS);
        }
      }
    }
  }

  /** Seventh: slices share what they were cut from, which is held and charged once. */
  @Test
  void slicesOfSharedBuffersAreChargedForWhatTheyHold() throws Exception {
    int slices = 50;
    int rows = 10;
    Schema schema =
        new Schema(
            List.of(
                ArrowSamples.nullable("id", new ArrowType.Int(64, true)),
                ArrowSamples.nullable("view", ArrowType.Utf8View.INSTANCE)));
    try (VectorSchemaRoot parent = VectorSchemaRoot.create(schema, allocator)) {
      BigIntVector ids = (BigIntVector) parent.getVector(0);
      ViewVarCharVector views = (ViewVarCharVector) parent.getVector(1);
      ids.allocateNew(slices * rows);
      views.allocateNew();
      for (int i = 0; i < slices * rows; i++) {
        ids.set(i, i);
        views.setSafe(i, ("a text that is too long to stand in the view " + i).getBytes("UTF-8"));
      }
      parent.setRowCount(slices * rows);
      long whole = cachedBytes(parent, 1, slices * rows);
      long cut = cachedBytes(parent, slices, rows);
      // Each slice adds its metadata and padding, and no copy of the parent.
      assertThat(cut).isLessThan(whole + slices * 1200L);
    }
  }

  private long cachedBytes(VectorSchemaRoot parent, int slices, int rows) throws IOException {
    VectorSchemaRoot root = VectorSchemaRoot.create(parent.getSchema(), allocator);
    BatchProducer source =
        new BatchProducer() {
          private int next;

          @Override
          public VectorSchemaRoot root() {
            return root;
          }

          @Override
          public boolean next() {
            if (next == slices) {
              return false;
            }
            for (int i = 0; i < 2; i++) {
              FieldVector target = root.getVector(i);
              target.clear();
              TransferPair pair = parent.getVector(i).makeTransferPair(target);
              pair.splitAndTransfer(next * rows, rows);
            }
            root.setRowCount(rows);
            next++;
            return true;
          }

          @Override
          public void close() {
            root.close();
          }
        };
    try (StreamCache cache = builder(source).create();
        StreamReader reader = cache.reader()) {
      assertThat(cache.ingestAll()).isEqualTo(slices);
      for (int slice = 0; slice < slices; slice++) {
        assertThat(reader.loadNextBatch()).isTrue();
        for (int i = 0; i < 2; i++) {
          RootAssert.assertRange(
              slice(parent.getVector(i), slice * rows, rows),
              reader.getVectorSchemaRoot().getVector(i),
              0,
              rows);
        }
      }
      return cache.statistics().log().heldBytes();
    }
  }

  private final List<FieldVector> cuts = new ArrayList<>();

  private FieldVector slice(FieldVector vector, int from, int count) {
    cuts.forEach(FieldVector::close);
    cuts.clear();
    TransferPair pair = vector.getTransferPair(allocator);
    pair.splitAndTransfer(from, count);
    FieldVector cut = (FieldVector) pair.getTo();
    cuts.add(cut);
    return cut;
  }

  @AfterEach
  void closeCuts() {
    cuts.forEach(FieldVector::close);
  }

  /** Eighth: nothing is special about a batch without rows, or without columns. */
  @Test
  void emptyBatchesAndBatchesWithoutColumnsAreOrdinary() throws Exception {
    int[] rows = {0, 5, 0, 0, 7, 0};
    for (Schema schema : List.of(TestSource.SCHEMA, new Schema(List.of()))) {
      for (boolean disk : new boolean[] {false, true}) {
        VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
        BatchProducer source =
            new BatchProducer() {
              private int next;

              @Override
              public VectorSchemaRoot root() {
                return root;
              }

              @Override
              public boolean next() {
                if (next == rows.length) {
                  return false;
                }
                if (schema.getFields().isEmpty()) {
                  root.setRowCount(rows[next]);
                } else {
                  TestSource.fill(root, next, rows[next]);
                }
                next++;
                return true;
              }

              @Override
              public void close() {
                root.close();
              }
            };
        StreamCacheBuilder builder = builder(source);
        if (disk) {
          builder.directory(home.resolve("cache")).memoryCapacity(0);
        }
        try (StreamCache cache = builder.create();
            StreamReader reader = cache.reader();
            StreamReader none = cache.reader(ReadOptions.ALL.columns(new int[0]))) {
          for (int i = 0; i < rows.length; i++) {
            assertThat(reader.loadNextBatch()).isTrue();
            TestSource.check(reader.getVectorSchemaRoot(), i, rows[i]);
            assertThat(none.loadNextBatch()).isTrue();
            assertThat(none.getVectorSchemaRoot().getRowCount()).isEqualTo(rows[i]);
          }
          assertThat(reader.loadNextBatch()).isFalse();
          assertThat(cache.ingestedCount()).isEqualTo(rows.length);
          assertThat(cache.ingestedRows()).isEqualTo(12);
        }
      }
    }
  }

  /** Ninth: damage is told, never replayed; what is in memory is served. */
  @Test
  void damageNamesFileOffsetAndChecksums() throws Exception {
    Path directory = home.resolve("cache");
    try (StreamCache cache =
        builder(source(3)).directory(directory).memoryCapacity(0).kept().create()) {
      cache.ingestAll();
    }
    Path segment;
    try (Stream<Path> files = Files.list(directory)) {
      segment = files.filter(each -> each.toString().endsWith(".arrow")).findFirst().orElseThrow();
    }
    byte[] bytes = Files.readAllBytes(segment);
    int at = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("batch 1 row");
    bytes[at] ^= 1;
    Files.write(segment, bytes);
    try (StreamCache cache = opener().open();
        StreamReader reader = cache.reader();
        StreamReader ids = cache.reader(ReadOptions.ALL.columns("id"))) {
      TestSource.expect(reader, 0, 1, ROWS);
      for (int attempt = 0; attempt < 2; attempt++) {
        assertThatThrownBy(reader::loadNextBatch)
            .isInstanceOf(CorruptionException.class)
            .hasMessageContaining(segment.toString())
            .hasMessageContaining("offset")
            .hasMessageMatching("(?s).*0x[0-9a-f]{8}.*0x[0-9a-f]{8}.*");
      }
      reader.seek(2);
      TestSource.expect(reader, 2, 3, ROWS);
      // A column that is left out is not looked at.
      TestSource.expect(ids, 0, 3, ROWS);
      assertThat(ids.loadNextBatch()).isFalse();
    }
  }

  @Test
  void batchesStillHotAreServedThoughTheFileIsDamaged() throws Exception {
    Path directory = home.resolve("cache");
    try (StreamCache cache =
        builder(source(3)).directory(directory).memoryCapacity(1 << 20).kept().create()) {
      cache.ingestAll();
      try (Stream<Path> files = Files.list(directory)) {
        for (Path file : files.filter(each -> each.toString().endsWith(".arrow")).toList()) {
          byte[] bytes = Files.readAllBytes(file);
          java.util.Arrays.fill(bytes, 1024, bytes.length, (byte) 7);
          Files.write(file, bytes);
        }
      }
      try (StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 3, ROWS);
      }
    }
  }
}
