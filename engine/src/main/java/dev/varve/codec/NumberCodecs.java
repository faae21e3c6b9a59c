// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/** The codecs of numbers: the sign bit is flipped in keys, so that unsigned order is theirs. */
final class NumberCodecs {

  private NumberCodecs() {}

  /** Keys {@code long}. */
  static final class LongKeys implements LongKeyCodec<Long> {
    static final LongKeys INSTANCE = new LongKeys();

    @Override
    public long toLong(Long key) {
      return key ^ Long.MIN_VALUE;
    }

    @Override
    public Long ofLong(long number) {
      return number ^ Long.MIN_VALUE;
    }
  }

  /** Keys {@code int}, in four bytes. */
  static final class IntKeys implements LongKeyCodec<Integer> {
    static final IntKeys INSTANCE = new IntKeys();

    @Override
    public long toLong(Integer key) {
      return Integer.toUnsignedLong(key ^ Integer.MIN_VALUE);
    }

    @Override
    public Integer ofLong(long number) {
      if (number >>> Integer.SIZE != 0) {
        throw Corrupt.number("int", "at most 32 bits", number);
      }
      return (int) number ^ Integer.MIN_VALUE;
    }

    @Override
    public int fixedBytes() {
      return Integer.BYTES;
    }

    @Override
    public int maxBytes(Integer key) {
      return Integer.BYTES;
    }

    @Override
    public int encode(Integer key, MemorySegment target, long offset) {
      target.set(Layouts.LE_INT_UNALIGNED, offset, Integer.reverseBytes((int) toLong(key)));
      return Integer.BYTES;
    }

    @Override
    public Integer decode(MemorySegment source, long offset, int byteSize) {
      Corrupt.unlessSize(source, offset, byteSize, Integer.BYTES);
      return Integer.reverseBytes(source.get(Layouts.LE_INT_UNALIGNED, offset)) ^ Integer.MIN_VALUE;
    }
  }

  /** Keys {@code double}: negative ones have all bits flipped, others the sign. */
  static final class DoubleKeys implements LongKeyCodec<Double> {
    static final DoubleKeys INSTANCE = new DoubleKeys();

    @Override
    public long toLong(Double key) {
      long bits = Double.doubleToLongBits(key);
      return bits ^ (bits >> 63 | Long.MIN_VALUE);
    }

    @Override
    public Double ofLong(long number) {
      long bits = number ^ (~number >> 63 | Long.MIN_VALUE);
      double key = Double.longBitsToDouble(bits);
      if (Double.doubleToLongBits(key) != bits) {
        throw Corrupt.number("double", "the one NaN that is written", number);
      }
      return key;
    }
  }

  /** Keys that are written as those of another codec of numbers. */
  record MappedKeys<K, T>(
      LongKeyCodec<T> codec,
      Function<? super K, ? extends T> to,
      Function<? super T, ? extends K> from)
      implements LongKeyCodec<K> {

    @Override
    public long toLong(K key) {
      return codec.toLong(to.apply(key));
    }

    @Override
    public K ofLong(long number) {
      return from.apply(codec.ofLong(number));
    }

    @Override
    public int fixedBytes() {
      return codec.fixedBytes();
    }

    @Override
    public int maxBytes(K key) {
      return codec.maxBytes(to.apply(key));
    }

    @Override
    public int encode(K key, MemorySegment target, long offset) {
      return codec.encode(to.apply(key), target, offset);
    }

    @Override
    public K decode(MemorySegment source, long offset, int byteSize) {
      return from.apply(codec.decode(source, offset, byteSize));
    }
  }

  /** Keys in descending order of another codec of numbers, in eight bytes. */
  record DescendingKeys<K>(LongKeyCodec<K> codec) implements LongKeyCodec<K> {

    @Override
    public long toLong(K key) {
      return ~codec.toLong(key);
    }

    @Override
    public K ofLong(long number) {
      return codec.ofLong(~number);
    }
  }

  /** Values {@code long}. */
  static final class LongValues implements LongValueCodec<Long> {
    static final LongValues INSTANCE = new LongValues();

    @Override
    public long toLong(Long value) {
      return value;
    }

    @Override
    public Long ofLong(long number) {
      return number;
    }
  }

  /** Values {@code int}. */
  static final class IntValues implements LongValueCodec<Integer> {
    static final IntValues INSTANCE = new IntValues();

    @Override
    public long toLong(Integer value) {
      return value;
    }

    @Override
    public Integer ofLong(long number) {
      if (number != (int) number) {
        throw Corrupt.number("int", "a sign-extended 32-bit value", number);
      }
      return (int) number;
    }
  }

  /** Values {@code double}, every NaN as it is. */
  static final class DoubleValues implements LongValueCodec<Double> {
    static final DoubleValues INSTANCE = new DoubleValues();

    @Override
    public long toLong(Double value) {
      return Double.doubleToRawLongBits(value);
    }

    @Override
    public Double ofLong(long number) {
      return Double.longBitsToDouble(number);
    }
  }
}
