// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.MemorySegment;

/**
 * Byte strings in memory: equality, and the unsigned lexicographic order that all keys are sorted
 * by.
 *
 * <p>In that order bytes count from 0 to 255 and a proper prefix comes before what it is a prefix
 * of. All methods are stateless, safe for any number of threads, allocate nothing, and accept
 * native, mapped and heap segments (hot paths should see native ones only).
 */
public final class Bytes {

  private Bytes() {}

  /**
   * Compares two whole segments.
   *
   * @param a one byte string
   * @param b the other
   * @return negative, zero or positive as {@code a} sorts before, equal to or after {@code b}
   */
  public static int compareUnsigned(MemorySegment a, MemorySegment b) {
    return compareUnsigned(a, 0, a.byteSize(), b, 0, b.byteSize());
  }

  /**
   * Compares {@code aLength} bytes of {@code a} from {@code aOffset} with {@code bLength} bytes of
   * {@code b} from {@code bOffset}.
   *
   * @param a the segment of the first range
   * @param aOffset where the first range begins
   * @param aLength its size in bytes
   * @param b the segment of the second range
   * @param bOffset where the second range begins
   * @param bLength its size in bytes
   * @return negative, zero or positive as the first range sorts before, equal to or after the
   *     second
   * @throws IndexOutOfBoundsException if a range is not within its segment
   */
  public static int compareUnsigned(
      MemorySegment a, long aOffset, long aLength, MemorySegment b, long bOffset, long bLength) {
    long mismatch =
        MemorySegment.mismatch(a, aOffset, aOffset + aLength, b, bOffset, bOffset + bLength);
    if (mismatch < 0) {
      return 0;
    }
    if (mismatch >= Math.min(aLength, bLength)) {
      return Long.compare(aLength, bLength);
    }
    return Byte.compareUnsigned(
        a.get(Layouts.BYTE, aOffset + mismatch), b.get(Layouts.BYTE, bOffset + mismatch));
  }

  /**
   * Tells whether two ranges hold the same bytes.
   *
   * @param a the segment of the first range
   * @param aOffset where the first range begins
   * @param aLength its size in bytes
   * @param b the segment of the second range
   * @param bOffset where the second range begins
   * @param bLength its size in bytes
   * @return whether they have the same length and content
   * @throws IndexOutOfBoundsException if a range is not within its segment
   */
  public static boolean equal(
      MemorySegment a, long aOffset, long aLength, MemorySegment b, long bOffset, long bLength) {
    return aLength == bLength
        && MemorySegment.mismatch(a, aOffset, aOffset + aLength, b, bOffset, bOffset + bLength) < 0;
  }
}
