// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.BitVectorHelper;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarBinaryVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.complex.UnionVector;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Every value counts, and nothing else. */
class BatchChecksumTest {
  private static final DictionaryProvider NONE = new MapDictionaryProvider();
  private static final ArrowType INT = new ArrowType.Int(32, true);

  private final BufferAllocator allocator = new RootAllocator();

  @AfterEach
  void noLeaks() {
    allocator.close();
  }

  private static long sum(FieldVector vector) {
    return sum(vector, 0, 0);
  }

  private static long sum(FieldVector vector, long batch, int column) {
    try (BatchChecksum checksum = new BatchChecksum()) {
      VectorSchemaRoot root =
          new VectorSchemaRoot(List.of(vector.getField()), List.of(vector), vector.getValueCount());
      checksum.add(root, NONE, batch, new int[] {column});
      return checksum.sum();
    }
  }

  private IntVector ints(int... values) {
    IntVector vector = new IntVector("ints", allocator);
    for (int i = 0; i < values.length; i++) {
      vector.setSafe(i, values[i]);
    }
    vector.setValueCount(values.length);
    return vector;
  }

  @Test
  void placeAndValueCount() {
    try (IntVector a = ints(1, 2, 3);
        IntVector b = ints(1, 2, 4);
        IntVector c = ints(2, 1, 3);
        IntVector d = ints(1, 2)) {
      assertThat(List.of(sum(a), sum(b), sum(c), sum(d), sum(a, 1, 0), sum(a, 0, 1)))
          .doesNotHaveDuplicates();
      a.setNull(1);
      long withNull = sum(a);
      assertThat(withNull).isNotEqualTo(sum(d));
      a.setValueCount(0);
      d.setValueCount(0);
      assertThat(sum(a)).isEqualTo(sum(d));
    }
  }

  @Test
  void orderOfBatchesDoesNotCount() {
    try (IntVector a = ints(1, 2, 3);
        IntVector b = ints(4);
        BatchChecksum forward = new BatchChecksum();
        BatchChecksum backward = new BatchChecksum()) {
      VectorSchemaRoot first = VectorSchemaRoot.of(a);
      VectorSchemaRoot second = VectorSchemaRoot.of(b);
      forward.add(first, NONE, 0, new int[] {0});
      forward.add(second, NONE, 1, new int[] {0});
      backward.add(second, NONE, 1, new int[] {0});
      backward.add(first, NONE, 0, new int[] {0});
      assertThat(forward.sum()).isEqualTo(backward.sum());
      assertThat(forward.bytes()).isEqualTo(4 * 4 + 2);
    }
  }

  @Test
  void whatLiesBehindTheValuesDoesNotCount() {
    try (BitVector bits = new BitVector("bits", allocator)) {
      bits.allocateNew(64);
      for (int i = 0; i < 11; i++) {
        bits.set(i, i & 1);
      }
      bits.setValueCount(11);
      long before = sum(bits);
      BitVectorHelper.setBit(bits.getDataBuffer(), 11);
      BitVectorHelper.setBit(bits.getValidityBuffer(), 15);
      bits.getDataBuffer().setByte(2, 0x55);
      assertThat(sum(bits)).isEqualTo(before);
      BitVectorHelper.unsetBit(bits.getDataBuffer(), 9);
      assertThat(sum(bits)).isNotEqualTo(before);
    }
    try (VarCharVector text = new VarCharVector("text", allocator)) {
      text.setSafe(0, bytes("one"));
      text.setSafe(1, bytes("two"));
      text.setValueCount(2);
      long before = sum(text);
      text.getDataBuffer().setByte(6, 'x');
      assertThat(sum(text)).isEqualTo(before);
      text.getDataBuffer().setByte(5, 'x');
      assertThat(sum(text)).isNotEqualTo(before);
    }
  }

  @Test
  void viewsCountByValueNotByPlace() {
    try (ViewVarCharVector one = new ViewVarCharVector("views", allocator);
        ViewVarCharVector other = new ViewVarCharVector("views", allocator)) {
      String[] values = {
        "short", "a value that is longer than twelve bytes", "", "another long one"
      };
      for (int i = 0; i < values.length; i++) {
        one.setSafe(i, bytes(values[i]));
      }
      one.setNull(values.length);
      one.setValueCount(values.length + 1);
      for (int i = values.length - 1; i >= 0; i--) {
        other.setSafe(i, bytes(values[i]));
      }
      other.setNull(values.length);
      other.setValueCount(values.length + 1);
      assertThat(sum(other)).isEqualTo(sum(one));
      other.getDataBuffers().get(0).setByte(3, '!');
      assertThat(sum(other)).isNotEqualTo(sum(one));
      other.getDataBuffer().setInt(16 + 12, 1 << 20);
      assertThatThrownBy(() -> sum(other)).isInstanceOf(CorruptionException.class);
    }
  }

  @Test
  void longValuesAreHashedWhole() {
    byte[] large = new byte[1_000_000];
    try (LargeVarBinaryVector bytes = new LargeVarBinaryVector("bytes", allocator);
        ViewVarCharVector views = new ViewVarCharVector("views", allocator)) {
      bytes.setSafe(0, large);
      bytes.setValueCount(1);
      views.setSafe(0, bytes("before"));
      views.setSafe(1, large);
      views.setSafe(2, bytes("behind"));
      views.setValueCount(3);
      for (FieldVector vector : List.of(bytes, views)) {
        long before = sum(vector);
        ArrowBuf data = vector == bytes ? bytes.getDataBuffer() : views.getDataBuffers().getFirst();
        for (int at : new int[] {0, 262_143, 262_144, 999_999}) {
          data.setByte(at, 1);
          assertThat(sum(vector)).as("byte %s of %s", at, vector.getName()).isNotEqualTo(before);
          data.setByte(at, 0);
        }
        assertThat(sum(vector)).isEqualTo(before);
      }
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** One vector of each layout with two rows of two values each. */
  private Map<String, FieldVector> layouts() {
    Field item = Field.nullable("item", INT);
    Map<String, Field> fields = new TreeMap<>();
    fields.put("list", new Field("v", FieldType.nullable(ArrowType.List.INSTANCE), List.of(item)));
    fields.put(
        "large list",
        new Field("v", FieldType.nullable(ArrowType.LargeList.INSTANCE), List.of(item)));
    fields.put(
        "list view",
        new Field("v", FieldType.nullable(ArrowType.ListView.INSTANCE), List.of(item)));
    fields.put(
        "large list view",
        new Field("v", FieldType.nullable(ArrowType.LargeListView.INSTANCE), List.of(item)));
    fields.put(
        "fixed size list",
        new Field("v", FieldType.nullable(new ArrowType.FixedSizeList(2)), List.of(item)));
    fields.put(
        "struct", new Field("v", FieldType.nullable(ArrowType.Struct.INSTANCE), List.of(item)));
    fields.put(
        "sparse union",
        new Field(
            "v",
            FieldType.notNullable(new ArrowType.Union(UnionMode.Sparse, new int[] {0})),
            List.of(item)));
    fields.put(
        "dense union",
        new Field(
            "v",
            FieldType.notNullable(new ArrowType.Union(UnionMode.Dense, new int[] {0})),
            List.of(item)));
    fields.put(
        "run ends",
        new Field(
            "v",
            FieldType.notNullable(ArrowType.RunEndEncoded.INSTANCE),
            List.of(Field.notNullable("run_ends", INT), Field.nullable("values", INT))));
    Map<String, FieldVector> vectors = new TreeMap<>();
    fields.forEach((name, field) -> vectors.put(name, field.createVector(allocator)));
    return vectors;
  }

  private static void fill(FieldVector vector) {
    vector.allocateNew();
    List<FieldVector> children = vector.getChildrenFromFields();
    IntVector values = (IntVector) children.getLast();
    IntStream.range(0, 4).forEach(i -> values.setSafe(i, 10 + i));
    values.setValueCount(4);
    switch (vector) {
      case ListVector v -> {
        v.getOffsetBuffer().setInt(0, 0);
        v.getOffsetBuffer().setInt(4, 2);
        v.getOffsetBuffer().setInt(8, 4);
        v.setNotNull(0);
        v.setNotNull(1);
        v.setLastSet(1);
      }
      case LargeListVector v -> {
        v.getOffsetBuffer().setLong(0, 0);
        v.getOffsetBuffer().setLong(8, 2);
        v.getOffsetBuffer().setLong(16, 4);
        v.setNotNull(0);
        v.setNotNull(1);
        v.setLastSet(1);
      }
      case ListViewVector v -> {
        v.setOffset(0, 0);
        v.setSize(0, 2);
        v.setOffset(1, 2);
        v.setSize(1, 2);
        v.setValidity(0, 1);
        v.setValidity(1, 1);
      }
      case LargeListViewVector v -> {
        v.setOffset(0, 0);
        v.setSize(0, 2);
        v.setOffset(1, 2);
        v.setSize(1, 2);
        v.setValidity(0, 1);
        v.setValidity(1, 1);
      }
      case FixedSizeListVector v -> {
        v.setNotNull(0);
        v.setNotNull(1);
      }
      case StructVector v -> {
        v.setIndexDefined(0);
        v.setIndexDefined(1);
      }
      case UnionVector v -> {
        v.getTypeBuffer().setByte(0, 0);
        v.getTypeBuffer().setByte(1, 0);
      }
      case DenseUnionVector v -> {
        v.getTypeBuffer().setByte(0, 0);
        v.getTypeBuffer().setByte(1, 0);
        v.getOffsetBuffer().setInt(0, 0);
        v.getOffsetBuffer().setInt(4, 1);
      }
      case RunEndEncodedVector v -> {
        IntVector ends = (IntVector) children.getFirst();
        ends.setSafe(0, 1);
        ends.setSafe(1, 2);
        ends.setValueCount(2);
      }
      default -> throw new AssertionError(vector);
    }
    values.setValueCount(vector instanceof StructVector ? 2 : 4);
    vector.setValueCount(2);
    values.setValueCount(
        switch (vector) {
          case StructVector v -> 2;
          case UnionVector v -> 2;
          case DenseUnionVector v -> 2;
          case RunEndEncodedVector v -> 2;
          default -> 4;
        });
  }

  @Test
  void everyByteOfEveryLayoutCounts() {
    for (Map.Entry<String, FieldVector> each : layouts().entrySet()) {
      try (FieldVector vector = each.getValue()) {
        fill(vector);
        long before = sum(vector);
        for (ArrowBuf buffer : meaningful(vector)) {
          assertThat(buffer.capacity()).as(each.getKey()).isPositive();
          byte old = buffer.getByte(0);
          buffer.setByte(0, old ^ 1);
          assertThat(tryToSum(vector)).as("%s, %s", each.getKey(), buffer).isNotEqualTo(before);
          buffer.setByte(0, old);
        }
        assertThat(sum(vector)).isEqualTo(before);
      }
    }
  }

  private static long tryToSum(FieldVector vector) {
    try {
      return sum(vector);
    } catch (CorruptionException e) {
      return 0;
    }
  }

  private static List<ArrowBuf> meaningful(FieldVector vector) {
    List<ArrowBuf> buffers = new ArrayList<>();
    for (FieldVector child : vector.getChildrenFromFields()) {
      buffers.addAll(meaningful(child));
    }
    switch (vector) {
      case IntVector v -> buffers.addAll(List.of(v.getValidityBuffer(), v.getDataBuffer()));
      case ListVector v -> buffers.addAll(List.of(v.getValidityBuffer(), v.getOffsetBuffer()));
      case LargeListVector v -> buffers.addAll(List.of(v.getValidityBuffer(), v.getOffsetBuffer()));
      case ListViewVector v ->
          buffers.addAll(List.of(v.getValidityBuffer(), v.getOffsetBuffer(), v.getSizeBuffer()));
      case LargeListViewVector v ->
          buffers.addAll(List.of(v.getValidityBuffer(), v.getOffsetBuffer(), v.getSizeBuffer()));
      case FixedSizeListVector v -> buffers.add(v.getValidityBuffer());
      case StructVector v -> buffers.add(v.getValidityBuffer());
      case UnionVector v -> buffers.add(v.getTypeBuffer());
      case DenseUnionVector v -> buffers.addAll(List.of(v.getTypeBuffer(), v.getOffsetBuffer()));
      case RunEndEncodedVector v -> {}
      default -> throw new AssertionError(vector);
    }
    return buffers;
  }

  @Test
  void aCopyInOtherMemoryHasTheSameChecksum() {
    for (Map.Entry<String, FieldVector> each : layouts().entrySet()) {
      try (FieldVector vector = each.getValue()) {
        fill(vector);
        VectorSchemaRoot root =
            new VectorSchemaRoot(List.of(vector.getField()), List.of(vector), 2);
        try (VectorSchemaRoot copy = VectorSchemaRoot.create(root.getSchema(), allocator);
            ArrowRecordBatch batch = new VectorUnloader(root).getRecordBatch()) {
          new VectorLoader(copy).load(batch);
          assertThat(sum(copy.getVector(0))).as(each.getKey()).isEqualTo(sum(vector));
        }
      }
    }
  }

  @Test
  void offsetsThatLeadOutsideAreCaught() {
    try (VarCharVector text = new VarCharVector("text", allocator)) {
      text.setSafe(0, bytes("one"));
      text.setValueCount(1);
      text.getOffsetBuffer().setInt(4, 1 << 30);
      assertThatThrownBy(() -> sum(text))
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining("1073741824 bytes at 0");
      text.getOffsetBuffer().setInt(4, 3);
    }
  }

  @Test
  void nullVectorsCountTheirRows() {
    try (NullVector two = new NullVector("n", 2);
        NullVector three = new NullVector("n", 3)) {
      assertThat(sum(two)).isNotEqualTo(sum(three));
    }
  }
}
