// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.codec.CompositeKeyCodec.Part;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * The codecs of keys of the usual types, and what makes further ones of them.
 *
 * <p>A key of two fields, ordered by the first and then by the second in descending order:
 *
 * {@snippet lang="java" :
 * record Reading(String sensor, long time) {}
 * KeyCodec<Reading> codec =
 *     KeyCodecs.composite(
 *         KeyCodecs.text(), Reading::sensor,
 *         KeyCodecs.descending(KeyCodecs.int64()), Reading::time,
 *         Reading::new);
 * }
 */
public final class KeyCodecs {

  private KeyCodecs() {}

  /**
   * Makes a key of three parts.
   *
   * @param <A> the type of the first part
   * @param <B> the type of the second part
   * @param <C> the type of the third part
   * @param <K> the type of the key
   */
  @FunctionalInterface
  public interface Maker<A, B, C, K> {

    /**
     * Makes a key.
     *
     * @param first its first part
     * @param second its second part
     * @param third its third part
     * @return the key
     */
    K make(A first, B second, C third);
  }

  /**
   * Keys {@code long} in their numeric order.
   *
   * @return the codec, of 8 bytes
   */
  public static LongKeyCodec<Long> int64() {
    return NumberCodecs.LongKeys.INSTANCE;
  }

  /**
   * Keys {@code int} in their numeric order.
   *
   * @return the codec, of 4 bytes
   */
  public static LongKeyCodec<Integer> int32() {
    return NumberCodecs.IntKeys.INSTANCE;
  }

  /**
   * Keys {@code double} in the total order of {@link Double#compare}: -0.0 before 0.0, and NaN, of
   * which there is one, after all others.
   *
   * @return the codec, of 8 bytes
   */
  public static LongKeyCodec<Double> float64() {
    return NumberCodecs.DoubleKeys.INSTANCE;
  }

  /**
   * Text as UTF-8, in the order of its code points. This differs from {@link String#compareTo},
   * which orders by UTF-16 units, where characters beyond U+FFFF meet such from U+E000 on. Half of
   * a surrogate pair is refused.
   *
   * @return the codec, of variable size
   */
  public static KeyCodec<String> text() {
    return TextCodec.INSTANCE;
  }

  /**
   * Byte strings in unsigned order ({@link java.util.Arrays#compareUnsigned(byte[], byte[])}).
   *
   * @return the codec, of variable size
   */
  public static KeyCodec<byte[]> bytes() {
    return BytesCodec.INSTANCE;
  }

  /**
   * Keys of two parts, in the order of the first and, where that is equal, of the second.
   *
   * <p>For more parts than three nest composites.
   *
   * @param <K> the type of the key
   * @param <A> the type of the first part
   * @param <B> the type of the second part
   * @param first the codec of the first part
   * @param getFirst gets the first part of a key
   * @param second the codec of the second part
   * @param getSecond gets the second part of a key
   * @param maker makes a key of its parts
   * @return the codec, of fixed size if all parts are
   */
  @SuppressWarnings("unchecked") // the codec of a part makes its values
  public static <K, A, B> KeyCodec<K> composite(
      KeyCodec<A> first,
      Function<? super K, ? extends A> getFirst,
      KeyCodec<B> second,
      Function<? super K, ? extends B> getSecond,
      BiFunction<? super A, ? super B, ? extends K> maker) {
    Objects.requireNonNull(maker, "maker");
    List<Part<K, ?>> parts = List.of(part(first, getFirst), part(second, getSecond));
    return new CompositeKeyCodec<>(parts, values -> maker.apply((A) values[0], (B) values[1]));
  }

  /**
   * Keys of three parts, in the order of the first, then of the second, then of the third.
   *
   * @param <K> the type of the key
   * @param <A> the type of the first part
   * @param <B> the type of the second part
   * @param <C> the type of the third part
   * @param first the codec of the first part
   * @param getFirst gets the first part of a key
   * @param second the codec of the second part
   * @param getSecond gets the second part of a key
   * @param third the codec of the third part
   * @param getThird gets the third part of a key
   * @param maker makes a key of its parts
   * @return the codec, of fixed size if all parts are
   */
  @SuppressWarnings("unchecked") // the codec of a part makes its values
  public static <K, A, B, C> KeyCodec<K> composite(
      KeyCodec<A> first,
      Function<? super K, ? extends A> getFirst,
      KeyCodec<B> second,
      Function<? super K, ? extends B> getSecond,
      KeyCodec<C> third,
      Function<? super K, ? extends C> getThird,
      Maker<? super A, ? super B, ? super C, ? extends K> maker) {
    Objects.requireNonNull(maker, "maker");
    List<Part<K, ?>> parts =
        List.of(part(first, getFirst), part(second, getSecond), part(third, getThird));
    return new CompositeKeyCodec<>(
        parts, values -> maker.make((A) values[0], (B) values[1], (C) values[2]));
  }

  private static <K, P> Part<K, P> part(
      KeyCodec<P> codec, Function<? super K, ? extends P> getter) {
    return new Part<>(
        Objects.requireNonNull(codec, "codec"), Objects.requireNonNull(getter, "getter"));
  }

  /**
   * The keys of another codec in the opposite order.
   *
   * @param <K> the type of the keys
   * @param codec of the keys
   * @return a codec, of fixed size if the other is; one of text or bytes gets up to twice as long
   */
  public static <K> KeyCodec<K> descending(KeyCodec<K> codec) {
    return codec instanceof LongKeyCodec<K> numbers
        ? new NumberCodecs.DescendingKeys<>(numbers)
        : new DescendingKeyCodec<>(Objects.requireNonNull(codec, "codec"));
  }

  /**
   * Keys of one's own type, written as those of another codec and in their order.
   *
   * @param <K> the type of the keys
   * @param <T> the type of the other codec's keys
   * @param codec the other codec
   * @param to turns a key into one of the other codec
   * @param from inverts that
   * @return the codec, a {@link LongKeyCodec} if the other one is
   */
  public static <K, T> KeyCodec<K> mapped(
      KeyCodec<T> codec,
      Function<? super K, ? extends T> to,
      Function<? super T, ? extends K> from) {
    Objects.requireNonNull(to, "to");
    Objects.requireNonNull(from, "from");
    return codec instanceof LongKeyCodec<T> numbers
        ? new NumberCodecs.MappedKeys<K, T>(numbers, to, from)
        : new MappedKeyCodec<>(Objects.requireNonNull(codec, "codec"), to, from);
  }
}
