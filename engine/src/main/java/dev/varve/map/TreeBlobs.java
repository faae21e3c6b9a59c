// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Layouts;
import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Byte strings as they are outside, the last word filled up with zeros. {@link #word} gives words
 * with the first byte as the highest, so that they compare as the bytes do.
 *
 * <p>A reference has the address in words (40 bits) and the size in bytes (24 bits). Reading with a
 * reference that is out of date gives garbage, never an exception.
 */
final class TreeBlobs {

  static final int SIZE_BITS = 24;
  static final int SIZE_MASK = (1 << SIZE_BITS) - 1;

  /** The longest blob. */
  static final int MAX_BYTES = 64 << 10;

  static final long MAX_SLAB_BYTES = 1L << 30;

  /** Up to this many words every size has a class; beyond four classes share a doubling. */
  private static final int EXACT_WORDS = 32;

  private static final int EXACT_SHIFT = 5;
  private static final int STEPS_SHIFT = 2;

  private static final int LINE_WORDS = 8;

  /** What is behind this many bytes the processor fetches by itself. */
  private static final int TOUCHED_BYTES = 512;

  static final int CLASSES = classOf(wordsOf(MAX_BYTES)) + 1;

  private TreeBlobs() {}

  static int wordsOf(int bytes) {
    return Math.max(1, (bytes + 7) >>> 3);
  }

  static int classOf(int words) {
    if (words <= EXACT_WORDS) {
      return words;
    }
    int doubling = 31 - Integer.numberOfLeadingZeros(words - 1);
    int step = doubling - STEPS_SHIFT;
    return EXACT_WORDS
        + ((doubling - EXACT_SHIFT) << STEPS_SHIFT)
        + ((words - 1 - (1 << doubling)) >> step)
        + 1;
  }

  static int wordsOfClass(int sizeClass) {
    if (sizeClass <= EXACT_WORDS) {
      return sizeClass;
    }
    int index = sizeClass - EXACT_WORDS - 1;
    int doubling = (index >> STEPS_SHIFT) + EXACT_SHIFT;
    int steps = (index & ((1 << STEPS_SHIFT) - 1)) + 1;
    return (1 << doubling) + (steps << (doubling - STEPS_SHIFT));
  }

  static long ref(long address, int bytes) {
    return address << SIZE_BITS | bytes;
  }

  /** A reference of the first bytes of a blob, or of all if there are not as many. */
  static long first(long ref, int most) {
    return bytes(ref) <= most ? ref : (ref & ~(long) SIZE_MASK) | most;
  }

  static long address(long ref) {
    return ref >>> SIZE_BITS;
  }

  static int bytes(long ref) {
    return (int) ref & SIZE_MASK;
  }

  /** Bytes {@code 8 * i} and following of a blob, the first of them the highest. */
  static long word(Words[] slabs, int slabShift, long ref, int i) {
    long address = address(ref);
    long slab = address >>> slabShift;
    long at = (address & ((1L << slabShift) - 1)) + i;
    return slab < slabs.length && at < 1L << slabShift
        ? Long.reverseBytes(slabs[(int) slab].getPlain(at))
        : 0;
  }

  /** The eight bytes from {@code from} on, filled up with zeros. */
  static long tag(Words[] slabs, int slabShift, long ref, int from) {
    int words = (bytes(ref) + 7) >>> 3;
    int i = from >>> 3;
    int shift = (from & 7) << 3;
    long high = i < words ? word(slabs, slabShift, ref, i) : 0;
    if (shift == 0) {
      return high;
    }
    long low = i + 1 < words ? word(slabs, slabShift, ref, i + 1) : 0;
    return high << shift | low >>> (Long.SIZE - shift);
  }

  /** The eight bytes of a range from {@code from} on, filled up with zeros. */
  static long tag(MemorySegment bytes, long offset, int length, int from) {
    int rest = length - from;
    if (rest >= Long.BYTES) {
      return Long.reverseBytes(bytes.get(Layouts.LE_LONG_UNALIGNED, offset + from));
    }
    long tag = 0;
    for (int i = 0; i < rest; i++) {
      tag |= (bytes.get(Layouts.BYTE, offset + from + i) & 0xFFL) << (56 - (i << 3));
    }
    return tag;
  }

  /**
   * Compares a range with a blob, of which the eight bytes from {@code from} on, filled up with
   * zeros, and what is before them are equal.
   */
  static int compareRest(
      MemorySegment key,
      long offset,
      int length,
      Words[] slabs,
      int slabShift,
      long ref,
      int from) {
    int bytes = bytes(ref);
    int common = Math.min(length, bytes);
    for (int i = (from + Long.BYTES) >>> 3; i << 3 < common; i++) {
      long mine = tag(key, offset, length, i << 3);
      long its = word(slabs, slabShift, ref, i);
      if (mine != its) {
        return Long.compareUnsigned(mine, its);
      }
    }
    return Integer.compare(length, bytes);
  }

  /** How many bytes two blobs have in common at the beginning. */
  static int commonPrefix(Words[] slabs, int slabShift, long a, long b) {
    int common = Math.min(bytes(a), bytes(b));
    for (int i = 0; i << 3 < common; i++) {
      long difference = word(slabs, slabShift, a, i) ^ word(slabs, slabShift, b, i);
      if (difference != 0) {
        return Math.min(common, (i << 3) + (Long.numberOfLeadingZeros(difference) >>> 3));
      }
    }
    return common;
  }

  /** Writes a range into a blob that was taken for it. */
  static void write(
      Words[] slabs, int slabShift, long address, MemorySegment bytes, long offset, int length) {
    Words slab = slabs[(int) (address >>> slabShift)];
    long at = address & ((1L << slabShift) - 1);
    int whole = length >>> 3;
    slab.copyFrom(at, bytes, Layouts.LE_LONG_UNALIGNED, offset, whole);
    if (whole << 3 < length) {
      slab.setPlain(at + whole, Long.reverseBytes(tag(bytes, offset, length, whole << 3)));
    }
  }

  /** Writes the first bytes of a blob into another that was taken for them. */
  static void copy(Words[] slabs, int slabShift, long address, long ref, int bytes) {
    Words slab = slabs[(int) (address >>> slabShift)];
    long at = address & ((1L << slabShift) - 1);
    for (int i = 0; i << 3 < bytes; i++) {
      int rest = bytes - (i << 3);
      long word = word(slabs, slabShift, ref, i);
      long kept = rest >= 8 ? word : word & (-1L << (Long.SIZE - (rest << 3)));
      slab.setPlain(at + i, Long.reverseBytes(kept));
    }
  }

  /** Copies a blob out, or nothing if the reference is out of date. */
  static void read(Words[] slabs, int slabShift, long ref, MemorySegment target, long offset) {
    long address = address(ref);
    long slab = address >>> slabShift;
    long at = address & ((1L << slabShift) - 1);
    int bytes = bytes(ref);
    if (slab >= slabs.length || at + wordsOf(bytes) > 1L << slabShift) {
      return;
    }
    Words words = slabs[(int) slab];
    int whole = bytes >>> 3;
    words.copyTo(at, target, Layouts.LE_LONG_UNALIGNED, offset, whole);
    if (whole << 3 < bytes) {
      long word = words.getPlain(at + whole);
      for (int i = whole << 3; i < bytes; i++) {
        target.set(Layouts.BYTE, offset + i, (byte) word);
        word >>>= 8;
      }
    }
  }

  /** Reads a word of each line of a blob, so that it is on its way when it is needed. */
  static long touch(Words[] slabs, int slabShift, long ref) {
    long address = address(ref);
    long slab = address >>> slabShift;
    long at = address & ((1L << slabShift) - 1);
    int last = wordsOf(Math.min(bytes(ref), TOUCHED_BYTES)) - 1;
    if (slab >= slabs.length || at + last >= 1L << slabShift) {
      return 0;
    }
    Words words = slabs[(int) slab];
    long sum = words.getPlain(at + last);
    for (int i = 0; i < last; i += LINE_WORDS) {
      sum += words.getPlain(at + i);
    }
    return sum;
  }
}
