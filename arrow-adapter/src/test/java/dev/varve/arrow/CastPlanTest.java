// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static dev.varve.arrow.CastFixture.field;
import static dev.varve.arrow.CastFixture.required;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.IntervalMonthDayNanoVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.UuidVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.UnionVector;
import org.apache.arrow.vector.extension.UuidType;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.IntervalUnit;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.Types.MinorType;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * What is planned and refused as a whole, columns that stay as they are, and batches as a whole.
 */
class CastPlanTest {
  private static final Field I32 = field("a", new ArrowType.Int(32, true));
  private static final Field I64 = field("b", new ArrowType.Int(64, true));
  private static final Field TEXT = field("c", ArrowType.Utf8.INSTANCE);
  private static final Field NULL = field("n", ArrowType.Null.INSTANCE);
  private static final Field UUIDS = field("u", UuidType.INSTANCE);

  private final CastFixture fixture = new CastFixture();

  @AfterEach
  void nothingLeaks() throws Exception {
    fixture.close();
  }

  @Test
  void everyOtherPairOfTypesIsRefused() {
    List<List<ArrowType>> families =
        List.of(
            List.of(new ArrowType.Int(32, true), new ArrowType.Int(64, false)),
            List.of(new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE)),
            List.of(new ArrowType.Decimal(10, 2, 128)),
            List.of(ArrowType.Bool.INSTANCE),
            List.of(new ArrowType.Date(DateUnit.DAY)),
            List.of(new ArrowType.Timestamp(TimeUnit.SECOND, null)),
            List.of(new ArrowType.Timestamp(TimeUnit.SECOND, "UTC")),
            List.of(new ArrowType.Time(TimeUnit.SECOND, 32)),
            List.of(new ArrowType.Duration(TimeUnit.SECOND)),
            List.of(new ArrowType.Interval(IntervalUnit.YEAR_MONTH)),
            List.of(new ArrowType.Interval(IntervalUnit.DAY_TIME)),
            List.of(ArrowType.Utf8.INSTANCE, ArrowType.Binary.INSTANCE),
            List.of(ArrowType.Null.INSTANCE),
            List.of(ArrowType.List.INSTANCE),
            List.of(ArrowType.Struct.INSTANCE),
            List.of(new ArrowType.Map(false)),
            List.of(new ArrowType.Union(UnionMode.Sparse, new int[] {0})),
            List.of(new ArrowType.Union(UnionMode.Dense, new int[] {0})),
            List.of(UuidType.INSTANCE));
    // Besides those within a family: int, float and decimal among each other, int and bool, date
    // and naive timestamp, and maps to lists.
    Map<Integer, List<Integer>> across =
        Map.of(
            0,
            List.of(1, 2, 3),
            1,
            List.of(0, 2),
            2,
            List.of(0, 1),
            3,
            List.of(0),
            4,
            List.of(5),
            5,
            List.of(4),
            15,
            List.of(13));
    int refused = 0;
    for (int from = 0; from < families.size(); from++) {
      for (int to = 0; to < families.size(); to++) {
        for (ArrowType s : families.get(from)) {
          for (ArrowType t : families.get(to)) {
            Field source = withChildren(s);
            Field target = withChildren(t);
            if (from == to || across.getOrDefault(from, List.of()).contains(to)) {
              assertThat(fixture.plan(source, target).steps()).hasSize(1);
            } else {
              refused++;
              assertThatThrownBy(() -> fixture.plan(source, target))
                  .as(s + " to " + t)
                  .isInstanceOf(IllegalArgumentException.class)
                  .hasMessageContainingAll(
                      "\"col\"", s.toString(), t.toString(), "supported for the source");
            }
          }
        }
      }
    }
    assertThat(refused).isEqualTo(399);
  }

  private static Field withChildren(ArrowType type) {
    Field entry =
        required("entries", ArrowType.Struct.INSTANCE, required("key", TEXT.getType()), I32);
    return switch (type.getTypeID()) {
      case List, Map -> field("col", type, entry);
      case Struct, Union -> field("col", type, I32);
      default -> field("col", type);
    };
  }

  @Test
  void theNumberOfColumnsMustBeEqual() {
    assertThatThrownBy(() -> fixture.plan(List.of(I32, I64), List.of(I32)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("2 columns", "has 1");
  }

  @Test
  void decimalsThatArrowJavaCannotHoldAreRefused() {
    for (ArrowType type :
        List.of(
            new ArrowType.Decimal(5, 1, 32),
            new ArrowType.Decimal(5, 1, 64),
            new ArrowType.Decimal(39, 1, 128),
            new ArrowType.Decimal(0, 0, 128),
            new ArrowType.Decimal(38, 1_000_000_000, 128),
            new ArrowType.Decimal(38, Integer.MIN_VALUE, 256))) {
      assertThatThrownBy(() -> fixture.plan(I32, field("d", type)))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> fixture.plan(field("d", type), I32))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void namesAndMetadataAreTheTargets() {
    Field target =
        new Field(
            "renamed", new FieldType(true, I32.getType(), null, Map.of("key", "value")), List.of());
    Schema schema = new Schema(List.of(target), Map.of("schema", "too"));
    CastPlan plan = CastPlan.of(new Schema(List.of(I32)), schema);

    assertThat(plan.target()).isEqualTo(schema);
    VectorSchemaRoot source = fixture.root(fixture.vector(I32, 1L, 2L));
    try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
      new CastExecutor(plan, fixture.allocator).cast(source, fixture.dictionaries, out);
      assertThat(out.getSchema()).isEqualTo(schema);
      assertThat(out.getVector("renamed").getField().getMetadata()).containsEntry("key", "value");
      assertThat(CastFixture.values(out.getVector(0))).containsExactly(1L, 2L);
      assertThat(out.getVector(0).getDataBufferAddress())
          .isEqualTo(source.getVector(0).getDataBufferAddress());
    }
  }

  @Test
  void columnsOfTheSameTypeAreSharedWhateverTheType() {
    check(fixture.vector(field("c", new ArrowType.Interval(IntervalUnit.MONTH_DAY_NANO))), 0);
    IntervalMonthDayNanoVector interval =
        (IntervalMonthDayNanoVector)
            fixture.vector(field("c", new ArrowType.Interval(IntervalUnit.MONTH_DAY_NANO)));
    interval.setSafe(0, 1, 2, 3);
    interval.setValueCount(2);
    check(interval, 2);

    NullVector nulls = new NullVector("n", 3);
    check(nulls, 3);

    UnionVector sparse = UnionVector.empty("s", fixture.allocator);
    sparse.allocateNew();
    sparse.setType(0, MinorType.INT);
    IntVector ints = sparse.getIntVector();
    ints.setSafe(0, 7);
    sparse.setType(1, MinorType.BIGINT);
    BigIntVector longs = sparse.getBigIntVector();
    longs.setSafe(1, 8);
    sparse.setValueCount(2);
    check(sparse, 2);

    DenseUnionVector dense = DenseUnionVector.empty("d", fixture.allocator);
    byte type = dense.registerNewTypeId(I32);
    dense.addVector(type, I32.createVector(fixture.allocator));
    dense.allocateNew();
    dense.setTypeId(0, type);
    dense.getOffsetBuffer().setInt(0, 0);
    ((IntVector) dense.getVectorByType(type)).setSafe(0, 9);
    dense.setValueCount(1);
    check(dense, 1);

    Field ends = required("run_ends", new ArrowType.Int(32, true));
    FieldVector runs =
        fixture.vector(field("r", ArrowType.RunEndEncoded.INSTANCE, ends, I64), new Object[0]);
    ((IntVector) ((RunEndEncodedVector) runs).getRunEndsVector()).setSafe(0, 4);
    ((RunEndEncodedVector) runs).getRunEndsVector().setValueCount(1);
    ((BigIntVector) ((RunEndEncodedVector) runs).getValuesVector()).setSafe(0, 11L);
    ((RunEndEncodedVector) runs).getValuesVector().setValueCount(1);
    runs.setValueCount(4);
    check(runs, 4);
  }

  /** Casts to the same type under another name, and compares element by element. */
  private void check(FieldVector vector, int count) {
    Field source = vector.getField();
    Field target = new Field("other", source.getFieldType(), source.getChildren());
    CastPlan plan = fixture.plan(source, target);
    VectorSchemaRoot root = fixture.root(vector);
    root.setRowCount(count);
    try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
      new CastExecutor(plan, fixture.allocator).cast(root, fixture.dictionaries, out);
      assertThat(out.getRowCount()).isEqualTo(count);
      assertThat(out.getVector(0).getValueCount()).isEqualTo(count);
      for (int i = 0; i < count; i++) {
        assertThat(out.getVector(0).getObject(i)).isEqualTo(vector.getObject(i));
      }
    }
  }

  @Test
  void unionsAndRunsAreNotLookedInto() {
    ArrowType union = new ArrowType.Union(UnionMode.Sparse, new int[] {0});
    Field ends = required("run_ends", new ArrowType.Int(32, true));
    ArrowType runs = ArrowType.RunEndEncoded.INSTANCE;
    for (Field[] pair :
        new Field[][] {
          {field("c", union, I32), field("c", union, I64)},
          {field("c", union, I32), field("c", union, required("a", I32.getType()))},
          {field("c", union, I32), required("c", union, I32)},
          {field("c", runs, ends, I32), field("c", runs, ends, I64)},
          {field("c", runs, ends, I32), required("c", runs, ends, I32)},
          {NULL, required("n", ArrowType.Null.INSTANCE)},
        }) {
      assertThatThrownBy(() -> fixture.plan(pair[0], pair[1]))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void extensionTypesAreThemselvesOrTheirStorage() {
    Field storage = field("u", new ArrowType.FixedSizeBinary(16));
    UuidVector vector = (UuidVector) fixture.vector(UUIDS);
    UUID uuid = new UUID(1, 2);
    vector.setSafe(0, uuid);
    vector.setNull(1);
    vector.setValueCount(2);
    String hex = "00000000000000010000000000000002";

    CastPlan plan = fixture.plan(UUIDS, UUIDS);
    VectorSchemaRoot root = fixture.root(vector);
    root.setRowCount(2);
    try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
      new CastExecutor(plan, fixture.allocator).cast(root, fixture.dictionaries, out);
      assertThat(out.getVector(0).getObject(0)).isEqualTo(uuid);
      assertThat(out.getVector(0).isNull(1)).isTrue();
    }
    assertThat(fixture.cast(storage, UUIDS, hex, null)).hasSize(2);
    plan = fixture.plan(UUIDS, storage);
    try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
      new CastExecutor(plan, fixture.allocator).cast(root, fixture.dictionaries, out);
      assertThat(CastFixture.values(out.getVector(0))).containsExactly(hex, null);
    }
    for (Field other : List.of(field("u", ArrowType.Binary.INSTANCE), TEXT, I32)) {
      assertThatThrownBy(() -> fixture.plan(UUIDS, other))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("storage");
      assertThatThrownBy(() -> fixture.plan(other, UUIDS))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aBatchWithoutColumnsKeepsItsRows() {
    CastPlan plan = fixture.plan(List.of(), List.of());
    try (VectorSchemaRoot source = VectorSchemaRoot.create(plan.source(), fixture.allocator);
        VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
      source.setRowCount(42);
      new CastExecutor(plan, fixture.allocator).cast(source, fixture.dictionaries, out);
      assertThat(out.getRowCount()).isEqualTo(42);
    }
  }

  @Test
  void aFailureClearsEveryColumn() {
    Field i8 = field("z", new ArrowType.Int(8, true));
    CastPlan plan = fixture.plan(List.of(TEXT, I64), List.of(TEXT, i8));
    VectorSchemaRoot good = fixture.root(fixture.vector(TEXT, "x"), fixture.vector(I64, 1L));
    VectorSchemaRoot bad = fixture.root(fixture.vector(TEXT, "x"), fixture.vector(I64, 128L));
    try (BufferAllocator child = fixture.allocator.newChildAllocator("c", 0, Long.MAX_VALUE);
        VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), child)) {
      CastExecutor executor = new CastExecutor(plan, child);
      executor.cast(good, fixture.dictionaries, out);
      assertThatThrownBy(() -> executor.cast(bad, fixture.dictionaries, out))
          .isInstanceOf(CastException.class);
      assertThat(out.getRowCount()).isZero();
      assertThat(out.getVector(0).getValueCount()).isZero();
      assertThat(child.getAllocatedMemory()).isZero();
      executor.cast(good, fixture.dictionaries, out);
      assertThat(CastFixture.values(out.getVector(1))).containsExactly(1L);
    }
  }

  @Test
  void aFullAllocatorFailsWithoutALeak() {
    CastPlan plan = fixture.plan(List.of(TEXT, I32), List.of(TEXT, I64));
    FieldVector[] columns = {
      fixture.vector(TEXT, (Object[]) new String[1000]),
      fixture.vector(I32, (Object[]) new Long[1000])
    };
    VectorSchemaRoot source = fixture.root(columns);
    try (BufferAllocator child = fixture.allocator.newChildAllocator("c", 0, 4096);
        VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), child)) {
      CastExecutor executor = new CastExecutor(plan, child);
      assertThatThrownBy(() -> executor.cast(source, fixture.dictionaries, out))
          .isInstanceOf(org.apache.arrow.memory.OutOfMemoryException.class);
      assertThat(child.getAllocatedMemory()).isZero();
    }
  }

  @Test
  void anotherRootAllocatorGetsCopies() {
    Field items = field("l", ArrowType.List.INSTANCE, TEXT);
    CastPlan plan =
        fixture.plan(
            List.of(TEXT, I32, items),
            List.of(field("c", ArrowType.Utf8View.INSTANCE), I64, items));
    VectorSchemaRoot source =
        fixture.root(
            fixture.vector(TEXT, "a value of some length", null),
            fixture.vector(I32, 1L, null),
            fixture.vector(items, List.of("x"), null));
    try (RootAllocator other = new RootAllocator();
        VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), other)) {
      new CastExecutor(plan, other).cast(source, fixture.dictionaries, out);
      source.clear();
      assertThat(CastFixture.values(out.getVector(0)))
          .containsExactly("a value of some length", null);
      assertThat(CastFixture.values(out.getVector(1))).containsExactly(1L, null);
      assertThat(CastFixture.values(out.getVector(2))).containsExactly(List.of("x"), null);
    }
  }

  @Test
  void aBatchCostsNoHeapByTheRow() {
    int rows = 50_000;
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    Field f64 = field("f", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE));
    Field decimal = field("d", new ArrowType.Decimal(20, 2, 128));
    fixture.dictionary(1, TEXT, "zero", "one");
    Field encoded = CastFixture.encoded("e", new ArrowType.Int(8, true), 1);
    List<Field> from = List.of(I64, I64, f64, f64, encoded);
    List<Field> to = List.of(I32, f64, I64, decimal, field("v", ArrowType.LargeUtf8.INSTANCE));
    CastPlan plan = fixture.plan(from, to);
    Object[] longs = new Object[rows];
    Object[] doubles = new Object[rows];
    for (int i = 0; i < rows; i++) {
      longs[i] = i % 2L;
      doubles[i] = (double) i;
    }
    VectorSchemaRoot source =
        fixture.root(
            fixture.vector(I64, longs),
            fixture.vector(I64, longs),
            fixture.vector(f64, doubles),
            fixture.vector(f64, doubles),
            fixture.vector(encoded, longs));
    CastExecutor executor = new CastExecutor(plan, fixture.allocator);
    try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
      long least = Long.MAX_VALUE;
      for (int i = 0; i < 20; i++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        executor.cast(source, fixture.dictionaries, out);
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least).isLessThan(rows);
    }
  }

  @Test
  void vectorsLongerThanTheirBuffersAreRefused() {
    Field i8 = field("i", new ArrowType.Int(8, true));
    Field lists = field("l", ArrowType.List.INSTANCE, I32);
    Field views = field("w", ArrowType.ListView.INSTANCE, I32);
    Field large = field("l", ArrowType.LargeList.INSTANCE, I64);
    Field bool = field("b", ArrowType.Bool.INSTANCE);
    fixture.dictionary(1, bool, true);
    for (Field[] pair :
        new Field[][] {
          {I32, i8},
          {I32, bool},
          {bool, I32},
          {TEXT, field("v", ArrowType.Utf8View.INSTANCE)},
          {field("v", ArrowType.Utf8View.INSTANCE), TEXT},
          {lists, large},
          {views, large},
          {field("d", new ArrowType.Decimal(5, 1, 128)), I32},
          {CastFixture.encoded("e", i8.getType(), 1), bool},
        }) {
      CastPlan plan = fixture.plan(pair[0], pair[1]);
      int buffers = fixture.vector(pair[0]).getFieldBuffers().size();
      for (int small = 0; small < buffers; small++) {
        FieldVector vector = fixture.vector(pair[0]);
        List<ArrowBuf> parts = new ArrayList<>();
        for (int i = 0; i < buffers; i++) {
          ArrowBuf part = fixture.allocator.buffer(i == small ? 8 : 1 << 14);
          part.setZero(0, part.capacity());
          if (i == 0) {
            part.setOne(0, part.capacity());
          }
          parts.add(part);
        }
        vector.loadFieldBuffers(new ArrowFieldNode(1000, 0), parts);
        parts.forEach(ArrowBuf::close);
        VectorSchemaRoot source = VectorSchemaRoot.of(vector);
        try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
          CastExecutor executor = new CastExecutor(plan, fixture.allocator);
          // There is no text, so none of it is missing.
          boolean harmless = pair[0] == TEXT && small == 2;
          assertThat(
                  catchThrowable(() -> executor.cast(source, fixture.dictionaries, out))
                      instanceof IndexOutOfBoundsException)
              .as("buffer " + small + " of " + pair[0])
              .isNotEqualTo(harmless);
        }
      }
    }
  }

  @Test
  void rootsOfAnotherPlanAreRefused() {
    CastPlan plan = fixture.plan(I32, I64);
    try (VectorSchemaRoot none = VectorSchemaRoot.create(new Schema(List.of()), fixture.allocator);
        VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
      CastExecutor executor = new CastExecutor(plan, fixture.allocator);
      assertThatThrownBy(() -> executor.cast(none, fixture.dictionaries, out))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("source", "0 columns", "1");
      assertThatThrownBy(() -> executor.cast(out, fixture.dictionaries, none))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("target");
    }
  }
}
