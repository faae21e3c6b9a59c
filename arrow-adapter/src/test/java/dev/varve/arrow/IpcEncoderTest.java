// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class IpcEncoderTest {
  private static final ArrowType INT32 = new ArrowType.Int(32, true);

  private final BufferAllocator allocator = new RootAllocator();
  private final IpcEncoder encoder = new IpcEncoder(true);
  private final MessageFrame frame = encoder.frame();

  @AfterEach
  void close() {
    encoder.close();
    allocator.close();
  }

  @Test
  void partsLieInTheVectorsWhereThatIsPossible() {
    try (IntVector vector = ints(100)) {
      encoder.appendBatch(VectorSchemaRoot.of(vector));
      assertThat(frame.partCount()).isEqualTo(3);
      assertThat(frame.partLength(0)).isEqualTo(frame.metadataLength(0)).isEqualTo(192);
      assertThat(frame.partLength(1)).as("validity, trimmed").isEqualTo(13);
      assertThat(frame.partLength(2)).as("values, trimmed").isEqualTo(400);
      MemorySegment values = frame.direct(2);
      assertThat(values.address()).isEqualTo(vector.getDataBufferAddress());
      assertThat(values.byteSize()).isEqualTo(400);
      assertThat(frame.bodyLength(0)).isEqualTo(64 + 448);
      assertThat(frame.length()).isEqualTo(192 + 64 + 448);
    }
  }

  @Test
  void partsOfVectorsAreCopiedWhereTheirMemoryMayBeAMapping() {
    try (IpcEncoder careful = new IpcEncoder(false);
        IntVector vector = ints(100);
        Arena arena = Arena.ofConfined()) {
      careful.appendBatch(VectorSchemaRoot.of(vector));
      assertThat(careful.frame().direct(0)).as("metadata is our own").isNotNull();
      assertThat(careful.frame().direct(2)).isNull();
      MemorySegment target = arena.allocate(8);
      careful.frame().copyTo(2, 396, target.asSlice(0, 4));
      assertThat(target.get(ValueLayout.JAVA_INT, 0)).isEqualTo(99);
    }
  }

  @Test
  void refusesToCopyOutsideAPartOrToTheHeap() {
    try (IntVector vector = ints(100);
        Arena arena = Arena.ofConfined()) {
      encoder.appendBatch(VectorSchemaRoot.of(vector));
      MemorySegment target = arena.allocate(8);
      assertThatThrownBy(() -> frame.copyTo(2, 396, target))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> frame.copyTo(3, 0, target))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> frame.copyTo(2, 0, MemorySegment.ofArray(new byte[8])))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void writesOutAnAbsentValidityBitmap() {
    try (IntVector vector = new IntVector("c", allocator);
        ArrowBuf empty = allocator.getEmpty();
        ArrowBuf values = allocator.buffer(44)) {
      for (int i = 0; i < 11; i++) {
        values.setInt(4L * i, i);
      }
      // The validity is neither absent for the vector nor all ones for the encoder to find.
      vector.loadFieldBuffers(new ArrowFieldNode(11, -1), List.of(empty, values));
      encoder.appendBatch(new VectorSchemaRoot(List.of(vector.getField()), List.of(vector), 11));
      assertThat(bytes(1)).containsExactly(0xFF, 0x07);
    }
  }

  @Test
  void completesTheOffsetsOfValuesSetAfterTheCount() {
    try (VarCharVector vector = new VarCharVector("c", allocator)) {
      vector.allocateNew(1000, 100);
      vector.setValueCount(100);
      vector.set(0, "first".getBytes(StandardCharsets.UTF_8));
      encoder.appendBatch(VectorSchemaRoot.of(vector));
      assertThat(frame.partLength(3)).isEqualTo(5);
    }
  }

  @Test
  void anEmptyVectorHasOneOffset() {
    try (VarCharVector vector = new VarCharVector("c", allocator)) {
      encoder.appendBatch(VectorSchemaRoot.of(vector));
      assertThat(bytes(2)).containsExactly(0, 0, 0, 0);
    }
  }

  @Test
  void offsetsOfASliceBeginAtZeroAndItsDataAloneIsWritten() {
    try (VarCharVector vector = new VarCharVector("c", allocator)) {
      for (int i = 0; i < 100; i++) {
        vector.setSafe(i, "value".getBytes(StandardCharsets.UTF_8));
      }
      vector.setValueCount(100);
      encoder.appendBatch(VectorSchemaRoot.of(vector), 60, 2);
      assertThat(bytes(2)).containsExactly(0, 0, 0, 0, 5, 0, 0, 0, 10, 0, 0, 0);
      assertThat(frame.partLength(3)).isEqualTo(10);
    }
  }

  @Test
  void aSliceOfViewsTakesOnlyTheDataItRefersTo() {
    try (ViewVarCharVector vector = views(1000)) {
      encoder.appendBatch(VectorSchemaRoot.of(vector));
      assertThat(frame.direct(3).address())
          .as("all of the data in place")
          .isEqualTo(vector.getDataBuffers().get(0).memoryAddress());
      encoder.reset();
      encoder.appendBatch(VectorSchemaRoot.of(vector), 500, 3);
      assertThat(frame.partCount()).isEqualTo(4);
      assertThat(frame.partLength(2)).isEqualTo(48);
      assertThat(frame.partLength(3)).isEqualTo(60);
    }
  }

  @Test
  void aSliceOfShortViewsHasNoDataBuffers() {
    try (ViewVarCharVector vector = views(10)) {
      vector.set(4, "short".getBytes(StandardCharsets.UTF_8));
      encoder.appendBatch(VectorSchemaRoot.of(vector), 4, 1);
      assertThat(frame.partCount()).isEqualTo(3);
    }
  }

  @Test
  void aSliceOfListViewsTakesOnlyTheSpanOfItsLists() {
    try (ListViewVector vector =
        (ListViewVector)
            ArrowSamples.nullable(
                    "c", ArrowType.ListView.INSTANCE, ArrowSamples.nullable("item", INT32))
                .createVector(allocator)) {
      vector.setInitialCapacity(100);
      vector.allocateNew();
      IntVector child = (IntVector) vector.getDataVector();
      for (int i = 0; i < 1000; i++) {
        child.setSafe(i, i);
      }
      child.setValueCount(1000);
      for (int i = 0; i < 100; i++) {
        vector.setOffset(i, 990 - 10 * i);
        vector.setSize(i, 10);
        vector.setValidity(i, 1);
      }
      vector.setValueCount(100);
      encoder.appendBatch(VectorSchemaRoot.of(vector), 50, 2);
      assertThat(frame.partLength(5)).as("20 integers").isEqualTo(80);
    }
  }

  @Test
  void refusesAVectorWhoseBuffersAreTooShort() {
    try (IntVector vector = new IntVector("c", allocator);
        ArrowBuf bits = allocator.buffer(16);
        ArrowBuf values = allocator.buffer(8)) {
      vector.loadFieldBuffers(new ArrowFieldNode(100, 0), List.of(bits, values));
      VectorSchemaRoot root =
          new VectorSchemaRoot(List.of(vector.getField()), List.of(vector), 100);
      assertThatThrownBy(() -> encoder.appendBatch(root))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("column c: its values buffer holds")
          .hasMessageContaining("400");
      assertThat(frame.messageCount()).as("nothing is left of it").isZero();
      assertThat(frame.partCount()).isZero();
    }
  }

  @Test
  void refusesRowsThatAreNotThere() {
    try (IntVector vector = ints(10)) {
      VectorSchemaRoot root = VectorSchemaRoot.of(vector);
      assertThatThrownBy(() -> encoder.appendBatch(root, 5, 6))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("rows 5 to 11 of 10");
      assertThatThrownBy(() -> encoder.appendDictionary(1, vector, -1, 2, false))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void severalMessagesShareAFrame() {
    try (IntVector vector = ints(100);
        Arena arena = Arena.ofConfined()) {
      encoder.appendDictionary(7, vector, 0, 40, false);
      encoder.appendDictionary(7, vector, 40, 60, true);
      encoder.appendBatch(VectorSchemaRoot.of(vector));
      assertThat(frame.messageCount()).isEqualTo(3);
      assertThat(frame.firstPart(1)).isEqualTo(3);
      MemorySegment bytes = Frames.store(arena, frame);
      BatchPlan plan = BatchPlan.of(VectorSchemaRoot.of(vector).getSchema());
      long offset = frame.messageOffset(1);
      BatchMetadata delta =
          BatchMetadata.parse(
              bytes.asSlice(offset + 8, frame.metadataLength(1) - 8),
              plan,
              Map.of(7L, plan),
              frame.bodyLength(1),
              "test",
              0);
      assertThat(delta.isDictionary()).isTrue();
      assertThat(delta.isDelta()).isTrue();
      assertThat(delta.dictionaryId()).isEqualTo(7);
      assertThat(delta.rowCount()).isEqualTo(60);
      assertThat(frame.metadata(1).mismatch(bytes.asSlice(offset, frame.metadataLength(1))))
          .isEqualTo(-1);
    }
  }

  @Test
  void encodingAgainAllocatesAlmostNoHeap() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (IntVector a = ints(1000);
        ViewVarCharVector b = views(1000)) {
      VectorSchemaRoot root = VectorSchemaRoot.of(a, b);
      long least = Long.MAX_VALUE;
      int times = 200;
      for (int round = 0; round < 30; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < times; i++) {
          encoder.reset();
          encoder.appendBatch(root);
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least / times).as("heap bytes a batch").isLessThanOrEqualTo(512);
    }
  }

  @Test
  void aListWhoseChildWasNeverMadeIsAListOfNulls() {
    try (ListVector list = ListVector.empty("c", allocator)) {
      list.allocateNew();
      list.setValueCount(5);
      VectorSchemaRoot root = VectorSchemaRoot.of(list);
      encoder.appendBatch(root);
      assertThat(bytes(1)).containsExactly(0);
      assertThat(frame.partLength(2)).isEqualTo(24);
      assertThat(frame.partCount()).isEqualTo(3);
    }
  }

  @Test
  void runsAreCutToTheValueCount() {
    try (RunEndEncodedVector runs = runs(4, 8, 12)) {
      runs.setValueCount(6);
      encoder.appendBatch(VectorSchemaRoot.of(runs));
      assertThat(bytes(2)).containsExactly(4, 0, 0, 0, 6, 0, 0, 0);
      assertThat(frame.partLength(4)).as("two values").isEqualTo(8);
    }
  }

  @Test
  void refusesRunsThatEndBeforeTheLastValue() {
    try (RunEndEncodedVector runs = runs(4, 8)) {
      runs.setValueCount(9);
      assertThatThrownBy(() -> encoder.appendBatch(VectorSchemaRoot.of(runs)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("column c: its 2 runs end before value 8 of 9");
    }
  }

  @Test
  void refusesAViewOutsideItsDataBuffers() {
    try (ViewVarCharVector vector = views(10)) {
      vector.getDataBuffer().setInt(16 * 4 + 12, 1 << 30);
      assertThatThrownBy(() -> encoder.appendBatch(VectorSchemaRoot.of(vector)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the view of value 4 refers to 20 bytes at 1073741824");
    }
  }

  @Test
  void refusesOffsetsThatGoBackwards() {
    try (VarCharVector vector = new VarCharVector("c", allocator)) {
      vector.setSafe(0, "value".getBytes(StandardCharsets.UTF_8));
      vector.setValueCount(1);
      vector.getOffsetBuffer().setInt(0, 6);
      assertThatThrownBy(() -> encoder.appendBatch(VectorSchemaRoot.of(vector)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("column c: its offsets go from 6 to 5");
    }
  }

  @Test
  void refusesAListThatIsLongerThanItsChild() {
    try (ListVector list = ListVector.empty("c", allocator)) {
      IntVector child = (IntVector) list.addOrGetVector(FieldType.nullable(INT32)).getVector();
      list.allocateNew();
      child.allocateNew(4);
      list.startNewValue(0);
      list.endValue(0, 4);
      list.setValueCount(1);
      list.getOffsetBuffer().setInt(4, 1 << 20);
      assertThatThrownBy(() -> encoder.appendBatch(VectorSchemaRoot.of(list)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("column $data$: its validity buffer holds");
    }
  }

  @Test
  void refusesRunEndsThatGoBackwards() {
    try (RunEndEncodedVector runs = runs(9, 3, 4)) {
      runs.setValueCount(4);
      runs.getRunEndsVector().getDataBuffer().setInt(0, 1);
      runs.getRunEndsVector().getDataBuffer().setInt(4, 9);
      runs.getRunEndsVector().getDataBuffer().setInt(8, 0);
      // 1, 9, 0: a search for the last run of rows 0 to 3 may end anywhere, but not outside.
      encoder.appendBatch(VectorSchemaRoot.of(runs));
      runs.getRunEndsVector().getDataBuffer().setInt(0, 9);
      runs.getRunEndsVector().getDataBuffer().setInt(4, 2);
      assertThatThrownBy(() -> encoder.appendBatch(VectorSchemaRoot.of(runs)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aSliceOfADenseUnionTakesOnlyTheValuesItRefersTo() {
    ArrowSamples.Sample sample =
        ArrowSamples.all().stream()
            .filter(s -> s.name().equals("dense union"))
            .findFirst()
            .orElseThrow();
    try (ArrowSamples.Batch batch = sample.create(allocator, 1000, 1, 0)) {
      encoder.appendBatch(batch.root(), 900, 10);
      // Type ids, offsets; then validity and values of the first child, which is of integers.
      assertThat(frame.partLength(1)).isEqualTo(10);
      assertThat(frame.partLength(2)).isEqualTo(40);
      assertThat(frame.partLength(4)).isLessThanOrEqualTo(40);
      assertThat(frame.length()).isLessThan(2048);
    }
  }

  @Test
  void refusesAUnionOffsetOutsideItsChild() {
    ArrowSamples.Sample sample =
        ArrowSamples.all().stream()
            .filter(s -> s.name().equals("dense union"))
            .findFirst()
            .orElseThrow();
    try (ArrowSamples.Batch batch = sample.create(allocator, 10, 1, 0)) {
      DenseUnionVector union = (DenseUnionVector) batch.root().getVector(0);
      for (int offset : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 20}) {
        union.getOffsetBuffer().setInt(12, offset);
        assertThatThrownBy(() -> encoder.appendBatch(batch.root()))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("column ");
      }
    }
  }

  @Test
  void encodesViewsWithoutAValidityBitmap() {
    try (ViewVarCharVector source = views(10);
        ViewVarCharVector vector = new ViewVarCharVector("c", allocator)) {
      vector.loadFieldBuffers(
          new ArrowFieldNode(10, -1),
          List.of(
              allocator.getEmpty(), source.getDataBuffer(), source.getDataBuffers().getFirst()));
      encoder.appendBatch(
          new VectorSchemaRoot(List.of(vector.getField()), List.of(vector), 10), 2, 3);
      assertThat(bytes(1)).containsExactly(0b111);
      assertThat(frame.partLength(3)).isEqualTo(60);
    }
  }

  private RunEndEncodedVector runs(int... ends) {
    Field field =
        new Field(
            "c",
            FieldType.notNullable(ArrowType.RunEndEncoded.INSTANCE),
            List.of(
                ArrowSamples.required("run_ends", INT32), ArrowSamples.nullable("values", INT32)));
    RunEndEncodedVector runs = (RunEndEncodedVector) field.createVector(allocator);
    for (int i = 0; i < ends.length; i++) {
      ((IntVector) runs.getRunEndsVector()).setSafe(i, ends[i]);
      ((IntVector) runs.getValuesVector()).setSafe(i, i);
    }
    runs.getRunEndsVector().setValueCount(ends.length);
    runs.getValuesVector().setValueCount(ends.length);
    return runs;
  }

  private int[] bytes(int part) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(frame.partLength(part));
      frame.copyTo(part, 0, copy);
      int[] values = new int[(int) copy.byteSize()];
      for (int i = 0; i < values.length; i++) {
        values[i] = copy.get(ValueLayout.JAVA_BYTE, i) & 0xFF;
      }
      return values;
    }
  }

  private IntVector ints(int count) {
    IntVector vector = new IntVector("c", allocator);
    vector.allocateNew(count);
    for (int i = 0; i < count; i++) {
      vector.set(i, i);
    }
    vector.setValueCount(count);
    return vector;
  }

  private ViewVarCharVector views(int count) {
    ViewVarCharVector vector = new ViewVarCharVector("c", allocator);
    vector.allocateNew();
    for (int i = 0; i < count; i++) {
      vector.setSafe(i, "a value of 20 bytes.".getBytes(StandardCharsets.UTF_8));
    }
    vector.setValueCount(count);
    return vector;
  }
}
