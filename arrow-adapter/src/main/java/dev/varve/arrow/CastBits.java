// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.Objects;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.jspecify.annotations.Nullable;

/**
 * Bitmaps, one bit a row, lowest bit first, read in words of 64 rows. An absent one is all ones.
 */
final class CastBits {
  private CastBits() {}

  /** How many bytes a bitmap of {@code count} rows takes, rounded up to whole words. */
  static long bytes(int count) {
    return (count + 63L) / 64 * 8;
  }

  /** The bits of rows {@code 64 * word} and following; those at and beyond {@code count} are 0. */
  static long word(@Nullable ArrowBuf bits, int word, int count) {
    int rows = Math.min(64, count - word * 64);
    long mask = -1L >>> (64 - rows);
    if (bits == null) {
      return mask;
    }
    long at = word * 8L;
    int bytes = (rows + 7) / 8;
    Objects.checkFromIndexSize(at, bytes, bits.capacity());
    if (at + 8 <= bits.capacity()) {
      return MemoryUtil.getLong(bits.memoryAddress() + at) & mask;
    }
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (MemoryUtil.getByte(bits.memoryAddress() + at + i) & 0xFFL) << (8 * i);
    }
    return value & mask;
  }

  static boolean get(@Nullable ArrowBuf bits, int row) {
    return bits == null || (bits.getByte(row >> 3) >> (row & 7) & 1) != 0;
  }

  /** Sets the bits {@code [from, from + length)}. */
  static void set(ArrowBuf bits, int from, int length) {
    for (int row = from; row < from + length; row++) {
      if ((row & 7) == 0 && from + length - row >= 8) {
        bits.setByte(row >> 3, -1);
        row += 7;
      } else {
        bits.setByte(row >> 3, bits.getByte(row >> 3) | 1 << (row & 7));
      }
    }
  }

  /** The first row that is 1 in {@code a} and 0 in {@code b}, or -1. */
  static int firstMissing(@Nullable ArrowBuf a, @Nullable ArrowBuf b, int count) {
    for (int row = 0; b != null && row < count; row += 64) {
      long missing = word(a, row / 64, count) & ~word(b, row / 64, count);
      if (missing != 0) {
        return row + Long.numberOfTrailingZeros(missing);
      }
    }
    return -1;
  }
}
