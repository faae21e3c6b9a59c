// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The value layouts that every structure of Varve is described with: little-endian, of a stated
 * alignment.
 *
 * <p>The plain names ({@link #LE_LONG} and so on) demand the natural alignment of their size, which
 * is what atomic access needs; an access at an unaligned address throws {@link
 * IllegalArgumentException}. Only native memory and {@code long[]} can be aligned to eight bytes in
 * this sense; a {@code byte[]} is accessed through the {@code _UNALIGNED} forms.
 */
public final class Layouts {

  /** One byte. */
  public static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

  /** Two bytes, little-endian, aligned to 2. */
  public static final ValueLayout.OfShort LE_SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Four bytes, little-endian, aligned to 4. */
  public static final ValueLayout.OfInt LE_INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Eight bytes, little-endian, aligned to 8. */
  public static final ValueLayout.OfLong LE_LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** An IEEE 754 binary32, little-endian, aligned to 4. */
  public static final ValueLayout.OfFloat LE_FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** An IEEE 754 binary64, little-endian, aligned to 8. */
  public static final ValueLayout.OfDouble LE_DOUBLE =
      ValueLayout.JAVA_DOUBLE.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Two bytes, little-endian, at any address. */
  public static final ValueLayout.OfShort LE_SHORT_UNALIGNED = LE_SHORT.withByteAlignment(1);

  /** Four bytes, little-endian, at any address. */
  public static final ValueLayout.OfInt LE_INT_UNALIGNED = LE_INT.withByteAlignment(1);

  /** Eight bytes, little-endian, at any address. */
  public static final ValueLayout.OfLong LE_LONG_UNALIGNED = LE_LONG.withByteAlignment(1);

  /** An IEEE 754 binary32, little-endian, at any address. */
  public static final ValueLayout.OfFloat LE_FLOAT_UNALIGNED = LE_FLOAT.withByteAlignment(1);

  /** An IEEE 754 binary64, little-endian, at any address. */
  public static final ValueLayout.OfDouble LE_DOUBLE_UNALIGNED = LE_DOUBLE.withByteAlignment(1);

  /**
   * Eight bytes, big-endian, at any address: two of them compare as unsigned numbers in the order
   * of their bytes. For comparing only, never for a format.
   */
  static final ValueLayout.OfLong BE_LONG_UNALIGNED =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.BIG_ENDIAN).withByteAlignment(1);

  private Layouts() {}

  /**
   * Returns the smallest multiple of {@code alignment} that is not below {@code value}.
   *
   * @param value at least 0
   * @param alignment a power of two
   * @return the multiple
   * @throws IllegalArgumentException if {@code value} is negative, {@code alignment} is not a power
   *     of two, or the result exceeds {@link Long#MAX_VALUE}
   */
  public static long alignUp(long value, long alignment) {
    if (alignment <= 0 || (alignment & (alignment - 1)) != 0) {
      throw new IllegalArgumentException(
          "Alignment must be a power of two: " + alignment + "; pass for example 8, 64 or 4096");
    }
    long aligned = (value + alignment - 1) & -alignment;
    if (value < 0 || aligned < value) {
      throw new IllegalArgumentException(
          "Cannot align "
              + value
              + " up to a multiple of "
              + alignment
              + ": the value must be at least 0 and the result at most 2^63-1");
    }
    return aligned;
  }
}
