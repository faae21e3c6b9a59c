// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The schema of a stream in its two forms, and what batches and dictionaries of it look like.
 * Immutable.
 *
 * <p>In message format a dictionary-encoded field has the type of its values, in memory format that
 * of its indices.
 */
final class StreamSchema {

  private final Schema message;
  private final Schema memory;
  private final BatchPlan batches;
  private final Map<Long, BatchPlan> dictionaries;

  /** Value fields in message format by id, inner dictionaries before those that use them. */
  private final Map<Long, Field> values = new LinkedHashMap<>();

  StreamSchema(Schema message) {
    this.message = message;
    this.batches = BatchPlan.of(message);
    this.dictionaries = BatchPlan.dictionaries(message);
    List<Field> fields = new ArrayList<>();
    for (Field field : message.getFields()) {
      collect(field);
      fields.add(inMemory(field));
    }
    this.memory = new Schema(fields, message.getCustomMetadata());
  }

  private void collect(Field field) {
    for (Field child : field.getChildren()) {
      collect(child);
    }
    DictionaryEncoding encoding = field.getDictionary();
    if (encoding != null) {
      values.putIfAbsent(encoding.getId(), field);
    }
  }

  /** A field of message format in memory format. */
  private static Field inMemory(Field field) {
    DictionaryEncoding encoding = field.getDictionary();
    List<Field> children = new ArrayList<>();
    if (encoding == null) {
      for (Field child : field.getChildren()) {
        children.add(inMemory(child));
      }
    }
    return new Field(
        field.getName(),
        new FieldType(
            field.isNullable(),
            encoding == null ? field.getType() : Objects.requireNonNull(encoding.getIndexType()),
            encoding,
            field.getMetadata()),
        children);
  }

  /**
   * Tells in what a vector is laid out otherwise than a field says, whatever its name. Its own
   * field does not tell: that of a union has other type ids or another order of children, and may
   * be an earlier one.
   *
   * @return which field, what of it, and what was expected; null if there is no difference
   */
  static @Nullable String difference(Field expected, FieldVector found) {
    List<FieldVector> children = found.getChildrenFromFields();
    String own = ownDifference(expected, found, children);
    if (own != null) {
      return expected.getName() + " has " + own;
    }
    for (int i = 0; i < children.size(); i++) {
      String inner = difference(expected.getChildren().get(i), children.get(i));
      if (inner != null) {
        return expected.getName() + "." + inner;
      }
    }
    return null;
  }

  private static @Nullable String ownDifference(
      Field expected, FieldVector found, List<FieldVector> children) {
    ArrowType type = found.getField().getType();
    if (!isLike(expected.getType(), type)) {
      return "the type " + type + ", expected " + expected.getType();
    }
    if (expected.getChildren().size() != children.size()) {
      return "the children "
          + children.stream().map(FieldVector::getField).toList()
          + ", expected "
          + expected.getChildren();
    }
    return expected.getType() instanceof ArrowType.Union union
            && found instanceof DenseUnionVector dense
            && !hasIds(union.getTypeIds(), dense, children)
        ? "the type ids "
            + children.stream().map(child -> typeId(dense, child)).toList()
            + ", expected "
            + IntStream.range(0, children.size())
                .map(i -> id(union.getTypeIds(), i))
                .boxed()
                .toList()
        : null;
  }

  private static boolean isLike(ArrowType expected, ArrowType found) {
    return expected instanceof ArrowType.Union union
        ? found instanceof ArrowType.Union other && union.getMode() == other.getMode()
        : expected.equals(found);
  }

  private static boolean hasIds(
      int @Nullable [] ids, DenseUnionVector found, List<FieldVector> children) {
    for (int i = 0; i < children.size(); i++) {
      if (found.getVectorByType((byte) id(ids, i)) != children.get(i)) {
        return false;
      }
    }
    return true;
  }

  private static int id(int @Nullable [] ids, int child) {
    return ids == null ? child : ids[child];
  }

  private static int typeId(DenseUnionVector union, FieldVector child) {
    return IntStream.rangeClosed(0, Byte.MAX_VALUE)
        .filter(id -> union.getVectorByType((byte) id) == child)
        .findFirst()
        .orElse(-1);
  }

  Schema message() {
    return message;
  }

  Schema memory() {
    return memory;
  }

  BatchPlan batches() {
    return batches;
  }

  Map<Long, BatchPlan> dictionaries() {
    return dictionaries;
  }

  /** Ids of all dictionaries, inner ones before those that use them. */
  List<Long> dictionaryIds() {
    return List.copyOf(values.keySet());
  }

  /** The values of a dictionary in memory format, or null when there is no such dictionary. */
  @Nullable Field dictionaryValues(long id) {
    Field field = values.get(id);
    if (field == null) {
      return null;
    }
    List<Field> children = new ArrayList<>();
    for (Field child : field.getChildren()) {
      children.add(inMemory(child));
    }
    return new Field(
        field.getName(),
        new FieldType(field.isNullable(), field.getType(), null, field.getMetadata()),
        children);
  }

  /** The same columns in another order, or some of them, in message format. */
  Schema project(int[] columns) {
    List<Field> fields = new ArrayList<>(columns.length);
    for (int column : columns) {
      fields.add(message.getFields().get(column));
    }
    return new Schema(fields, message.getCustomMetadata());
  }

  /** Positions of columns by name. */
  int[] positions(List<String> names) {
    Map<String, Integer> known = new HashMap<>();
    List<String> duplicates = new ArrayList<>();
    for (int i = 0; i < message.getFields().size(); i++) {
      String name = message.getFields().get(i).getName();
      if (known.putIfAbsent(name, i) != null) {
        duplicates.add(name);
      }
    }
    int[] positions = new int[names.size()];
    for (int i = 0; i < positions.length; i++) {
      Integer position = known.get(names.get(i));
      if (position == null) {
        throw new IllegalArgumentException(
            "there is no column \""
                + names.get(i)
                + "\"; the columns are "
                + message.getFields().stream().map(Field::getName).toList());
      }
      if (duplicates.contains(names.get(i))) {
        throw new IllegalArgumentException(
            "several columns are named \"" + names.get(i) + "\"; choose by position");
      }
      positions[i] = position;
    }
    return positions;
  }
}
