// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The columns of a schema flattened in pre-order, as the nodes and buffers of a record batch follow
 * each other, with what each node's buffers must look like. Immutable.
 */
final class BatchPlan {
  /** Deeper nesting is refused, so that no schema can overflow a stack. */
  static final int MAX_DEPTH = 64;

  /**
   * One node: a column or a descendant of one.
   *
   * @param path the names from the column to the node, for error messages
   * @param shape the layout
   * @param width the bytes of a value, or the values of a fixed-size list; 0 where neither applies
   * @param parent the parent, or -1
   * @param children the number of children
   * @param typeIds the type ids of a union in the order of its children; empty where it states none
   * @param firstBuffer the buffers of the nodes before this one, without the data buffers of views
   * @param viewsBefore how many nodes before this one have views
   */
  record Node(
      String path,
      Shape shape,
      int width,
      int parent,
      int children,
      List<Integer> typeIds,
      int firstBuffer,
      int viewsBefore) {}

  private final Node[] nodes;
  private final int[] columns;
  private final int buffers;
  private final int views;

  private BatchPlan(Builder builder) {
    nodes = builder.nodes.toArray(new Node[0]);
    columns = builder.columns.stream().mapToInt(Integer::intValue).toArray();
    buffers = builder.buffers;
    views = builder.views;
  }

  /**
   * Returns the plan of a schema's record batches.
   *
   * @param schema a schema in message format, where a field encoded with a dictionary has the type
   *     of the dictionary's values; or in memory format, where it has the type of the indices
   * @throws IllegalArgumentException if arrow-vector cannot hold a type of the schema
   */
  static BatchPlan of(Schema schema) {
    Builder builder = new Builder();
    for (Field field : schema.getFields()) {
      builder.columns.add(builder.nodes.size());
      builder.add(field, "", -1, 1, false);
    }
    return new BatchPlan(builder);
  }

  /**
   * Returns the plans of the batches of all dictionaries that a schema names, nested ones included.
   *
   * @param schema a schema in message format
   * @throws IllegalArgumentException if arrow-vector cannot hold a type, or two fields name the
   *     same dictionary with values of different types
   */
  static Map<Long, BatchPlan> dictionaries(Schema schema) {
    Map<Long, BatchPlan> plans = new HashMap<>();
    collect(schema.getFields(), plans, 1);
    return plans;
  }

  /**
   * Returns the plan of a dictionary's batches.
   *
   * @param values the field of the dictionary's values; its own dictionary, if any, is passed over
   */
  static BatchPlan ofDictionary(Field values) {
    Builder builder = new Builder();
    builder.columns.add(0);
    builder.add(values, "", -1, 1, true);
    return new BatchPlan(builder);
  }

  private static void collect(List<Field> fields, Map<Long, BatchPlan> plans, int depth) {
    checkDepth(fields, depth);
    for (Field field : fields) {
      DictionaryEncoding encoding = field.getDictionary();
      if (encoding != null) {
        BatchPlan plan = ofDictionary(field);
        BatchPlan known = plans.putIfAbsent(encoding.getId(), plan);
        if (known != null && !known.sameLayout(plan)) {
          throw new IllegalArgumentException(
              "column "
                  + field.getName()
                  + ": its values are of type "
                  + field.getType()
                  + ", but those of its dictionary "
                  + encoding.getId()
                  + " have another type in another column");
        }
      }
      collect(field.getChildren(), plans, depth + 1);
    }
  }

  private boolean sameLayout(BatchPlan other) {
    if (nodes.length != other.nodes.length) {
      return false;
    }
    for (int i = 0; i < nodes.length; i++) {
      Node a = nodes[i];
      Node b = other.nodes[i];
      if (a.shape() != b.shape()
          || a.width() != b.width()
          || a.children() != b.children()
          || !a.typeIds().equals(b.typeIds())) {
        return false;
      }
    }
    return true;
  }

  private static void checkDepth(List<Field> fields, int depth) {
    if (depth > MAX_DEPTH && !fields.isEmpty()) {
      throw new IllegalArgumentException(
          "the schema nests types deeper than " + MAX_DEPTH + " levels");
    }
  }

  /** Returns whether a node is a union. */
  boolean hasUnions() {
    for (Node node : nodes) {
      if (node.shape() == Shape.SPARSE_UNION || node.shape() == Shape.DENSE_UNION) {
        return true;
      }
    }
    return false;
  }

  int nodeCount() {
    return nodes.length;
  }

  Node node(int index) {
    return nodes[index];
  }

  int columnCount() {
    return columns.length;
  }

  /** Returns the node of a column. */
  int columnNode(int column) {
    return columns[column];
  }

  /** Returns the node after the last descendant of a node. */
  int endOf(int node) {
    int end = node + 1;
    for (int i = 0; i < nodes[node].children(); i++) {
      end = endOf(end);
    }
    return end;
  }

  /** Returns the number of buffers without the data buffers of views. */
  int fixedBuffers() {
    return buffers;
  }

  /** Returns the number of nodes with views. */
  int viewNodes() {
    return views;
  }

  private static final class Builder {
    final List<Node> nodes = new ArrayList<>();
    final List<Integer> columns = new ArrayList<>();
    int buffers;
    int views;

    void add(Field field, String prefix, int parent, int depth, boolean dictionaryValues) {
      String path = prefix + field.getName();
      DictionaryEncoding encoding = field.getDictionary();
      ArrowType type = field.getType();
      List<Field> children = field.getChildren();
      if (encoding != null && !dictionaryValues) {
        type = encoding.getIndexType();
        children = List.of();
      }
      while (type instanceof ArrowType.ExtensionType extension) {
        type = extension.storageType();
      }
      checkDepth(children, depth + 1);
      Shape shape = shapeOf(type, path);
      checkChildren(shape, type, children, path);
      int index = nodes.size();
      nodes.add(
          new Node(
              path,
              shape,
              widthOf(type, path),
              parent,
              children.size(),
              typeIds(type),
              buffers,
              views));
      buffers += shape.buffers();
      if (shape == Shape.VIEWS) {
        views++;
      }
      for (Field child : children) {
        add(child, path + ".", index, depth + 1, false);
      }
    }
  }

  private static Shape shapeOf(ArrowType type, String path) {
    return switch (type) {
      case ArrowType.Null t -> Shape.NULL;
      case ArrowType.Bool t -> Shape.BITS;
      case ArrowType.Utf8 t -> Shape.VARIABLE;
      case ArrowType.Binary t -> Shape.VARIABLE;
      case ArrowType.LargeUtf8 t -> Shape.LARGE_VARIABLE;
      case ArrowType.LargeBinary t -> Shape.LARGE_VARIABLE;
      case ArrowType.Utf8View t -> Shape.VIEWS;
      case ArrowType.BinaryView t -> Shape.VIEWS;
      case ArrowType.List t -> Shape.LIST;
      case ArrowType.Map t -> Shape.LIST;
      case ArrowType.LargeList t -> Shape.LARGE_LIST;
      case ArrowType.ListView t -> Shape.LIST_VIEW;
      case ArrowType.LargeListView t -> Shape.LARGE_LIST_VIEW;
      case ArrowType.FixedSizeList t -> Shape.FIXED_LIST;
      case ArrowType.Struct t -> Shape.STRUCT;
      case ArrowType.Union t ->
          switch (t.getMode()) {
            case Sparse -> Shape.SPARSE_UNION;
            case Dense -> Shape.DENSE_UNION;
          };
      case ArrowType.RunEndEncoded t -> Shape.RUN_ENDS;
      default -> {
        widthOf(type, path);
        yield Shape.FIXED;
      }
    };
  }

  private static int widthOf(ArrowType type, String path) {
    int width =
        switch (type) {
          case ArrowType.Int t -> bytes(t.getBitWidth(), 8, 16, 32, 64);
          case ArrowType.FloatingPoint t ->
              switch (t.getPrecision()) {
                case HALF -> 2;
                case SINGLE -> 4;
                case DOUBLE -> 8;
              };
          case ArrowType.Decimal t -> bytes(t.getBitWidth(), 128, 256);
          case ArrowType.FixedSizeBinary t -> t.getByteWidth() == 0 ? -1 : t.getByteWidth();
          case ArrowType.FixedSizeList t -> t.getListSize();
          case ArrowType.Date t ->
              switch (t.getUnit()) {
                case DAY -> 4;
                case MILLISECOND -> 8;
              };
          case ArrowType.Time t ->
              switch (t.getUnit()) {
                case SECOND, MILLISECOND -> bytes(t.getBitWidth(), 32);
                case MICROSECOND, NANOSECOND -> bytes(t.getBitWidth(), 64);
              };
          case ArrowType.Timestamp t -> 8;
          case ArrowType.Duration t -> 8;
          case ArrowType.Interval t ->
              switch (t.getUnit()) {
                case YEAR_MONTH -> 4;
                case DAY_TIME -> 8;
                case MONTH_DAY_NANO -> 16;
              };
          default -> 0;
        };
    if (width < 0) {
      throw new IllegalArgumentException(
          "column " + path + ": arrow-vector has no vector for the type " + type);
    }
    return width;
  }

  /** Returns the bytes of a bit width that is among those allowed, else -1. */
  private static int bytes(int bits, int... allowed) {
    for (int candidate : allowed) {
      if (bits == candidate) {
        return bits / 8;
      }
    }
    return -1;
  }

  private static List<Integer> typeIds(ArrowType type) {
    if (type instanceof ArrowType.Union union && union.getTypeIds() != null) {
      return Arrays.stream(union.getTypeIds()).boxed().toList();
    }
    return List.of();
  }

  private static void checkChildren(
      Shape shape, ArrowType type, List<Field> children, String path) {
    int expected =
        switch (shape) {
          case LIST, LARGE_LIST, LIST_VIEW, LARGE_LIST_VIEW, FIXED_LIST -> 1;
          case RUN_ENDS -> 2;
          case STRUCT, SPARSE_UNION, DENSE_UNION -> children.size();
          default -> 0;
        };
    if (children.size() != expected) {
      throw new IllegalArgumentException(
          "column "
              + path
              + ": the type "
              + type
              + " has "
              + children.size()
              + " children, expected "
              + expected);
    }
    if (type instanceof ArrowType.Union union && union.getTypeIds() != null) {
      int[] ids = union.getTypeIds();
      if (ids.length != children.size()) {
        throw new IllegalArgumentException(
            "column "
                + path
                + ": the union has "
                + children.size()
                + " children and "
                + ids.length
                + " type ids");
      }
      if (Arrays.stream(ids).distinct().count() < ids.length) {
        throw new IllegalArgumentException(
            "column " + path + ": the union has a type id twice: " + Arrays.toString(ids));
      }
      for (int id : ids) {
        if (id < 0 || id > Byte.MAX_VALUE) {
          throw new IllegalArgumentException(
              "column " + path + ": the union's type id " + id + " is not within 0 and 127");
        }
      }
    }
    if ((shape == Shape.STRUCT || shape == Shape.SPARSE_UNION || shape == Shape.DENSE_UNION)
        && children.stream().anyMatch(child -> child.getName() == null)) {
      throw new IllegalArgumentException(
          "column "
              + path
              + ": arrow-vector holds no children without a name, and one of the "
              + type
              + " has none");
    }
    if (type instanceof ArrowType.Map && !isMapEntry(children.get(0))) {
      throw new IllegalArgumentException(
          "column "
              + path
              + ": a map's entries are "
              + children.get(0)
              + ", expected a struct that is not nullable with a key that is not and a value");
    }
    if (shape == Shape.RUN_ENDS
        && !(children.get(0).getType() instanceof ArrowType.Int ends
            && ends.getIsSigned()
            && ends.getBitWidth() != 8)) {
      throw new IllegalArgumentException(
          "column "
              + path
              + ": run ends are of type "
              + children.get(0).getType()
              + ", expected a signed integer of 16, 32 or 64 bits");
    }
  }

  private static boolean isMapEntry(Field entries) {
    return entries.getType() instanceof ArrowType.Struct
        && !entries.isNullable()
        && entries.getChildren().size() == 2
        && !entries.getChildren().get(0).isNullable();
  }
}
