// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.varve.CorruptionException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class BatchLoaderTest {
  private final BufferAllocator allocator = new RootAllocator();
  private final Arena arena = Arena.ofShared();
  private final AtomicInteger drops = new AtomicInteger();
  private final Runnable pin = drops::incrementAndGet;
  private ArrowSamples.Batch source;
  private BatchPlan plan;
  private BatchMetadata metadata;
  private MemorySegment message;
  private long body;

  @BeforeEach
  void encode() {
    List<Field> fields = new ArrayList<>();
    for (String name : List.of("a", "b", "c")) {
      fields.add(ArrowSamples.nullable(name, new ArrowType.Int(64, true)));
      fields.add(
          ArrowSamples.nullable(
              name + 2, new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE)));
    }
    fields.add(ArrowSamples.nullable("t", ArrowType.Utf8.INSTANCE));
    fields.add(ArrowSamples.nullable("u", ArrowType.Utf8.INSTANCE));
    Schema schema = new Schema(fields);
    source =
        new ArrowSamples.Sample("eight columns", schema, Map.of()).create(allocator, 1000, 1, 0.1);
    plan = BatchPlan.of(schema);
    try (IpcEncoder encoder = new IpcEncoder(false)) {
      encoder.appendBatch(source.root());
      MemorySegment bytes = Frames.store(arena, encoder.frame());
      int length = encoder.frame().metadataLength(0);
      metadata =
          BatchMetadata.parse(
              bytes.asSlice(8, length - 8), plan, Map.of(), bytes.byteSize(), "test", 0);
      message = bytes;
      body = bytes.address() + length;
    }
  }

  @AfterEach
  void close() {
    source.close();
    allocator.close();
    arena.close();
  }

  private VectorSchemaRoot root(BufferAllocator of) {
    return VectorSchemaRoot.create(source.root().getSchema(), of);
  }

  @Test
  void allocatesLittleHeapAndNoBodyMemory() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (BufferAllocator readers = allocator.newChildAllocator("reader", 0, 16);
        VectorSchemaRoot root = root(readers)) {
      BatchLoader loader = BatchLoader.of(plan, root, readers);
      long least = Long.MAX_VALUE;
      int loads = 1000;
      for (int round = 0; round < 20; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < loads; i++) {
          loader.load(metadata, body, pin);
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least / loads).as("heap bytes a batch").isLessThanOrEqualTo(2662);
      assertThat(readers.getPeakMemoryAllocation()).as("one byte a batch").isLessThanOrEqualTo(2);
      RootAssert.assertSame(root, source.root());
    }
    assertThat(drops).hasValue(20 * 1000);
  }

  @Test
  void dropsThePinWhenTheNextBatchReplacesIt() {
    try (VectorSchemaRoot root = root(allocator)) {
      BatchLoader loader = BatchLoader.of(plan, root, allocator);
      loader.load(metadata, body, pin);
      assertThat(drops).hasValue(0);
      loader.load(metadata, body, pin);
      assertThat(drops).hasValue(1);
    }
    assertThat(drops).hasValue(2);
  }

  @Test
  void keepsThePinForATransferredVector() {
    BufferAllocator sibling = allocator.newChildAllocator("sibling", 0, Long.MAX_VALUE);
    TransferPair pair;
    try (BufferAllocator readers = allocator.newChildAllocator("reader", 0, 64);
        VectorSchemaRoot root = root(readers)) {
      BatchLoader.of(plan, root, readers).load(metadata, body, pin);
      pair = root.getVector("t").getTransferPair(sibling);
      pair.transfer();
      root.close();
      assertThat(drops).hasValue(0);
    }
    FieldVector kept = (FieldVector) pair.getTo();
    RootAssert.assertSame(kept, source.root().getVector("t"));
    kept.close();
    assertThat(drops).hasValue(1);
    sibling.close();
  }

  @Test
  void dropsThePinWhenTheAllocatorIsFull() {
    try (BufferAllocator full = allocator.newChildAllocator("full", 0, 0);
        VectorSchemaRoot root = root(full)) {
      BatchLoader loader = BatchLoader.of(plan, root, full);
      assertThatThrownBy(() -> loader.load(metadata, body, pin))
          .isInstanceOf(OutOfMemoryException.class);
      assertThat(drops).hasValue(1);
    }
    assertThat(drops).hasValue(1);
  }

  @Test
  void dropsThePinWhenAVectorRefusesItsBuffers() {
    try (VectorSchemaRoot root = root(allocator)) {
      BatchLoader loader = BatchLoader.of(plan, root, allocator);
      loader.load(metadata, body, pin);
      BatchPlan other = BatchPlan.of(new Schema(List.of()));
      BatchLoader misled =
          BatchLoader.projection(other, VectorSchemaRoot.of(), new int[0], allocator);
      assertThatThrownBy(() -> misled.load(metadata, body, pin))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("another schema");
      assertThat(drops).hasValue(1);
    }
    assertThat(drops).hasValue(2);
  }

  @Test
  void isEmptyAfterABatchThatFailed() {
    try (VectorSchemaRoot root = root(allocator)) {
      BatchLoader loader = BatchLoader.of(plan, root, allocator);
      loader.load(metadata, body, pin);
      // The last column's first offset: all columns are loaded before it is found.
      long at = metadata.bufferOffset(metadata.bufferCount() - 2);
      message.set(ValueLayout.JAVA_INT, body - message.address() + at, -1);
      assertThatThrownBy(() -> loader.loadForeign(metadata, body, pin, "test", 0))
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining("Arrow column u");
      assertThat(drops).hasValue(2);
      for (FieldVector vector : root.getFieldVectors()) {
        assertThat(vector.getValueCount()).isZero();
        assertThat(vector.getDataBuffer().capacity()).isZero();
      }
    }
    assertThat(drops).hasValue(2);
  }

  /** A vector that has to make its bitmap, and cannot, has let go of the one before only once. */
  @Test
  void keepsWhatIsSharedWhenABitmapCannotBeMade() throws IOException {
    Schema two = new Schema(source.root().getSchema().getFields().subList(0, 2));
    BatchPlan planned = BatchPlan.of(two);
    List<BatchMetadata> batches = new ArrayList<>();
    long[] bodies = new long[2];
    for (int i = 0; i < 2; i++) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      ArrowFieldNode node = new ArrowFieldNode(1000, 0);
      try (ArrowBuf empty = allocator.getEmpty();
          ArrowBuf bits = allocator.buffer(125);
          ArrowBuf values = allocator.buffer(8000)) {
        bits.setOne(0, 125).writerIndex(125);
        values.setZero(0, 8000).writerIndex(8000);
        List<ArrowBuf> buffers = List.of(i == 0 ? bits : empty, values, bits, values);
        try (ArrowRecordBatch batch = new ArrowRecordBatch(1000, List.of(node, node), buffers)) {
          MessageSerializer.serialize(new WriteChannel(Channels.newChannel(out)), batch);
        }
      }
      MemorySegment copy = arena.allocate(out.size(), 64);
      copy.copyFrom(MemorySegment.ofArray(out.toByteArray()));
      int length = 8 + copy.get(ValueLayout.JAVA_INT, 4);
      bodies[i] = copy.address() + length;
      batches.add(
          BatchMetadata.parse(
              copy.asSlice(8, length - 8), planned, Map.of(), copy.byteSize(), "test", 0));
    }
    try (BufferAllocator small = allocator.newChildAllocator("small", 0, 64);
        VectorSchemaRoot root = VectorSchemaRoot.create(two, small)) {
      BatchLoader loader = BatchLoader.of(planned, root, small);
      loader.load(batches.get(0), bodies[0], pin);
      TransferPair pair = root.getVector(1).getTransferPair(small);
      pair.transfer();
      try (FieldVector kept = (FieldVector) pair.getTo()) {
        assertThatThrownBy(() -> loader.load(batches.get(1), bodies[1], () -> {}))
            .isInstanceOf(OutOfMemoryException.class);
        assertThat(kept.getDataBuffer().refCnt()).isEqualTo(2);
        assertThat(drops).hasValue(0);
      }
      assertThat(drops).hasValue(1);
    }
  }

  @Test
  void reportsALeakAtTheClosingOfTheAllocator() {
    BufferAllocator readers = allocator.newChildAllocator("reader", 0, 64);
    VectorSchemaRoot root = root(readers);
    BatchLoader.of(plan, root, readers).load(metadata, body, pin);
    assertThatThrownBy(readers::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("Memory was leaked");
    assertThat(drops).hasValue(0);
    // The allocator's books stay open with a byte of its parent: give it back.
    allocator.releaseBytes(1);
  }

  @Test
  void loadsSomeColumnsInAnyOrder() {
    VectorSchemaRoot all = source.root();
    int[] selection = {7, 0, 6};
    List<Field> fields = new ArrayList<>();
    for (int column : selection) {
      fields.add(all.getSchema().getFields().get(column));
    }
    try (VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(fields), allocator)) {
      BatchLoader.projection(plan, root, selection, allocator).load(metadata, body, pin);
      for (int i = 0; i < selection.length; i++) {
        RootAssert.assertSame(root.getVector(i), all.getVector(selection[i]));
      }
    }
    assertThat(drops).hasValue(1);
  }

  @Test
  void loadsNoColumnsWithTheRowCount() {
    try (VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(List.of()), allocator)) {
      BatchLoader.projection(plan, root, new int[0], allocator).load(metadata, body, pin);
      assertThat(root.getRowCount()).isEqualTo(1000);
      assertThat(drops).as("no vector needs the body").hasValue(1);
    }
  }

  /** What the vectors that Arrow makes from a schema cannot hold is said at the beginning. */
  @Test
  void namesTheSettingForAStructWithTwoChildrenOfOneName() {
    Field twice =
        ArrowSamples.nullable(
            "c",
            ArrowType.Struct.INSTANCE,
            ArrowSamples.nullable("x", new ArrowType.Int(32, true)),
            ArrowSamples.nullable("x", ArrowType.Utf8.INSTANCE));
    Schema schema = new Schema(List.of(twice));
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator)) {
      assertThatThrownBy(() -> BatchLoader.of(BatchPlan.of(schema), root, allocator))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("has 1 children, expected 2")
          .hasMessageContaining("-Darrow.struct.conflict.policy=CONFLICT_APPEND");
    }
  }

  @Test
  void valuesAreWhereTheBodyIs() {
    try (VectorSchemaRoot root = root(allocator)) {
      BatchLoader.of(plan, root, allocator).load(metadata, body, pin);
      BigIntVector a = (BigIntVector) root.getVector("a");
      assertThat(a.getDataBufferAddress()).isEqualTo(body + metadata.bufferOffset(1));
      assertThat(a.getDataBufferAddress() % 64).isZero();
    }
  }
}
