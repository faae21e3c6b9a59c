// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static dev.varve.arrow.CastFixture.encoded;
import static dev.varve.arrow.CastFixture.field;
import static dev.varve.arrow.CastFixture.required;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.BitVectorHelper;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Lists of every layout, structs and maps. */
class CastNestedTest {
  private static final ArrowType LIST = ArrowType.List.INSTANCE;
  private static final ArrowType STRUCT = ArrowType.Struct.INSTANCE;
  private static final Field I8 = field("item", new ArrowType.Int(8, true));
  private static final Field I64 = field("item", new ArrowType.Int(64, true));
  private static final Field TEXT = field("item", ArrowType.Utf8.INSTANCE);
  private static final Field VIEW = field("item", ArrowType.Utf8View.INSTANCE);
  private static final List<ArrowType> LISTS =
      List.of(
          LIST,
          ArrowType.LargeList.INSTANCE,
          ArrowType.ListView.INSTANCE,
          ArrowType.LargeListView.INSTANCE,
          new ArrowType.FixedSizeList(2));

  private final CastFixture fixture = new CastFixture();

  @AfterEach
  void nothingLeaks() throws Exception {
    fixture.close();
  }

  private static Map<String, Object> struct(Object... entries) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < entries.length; i += 2) {
      map.put((String) entries[i], entries[i + 1]);
    }
    return map;
  }

  @Test
  void everyPairOfListLayoutsCastsItsElements() {
    Object[] values = {List.of(1L, 2L), null, Arrays.asList(3L, null), List.of(-5L, 6L)};
    for (ArrowType from : LISTS) {
      for (ArrowType to : LISTS) {
        for (Field[] items : new Field[][] {{I64, I8}, {I8, I64}, {I64, I64}}) {
          Field source = field("c", from, items[0]);
          Field target = field("c", to, items[1]);
          assertThat(fixture.cast(source, target, values))
              .as(from + " " + to)
              .containsExactly(values);
          assertThat(fixture.cast(source, target)).isEmpty();
          assertThat(fixture.cast(source, target, null, null)).containsExactly(null, null);
        }
        Field text = field("c", to, VIEW);
        assertThat(
                fixture.cast(
                    field("c", from, TEXT), text, List.of("a", "long enough to be outside")))
            .containsExactly(List.of("a", "long enough to be outside"));
        assertThatThrownBy(
                () ->
                    fixture.cast(
                        field("c", from, I64),
                        field("c", to, I8),
                        null,
                        List.of(1L, 1L),
                        List.of(2L, 300L)))
            .isInstanceOfSatisfying(
                CastException.class,
                e -> {
                  assertThat(e.column())
                      .isEqualTo(
                          "c."
                              + fixture
                                  .vector(field("c", from, I64))
                                  .getField()
                                  .getChildren()
                                  .get(0)
                                  .getName());
                  assertThat(e.row()).isEqualTo(2);
                  assertThat(e.value()).isEqualTo("300");
                });
      }
    }
  }

  @Test
  void listsOfDifferentLengthsInEveryLayout() {
    Object[] values = {List.of(), List.of(1L, 2L, 3L), null, List.of(4L), List.of()};
    for (ArrowType from : LISTS.subList(0, 4)) {
      for (ArrowType to : LISTS.subList(0, 4)) {
        assertThat(fixture.cast(field("c", from, I64), field("c", to, I8), values))
            .containsExactly(values);
      }
      assertThatThrownBy(
              () ->
                  fixture.cast(
                      field("c", from, I64), field("c", LISTS.get(4), I64), null, List.of(1L)))
          .isInstanceOfSatisfying(
              CastException.class,
              e -> {
                assertThat(e.row()).isEqualTo(1);
                assertThat(e.value()).isEqualTo("of 1 elements");
              });
    }
  }

  @Test
  void fixedSizesMustMatch() {
    assertThatThrownBy(
            () ->
                fixture.plan(
                    field("c", new ArrowType.FixedSizeList(2), I64),
                    field("c", new ArrowType.FixedSizeList(3), I64)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("FixedSizeList(3)");
  }

  @Test
  void slicesOfLists() {
    Object[] values = {List.of(1L, 2L), null, List.of(3L, 4L), List.of(500L, 6L), List.of(7L, 8L)};
    for (ArrowType from : LISTS) {
      FieldVector whole = fixture.vector(field("c", from, I64), values);
      for (ArrowType to : LISTS) {
        for (int start = 0; start < values.length; start++) {
          // Up to the value that does not fit, or from behind it.
          int end = start <= 3 ? 3 : values.length;
          TransferPair pair = whole.getTransferPair(fixture.allocator);
          pair.splitAndTransfer(start, end - start);
          try (FieldVector slice = (FieldVector) pair.getTo()) {
            assertThat(fixture.cast(slice, field("c", to, I8)))
                .as(from + " " + to + " " + start)
                .isEqualTo(Arrays.asList(values).subList(start, end));
          }
        }
      }
    }
  }

  @Test
  void elementsThatNoListHoldsAreNotLookedAt() {
    for (ArrowType to : LISTS.subList(0, 4)) {
      ListVector lists =
          (ListVector)
              fixture.vector(field("c", LIST, I64), List.of(1L), List.of(300L), List.of(2L));
      BitVectorHelper.unsetBit(lists.getValidityBuffer(), 1);
      assertThat(fixture.cast(lists, field("c", to, I8)))
          .containsExactly(List.of(1L), null, List.of(2L));
    }
  }

  @Test
  void viewsMayOverlapAndLeaveElementsOut() {
    for (ArrowType to : LISTS.subList(0, 4)) {
      ListViewVector views =
          (ListViewVector)
              fixture.vector(field("c", LISTS.get(2), I64), List.of(1L, 2L), List.of(300L, 400L));
      views.getOffsetBuffer().setInt(4, 0);

      assertThat(fixture.cast(views, field("c", to, I8)))
          .containsExactly(List.of(1L, 2L), List.of(1L, 2L));
    }
  }

  @Test
  void brokenViewsAreRefused() {
    for (int[] bad : new int[][] {{1, 2}, {-1, 1}, {4, 0}, {0, -1}, {0, 3}}) {
      for (ArrowType to : LISTS.subList(0, 4)) {
        Field source = field("c", LISTS.get(2), I64);
        ListViewVector views = (ListViewVector) fixture.vector(source, List.of(1L), List.of(2L));
        VectorSchemaRoot root = VectorSchemaRoot.of(views);
        views.getOffsetBuffer().setInt(4, bad[0]);
        views.getSizeBuffer().setInt(4, bad[1]);
        CastPlan plan = fixture.plan(source, field("c", to, I8));
        try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
          CastExecutor executor = new CastExecutor(plan, fixture.allocator);
          assertThatThrownBy(() -> executor.cast(root, fixture.dictionaries, out))
              .isInstanceOfSatisfying(CastException.class, e -> assertThat(e.row()).isEqualTo(1))
              .hasMessageContaining("lies outside of the data");
        }
      }
    }
  }

  @Test
  void fieldsUnderANullStructAreNotLookedAt() {
    Field source = field("c", STRUCT, field("x", I64.getType()), field("y", TEXT.getType()));
    Field target = field("c", STRUCT, required("p", I8.getType()), field("q", VIEW.getType()));
    StructVector structs =
        (StructVector) fixture.vector(source, struct("x", 1L, "y", "a"), struct("x", 300L), null);
    structs.setNull(1);

    assertThat(fixture.cast(structs, target))
        .containsExactly(struct("p", 1L, "q", "a"), null, null);
  }

  @Test
  void structsMatchFieldsByPositionAndNameTheirPath() {
    Field inner = field("s", STRUCT, field("v", LIST, I64));
    Field source = field("c", STRUCT, field("a", TEXT.getType()), inner);
    Field target =
        field(
            "renamed",
            STRUCT,
            field("b", ArrowType.LargeUtf8.INSTANCE),
            field("t", STRUCT, field("w", ArrowType.LargeList.INSTANCE, I8)));

    assertThat(
            fixture.cast(
                source,
                target,
                struct("a", "x", "s", struct("v", List.of(1L, 2L))),
                null,
                struct("a", null, "s", null)))
        .containsExactly(
            struct("b", "x", "t", struct("w", List.of(1L, 2L))),
            null,
            struct("b", null, "t", null));
    assertThatThrownBy(
            () ->
                fixture.cast(
                    source,
                    target,
                    null,
                    struct("s", struct("v", List.of(1L))),
                    struct("s", struct("v", List.of(2L, 128L)))))
        .isInstanceOfSatisfying(
            CastException.class,
            e -> {
              assertThat(e.column()).isEqualTo("c.s.v.$data$");
              assertThat(e.row()).isEqualTo(2);
            });
    assertThatThrownBy(
            () ->
                fixture.plan(source, field("c", STRUCT, field("b", ArrowType.LargeUtf8.INSTANCE))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("\"c\"", "2 fields", "has 1");
  }

  @Test
  void listsOfListsOfLists() {
    Field source = field("c", LIST, field("item", LIST, field("item", LIST, I64)));
    Field target =
        field(
            "c",
            ArrowType.LargeListView.INSTANCE,
            field("item", ArrowType.ListView.INSTANCE, field("item", LIST, I8)));
    List<Object> values = new ArrayList<>();
    for (long i = 0; i < 300; i++) {
      values.add(
          i % 9 == 4
              ? null
              : List.of(List.of(List.of(i % 100), List.of()), List.of(List.of(1L, 2L))));
    }

    List<Object> viewed = fixture.cast(source, target, values.toArray());
    assertThat(viewed).isEqualTo(values);
    assertThat(fixture.cast(target, source, viewed.toArray())).isEqualTo(values);
    values.set(250, List.of(List.of(List.of(1L)), List.of(List.of(), List.of(2L, 999L))));
    assertThatThrownBy(() -> fixture.cast(source, target, values.toArray()))
        .isInstanceOfSatisfying(CastException.class, e -> assertThat(e.row()).isEqualTo(250));
  }

  @Test
  void mapsAreMapsOrListsOfStructs() {
    Field entries =
        required("entries", STRUCT, required("key", TEXT.getType()), field("value", I64.getType()));
    Field wanted =
        required("entries", STRUCT, required("key", VIEW.getType()), field("value", I8.getType()));
    Field map = field("c", new ArrowType.Map(false), entries);
    Field sorted = field("c", new ArrowType.Map(true), entries);
    Object[] values = {List.of(struct("key", "a", "value", 1L)), null, List.of()};

    assertThat(fixture.cast(map, field("c", new ArrowType.Map(false), wanted), values))
        .containsExactly(values);
    assertThat(fixture.cast(sorted, map, values)).containsExactly(values);
    for (ArrowType list : LISTS.subList(0, 4)) {
      assertThat(fixture.cast(map, field("c", list, wanted), values)).containsExactly(values);
      assertThatThrownBy(() -> fixture.plan(field("c", list, entries), map))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> fixture.plan(map, sorted))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Map(true)");
  }

  @Test
  void nullsAreRefusedWhereTheTargetAllowsNone() {
    Field strict = field("c", LIST, required("item", I8.getType()));

    assertThat(fixture.cast(field("c", LIST, I64), strict, List.of(1L), null))
        .containsExactly(List.of(1L), null);
    assertThat(fixture.cast(field("c", LIST, I8), strict, List.of(1L), null))
        .containsExactly(List.of(1L), null);
    for (Field item : List.of(I64, I8)) {
      assertThatThrownBy(
              () ->
                  fixture.cast(
                      field("c", LIST, item), strict, List.of(1L), Arrays.asList(2L, null)))
          .isInstanceOfSatisfying(
              CastException.class,
              e -> {
                assertThat(e.row()).isEqualTo(1);
                assertThat(e.value()).isEqualTo("null");
              });
    }
    assertThatThrownBy(
            () -> fixture.cast(field("c", LIST, I8), required("c", LIST, I8), List.of(), null))
        .isInstanceOfSatisfying(CastException.class, e -> assertThat(e.row()).isEqualTo(1));
  }

  @Test
  void dictionariesInsideListsAndStructsAreDecoded() {
    fixture.dictionary(7, TEXT, "zero", "one", null, "three");
    Field index = encoded("item", new ArrowType.Int(8, true), 7);

    assertThat(
            fixture.cast(
                field("c", LIST, index),
                field("c", ArrowType.LargeList.INSTANCE, VIEW),
                List.of(1L, 0L),
                null,
                Arrays.asList(3L, null, 2L)))
        .containsExactly(List.of("one", "zero"), null, Arrays.asList("three", null, null));
    assertThat(
            fixture.cast(
                field("c", STRUCT, index), field("c", STRUCT, TEXT), struct("item", 3L), null))
        .containsExactly(struct("item", "three"), null);
    assertThatThrownBy(
            () ->
                fixture.cast(
                    field("c", LIST, index), field("c", LIST, TEXT), List.of(), List.of(1L, 4L)))
        .isInstanceOfSatisfying(
            CastException.class,
            e -> {
              assertThat(e.row()).isEqualTo(1);
              assertThat(e.value()).isEqualTo("with index 4");
            });
  }
}
