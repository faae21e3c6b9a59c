// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import dev.varve.CorruptionException;
import java.lang.foreign.MemorySegment;

/**
 * Variable-length integers: unsigned LEB128 (DWARF 5, section 7.6), and zigzag for signed ones.
 *
 * <p>Seven bits a byte, least significant first, the high bit set in all bytes but the last. Only
 * the shortest encoding of a value is valid, so that equal values have equal bytes, and a reader
 * gets the end of what it read as {@code offset + sizeOf64(value)}.
 *
 * <p>Decoding trusts nothing: a value that is cut off by the limit, longer than necessary, or too
 * large for its type is a {@link CorruptionException}. That exception names the segment, not a
 * file; a caller that knows the file throws its own with this one as the cause.
 *
 * <p>All methods are stateless, safe for any number of threads, and allocate nothing.
 */
public final class Varint {

  /** The most bytes that a 32-bit value takes. */
  public static final int MAX_BYTES_32 = 5;

  /** The most bytes that a 64-bit value takes. */
  public static final int MAX_BYTES_64 = 10;

  private Varint() {}

  /**
   * Returns the encoded size of an unsigned 32-bit value.
   *
   * @param value any value; a negative one stands for 2^31 and more
   * @return 1 to {@link #MAX_BYTES_32} bytes
   */
  public static int sizeOf32(int value) {
    return sizeOf64(Integer.toUnsignedLong(value));
  }

  /**
   * Returns the encoded size of an unsigned 64-bit value.
   *
   * @param value any value; a negative one stands for 2^63 and more
   * @return 1 to {@link #MAX_BYTES_64} bytes
   */
  public static int sizeOf64(long value) {
    int bits = Long.SIZE - Long.numberOfLeadingZeros(value | 1);
    return (bits + 6) / 7;
  }

  /**
   * Writes an unsigned 32-bit value.
   *
   * @param segment where to write
   * @param offset of the first byte in the segment
   * @param value any value; a negative one stands for 2^31 and more
   * @return the offset after the last byte written
   * @throws IndexOutOfBoundsException if it does not fit into the segment, which may then hold its
   *     first bytes
   */
  public static long put32(MemorySegment segment, long offset, int value) {
    return put64(segment, offset, Integer.toUnsignedLong(value));
  }

  /**
   * Writes an unsigned 64-bit value.
   *
   * @param segment where to write
   * @param offset of the first byte in the segment
   * @param value any value; a negative one stands for 2^63 and more
   * @return the offset after the last byte written
   * @throws IndexOutOfBoundsException if it does not fit into the segment, which may then hold its
   *     first bytes
   */
  public static long put64(MemorySegment segment, long offset, long value) {
    long at = offset;
    long rest = value;
    while ((rest & ~0x7FL) != 0) {
      segment.set(Layouts.BYTE, at++, (byte) (rest | 0x80));
      rest >>>= 7;
    }
    segment.set(Layouts.BYTE, at++, (byte) rest);
    return at;
  }

  /**
   * Reads an unsigned 32-bit value.
   *
   * @param segment where to read
   * @param offset of the first byte in the segment
   * @param limit the offset that the value must end at or before, at most the segment's size
   * @return the value; it took {@link #sizeOf32} bytes
   * @throws CorruptionException if it does not end before the limit, is not the shortest encoding,
   *     or exceeds 32 bits
   * @throws IndexOutOfBoundsException if the offset or limit is outside of the segment
   */
  public static int get32(MemorySegment segment, long offset, long limit) {
    long value = get64(segment, offset, limit);
    if (value >>> Integer.SIZE != 0) {
      throw corrupt(segment, offset, "a value below 2^32", Long.toUnsignedString(value));
    }
    return (int) value;
  }

  /**
   * Reads an unsigned 64-bit value.
   *
   * @param segment where to read
   * @param offset of the first byte in the segment
   * @param limit the offset that the value must end at or before, at most the segment's size
   * @return the value; it took {@link #sizeOf64} bytes
   * @throws CorruptionException if it does not end before the limit, is not the shortest encoding,
   *     or exceeds 64 bits
   * @throws IndexOutOfBoundsException if the offset or limit is outside of the segment
   */
  public static long get64(MemorySegment segment, long offset, long limit) {
    long value = 0;
    long at = offset;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      if (at >= limit) {
        throw corrupt(
            segment, offset, "a varint that ends before offset " + limit, "one that goes on");
      }
      byte next = segment.get(Layouts.BYTE, at++);
      value |= (next & 0x7FL) << shift;
      if (next >= 0) {
        if (next == 0 && shift > 0) {
          throw corrupt(segment, offset, "the shortest encoding", "a zero as the last byte");
        }
        if (shift == 63 && next > 1) {
          throw corrupt(segment, offset, "a value below 2^64", "a tenth byte of " + next);
        }
        return value;
      }
    }
    throw corrupt(segment, offset, "at most " + MAX_BYTES_64 + " bytes", "one that goes on");
  }

  /**
   * Maps a signed value to an unsigned one, small magnitudes to small values.
   *
   * @param value any value
   * @return 0, 1, 2, 3, 4 for 0, -1, 1, -2, 2, and so on
   */
  public static int zigzag32(int value) {
    return (value << 1) ^ (value >> 31);
  }

  /**
   * Maps a signed value to an unsigned one, small magnitudes to small values.
   *
   * @param value any value
   * @return 0, 1, 2, 3, 4 for 0, -1, 1, -2, 2, and so on
   */
  public static long zigzag64(long value) {
    return (value << 1) ^ (value >> 63);
  }

  /**
   * Inverts {@link #zigzag32}.
   *
   * @param value any value
   * @return the signed value
   */
  public static int unzigzag32(int value) {
    return (value >>> 1) ^ -(value & 1);
  }

  /**
   * Inverts {@link #zigzag64}.
   *
   * @param value any value
   * @return the signed value
   */
  public static long unzigzag64(long value) {
    return (value >>> 1) ^ -(value & 1);
  }

  private static CorruptionException corrupt(
      MemorySegment segment, long offset, String expected, String actual) {
    return new CorruptionException(
        "varint",
        "a segment of " + segment.byteSize() + " bytes",
        offset,
        expected,
        actual,
        "the data was damaged or is not of this format");
  }
}
