// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.DateDayVector;
import org.apache.arrow.vector.DateMilliVector;
import org.apache.arrow.vector.Decimal256Vector;
import org.apache.arrow.vector.DecimalVector;
import org.apache.arrow.vector.DurationVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.FixedSizeBinaryVector;
import org.apache.arrow.vector.Float2Vector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.LargeVarBinaryVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.TimeMicroVector;
import org.apache.arrow.vector.TimeMilliVector;
import org.apache.arrow.vector.TimeNanoVector;
import org.apache.arrow.vector.TimeSecVector;
import org.apache.arrow.vector.TimeStampVector;
import org.apache.arrow.vector.UInt1Vector;
import org.apache.arrow.vector.UInt2Vector;
import org.apache.arrow.vector.UInt4Vector;
import org.apache.arrow.vector.UInt8Vector;
import org.apache.arrow.vector.ValueVector;
import org.apache.arrow.vector.VarBinaryVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarBinaryVector;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.Text;

/**
 * Builds batches of plain Java values, casts them, and reads them back as such. Integers and the
 * counts of temporal types are Long, floating point Double, decimals BigDecimal, text String,
 * binary hexadecimal String, lists List, structs Map.
 */
final class CastFixture implements AutoCloseable {
  final RootAllocator allocator = new RootAllocator();
  final MapDictionaryProvider dictionaries = new MapDictionaryProvider();
  private final List<AutoCloseable> open = new ArrayList<>();

  static Field field(String name, ArrowType type, Field... children) {
    return new Field(name, FieldType.nullable(type), Arrays.asList(children));
  }

  static Field required(String name, ArrowType type, Field... children) {
    return new Field(name, FieldType.notNullable(type), Arrays.asList(children));
  }

  static Field encoded(String name, ArrowType index, long id) {
    DictionaryEncoding encoding = new DictionaryEncoding(id, false, (ArrowType.Int) index);
    return new Field(name, new FieldType(true, index, encoding), null);
  }

  /** Adds a dictionary. */
  void dictionary(long id, Field values, Object... entries) {
    FieldVector vector = vector(values, entries);
    dictionaries.put(new Dictionary(vector, new DictionaryEncoding(id, false, null)));
  }

  FieldVector vector(Field field, Object... values) {
    FieldVector vector = field.createVector(allocator);
    open.add(vector);
    vector.allocateNew();
    for (int i = 0; i < values.length; i++) {
      set(vector, i, values[i]);
    }
    vector.setValueCount(values.length);
    return vector;
  }

  VectorSchemaRoot root(FieldVector... vectors) {
    VectorSchemaRoot root = VectorSchemaRoot.of(vectors);
    open.add(root);
    return root;
  }

  CastPlan plan(Field source, Field target) {
    return plan(List.of(source), List.of(target));
  }

  CastPlan plan(List<Field> source, List<Field> target) {
    return CastPlan.of(
        new Schema(source),
        new Schema(target),
        id -> {
          Dictionary dictionary = dictionaries.lookup(id);
          return dictionary == null ? null : dictionary.getVector().getField();
        });
  }

  /** Casts values of one column and returns what comes out. */
  List<Object> cast(Field source, Field target, Object... values) {
    return cast(vector(source, values), target);
  }

  List<Object> cast(FieldVector vector, Field target) {
    VectorSchemaRoot source = root(vector);
    List<Object> before = values(vector);
    CastPlan plan = plan(vector.getField(), target);
    try (BufferAllocator child = allocator.newChildAllocator("cast", 0, Long.MAX_VALUE);
        VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), child)) {
      CastExecutor executor = new CastExecutor(plan, child);
      List<Object> first;
      try {
        executor.cast(source, dictionaries, out);
        first = values(out.getVector(0));
        executor.cast(source, dictionaries, out);
      } catch (RuntimeException e) {
        if (out.getRowCount() != 0 || child.getAllocatedMemory() != 0) {
          throw new AssertionError("the target holds data after a failure", e);
        }
        throw e;
      }
      if (!first.equals(values(out.getVector(0)))) {
        throw new AssertionError("reuse of the target changes the result");
      }
      if (!before.equals(values(vector))) {
        throw new AssertionError("the source has changed");
      }
      vector.clear();
      if (!first.equals(values(out.getVector(0)))) {
        throw new AssertionError("the target depends on the source");
      }
      return first;
    }
  }

  static List<Object> values(FieldVector vector) {
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < vector.getValueCount(); i++) {
      values.add(get(vector, i));
    }
    return values;
  }

  static Object get(ValueVector vector, int i) {
    FieldVector storage = CastContext.storage((FieldVector) vector);
    if (storage.isNull(i)) {
      return null;
    }
    return switch (storage) {
      case UInt1Vector v -> (long) v.getObjectNoOverflow(i);
      case UInt2Vector v -> (long) v.get(i);
      case UInt4Vector v -> v.getObjectNoOverflow(i);
      case BaseIntVector v -> v.getValueAsLong(i);
      case BitVector v -> v.get(i) != 0;
      case Float2Vector v -> (double) v.getValueAsFloat(i);
      case Float4Vector v -> (double) v.get(i);
      case Float8Vector v -> v.get(i);
      case DateDayVector v -> (long) v.get(i);
      case DateMilliVector v -> v.get(i);
      case TimeSecVector v -> (long) v.get(i);
      case TimeMilliVector v -> (long) v.get(i);
      case TimeMicroVector v -> v.get(i);
      case TimeNanoVector v -> v.get(i);
      case TimeStampVector v -> v.get(i);
      case DurationVector v -> DurationVector.get(v.getDataBuffer(), i);
      case StructVector v -> {
        Map<String, Object> fields = new LinkedHashMap<>();
        v.getChildrenFromFields().forEach(child -> fields.put(child.getName(), get(child, i)));
        yield fields;
      }
      case ListVector v ->
          elements(v.getDataVector(), v.getElementStartIndex(i), v.getElementEndIndex(i));
      case LargeListVector v ->
          elements(v.getDataVector(), v.getElementStartIndex(i), v.getElementEndIndex(i));
      case ListViewVector v ->
          elements(v.getDataVector(), v.getElementStartIndex(i), v.getElementEndIndex(i));
      case LargeListViewVector v -> {
        long from = v.getOffsetBuffer().getLong(8L * i);
        yield elements(v.getDataVector(), from, from + v.getSizeBuffer().getLong(8L * i));
      }
      case FixedSizeListVector v ->
          elements(v.getDataVector(), v.getElementStartIndex(i), v.getElementEndIndex(i));
      default ->
          switch (storage.getObject(i)) {
            case byte[] bytes -> HexFormat.of().formatHex(bytes);
            case Text text -> text.toString();
            case Object other -> other;
          };
    };
  }

  private static List<Object> elements(ValueVector child, long from, long to) {
    List<Object> elements = new ArrayList<>();
    for (long i = from; i < to; i++) {
      elements.add(get(child, (int) i));
    }
    return elements;
  }

  private static void set(FieldVector vector, int i, Object value) {
    FieldVector storage = CastContext.storage(vector);
    while (storage.getValueCapacity() <= i) {
      storage.reAlloc();
    }
    if (value == null) {
      storage.setNull(i);
      return;
    }
    switch (storage) {
      case UInt8Vector v -> v.setSafe(i, (long) value);
      case BaseIntVector v -> v.setWithPossibleTruncate(i, (long) value);
      case BitVector v -> v.setSafe(i, (boolean) value ? 1 : 0);
      case Float2Vector v -> v.setSafeWithPossibleTruncate(i, (float) (double) value);
      case Float4Vector v -> v.setSafe(i, (float) (double) value);
      case Float8Vector v -> v.setSafe(i, (double) value);
      case DecimalVector v -> v.setSafe(i, (BigDecimal) value);
      case Decimal256Vector v -> v.setSafe(i, (BigDecimal) value);
      case DateDayVector v -> v.setSafe(i, (int) (long) value);
      case DateMilliVector v -> v.setSafe(i, (long) value);
      case TimeSecVector v -> v.setSafe(i, (int) (long) value);
      case TimeMilliVector v -> v.setSafe(i, (int) (long) value);
      case TimeMicroVector v -> v.setSafe(i, (long) value);
      case TimeNanoVector v -> v.setSafe(i, (long) value);
      case TimeStampVector v -> v.setSafe(i, (long) value);
      case DurationVector v -> v.setSafe(i, (long) value);
      case VarCharVector v -> v.setSafe(i, ((String) value).getBytes(UTF_8));
      case LargeVarCharVector v -> v.setSafe(i, ((String) value).getBytes(UTF_8));
      case ViewVarCharVector v -> v.setSafe(i, ((String) value).getBytes(UTF_8));
      case VarBinaryVector v -> v.setSafe(i, HexFormat.of().parseHex((String) value));
      case LargeVarBinaryVector v -> v.setSafe(i, HexFormat.of().parseHex((String) value));
      case ViewVarBinaryVector v -> v.setSafe(i, HexFormat.of().parseHex((String) value));
      case FixedSizeBinaryVector v -> v.setSafe(i, HexFormat.of().parseHex((String) value));
      case StructVector v -> {
        v.setIndexDefined(i);
        for (FieldVector child : v.getChildrenFromFields()) {
          set(child, i, ((Map<?, ?>) value).get(child.getName()));
        }
      }
      case ListVector v -> {
        int at = v.startNewValue(i);
        v.endValue(i, put(v.getDataVector(), at, (List<?>) value));
      }
      case LargeListVector v -> {
        long at = v.startNewValue(i);
        v.endValue(i, put(v.getDataVector(), (int) at, (List<?>) value));
      }
      case ListViewVector v -> {
        int at = v.startNewValue(i);
        v.endValue(i, put(v.getDataVector(), at, (List<?>) value));
      }
      case LargeListViewVector v -> {
        int at = v.startNewValue(i);
        v.endValue(i, put(v.getDataVector(), at, (List<?>) value));
      }
      case FixedSizeListVector v -> put(v.getDataVector(), v.startNewValue(i), (List<?>) value);
      default -> throw new AssertionError(storage);
    }
  }

  private static int put(ValueVector child, int at, List<?> elements) {
    for (int i = 0; i < elements.size(); i++) {
      set((FieldVector) child, at + i, elements.get(i));
    }
    return elements.size();
  }

  @Override
  public void close() throws Exception {
    dictionaries.close();
    for (AutoCloseable each : open) {
      each.close();
    }
    allocator.close();
  }
}
