// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A growing list of data blocks, each as in an index block.
 *
 * <pre>
 *  0  8  offset           16  4  records
 *  8  8  first number     20  4  stored length
 * </pre>
 */
final class IndexEntries {
  static final int BYTES = 24;

  private long[] offsets = new long[64];
  private long[] firsts = new long[64];
  private int[] counts = new int[64];
  private int[] stored = new int[64];
  private int size;

  int size() {
    return size;
  }

  long offset(int i) {
    return offsets[i];
  }

  long first(int i) {
    return firsts[i];
  }

  long records(int i) {
    return Integer.toUnsignedLong(counts[i]);
  }

  /** Returns the number behind the last record. */
  long end(int i) {
    return first(i) + records(i);
  }

  long stored(int i) {
    return Integer.toUnsignedLong(stored[i]);
  }

  /** Returns the length of the block. */
  long length(int i) {
    return Format.FRAME + Format.up64(stored(i));
  }

  void add(long offset, long first, long records, long storedLength) {
    reserve(1);
    offsets[size] = offset;
    firsts[size] = first;
    counts[size] = (int) records;
    stored[size] = (int) storedLength;
    size++;
  }

  private void reserve(int more) {
    if (size + more > offsets.length) {
      int capacity = Math.max(size + more, size + (size >> 1));
      offsets = Arrays.copyOf(offsets, capacity);
      firsts = Arrays.copyOf(firsts, capacity);
      counts = Arrays.copyOf(counts, capacity);
      stored = Arrays.copyOf(stored, capacity);
    }
  }

  /** Forgets the first entries. */
  void dropFirst(int count) {
    size -= count;
    System.arraycopy(offsets, count, offsets, 0, size);
    System.arraycopy(firsts, count, firsts, 0, size);
    System.arraycopy(counts, count, counts, 0, size);
    System.arraycopy(stored, count, stored, 0, size);
  }

  void write(int from, int count, MemorySegment to, long at) {
    for (int i = 0; i < count; i++) {
      long entry = at + (long) i * BYTES;
      to.set(LE_LONG_UNALIGNED, entry, offsets[from + i]);
      to.set(LE_LONG_UNALIGNED, entry + 8, firsts[from + i]);
      to.set(LE_INT_UNALIGNED, entry + 16, counts[from + i]);
      to.set(LE_INT_UNALIGNED, entry + 20, stored[from + i]);
    }
  }

  /**
   * Adds the entries of a verified index block, and tells whether they can be: in order, in front
   * of the block, and apart from each other.
   *
   * @param base what to add to each offset
   * @param number what to add to each number
   */
  boolean read(MemorySegment from, long at, BlockHeader header, long base, long number) {
    reserve((int) (header.stored / BYTES));
    long end = size == 0 ? base : offsets[size - 1] + length(size - 1);
    long next = size == 0 ? number : firsts[size - 1] + records(size - 1);
    for (long entry = at; entry < at + header.stored; entry += BYTES) {
      long offset = from.get(LE_LONG_UNALIGNED, entry);
      long first = from.get(LE_LONG_UNALIGNED, entry + 8);
      int records = from.get(LE_INT_UNALIGNED, entry + 16);
      int length = from.get(LE_INT_UNALIGNED, entry + 20);
      if (offset < 0
          || first < 0
          || offset % Format.UNIT != 0
          || base + offset < end
          || number + first < next
          || records == 0
          || offset > header.offset - Format.FRAME
          || first > header.first) {
        return false;
      }
      add(base + offset, number + first, Integer.toUnsignedLong(records), length & 0xffffffffL);
      end = offsets[size - 1] + length(size - 1);
      next = firsts[size - 1] + records(size - 1);
      if (end > base + header.offset || next > number + header.first) {
        return false;
      }
    }
    return true;
  }

  /**
   * Returns the last entry whose first number is at most this, or -1: an interpolated guess, then
   * steps of doubling width, then halving.
   */
  int floor(long number) {
    if (size == 0 || number < firsts[0]) {
      return -1;
    }
    long end = firsts[size - 1] + records(size - 1);
    int guess =
        number >= end ? size - 1 : (int) Math.min(size - 1, (long) ((double) number / end * size));
    int low = guess;
    int high = guess;
    for (int step = 1; low > 0 && firsts[low] > number; step <<= 1) {
      high = low - 1;
      low = Math.max(0, low - step);
    }
    for (int step = 1; high < size - 1 && firsts[high + 1] <= number; step <<= 1) {
      low = high + 1;
      high = Math.min(size - 1, high + step);
    }
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (firsts[middle] <= number) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  /** Returns the entry of the block at an offset, or -1. */
  int at(long offset) {
    int i = Arrays.binarySearch(offsets, 0, size, offset);
    return i < 0 ? -1 : i;
  }
}
