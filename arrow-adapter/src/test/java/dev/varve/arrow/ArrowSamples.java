// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.extension.OpaqueType;
import org.apache.arrow.vector.extension.UuidType;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.IntervalUnit;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.Types;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/** Sample schemas that together have every type arrow-vector holds, filled from a seed. */
public final class ArrowSamples {
  private static final ArrowType INT16 = new ArrowType.Int(16, true);
  private static final ArrowType INT32 = new ArrowType.Int(32, true);
  private static final ArrowType INT64 = new ArrowType.Int(64, true);
  private static final ArrowType FLOAT64 =
      new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);
  private static final ArrowType UTF8 = ArrowType.Utf8.INSTANCE;
  private static final ArrowType STRUCT = ArrowType.Struct.INSTANCE;
  private static final ArrowType LIST = ArrowType.List.INSTANCE;

  static {
    OpaqueType.ensureRegistered();
  }

  private ArrowSamples() {}

  /**
   * A schema to make batches of.
   *
   * @param name what it is, for messages
   * @param schema the schema in memory format
   * @param dictionaries the fields of the dictionaries' values by id
   */
  public record Sample(String name, Schema schema, Map<Long, Field> dictionaries) {
    /**
     * Makes a batch.
     *
     * @param allocator where
     * @param rows the row count
     * @param seed the same seed gives the same values
     * @param nullRate how many of the values that may be null are, from 0 to 1
     */
    public Batch create(BufferAllocator allocator, int rows, long seed, double nullRate) {
      int dictionarySize = 7;
      VectorFiller filler = new VectorFiller(new Random(seed), nullRate, dictionarySize);
      MapDictionaryProvider provider = new MapDictionaryProvider();
      dictionaries.forEach(
          (id, field) -> {
            FieldVector vector = field.createVector(allocator);
            filler.fill(vector, field, dictionarySize);
            provider.put(new Dictionary(vector, new DictionaryEncoding(id, false, null)));
          });
      VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
      for (int i = 0; i < schema.getFields().size(); i++) {
        filler.fill(root.getVector(i), schema.getFields().get(i), rows);
      }
      root.setRowCount(rows);
      return new Batch(root, provider);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /**
   * A filled batch with its dictionaries.
   *
   * @param root the columns
   * @param dictionaries the dictionaries
   */
  public record Batch(VectorSchemaRoot root, MapDictionaryProvider dictionaries)
      implements AutoCloseable {
    @Override
    public void close() {
      root.close();
      dictionaries.getDictionaryIds().stream()
          .map(id -> dictionaries.lookup(id).getVector())
          .forEach(FieldVector::close);
    }
  }

  /** Returns one sample for each type and several combinations. */
  public static List<Sample> all() {
    List<Sample> samples = new ArrayList<>();
    primitives().forEach((name, type) -> samples.add(sample(name, nullable("c", type))));
    nested().forEach((name, field) -> samples.add(sample(name, field)));
    samples.addAll(dictionaryEncoded());
    samples.add(sample("required int32", required("c", INT32)));
    samples.add(sample("duplicate names", nullable("c", INT32), nullable("c", UTF8)));
    samples.add(sample("empty and null names", nullable("", INT32), nullable(null, INT32)));
    samples.add(new Sample("no columns", new Schema(List.of()), Map.of()));
    samples.add(metadata());
    samples.add(everything());
    return samples;
  }

  /** Returns a sample with a column of each type, dictionaries excepted. */
  public static Sample everything() {
    List<Field> fields = new ArrayList<>();
    primitives().forEach((name, type) -> fields.add(nullable(name, type)));
    nested().forEach((name, field) -> fields.add(renamed(name, field)));
    return new Sample("everything", new Schema(fields), Map.of());
  }

  /** Returns the types without children by name. */
  public static Map<String, ArrowType> primitives() {
    Map<String, ArrowType> types = new TreeMap<>();
    types.put("null", ArrowType.Null.INSTANCE);
    types.put("bool", ArrowType.Bool.INSTANCE);
    for (int bits = 8; bits <= 64; bits *= 2) {
      types.put("int" + bits, new ArrowType.Int(bits, true));
      types.put("uint" + bits, new ArrowType.Int(bits, false));
    }
    for (FloatingPointPrecision precision : FloatingPointPrecision.values()) {
      types.put("float " + precision, new ArrowType.FloatingPoint(precision));
    }
    types.put("decimal128", new ArrowType.Decimal(38, 10, 128));
    types.put("decimal128 of negative scale", new ArrowType.Decimal(5, -3, 128));
    types.put("decimal256", new ArrowType.Decimal(76, 20, 256));
    types.put("utf8", UTF8);
    types.put("large utf8", ArrowType.LargeUtf8.INSTANCE);
    types.put("utf8 view", ArrowType.Utf8View.INSTANCE);
    types.put("binary", ArrowType.Binary.INSTANCE);
    types.put("large binary", ArrowType.LargeBinary.INSTANCE);
    types.put("binary view", ArrowType.BinaryView.INSTANCE);
    types.put("fixed size binary", new ArrowType.FixedSizeBinary(5));
    for (DateUnit unit : DateUnit.values()) {
      types.put("date " + unit, new ArrowType.Date(unit));
    }
    for (TimeUnit unit : TimeUnit.values()) {
      boolean narrow = unit == TimeUnit.SECOND || unit == TimeUnit.MILLISECOND;
      types.put("time " + unit, new ArrowType.Time(unit, narrow ? 32 : 64));
      types.put("timestamp " + unit, new ArrowType.Timestamp(unit, null));
      types.put("timestamp zoned " + unit, new ArrowType.Timestamp(unit, "Europe/Berlin"));
      types.put("duration " + unit, new ArrowType.Duration(unit));
    }
    for (IntervalUnit unit : IntervalUnit.values()) {
      types.put("interval " + unit, new ArrowType.Interval(unit));
    }
    types.put("extension uuid", UuidType.INSTANCE);
    types.put("extension opaque", new OpaqueType(UTF8, "json", "varve"));
    types.put("extension of test", TestExtension.INSTANCE);
    return types;
  }

  /** Returns the types with children by name, each as a field {@code c}. */
  public static Map<String, Field> nested() {
    Map<String, Field> fields = new TreeMap<>();
    Field item = nullable("item", INT32);
    Field text = nullable("item", UTF8);
    fields.put("list", nullable("c", LIST, item));
    fields.put("list of utf8", nullable("c", LIST, text));
    fields.put("list of bool", nullable("c", LIST, nullable("item", ArrowType.Bool.INSTANCE)));
    fields.put("list of null", nullable("c", LIST, nullable("item", ArrowType.Null.INSTANCE)));
    fields.put("list of views", nullable("c", LIST, nullable("item", ArrowType.Utf8View.INSTANCE)));
    fields.put("list of uuid", nullable("c", LIST, nullable("item", UuidType.INSTANCE)));
    fields.put("large list", nullable("c", ArrowType.LargeList.INSTANCE, item));
    fields.put("large list of utf8", nullable("c", ArrowType.LargeList.INSTANCE, text));
    fields.put("list view", nullable("c", ArrowType.ListView.INSTANCE, item));
    fields.put("list view of utf8", nullable("c", ArrowType.ListView.INSTANCE, text));
    fields.put("large list view", nullable("c", ArrowType.LargeListView.INSTANCE, item));
    fields.put("fixed size list", nullable("c", new ArrowType.FixedSizeList(3), item));
    fields.put("fixed size list of utf8", nullable("c", new ArrowType.FixedSizeList(2), text));
    fields.put("struct", nullable("c", STRUCT, nullable("a", INT32), nullable("b", UTF8)));
    fields.put("struct without children", nullable("c", STRUCT));
    fields.put("required struct", required("c", STRUCT, required("a", INT32)));
    fields.put("map", map("c", UTF8, nullable("value", INT64)));
    fields.put("map of lists", map("c", INT32, nullable("value", LIST, text)));
    fields.put("sparse union", union("c", UnionMode.Sparse, null));
    fields.put("sparse union of own ids", union("c", UnionMode.Sparse, new int[] {5, 9, 100}));
    fields.put("dense union", union("c", UnionMode.Dense, new int[] {0, 1, 2}));
    fields.put("dense union of own ids", union("c", UnionMode.Dense, new int[] {3, 7, 127}));
    fields.put("run ends of 16 bits", runs("c", INT16, nullable("values", UTF8)));
    fields.put("run ends of 32 bits", runs("c", INT32, nullable("values", FLOAT64)));
    fields.put("run ends of 64 bits", runs("c", INT64, nullable("values", INT32)));
    fields.put("run ends of lists", runs("c", INT32, nullable("values", LIST, text)));
    fields.put("list of lists", nullable("c", LIST, nullable("item", LIST, text)));
    fields.put(
        "struct of structs",
        nullable("c", STRUCT, nullable("a", STRUCT, item, nullable("x", LIST, text)), item));
    fields.put(
        "list of structs",
        nullable("c", LIST, nullable("item", STRUCT, item, nullable("t", UTF8))));
    fields.put("list of maps", nullable("c", LIST, map("item", UTF8, nullable("value", UTF8))));
    fields.put("list of dense unions", nullable("c", LIST, denseUnion("item")));
    fields.put("struct of a dense union", nullable("c", STRUCT, denseUnion("u"), item));
    fields.put(
        "list view of structs",
        nullable("c", ArrowType.ListView.INSTANCE, nullable("s", STRUCT, text)));
    fields.put(
        "fixed size list of fixed size lists",
        nullable(
            "c",
            new ArrowType.FixedSizeList(2),
            nullable("item", new ArrowType.FixedSizeList(3), item)));
    return fields;
  }

  private static List<Sample> dictionaryEncoded() {
    List<Sample> samples = new ArrayList<>();
    Field text = nullable("value", UTF8);
    for (int bits = 8; bits <= 64; bits *= 2) {
      samples.add(
          new Sample(
              "dictionary by int" + bits,
              new Schema(List.of(encoded("c", 1, new ArrowType.Int(bits, true)))),
              Map.of(1L, text)));
      samples.add(
          new Sample(
              "dictionary by uint" + bits,
              new Schema(List.of(encoded("c", 1, new ArrowType.Int(bits, false)))),
              Map.of(1L, text)));
    }
    samples.add(
        new Sample(
            "shared dictionary",
            new Schema(
                List.of(encoded("a", 4, INT32), nullable("b", INT64), encoded("c", 4, INT32))),
            Map.of(4L, text)));
    samples.add(
        new Sample(
            "dictionaries of several types",
            new Schema(
                List.of(encoded("a", 1, INT32), encoded("b", 2, INT32), encoded("c", 3, INT16))),
            Map.of(
                1L, nullable("value", INT64),
                2L, nullable("value", STRUCT, nullable("x", INT32), nullable("y", UTF8)),
                3L, nullable("value", LIST, text))));
    samples.add(
        new Sample(
            "list of dictionary encoded",
            new Schema(List.of(nullable("c", LIST, encoded("item", 8, INT32)))),
            Map.of(8L, text)));
    samples.add(
        new Sample(
            "struct of dictionary encoded",
            new Schema(
                List.of(nullable("c", STRUCT, encoded("x", 8, INT32), nullable("y", INT64)))),
            Map.of(8L, text)));
    Map<Long, Field> nested = new TreeMap<>();
    nested.put(1L, text);
    nested.put(2L, nullable("value", LIST, encoded("item", 1, INT32)));
    samples.add(
        new Sample(
            "dictionary of a list of dictionary encoded",
            new Schema(List.of(encoded("c", 2, INT32))),
            nested));
    return samples;
  }

  private static Sample metadata() {
    FieldType type = new FieldType(true, INT32, null, Map.of("unit", "metre", "empty", ""));
    Schema schema =
        new Schema(
            List.of(new Field("c", type, List.of())), Map.of("origin", "test", "text", "äöß€漢"));
    return new Sample("metadata", schema, Map.of());
  }

  private static Sample sample(String name, Field... fields) {
    return new Sample(name, new Schema(List.of(fields)), Map.of());
  }

  static Field nullable(String name, ArrowType type, Field... children) {
    return new Field(name, FieldType.nullable(type), List.of(children));
  }

  static Field required(String name, ArrowType type, Field... children) {
    return new Field(name, FieldType.notNullable(type), List.of(children));
  }

  private static Field renamed(String name, Field field) {
    return new Field(name, field.getFieldType(), field.getChildren());
  }

  private static Field encoded(String name, long id, ArrowType index) {
    DictionaryEncoding encoding = new DictionaryEncoding(id, false, (ArrowType.Int) index);
    return new Field(name, new FieldType(true, index, encoding), List.of());
  }

  private static Field map(String name, ArrowType key, Field value) {
    Field entries = required("entries", STRUCT, required("key", key), value);
    return nullable(name, new ArrowType.Map(false), entries);
  }

  private static Field runs(String name, ArrowType ends, Field values) {
    return required(name, ArrowType.RunEndEncoded.INSTANCE, required("run_ends", ends), values);
  }

  private static Field denseUnion(String name) {
    return union(name, UnionMode.Dense, new int[] {0, 1, 2});
  }

  private static Field union(String name, UnionMode mode, int[] ids) {
    // A sparse UnionVector finds a child that is a list only under the name "list".
    Field[] children = {
      nullable("i", INT32), nullable("t", UTF8), nullable("list", LIST, nullable("item", FLOAT64))
    };
    int[] typeIds = ids;
    if (typeIds == null) {
      typeIds = new int[children.length];
      for (int i = 0; i < children.length; i++) {
        typeIds[i] = Types.getMinorTypeForArrowType(children[i].getType()).ordinal();
      }
    }
    return nullable(name, new ArrowType.Union(mode, typeIds), children);
  }
}
