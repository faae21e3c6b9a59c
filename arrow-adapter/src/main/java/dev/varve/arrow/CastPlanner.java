// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.LongFunction;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/** Chooses the step for each pair of a source field and a target field, or refuses. */
final class CastPlanner {
  private static final long DAY = 86_400_000_000_000L;

  private final LongFunction<@Nullable Field> dictionaryValues;

  CastPlanner(LongFunction<@Nullable Field> dictionaryValues) {
    this.dictionaryValues = dictionaryValues;
  }

  List<CastStep> columns(Schema source, Schema target) {
    return children("", source.getFields(), target.getFields());
  }

  private List<CastStep> children(String path, List<Field> source, List<Field> target) {
    if (source.size() != target.size()) {
      throw new IllegalArgumentException(
          (path.isEmpty() ? "the source" : "column \"" + path + "\"")
              + " has "
              + source.size()
              + (path.isEmpty() ? " columns" : " fields")
              + ", but the target of the cast has "
              + target.size()
              + "; they are matched by position, so give the target as many");
    }
    List<CastStep> steps = new ArrayList<>(source.size());
    for (int i = 0; i < source.size(); i++) {
      String name = source.get(i).getName();
      steps.add(plan(path.isEmpty() ? name : path + "." + name, source.get(i), target.get(i)));
    }
    return steps;
  }

  private CastStep plan(String path, Field source, Field target) {
    DictionaryEncoding from = source.getDictionary();
    DictionaryEncoding to = target.getDictionary();
    if (to != null
        && (from == null || from.getId() != to.getId() || (to.isOrdered() && !from.isOrdered()))) {
      throw refusal(
          path, source, target, "is the same dictionary with other indices, or without one");
    }
    if (from != null && to == null) {
      return decode(path, source, target, from.getId());
    }
    if (source.getType() instanceof ArrowType.ExtensionType
        || target.getType() instanceof ArrowType.ExtensionType) {
      return extension(path, source, target);
    }
    if (isSame(source.getType(), target.getType())
        && source.getChildren().isEmpty()
        && target.getChildren().isEmpty()) {
      return identity(path, source, target);
    }
    CastStep step = nested(path, source, target);
    step = step != null ? step : bytes(path, source, target);
    step = step != null ? step : numbers(path, source, target);
    step = step != null ? step : decimals(path, source, target);
    if (step == null) {
      throw refusal(path, source, target, supported(source.getType()));
    }
    return step;
  }

  private static CastStep identity(String path, Field source, Field target) {
    boolean rejectsNulls = source.isNullable() && !target.isNullable();
    switch (source.getType().getTypeID()) {
      case Null, Union, RunEndEncoded -> {
        if (rejectsNulls) {
          throw refusal(path, source, target, "is the same type, as nullable as it is");
        }
      }
      default -> {}
    }
    return new CastIdentity(path, source, target);
  }

  private CastStep decode(String path, Field source, Field target, long id) {
    Field values = dictionaryValues.apply(id);
    CastLane indices = lane(source.getType());
    if (values == null || indices == null || !CastTake.isSupported(values)) {
      String found = values == null ? "is unknown" : "has values of " + values;
      throw refusal(path, source, target, "is limited to itself, as its dictionary " + found);
    }
    Field from = nullable(values);
    CastStep then = plan(path, from, nullable(target));
    return new CastDecode(path, nullable(source), target, indices, values, then);
  }

  private static Field nullable(Field field) {
    FieldType type =
        new FieldType(true, field.getType(), field.getDictionary(), field.getMetadata());
    return new Field(field.getName(), type, field.getChildren());
  }

  /** An extension type is cast to itself, to its storage type, and from it. */
  private CastStep extension(String path, Field source, Field target) {
    ArrowType from = source.getType();
    ArrowType to = target.getType();
    boolean both = from instanceof ArrowType.ExtensionType && to instanceof ArrowType.ExtensionType;
    Field stored = storage(source);
    Field wanted = storage(target);
    if ((!both || from.equals(to)) && isSame(stored.getType(), wanted.getType())) {
      CastStep step = plan(path, stored, wanted);
      if (step instanceof CastIdentity) {
        return step;
      }
    }
    throw refusal(
        path, source, target, "is the extension type itself, or exactly its storage type");
  }

  private static Field storage(Field field) {
    if (field.getType() instanceof ArrowType.ExtensionType extension) {
      FieldType type =
          new FieldType(
              field.isNullable(),
              extension.storageType(),
              field.getDictionary(),
              field.getMetadata());
      return storage(new Field(field.getName(), type, field.getChildren()));
    }
    return field;
  }

  private @Nullable CastStep nested(String path, Field source, Field target) {
    ArrowType from = source.getType();
    ArrowType to = target.getType();
    if (isList(from)
        && isList(to)
        && source.getChildren().size() == 1
        && target.getChildren().size() == 1) {
      CastExtents.Kind kind = Objects.requireNonNull(CastExtents.Kind.of(from));
      CastExtents.Kind wanted = Objects.requireNonNull(CastExtents.Kind.of(to));
      boolean movable =
          !CastLists.isGather(kind, wanted) || CastTake.isSupported(source.getChildren().get(0));
      if (!movable || !isListCast(from, to)) {
        return null;
      }
      CastStep element = children(path, source.getChildren(), target.getChildren()).get(0);
      return kind == wanted && element.isIdentity()
          ? identity(path, source, target)
          : new CastLists(path, source, target, kind, wanted, element);
    }
    if (from.getTypeID() != to.getTypeID() || !from.isComplex() || !from.equals(to)) {
      return null;
    }
    List<CastStep> fields = children(path, source.getChildren(), target.getChildren());
    if (fields.stream().allMatch(CastStep::isIdentity)) {
      return identity(path, source, target);
    }
    return from instanceof ArrowType.Struct ? new CastStructs(path, source, target, fields) : null;
  }

  private static boolean isList(ArrowType type) {
    return type.isComplex() && CastExtents.Kind.of(type) != null;
  }

  /** Whether lists of these types can be cast, whatever their elements. */
  private static boolean isListCast(ArrowType from, ArrowType to) {
    if (to instanceof ArrowType.Map wanted) {
      return from instanceof ArrowType.Map map && (map.getKeysSorted() || !wanted.getKeysSorted());
    }
    return !(from instanceof ArrowType.FixedSizeList && to instanceof ArrowType.FixedSizeList)
        || from.equals(to);
  }

  private static @Nullable CastStep bytes(String path, Field source, Field target) {
    ArrowType from = source.getType();
    ArrowType to = target.getType();
    boolean fixed =
        from instanceof ArrowType.FixedSizeBinary && to instanceof ArrowType.FixedSizeBinary;
    return CastBytes.isBytes(from) && CastBytes.isBytes(to) && !fixed
        ? new CastBytes(path, source, target)
        : null;
  }

  private static @Nullable CastStep numbers(String path, Field source, Field target) {
    CastLane from = lane(source.getType());
    CastLane to = lane(target.getType());
    if (from == null || to == null) {
      return null;
    }
    CastOp op = op(source.getType(), from, target.getType(), to);
    return op == null ? null : new CastNumbers(path, source, target, from, to, op);
  }

  private static @Nullable CastOp op(
      ArrowType source, CastLane from, ArrowType target, CastLane to) {
    boolean instants = isZoned(source);
    return switch (source.getTypeID()) {
      case Bool -> target instanceof ArrowType.Int ? CastOp.NONE : null;
      case Int ->
          switch (target.getTypeID()) {
            case Bool -> CastOp.NONZERO;
            case Int -> CastOp.integers(from, to);
            case FloatingPoint -> CastOp.integersToFloating(from, to);
            default -> null;
          };
      case FloatingPoint ->
          switch (target.getTypeID()) {
            case Int -> CastOp.floatingToIntegers(to);
            case FloatingPoint -> from.width < to.width ? CastOp.NONE : CastOp.narrowFloating(to);
            default -> null;
          };
      case Time, Duration ->
          source.getTypeID() == target.getTypeID() ? units(unit(source), unit(target), to) : null;
      case Timestamp ->
          switch (target.getTypeID()) {
            case Timestamp ->
                instants == isZoned(target) ? units(unit(source), unit(target), to) : null;
            case Date -> instants ? null : toDate(unit(source), unit(target), to);
            default -> null;
          };
      case Date ->
          switch (target.getTypeID()) {
            case Timestamp, Date -> isZoned(target) ? null : units(unit(source), unit(target), to);
            default -> null;
          };
      default -> null;
    };
  }

  private static CastOp units(long from, long to, CastLane lane) {
    return from >= to
        ? CastOp.multiply(from / to, lane.min, lane.max)
        : CastOp.divide(to / from, lane.min, lane.max);
  }

  /** A date in milliseconds counts whole days too. */
  private static CastOp toDate(long from, long to, CastLane lane) {
    CastOp days = CastOp.divide(DAY / from, Long.MIN_VALUE, Long.MAX_VALUE);
    return days.then(CastOp.multiply(DAY / to, lane.min, lane.max));
  }

  private static @Nullable CastStep decimals(String path, Field source, Field target) {
    if (!(source.getType() instanceof ArrowType.Decimal)
        && !(target.getType() instanceof ArrowType.Decimal)) {
      return null;
    }
    CastDecimals.Side from = side(source.getType());
    CastDecimals.Side to = side(target.getType());
    return from == null || to == null || to.lane() == CastLane.FLOAT16
        ? null
        : new CastDecimals(path, source, target, from, to);
  }

  private static CastDecimals.@Nullable Side side(ArrowType type) {
    if (type instanceof ArrowType.Decimal decimal) {
      int digits = decimal.getBitWidth() == 128 ? 38 : decimal.getBitWidth() == 256 ? 76 : 0;
      return decimal.getPrecision() < 1
              || decimal.getPrecision() > digits
              || Math.abs((long) decimal.getScale()) > digits
          ? null
          : CastDecimals.Side.of(decimal);
    }
    boolean number = type instanceof ArrowType.Int || type instanceof ArrowType.FloatingPoint;
    CastLane lane = number ? lane(type) : null;
    return lane == null ? null : CastDecimals.Side.of(lane);
  }

  private static @Nullable CastLane lane(ArrowType type) {
    return switch (type) {
      case ArrowType.Bool t -> CastLane.BIT;
      case ArrowType.Int t -> CastLane.integer(t.getBitWidth(), t.getIsSigned());
      case ArrowType.FloatingPoint t ->
          switch (t.getPrecision()) {
            case HALF -> CastLane.FLOAT16;
            case SINGLE -> CastLane.FLOAT32;
            case DOUBLE -> CastLane.FLOAT64;
          };
      case ArrowType.Date t -> t.getUnit() == DateUnit.DAY ? CastLane.INT32 : CastLane.INT64;
      case ArrowType.Time t -> CastLane.integer(t.getBitWidth(), true);
      case ArrowType.Timestamp t -> CastLane.INT64;
      case ArrowType.Duration t -> CastLane.INT64;
      default -> null;
    };
  }

  /** The unit of a temporal type in nanoseconds. */
  private static long unit(ArrowType type) {
    return switch (type) {
      case ArrowType.Date t -> t.getUnit() == DateUnit.DAY ? DAY : 1_000_000;
      case ArrowType.Time t -> nanos(t.getUnit());
      case ArrowType.Timestamp t -> nanos(t.getUnit());
      case ArrowType.Duration t -> nanos(t.getUnit());
      default -> throw new IllegalArgumentException(type + " has no unit");
    };
  }

  private static long nanos(TimeUnit unit) {
    return switch (unit) {
      case SECOND -> 1_000_000_000;
      case MILLISECOND -> 1_000_000;
      case MICROSECOND -> 1_000;
      case NANOSECOND -> 1;
    };
  }

  private static boolean isZoned(ArrowType type) {
    return type instanceof ArrowType.Timestamp t
        && t.getTimezone() != null
        && !t.getTimezone().isEmpty();
  }

  /** Whether values of both types are the same bytes with the same meaning. */
  private static boolean isSame(ArrowType a, ArrowType b) {
    return a.equals(b)
        || (a instanceof ArrowType.Timestamp from
            && b instanceof ArrowType.Timestamp to
            && from.getUnit() == to.getUnit()
            && isZoned(a) == isZoned(b));
  }

  private static String supported(ArrowType type) {
    return switch (type.getTypeID()) {
      case Int -> "are integers, floating point, decimals (of 128 or 256 bits) and booleans";
      case FloatingPoint -> "are integers, floating point, and decimals (of 128 or 256 bits)";
      case Decimal ->
          "are decimals (of 128 or 256 bits), integers, and floating point (of 32 or 64 bits)";
      case Bool -> "are integers";
      case Date -> "are dates, and timestamps without a time zone";
      case Time -> "are times of other units";
      case Timestamp ->
          isZoned(type)
              ? "are timestamps of other units and time zones"
              : "are timestamps of other units without a time zone, and dates";
      case Duration -> "are durations of other units";
      case Utf8, LargeUtf8, Utf8View, Binary, LargeBinary, BinaryView ->
          "are text and binary of any layout";
      case FixedSizeBinary -> "are text and binary of any layout but another fixed size";
      case List, LargeList, ListView, LargeListView ->
          "are lists of any layout but maps, whose elements can be cast";
      case FixedSizeList -> "are lists of any layout but maps and another fixed size";
      case Map -> "are maps and lists of structs, whose fields can be cast";
      case Struct -> "are structs of as many fields, each of which can be cast";
      default -> "is the same type";
    };
  }

  private static IllegalArgumentException refusal(
      String path, Field source, Field target, String supported) {
    return new IllegalArgumentException(
        "column \""
            + path
            + "\" of "
            + describe(source)
            + " cannot be cast to "
            + describe(target)
            + "; supported for the source "
            + supported);
  }

  /** The type for messages. */
  static String describe(Field field) {
    DictionaryEncoding dictionary = field.getDictionary();
    return dictionary == null
        ? field.getType().toString()
        : "dictionary " + dictionary.getId() + " with indices " + field.getType();
  }
}
