// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static dev.varve.arrow.CastFixture.encoded;
import static dev.varve.arrow.CastFixture.field;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.util.TransferPair;

/** Whatever is cast to a type that holds all of it and back is what it was. */
class CastPropertyTest {
  /** A type, one that holds all its values, and what makes values of it. */
  private record Pair(ArrowType narrow, ArrowType wide, Function<Random, Object> value) {}

  private static final FloatingPointPrecision HALF = FloatingPointPrecision.HALF;
  private static final FloatingPointPrecision SINGLE = FloatingPointPrecision.SINGLE;
  private static final FloatingPointPrecision DOUBLE = FloatingPointPrecision.DOUBLE;
  private static final List<Pair> PAIRS = pairs();

  private static List<Pair> pairs() {
    List<Pair> pairs = new ArrayList<>();
    for (int bits : new int[] {8, 16, 32}) {
      for (ArrowType wide :
          new ArrowType[] {
            integer(64, true), floating(DOUBLE), decimal(30, 5, 128), decimal(60, 20, 256)
          }) {
        pairs.add(new Pair(integer(bits, true), wide, r -> r.nextLong() >> (64 - bits)));
        pairs.add(new Pair(integer(bits, false), wide, r -> r.nextLong() >>> (64 - bits)));
      }
      pairs.add(
          new Pair(integer(bits, false), integer(64, false), r -> r.nextLong() >>> (64 - bits)));
    }
    pairs.add(new Pair(integer(64, true), decimal(38, 10, 128), Random::nextLong));
    pairs.add(new Pair(integer(64, false), decimal(21, 1, 128), Random::nextLong));
    pairs.add(new Pair(integer(8, true), floating(HALF), r -> (long) (byte) r.nextInt()));
    pairs.add(new Pair(ArrowType.Bool.INSTANCE, integer(16, false), Random::nextBoolean));
    pairs.add(
        new Pair(
            floating(HALF),
            floating(SINGLE),
            r -> (double) Float.float16ToFloat((short) r.nextInt())));
    pairs.add(
        new Pair(
            floating(SINGLE), floating(DOUBLE), r -> (double) Float.intBitsToFloat(r.nextInt())));
    pairs.add(new Pair(decimal(20, 3, 128), decimal(50, 20, 256), r -> unscaled(r, 65, 3)));
    pairs.add(new Pair(decimal(38, 0, 128), decimal(70, 30, 256), r -> unscaled(r, 120, 0)));
    pairs.add(new Pair(date(DateUnit.DAY), date(DateUnit.MILLISECOND), r -> (long) r.nextInt()));
    pairs.add(
        new Pair(
            date(DateUnit.DAY),
            new ArrowType.Timestamp(TimeUnit.MICROSECOND, null),
            r -> (long) r.nextInt() >> 8));
    for (TimeUnit unit : List.of(TimeUnit.SECOND, TimeUnit.MILLISECOND, TimeUnit.MICROSECOND)) {
      Function<Random, Object> value = r -> r.nextLong() >> 31;
      TimeUnit nanos = TimeUnit.NANOSECOND;
      pairs.add(
          new Pair(
              new ArrowType.Timestamp(unit, null), new ArrowType.Timestamp(nanos, null), value));
      pairs.add(
          new Pair(new ArrowType.Timestamp(unit, "A"), new ArrowType.Timestamp(nanos, "B"), value));
      pairs.add(new Pair(new ArrowType.Duration(unit), new ArrowType.Duration(nanos), value));
      pairs.add(
          new Pair(
              new ArrowType.Time(unit, unit == TimeUnit.MICROSECOND ? 64 : 32),
              new ArrowType.Time(nanos, 64),
              r -> (long) r.nextInt(86_400)));
    }
    List<ArrowType> bytes =
        List.of(
            ArrowType.Utf8.INSTANCE,
            ArrowType.LargeUtf8.INSTANCE,
            ArrowType.Utf8View.INSTANCE,
            ArrowType.Binary.INSTANCE,
            ArrowType.LargeBinary.INSTANCE,
            ArrowType.BinaryView.INSTANCE);
    for (ArrowType from : bytes.subList(0, 3)) {
      for (ArrowType to : bytes) {
        pairs.add(new Pair(from, to, r -> "aß€".repeat(r.nextInt(9))));
      }
    }
    for (ArrowType from : bytes.subList(3, 6)) {
      for (ArrowType to : bytes.subList(3, 6)) {
        pairs.add(new Pair(from, to, r -> hex(r, r.nextInt(30))));
        pairs.add(new Pair(new ArrowType.FixedSizeBinary(13), to, r -> hex(r, 13)));
      }
    }
    return pairs;
  }

  private static ArrowType integer(int bits, boolean signed) {
    return new ArrowType.Int(bits, signed);
  }

  private static ArrowType floating(FloatingPointPrecision precision) {
    return new ArrowType.FloatingPoint(precision);
  }

  private static ArrowType decimal(int precision, int scale, int width) {
    return new ArrowType.Decimal(precision, scale, width);
  }

  private static ArrowType date(DateUnit unit) {
    return new ArrowType.Date(unit);
  }

  private static BigDecimal unscaled(Random random, int bits, int scale) {
    BigInteger value = new BigInteger(random.nextInt(bits), random);
    return new BigDecimal(random.nextBoolean() ? value : value.negate(), scale);
  }

  private static String hex(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  @Property(tries = 60)
  void everyPairOfTypes(
      @ForAll long seed,
      @ForAll @IntRange(max = 2500) int rows,
      @ForAll @IntRange(max = 70) int skip)
      throws Exception {
    Random random = new Random(seed);
    for (Pair pair : PAIRS) {
      int count = rows >> random.nextInt(8);
      List<Object> values = values(random, count, pair.value);
      try (CastFixture fixture = new CastFixture()) {
        check(
            fixture, field("c", pair.narrow), field("c", pair.wide), values, Math.min(skip, count));
      }
    }
  }

  @Property(tries = 200)
  void nestedInListsAndStructs(
      @ForAll long seed,
      @ForAll @IntRange(max = 300) int rows,
      @ForAll @IntRange(max = 20) int skip)
      throws Exception {
    Random random = new Random(seed);
    Pair pair = PAIRS.get(random.nextInt(PAIRS.size()));
    List<ArrowType> lists =
        List.of(
            ArrowType.List.INSTANCE,
            ArrowType.LargeList.INSTANCE,
            ArrowType.ListView.INSTANCE,
            ArrowType.LargeListView.INSTANCE);
    ArrowType narrowList = lists.get(random.nextInt(4));
    ArrowType wideList = lists.get(random.nextInt(4));
    ArrowType struct = ArrowType.Struct.INSTANCE;
    Field narrow =
        field(
            "c",
            narrowList,
            field(
                "item",
                struct,
                field("a", pair.narrow),
                field("b", narrowList, field("item", pair.narrow))));
    Field wide =
        field(
            "c",
            wideList,
            field(
                "item",
                struct,
                field("a", pair.wide),
                field("b", wideList, field("item", pair.wide))));
    List<Object> values =
        values(
            random,
            rows,
            r ->
                values(
                    r,
                    r.nextInt(4),
                    s -> {
                      Map<String, Object> fields = new LinkedHashMap<>();
                      fields.put("a", s.nextInt(5) == 0 ? null : pair.value.apply(s));
                      fields.put(
                          "b", s.nextInt(5) == 0 ? null : values(s, s.nextInt(4), pair.value));
                      return fields;
                    }));
    try (CastFixture fixture = new CastFixture()) {
      check(fixture, narrow, wide, values, Math.min(skip, rows));
    }
  }

  @Property(tries = 200)
  void decodedIsWhatWasEncoded(@ForAll long seed, @ForAll @IntRange(max = 2500) int rows)
      throws Exception {
    Random random = new Random(seed);
    Pair pair = PAIRS.get(random.nextInt(PAIRS.size()));
    List<Object> entries = values(random, 1 + random.nextInt(100), pair.value);
    List<Object> indices = values(random, rows, r -> (long) r.nextInt(entries.size()));
    List<Object> expected = new ArrayList<>();
    indices.forEach(i -> expected.add(i == null ? null : entries.get((int) (long) i)));
    try (CastFixture fixture = new CastFixture()) {
      fixture.dictionary(1, field("v", pair.narrow), entries.toArray());
      Field source = encoded("c", integer(8 << random.nextInt(4), random.nextBoolean()), 1);
      List<Object> wide = fixture.cast(source, field("c", pair.wide), indices.toArray());
      assertThat(fixture.cast(field("c", pair.wide), field("c", pair.narrow), wide.toArray()))
          .isEqualTo(expected);
    }
  }

  private static List<Object> values(Random random, int count, Function<Random, Object> value) {
    int nulls = random.nextInt(4);
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      values.add(random.nextInt(4) < nulls ? null : value.apply(random));
    }
    return values;
  }

  /** Widens the rows from {@code skip} on, narrows the result, and compares. */
  private static void check(
      CastFixture fixture, Field narrow, Field wide, List<Object> values, int skip) {
    FieldVector whole = fixture.vector(narrow, values.toArray());
    TransferPair pair = whole.getTransferPair(fixture.allocator);
    pair.splitAndTransfer(skip, values.size() - skip);
    try (FieldVector slice = (FieldVector) pair.getTo()) {
      List<Object> widened = fixture.cast(slice, wide);
      assertThat(fixture.cast(wide, narrow, widened.toArray()))
          .as(narrow + " by " + wide)
          .isEqualTo(values.subList(skip, values.size()));
    }
  }
}
