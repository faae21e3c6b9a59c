// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static dev.varve.arrow.CastFixture.encoded;
import static dev.varve.arrow.CastFixture.field;
import static dev.varve.arrow.CastFixture.required;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Dictionary-encoded columns, decoded or with other indices. */
class CastDictionaryTest {
  private static final ArrowType I8 = new ArrowType.Int(8, true);
  private static final ArrowType U64 = new ArrowType.Int(64, false);
  private static final Field TEXT = field("v", ArrowType.Utf8.INSTANCE);
  private static final Field INDEX = encoded("c", I8, 1);

  private final CastFixture fixture = new CastFixture();

  @AfterEach
  void nothingLeaks() throws Exception {
    fixture.close();
  }

  @Test
  void everyKindOfValueIsDecoded() {
    Map<String, Object> struct = new LinkedHashMap<>();
    struct.put("a", 1L);
    struct.put("b", List.of("x", "y"));
    Field item = field("item", ArrowType.Utf8.INSTANCE);
    Field b = field("b", ArrowType.List.INSTANCE, item);
    Map<Field, List<Object>> kinds = new LinkedHashMap<>();
    for (int bits : new int[] {8, 16, 32, 64}) {
      kinds.put(field("v", new ArrowType.Int(bits, true)), List.of(3L, -4L));
    }
    kinds.put(field("v", ArrowType.Bool.INSTANCE), List.of(true, false));
    kinds.put(
        field("v", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE)), List.of(0.5, 1.5));
    kinds.put(
        field("v", new ArrowType.Decimal(9, 1, 128)),
        List.of(new BigDecimal("1.5"), new BigDecimal("-2.5")));
    kinds.put(
        field("v", new ArrowType.Decimal(60, 1, 256)),
        List.of(new BigDecimal("1.5"), new BigDecimal("-2.5")));
    kinds.put(field("v", new ArrowType.Timestamp(TimeUnit.SECOND, "UTC")), List.of(1L, 2L));
    kinds.put(field("v", ArrowType.Utf8.INSTANCE), List.of("", "value"));
    kinds.put(field("v", ArrowType.LargeUtf8.INSTANCE), List.of("a", "value"));
    kinds.put(field("v", ArrowType.Utf8View.INSTANCE), List.of("a", "a value of some length"));
    kinds.put(field("v", ArrowType.LargeBinary.INSTANCE), List.of("00", "0102"));
    kinds.put(field("v", new ArrowType.FixedSizeBinary(3)), List.of("000000", "010203"));
    kinds.put(
        field("v", new ArrowType.FixedSizeList(2), item),
        List.of(List.of("a", "b"), List.of("c", "")));
    for (ArrowType list :
        List.of(
            ArrowType.List.INSTANCE,
            ArrowType.LargeList.INSTANCE,
            ArrowType.ListView.INSTANCE,
            ArrowType.LargeListView.INSTANCE)) {
      kinds.put(field("v", list, item), List.of(List.of("a", "b", "c"), List.of()));
    }
    kinds.put(
        field("v", ArrowType.Struct.INSTANCE, field("a", new ArrowType.Int(32, true)), b),
        List.of(struct, struct));
    long id = 100;
    for (Map.Entry<Field, List<Object>> kind : kinds.entrySet()) {
      Object first = kind.getValue().get(0);
      Object second = kind.getValue().get(1);
      fixture.dictionary(++id, kind.getKey(), first, second, null, first);
      assertThat(fixture.cast(encoded("c", I8, id), kind.getKey(), 1L, null, 3L, 2L, 0L))
          .as(kind.getKey().toString())
          .containsExactly(second, null, first, null, first);
      assertThat(fixture.cast(encoded("c", U64, id), kind.getKey())).isEmpty();
    }
  }

  @Test
  void decodedValuesAreCast() {
    fixture.dictionary(1, field("v", new ArrowType.Int(64, true)), 5L, 300L, 7L);

    assertThat(fixture.cast(INDEX, field("c", I8), 0L, null, 2L)).containsExactly(5L, null, 7L);
    assertThatThrownBy(() -> fixture.cast(INDEX, field("c", I8), 0L, 1L))
        .isInstanceOfSatisfying(
            CastException.class,
            e -> {
              assertThat(e.column()).isEqualTo("c");
              assertThat(e.row()).isEqualTo(1);
              assertThat(e.value()).isEqualTo("300");
            });
    assertThatThrownBy(() -> fixture.plan(INDEX, TEXT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("\"c\"", "Int(64, true)", "Utf8");
  }

  @Test
  void manyRowsCrossBlocks() {
    fixture.dictionary(1, TEXT, "zero", "one", "two");
    List<Object> indices = new ArrayList<>();
    List<Object> values = new ArrayList<>();
    for (long i = 0; i < 2 * CastContext.BLOCK + 5; i++) {
      indices.add(i % 11 == 0 ? null : i % 3);
      values.add(i % 11 == 0 ? null : List.of("zero", "one", "two").get((int) (i % 3)));
    }

    assertThat(fixture.cast(INDEX, TEXT, indices.toArray())).isEqualTo(values);
  }

  @Test
  void indicesOutOfRangeAreRefused() {
    fixture.dictionary(1, TEXT, "zero", "one");
    for (Object index : new Object[] {2L, -1L, 100L}) {
      assertThatThrownBy(() -> fixture.cast(INDEX, TEXT, 0L, null, index))
          .isInstanceOfSatisfying(
              CastException.class,
              e -> {
                assertThat(e.row()).isEqualTo(2);
                assertThat(e.value()).isEqualTo("with index " + index);
              });
    }
    assertThatThrownBy(() -> fixture.cast(encoded("c", U64, 1), TEXT, -1L))
        .isInstanceOfSatisfying(
            CastException.class,
            e -> assertThat(e.value()).isEqualTo("with index 18446744073709551615"));
  }

  @Test
  void nullsOfTheDictionaryCountAsNulls() {
    fixture.dictionary(1, TEXT, "zero", null);
    Field strict = required("c", TEXT.getType());

    assertThat(fixture.cast(INDEX, strict, 0L, 0L)).containsExactly("zero", "zero");
    for (Object bad : new Object[] {1L, null}) {
      assertThatThrownBy(() -> fixture.cast(INDEX, strict, 0L, bad))
          .isInstanceOfSatisfying(
              CastException.class, e -> assertThat(e.value()).isEqualTo("null"));
    }
  }

  @Test
  void dictionariesMayHoldIndicesOfOthers() {
    fixture.dictionary(1, TEXT, "zero", "one");
    fixture.dictionary(
        2,
        field("v", ArrowType.List.INSTANCE, encoded("item", I8, 1)),
        List.of(1L, 0L),
        Arrays.asList(1L, null));

    assertThat(
            fixture.cast(
                encoded("c", I8, 2),
                field("c", ArrowType.List.INSTANCE, field("item", ArrowType.LargeUtf8.INSTANCE)),
                1L,
                null,
                0L))
        .containsExactly(Arrays.asList("one", null), null, List.of("one", "zero"));
  }

  @Test
  void indicesAreCastWhileTheDictionaryStays() {
    ArrowType wide = new ArrowType.Int(32, true);

    assertThat(fixture.cast(INDEX, encoded("c", wide, 1), 5L, null)).containsExactly(5L, null);
    assertThat(fixture.cast(INDEX, INDEX, 5L, null)).containsExactly(5L, null);
    assertThatThrownBy(() -> fixture.cast(encoded("c", wide, 1), INDEX, 128L))
        .isInstanceOf(CastException.class);
    Field ordered =
        new Field("c", new FieldType(true, I8, new DictionaryEncoding(1, true, null)), null);
    for (Field[] pair :
        new Field[][] {{INDEX, encoded("c", I8, 2)}, {field("c", I8), INDEX}, {INDEX, ordered}}) {
      assertThatThrownBy(() -> fixture.plan(pair[0], pair[1]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("dictionary");
    }
  }

  @Test
  void unknownDictionariesAreRefused() {
    assertThatThrownBy(() -> fixture.plan(INDEX, TEXT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("dictionary 1", "unknown");
    fixture.dictionary(1, TEXT, "zero");
    CastPlan plan = fixture.plan(INDEX, TEXT);
    CastExecutor executor = new CastExecutor(plan, fixture.allocator);
    VectorSchemaRoot source = fixture.root(fixture.vector(INDEX, 0L));
    try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator);
        MapDictionaryProvider other = new MapDictionaryProvider()) {
      assertThatThrownBy(() -> executor.cast(source, other, out))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("\"c\"", "dictionary 1", "Utf8", "none");
      Field wrong = field("v", I8);
      other.put(new Dictionary(fixture.vector(wrong, 5L), INDEX.getDictionary()));
      assertThatThrownBy(() -> executor.cast(source, other, out))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("dictionary 1", "Utf8", "Int(8, true)");
    }
  }
}
