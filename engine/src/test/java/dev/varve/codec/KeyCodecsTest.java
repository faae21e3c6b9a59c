// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.memory.Bytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.text.Collator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class KeyCodecsTest {

  /** Room around an encoding, to see what is written beside it. */
  private static final int MARGIN = 8;

  private static final byte FILLER = 0x5A;

  record Reading(String sensor, long time) {}

  record Place(byte[] area, int row, String seat) {}

  enum Level {
    LOW,
    MIDDLE,
    HIGH
  }

  /**
   * A codec under test.
   *
   * @param order the order its keys shall have
   * @param keys makes a random key
   */
  record Case<K>(String name, KeyCodec<K> codec, Comparator<K> order, Function<Random, K> keys) {
    @Override
    public String toString() {
      return name;
    }
  }

  static final Comparator<String> BY_CODE_POINTS =
      (a, b) -> Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray());

  static Stream<Case<?>> codecs() {
    KeyCodec<Reading> reading =
        KeyCodecs.composite(
            KeyCodecs.text(),
            Reading::sensor,
            KeyCodecs.descending(KeyCodecs.int64()),
            Reading::time,
            Reading::new);
    Comparator<Reading> readings =
        Comparator.comparing(Reading::sensor, BY_CODE_POINTS)
            .thenComparing(Comparator.comparing(Reading::time).reversed());
    KeyCodec<Place> place =
        KeyCodecs.composite(
            KeyCodecs.bytes(),
            Place::area,
            KeyCodecs.int32(),
            Place::row,
            KeyCodecs.text(),
            Place::seat,
            Place::new);
    Comparator<Place> places =
        Comparator.comparing(Place::area, Arrays::compareUnsigned)
            .thenComparing(Place::row)
            .thenComparing(Place::seat, BY_CODE_POINTS);
    Function<Random, Reading> someReading = r -> new Reading(text(r), number(r));
    Function<Random, Place> somePlace = r -> new Place(bytes(r), (int) number(r), text(r));
    return Stream.of(
        new Case<>("int64", KeyCodecs.int64(), Long::compare, KeyCodecsTest::number),
        new Case<>("int32", KeyCodecs.int32(), Integer::compare, r -> (int) number(r)),
        new Case<>("float64", KeyCodecs.float64(), Double::compare, KeyCodecsTest::real),
        new Case<>("text", KeyCodecs.text(), BY_CODE_POINTS, KeyCodecsTest::text),
        new Case<>("bytes", KeyCodecs.bytes(), Arrays::compareUnsigned, KeyCodecsTest::bytes),
        new Case<>("reading", reading, readings, someReading),
        new Case<>("place", place, places, somePlace),
        new Case<>(
            "nested",
            KeyCodecs.composite(place, p -> p, KeyCodecs.text(), Place::seat, (p, seat) -> p),
            places,
            somePlace),
        new Case<>(
            "descending int32",
            KeyCodecs.descending(KeyCodecs.int32()),
            (a, b) -> Integer.compare(b, a),
            r -> (int) number(r)),
        new Case<>(
            "descending text",
            KeyCodecs.descending(KeyCodecs.text()),
            BY_CODE_POINTS.reversed(),
            KeyCodecsTest::text),
        new Case<>(
            "twice descending reading",
            KeyCodecs.descending(KeyCodecs.descending(reading)),
            readings,
            someReading),
        new Case<>(
            "mapped text",
            KeyCodecs.mapped(
                KeyCodecs.text(), (StringBuilder b) -> b.toString(), StringBuilder::new),
            Comparator.comparing(StringBuilder::toString, BY_CODE_POINTS),
            r -> new StringBuilder(text(r))),
        new Case<>(
            "rank",
            KeyCodecs.mapped(KeyCodecs.int32(), Level::ordinal, i -> Level.values()[i]),
            Comparator.<Level>naturalOrder(),
            r -> Level.values()[r.nextInt(3)]));
  }

  private static long number(Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(4) - 2;
      case 1 -> Long.MIN_VALUE + random.nextInt(2);
      case 2 -> Long.MAX_VALUE - random.nextInt(2);
      default -> random.nextLong() >> random.nextInt(64);
    };
  }

  private static double real(Random random) {
    double[] special = {
      0.0, -0.0, Double.NaN, Double.MIN_VALUE, Double.MAX_VALUE, Double.NEGATIVE_INFINITY, 1, -1
    };
    return switch (random.nextInt(3)) {
      case 0 -> special[random.nextInt(special.length)];
      case 1 -> Double.POSITIVE_INFINITY;
      default -> Double.longBitsToDouble(random.nextLong());
    };
  }

  private static String text(Random random) {
    int[] points = {0, 1, 'a', 'b', 0x7F, 0x80, 0x7FF, 0x800, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF};
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(5); i > 0; i--) {
      text.appendCodePoint(points[random.nextInt(points.length)]);
    }
    return text.toString();
  }

  private static byte[] bytes(Random random) {
    byte[] some = {0, 1, -1, 0x7F, -128};
    byte[] bytes = new byte[random.nextInt(6)];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = some[random.nextInt(some.length)];
    }
    return bytes;
  }

  /** Encodes within filler, checks that nothing else was written, and returns the bytes. */
  private static <K> MemorySegment encode(Arena arena, KeyCodec<K> codec, K key) {
    int most = codec.maxBytes(key);
    MemorySegment target = arena.allocate(most + 2 * MARGIN + 1);
    target.fill(FILLER);
    int bytes = codec.encode(key, target, MARGIN + 1);
    assertThat(bytes).isBetween(0, most);
    assertThat(codec.fixedBytes()).isIn(KeyCodec.VARIABLE, bytes);
    for (int i = 0; i < MARGIN; i++) {
      assertThat(target.get(ValueLayout.JAVA_BYTE, i)).isEqualTo(FILLER);
      assertThat(target.get(ValueLayout.JAVA_BYTE, target.byteSize() - 1 - i)).isEqualTo(FILLER);
    }
    return target.asSlice(MARGIN + 1, bytes);
  }

  @ParameterizedTest
  @MethodSource("codecs")
  <K> void ordersAsItsKeys(Case<K> each) {
    Random random = new Random(7);
    KeyCodec<K> codec = each.codec();
    for (int step = 0; step < 1_000; step++) {
      try (Arena arena = Arena.ofConfined()) {
        K a = each.keys().apply(random);
        K b = each.keys().apply(random);
        int expected = Integer.signum(each.order().compare(a, b));
        MemorySegment x = encode(arena, codec, a);
        MemorySegment y = encode(arena, codec, b);
        assertThat(Integer.signum(Bytes.compareUnsigned(x, y)))
            .as("step %d of seed 7: %s, %s", step, a, b)
            .isEqualTo(expected);
        assertThat(Integer.signum(codec.compare(a, b))).isEqualTo(expected);
        if (codec instanceof LongKeyCodec<K> numbers) {
          assertThat(Integer.signum(Long.compareUnsigned(numbers.toLong(a), numbers.toLong(b))))
              .isEqualTo(expected);
          assertThat(each.order().compare(a, numbers.ofLong(numbers.toLong(a)))).isZero();
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("codecs")
  <K> void roundTrips(Case<K> each) {
    Random random = new Random(8);
    KeyCodec<K> codec = each.codec();
    for (int step = 0; step < 1_000; step++) {
      try (Arena arena = Arena.ofConfined()) {
        K key = each.keys().apply(random);
        MemorySegment bytes = encode(arena, codec, key);
        K again = codec.decode(bytes, 0, (int) bytes.byteSize());
        assertThat(each.order().compare(key, again)).as("step %d of seed 8", step).isZero();
        MemorySegment heap = MemorySegment.ofArray(new byte[codec.maxBytes(key) + 3]);
        int size = codec.encode(key, heap, 3);
        assertThat(Bytes.compareUnsigned(heap.asSlice(3, size), bytes)).isZero();
      }
    }
  }

  /** Whatever the bytes are, they give a key with these very bytes, or a named exception. */
  @ParameterizedTest
  @MethodSource("codecs")
  <K> void refusesOtherBytes(Case<K> each) {
    Random random = new Random(9);
    KeyCodec<K> codec = each.codec();
    int refused = 0;
    for (int step = 0; step < 5_000; step++) {
      MemorySegment bytes = hostile(random, codec, each);
      try {
        K key = codec.decode(bytes, 0, (int) bytes.byteSize());
        MemorySegment again = MemorySegment.ofArray(new byte[codec.maxBytes(key)]);
        int size = codec.encode(key, again, 0);
        if (!each.name().equals("nested")) { // it drops a part
          assertThat(Bytes.compareUnsigned(again.asSlice(0, size), bytes))
              .as("step %d of seed 9", step)
              .isZero();
        }
      } catch (CorruptionException | ArrayIndexOutOfBoundsException e) {
        assertThat(e instanceof CorruptionException || each.name().equals("rank")).isTrue();
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(each.name().equals("bytes") ? -1 : 50);
  }

  private static <K> MemorySegment hostile(Random random, KeyCodec<K> codec, Case<K> each) {
    K key = each.keys().apply(random);
    MemorySegment whole = MemorySegment.ofArray(new byte[codec.maxBytes(key) + 4]);
    int size = codec.encode(key, whole, 0);
    byte[] bytes =
        whole.asSlice(0, Math.max(0, size + random.nextInt(4) - 2)).toArray(ValueLayout.JAVA_BYTE);
    for (int i = random.nextInt(3); i > 0 && bytes.length > 0; i--) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
    }
    return MemorySegment.ofArray(bytes);
  }

  @Test
  void refusesHalfOfAPair() {
    for (String text : List.of("\uD800", "a\uDC00", "\uD800b", "\uDC00\uD800")) {
      MemorySegment target = MemorySegment.ofArray(new byte[16]);
      assertThatThrownBy(() -> KeyCodecs.text().encode(text, target, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("surrogate");
    }
  }

  @Test
  void refusesOtherNaNs() {
    long infinity = KeyCodecs.float64().toLong(Double.POSITIVE_INFINITY);
    for (long number : new long[] {0, 1, infinity + 1, -1L}) {
      assertThatThrownBy(() -> KeyCodecs.float64().ofLong(number))
          .isInstanceOf(CorruptionException.class);
    }
  }

  @Test
  void canWriteAnyOrder() {
    KeyCodec<String> withoutCase =
        KeyCodecs.composite(
            KeyCodecs.text(),
            (String text) -> text.toLowerCase(Locale.ROOT),
            KeyCodecs.text(),
            (String text) -> text,
            (folded, text) -> text);
    List<String> words = new ArrayList<>(List.of("b", "A", "a", "B", "ab", "C"));
    words.sort(withoutCase::compare);
    assertThat(words).containsExactly("A", "a", "ab", "B", "b", "C");
    Collator german = Collator.getInstance(Locale.GERMAN);
    KeyCodec<String> collated =
        KeyCodecs.composite(
            KeyCodecs.bytes(),
            (String text) -> german.getCollationKey(text).toByteArray(),
            KeyCodecs.text(),
            (String text) -> text,
            (key, text) -> text);
    List<String> names = new ArrayList<>(List.of("Zoe", "Österreich", "Oslo", "Ozean"));
    names.sort(collated::compare);
    assertThat(names).containsExactly("Oslo", "Österreich", "Ozean", "Zoe");
  }
}
