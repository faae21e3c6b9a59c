// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/** The codecs of values of the usual types. */
public final class ValueCodecs {

  private ValueCodecs() {}

  /**
   * Values {@code long}.
   *
   * @return the codec, of 8 bytes
   */
  public static LongValueCodec<Long> int64() {
    return NumberCodecs.LongValues.INSTANCE;
  }

  /**
   * Values {@code int}.
   *
   * @return the codec, of 8 bytes
   */
  public static LongValueCodec<Integer> int32() {
    return NumberCodecs.IntValues.INSTANCE;
  }

  /**
   * Values {@code double}; a NaN keeps its bits.
   *
   * @return the codec, of 8 bytes
   */
  public static LongValueCodec<Double> float64() {
    return NumberCodecs.DoubleValues.INSTANCE;
  }

  /**
   * Text as UTF-8. Half of a surrogate pair is refused.
   *
   * @return the codec, of variable size
   */
  public static ValueCodec<String> text() {
    return TextCodec.INSTANCE;
  }

  /**
   * Byte strings.
   *
   * @return the codec, of variable size
   */
  public static ValueCodec<byte[]> bytes() {
    return BytesCodec.INSTANCE;
  }

  /**
   * Byte strings of one size.
   *
   * @param byteSize what every value has, 0 or more
   * @return the codec, which refuses values of other sizes
   * @throws IllegalArgumentException if the size is negative
   */
  public static ValueCodec<byte[]> bytes(int byteSize) {
    return new FixedBytes(byteSize);
  }

  private record FixedBytes(int fixedBytes) implements ValueCodec<byte[]> {

    FixedBytes {
      if (fixedBytes < 0) {
        throw new IllegalArgumentException("A value has 0 bytes or more: " + fixedBytes);
      }
    }

    @Override
    public int maxBytes(byte[] value) {
      if (value.length != fixedBytes) {
        throw new IllegalArgumentException(
            "Values have " + fixedBytes + " bytes here, but this one has " + value.length);
      }
      return fixedBytes;
    }

    @Override
    public int encode(byte[] value, MemorySegment target, long offset) {
      MemorySegment.copy(value, 0, target, Layouts.BYTE, offset, maxBytes(value));
      return fixedBytes;
    }

    @Override
    public byte[] decode(MemorySegment source, long offset, int byteSize) {
      Corrupt.unlessSize(source, offset, byteSize, fixedBytes);
      return BytesCodec.read(source, offset, byteSize);
    }
  }
}
