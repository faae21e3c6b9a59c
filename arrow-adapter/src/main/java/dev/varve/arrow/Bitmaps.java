// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import org.apache.arrow.memory.util.MemoryUtil;

/** Arrow bitmaps: bit i is bit {@code i % 8} of byte {@code i / 8}, counted from the lowest. */
final class Bitmaps {
  private Bitmaps() {}

  /** Returns how many of the first bits at an address are set. */
  static long countOnes(long address, int bits) {
    long ones = 0;
    long at = address;
    long end = address + (bits >>> 3);
    for (; end - at >= Long.BYTES; at += Long.BYTES) {
      ones += Long.bitCount(MemoryUtil.getLong(at));
    }
    for (; at < end; at++) {
      ones += Integer.bitCount(MemoryUtil.getByte(at) & 0xFF);
    }
    int rest = bits & 7;
    if (rest != 0) {
      ones += Integer.bitCount(MemoryUtil.getByte(end) & ((1 << rest) - 1));
    }
    return ones;
  }

  /** Whether no bit is set behind the last in its byte. */
  static boolean endsClear(long address, int bits) {
    int rest = bits & 7;
    return rest == 0 || (MemoryUtil.getByte(address + (bits >>> 3)) & 0xFF) >>> rest == 0;
  }

  /**
   * Copies bits that may begin inside a byte to the beginning of a segment; bits after them are 0.
   */
  static void copyShifted(long address, int from, int bits, MemorySegment target) {
    long source = address + (from >>> 3);
    int shift = from & 7;
    long sourceBytes = ((long) shift + bits + 7) >>> 3;
    long bytes = (bits + 7L) >>> 3;
    for (long i = 0; i < bytes; i++) {
      int low = (MemoryUtil.getByte(source + i) & 0xFF) >>> shift;
      int high =
          i + 1 < sourceBytes ? (MemoryUtil.getByte(source + i + 1) & 0xFF) << (8 - shift) : 0;
      target.set(JAVA_BYTE, i, (byte) (low | high));
    }
    clearTail(target, bits);
  }

  /** Sets the first bits of a segment; bits after them are 0. */
  static void fillOnes(MemorySegment target, int bits) {
    target.fill((byte) 0xFF);
    clearTail(target, bits);
  }

  private static void clearTail(MemorySegment target, int bits) {
    int rest = bits & 7;
    if (rest != 0) {
      int last = bits >>> 3;
      target.set(JAVA_BYTE, last, (byte) (target.get(JAVA_BYTE, last) & ((1 << rest) - 1)));
    }
  }
}
