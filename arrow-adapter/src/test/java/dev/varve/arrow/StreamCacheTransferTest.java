// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.FullException;
import dev.varve.file.SimulatedStorage;
import dev.varve.log.WritePolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Batches that move into the cache in the buffers that their source made. */
@Timeout(120)
class StreamCacheTransferTest {

  private static final int ROWS = 1000;
  private static final Path DIR = Path.of("/cache");

  private BufferAllocator root;
  private BufferAllocator producer;
  private BufferAllocator account;

  @BeforeEach
  void open() {
    root = new RootAllocator();
    producer = root.newChildAllocator("producer", 0, Long.MAX_VALUE);
    account = root.newChildAllocator("cache", 0, Long.MAX_VALUE);
  }

  @AfterEach
  void close() {
    producer.close();
    account.close();
    root.close();
  }

  /** A source that notes where it had its batches, and what its root held when asked again. */
  private static final class Noting implements BatchProducer {
    private final TestSource source;
    final List<List<Long>> places = new ArrayList<>();
    final List<Integer> leftRows = new ArrayList<>();

    Noting(TestSource source) {
      this.source = source;
    }

    @Override
    public VectorSchemaRoot root() {
      return source.root();
    }

    @Override
    public boolean next() throws IOException {
      leftRows.add(root().getRowCount());
      boolean more = source.next();
      if (more) {
        places.add(places(root()));
      }
      return more;
    }

    @Override
    public void close() {
      source.close();
    }
  }

  private static List<Long> places(VectorSchemaRoot root) {
    List<Long> places = new ArrayList<>();
    for (FieldVector vector : root.getFieldVectors()) {
      vector.getFieldBuffers().forEach(buffer -> places.add(buffer.memoryAddress()));
    }
    return places;
  }

  private Noting source(int batches) {
    return new Noting(new TestSource(producer, batches, ROWS));
  }

  private StreamCacheBuilder builder(BatchProducer source) {
    return StreamCache.builder().source(source).allocator(account).transferBuffers();
  }

  @Test
  void readersSeeTheBuffersOfTheSourceUntilTheLastLetsGo() throws Exception {
    Noting source = source(8);
    BatchLease lease;
    BigIntVector outlives;
    try (StreamCache cache = builder(source).create();
        BufferAllocator another = new RootAllocator()) {
      assertThat(cache.ingestAll()).isEqualTo(8);
      assertThat(cache.statistics().transfers()).isEqualTo(8);
      assertThat(source.leftRows).containsOnly(0);
      assertThat(producer.getAllocatedMemory()).as("all is the cache's now").isZero();
      assertThat(account.getAllocatedMemory()).isGreaterThan(8 * ROWS * 16);
      assertThat(cache.statistics().log().heldBytes()).isEqualTo(account.getAllocatedMemory());
      long held = account.getAllocatedMemory();
      for (int epoch = 0; epoch < 2; epoch++) {
        // Readers may have an allocator of any root.
        try (StreamReader reader = cache.reader(ReadOptions.ALL.allocator(another))) {
          for (int batch = 0; batch < 8; batch++) {
            assertThat(reader.loadNextBatch()).isTrue();
            TestSource.check(reader.getVectorSchemaRoot(), batch, ROWS);
            assertThat(places(reader.getVectorSchemaRoot())).isEqualTo(source.places.get(batch));
            assertThat(another.getAllocatedMemory()).isEqualTo(1);
          }
        }
      }
      assertThat(account.getAllocatedMemory()).isEqualTo(held);
      lease = cache.batch(3);
      try (StreamReader reader = cache.reader(ReadOptions.ALL.columns("id"))) {
        assertThat(reader.loadNextBatch()).isTrue();
        TransferPair pair = reader.getVectorSchemaRoot().getVector(0).getTransferPair(account);
        pair.transfer();
        outlives = (BigIntVector) pair.getTo();
      }
    }
    assertThat(account.getAllocatedMemory()).as("two of eight batches").isBetween(2L, 80_000L);
    TestSource.check(lease.root(), 3, ROWS);
    lease.close();
    assertThat(outlives.get(7)).isEqualTo(7);
    outlives.close();
    assertThat(account.getAllocatedMemory()).isZero();
  }

  /** Arrow moves nothing between roots, so there the batches are copied. */
  @Test
  void anotherRootIsCopied() throws Exception {
    try (BufferAllocator foreign = new RootAllocator()) {
      Noting source = new Noting(new TestSource(foreign, 4, ROWS));
      try (StreamCache cache = builder(source).create();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 4, ROWS);
        assertThat(cache.statistics().transfers()).isZero();
        assertThat(source.leftRows).containsExactly(0, ROWS, ROWS, ROWS);
        assertThat(account.getAllocatedMemory()).isEqualTo(1);
      }
      assertThat(foreign.getAllocatedMemory()).isZero();
    }
  }

  @Test
  void whatWasReplayedFromAnotherCacheIsCopied() throws Exception {
    try (StreamCache first = StreamCache.builder().source(source(4)).allocator(producer).create();
        StreamCache second = builder(BatchProducer.of(first.reader())).create();
        StreamReader reader = second.reader()) {
      TestSource.expect(reader, 0, 4, ROWS);
      assertThat(second.statistics().transfers()).isZero();
    }
  }

  @Test
  void compressedBatchesAreCopied() throws Exception {
    try (StreamCache cache = builder(source(4)).compression(Compression.LZ4).create();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 4, ROWS);
      assertThat(cache.statistics().transfers()).isZero();
    }
  }

  /** The allocator's limit is not exceeded, by what is made for a batch or by what is moved. */
  @Test
  void withoutRoomInTheAllocatorABatchIsCopied() throws Exception {
    long moved;
    try (VectorSchemaRoot one = VectorSchemaRoot.create(TestSource.SCHEMA, producer)) {
      TestSource.fill(one, 0, ROWS);
      moved = producer.getAllocatedMemory();
    }
    for (long room : new long[] {100, moved - 1, moved + 100}) {
      try (BufferAllocator limited = root.newChildAllocator("limited", 0, room)) {
        try (StreamCache cache =
                StreamCache.builder()
                    .source(source(4))
                    .allocator(limited)
                    .transferBuffers()
                    .create();
            StreamReader reader = cache.reader(ReadOptions.ALL.allocator(root))) {
          TestSource.expect(reader, 0, 4, ROWS);
          assertThat(cache.statistics().transfers()).isZero();
          assertThat(limited.getAllocatedMemory()).isZero();
        }
      }
    }
    // The limit of a common ancestor is not in the way, since nothing is added below it.
    try (BufferAllocator parent = root.newChildAllocator("parent", 0, 2 * moved);
        BufferAllocator from = parent.newChildAllocator("from", 0, Long.MAX_VALUE);
        BufferAllocator to = parent.newChildAllocator("to", 0, Long.MAX_VALUE);
        StreamCache cache =
            StreamCache.builder()
                .source(new TestSource(from, 1, ROWS))
                .allocator(to)
                .transferBuffers()
                .create()) {
      cache.ingestAll();
      assertThat(cache.statistics().transfers()).isEqualTo(1);
    }
  }

  /** The batch stays the source's, buffers and charge, until it is taken; nothing is lost. */
  @Test
  void aRefusedBatchStaysWhereItWas() throws Exception {
    long batch;
    try (StreamCache cache = builder(source(1)).create()) {
      cache.ingestAll();
      batch = cache.statistics().log().heldBytes();
    }
    Noting source = source(12);
    try (StreamCache cache =
            builder(source).memoryCapacity(3 * batch + batch / 8).maxReaders(2).create();
        StreamReader ahead = cache.reader();
        StreamReader behind = cache.reader()) {
      TestSource.expect(ahead, 0, 3, ROWS);
      for (int next = 3; next < 12; next++) {
        long charged = account.getAllocatedMemory();
        for (int attempt = 0; attempt < 2; attempt++) {
          assertThatThrownBy(ahead::loadNextBatch).isInstanceOf(FullException.class);
          assertThat(source.root().getRowCount()).isEqualTo(ROWS);
          assertThat(places(source.root())).isEqualTo(source.places.get(next));
          assertThat(producer.getAllocatedMemory()).isPositive();
          assertThat(account.getAllocatedMemory()).isLessThanOrEqualTo(charged);
        }
        TestSource.expect(behind, next - 3, next - 2, ROWS);
        behind.getVectorSchemaRoot().clear();
        TestSource.expect(ahead, next, next + 1, ROWS);
        assertThat(places(ahead.getVectorSchemaRoot())).isEqualTo(source.places.get(next));
        ahead.getVectorSchemaRoot().clear();
      }
      assertThat(ahead.loadNextBatch()).isFalse();
      assertThat(source.places).hasSize(12);
    }
    assertThat(account.getAllocatedMemory()).isZero();
  }

  /** Closing a cache gives a batch that did not fit back to the source, which frees it. */
  @Test
  void aPendingBatchIsFreedByItsSource() throws Exception {
    try (StreamCache cache = builder(source(3)).memoryCapacity(10_000).create()) {
      assertThatThrownBy(cache::ingestAll).isInstanceOf(FullException.class);
      assertThat(producer.getAllocatedMemory()).isPositive();
    }
    assertThat(producer.getAllocatedMemory()).isZero();
    assertThat(account.getAllocatedMemory()).isZero();
  }

  @Test
  void onEvictionBatchesAreWrittenFromTheBuffersOfTheSource() throws Exception {
    for (SourceMemory memory : SourceMemory.values()) {
      SimulatedStorage storage = SimulatedStorage.create(5);
      StreamCacheBuilder builder =
          builder(source(20))
              .storage(storage)
              .directory(DIR)
              .kept()
              .sourceMemory(memory)
              .writePolicy(WritePolicy.ON_EVICTION)
              .memoryCapacity(200_000);
      try (StreamCache cache = builder.create();
          StreamReader reader = cache.reader()) {
        cache.ingestAll();
        assertThat(cache.statistics().transfers()).isEqualTo(20);
        assertThat(cache.statistics().log().evictions()).isBetween(5L, 19L);
        assertThat(account.getAllocatedMemory())
            .isEqualTo(cache.statistics().log().hotBytes())
            .isLessThanOrEqualTo(200_000);
        TestSource.expect(reader, 0, 20, ROWS);
      }
      assertThat(account.getAllocatedMemory()).isZero();
      try (StreamCache cache =
              StreamCache.builder().storage(storage).directory(DIR).allocator(account).open();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 20, ROWS);
      }
    }
  }

  /** A source whose batches are slices of one table. */
  private static final class Slices implements BatchProducer {
    private final BigIntVector table;
    private final VectorSchemaRoot root;
    private final int rows;
    private int next;

    Slices(BufferAllocator allocator, int batches, int rows) {
      this.rows = rows;
      this.table = new BigIntVector("id", allocator);
      table.allocateNew(batches * rows);
      for (int i = 0; i < batches * rows; i++) {
        table.set(i, i);
      }
      table.setValueCount(batches * rows);
      this.root = VectorSchemaRoot.of(new BigIntVector("id", allocator));
    }

    @Override
    public VectorSchemaRoot root() {
      return root;
    }

    @Override
    public boolean next() {
      if (next * rows == table.getValueCount()) {
        return false;
      }
      table
          .makeTransferPair(root.getVector(0))
          .splitAndTransfer(next++ * rows, rows); // which shares the table's buffers
      root.setRowCount(rows);
      return true;
    }

    @Override
    public void close() {
      root.close();
      table.close();
    }
  }

  private static void checkSlices(StreamCache cache, int batches, int rows) throws IOException {
    try (StreamReader reader = cache.reader()) {
      BigIntVector ids = (BigIntVector) reader.getVectorSchemaRoot().getVector(0);
      for (int i = 0; i < batches * rows; i++) {
        if (i % rows == 0) {
          assertThat(reader.loadNextBatch()).isTrue();
          assertThat(ids.getValueCount()).isEqualTo(rows);
        }
        assertThat(ids.get(i % rows)).isEqualTo(i);
      }
    }
  }

  @Test
  void slicesOfOneTableCountItOnce() throws Exception {
    int rows = 64_496; // Of which two fill a mebibyte but for little.
    Slices source = new Slices(producer, 2, rows);
    long table = producer.getAllocatedMemory();
    try (StreamCache cache = builder(source).memoryCapacity(table + 20_000).create()) {
      assertThat(cache.ingestAll()).isEqualTo(2);
      assertThat(cache.statistics().transfers()).isEqualTo(2);
      assertThat(cache.statistics().log().heldBytes()).isBetween(table, table + 20_000);
      assertThat(producer.getAllocatedMemory()).isZero();
      checkSlices(cache, 2, rows);
    }
    assertThat(account.getAllocatedMemory()).isZero();
  }

  /** A small slice does not keep a large table: it is copied, and counts what it holds. */
  @Test
  void smallSlicesDoNotKeepALargeTable() throws Exception {
    int rows = 1 << 13;
    Slices source = new Slices(producer, 16, rows);
    long bytes = 16L * rows * 8;
    try (StreamCache cache = builder(source).memoryCapacity(bytes * 9 / 8).create()) {
      assertThat(cache.ingestAll()).isEqualTo(16);
      assertThat(cache.statistics().transfers()).isZero();
      assertThat(cache.statistics().log().heldBytes()).isBetween(bytes, bytes * 9 / 8);
      assertThat(producer.getAllocatedMemory()).isZero();
      checkSlices(cache, 16, rows);
    }
  }

  @Test
  void transferNeedsAnAllocator() {
    try (TestSource source = new TestSource(producer, 1, ROWS)) {
      assertThatThrownBy(() -> StreamCache.builder().source(source).transferBuffers().create())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("allocator");
      assertThat(source.touches).hasValue(0);
    }
  }
}
