// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * Variable-length integers as disky has them: unsigned LEB128, but not always the shortest form. It
 * writes a last group of 127 as two bytes, FF 00, and reads any number of leading zero groups.
 */
final class Varints {
  /** The most bytes that a value takes. */
  static final int MAX_BYTES = 10;

  /** What {@link #get} answers where there is no value. */
  static final long NONE = -1;

  private Varints() {}

  /**
   * Writes a value.
   *
   * @param value 0 or more
   * @return the offset behind it
   */
  static long put(MemorySegment segment, long offset, long value) {
    long at = offset;
    long rest = value;
    while (rest >= 0x7F) {
      segment.set(Layouts.BYTE, at++, (byte) (rest | 0x80));
      rest >>>= 7;
    }
    segment.set(Layouts.BYTE, at++, (byte) rest);
    return at;
  }

  /**
   * Reads a value.
   *
   * @param limit the offset that it ends at or before
   * @return the value; {@link #NONE} if it is cut off by the limit, longer than {@link #MAX_BYTES},
   *     or 2^63 and more
   */
  static long get(MemorySegment segment, long offset, long limit) {
    long value = 0;
    long end = Math.min(limit, offset + MAX_BYTES);
    int shift = 0;
    for (long at = offset; at < end; at++) {
      byte next = segment.get(Layouts.BYTE, at);
      if (shift == 63 && (next & 0x7F) != 0) {
        return NONE;
      }
      value |= (next & 0x7FL) << shift;
      if (next >= 0) {
        return value;
      }
      shift += 7;
    }
    return NONE;
  }

  /** Returns the offset behind a value that {@link #get} has read. */
  static long skip(MemorySegment segment, long offset) {
    long at = offset;
    while (segment.get(Layouts.BYTE, at) < 0) {
      at++;
    }
    return at + 1;
  }
}
