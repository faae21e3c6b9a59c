// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;
import static dev.varve.memory.Layouts.LE_SHORT;

import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;

/**
 * The layout of a page, and the nodes of trees within: slots in key order, cells behind them.
 *
 * <pre>
 *   +--------+---------------------+------------+-----------------------+
 *   | header | slots, in key order | free       | cells, in any order   |
 *   +--------+---------------------+------------+-----------------------+
 *   0        40                    40 + 8 count page size - heap        page size
 *
 *   header   0   8  checksum              24  1  kind     26  2  count   30  2  heap
 *            8   8  number of the page    25  1  level    28  2  prefix  32  2  dead bytes
 *            16  8  birth                                                36  4  savepoint
 *
 *   slot     bits 0-15 offset of the cell, 16-30 bytes of the key in it, 31 set if there are more
 *            in a run, 32-63 head: four bytes of the key behind the prefix, big-endian
 *
 *   leaf     4   bits 0-30 bytes of the value, bit 31: in a run   branch   16  child: page, birth
 *   cell     k   key                                              cell     k   key
 *            24  only of long keys: run, birth, length                     24  only of long keys
 *            v   value, or run, birth, length
 * </pre>
 *
 * <p>A node is named by the segment that holds it and its offset there. The first key of a branch
 * is empty and means nothing. All methods are for one thread at a time, those that only read for
 * any number.
 */
final class Node {
  static final int LEAF = 1;
  static final int BRANCH = 2;
  static final int VALUE_RUN = 3;
  static final int KEY_RUN = 4;
  static final int FREE_LOG = 5;

  static final int HEADER = 40;
  static final int SLOT = 8;

  /** The bytes of a reference to a run, in a cell. */
  static final int RUN = 24;

  /** Where the content of a run begins; its length is the word before. */
  static final int CONTENT = 48;

  static final int CONTENT_LENGTH = 40;

  private static final int CHECKSUM = 0;
  private static final int NUMBER = 8;
  private static final int BIRTH = 16;
  private static final int KIND = 24;
  private static final int LEVEL = 25;
  private static final int COUNT = 26;
  private static final int PREFIX = 28;
  private static final int HEAP = 30;
  private static final int DEAD = 32;
  private static final int SAVEPOINT = 36;

  private static final long LONG_KEY = 1L << 31;
  private static final int IN_RUN = 1 << 31;

  private Node() {}

  // The header.

  static long checksum(MemorySegment s, long b) {
    return s.get(LE_LONG, b + CHECKSUM);
  }

  static void checksum(MemorySegment s, long b, long value) {
    s.set(LE_LONG, b + CHECKSUM, value);
  }

  static long number(MemorySegment s, long b) {
    return s.get(LE_LONG, b + NUMBER);
  }

  static long birth(MemorySegment s, long b) {
    return s.get(LE_LONG, b + BIRTH);
  }

  static int kind(MemorySegment s, long b) {
    return s.get(BYTE, b + KIND);
  }

  static int level(MemorySegment s, long b) {
    return s.get(BYTE, b + LEVEL) & 0xFF;
  }

  static int count(MemorySegment s, long b) {
    return s.get(LE_SHORT, b + COUNT) & 0xFFFF;
  }

  static int prefix(MemorySegment s, long b) {
    return s.get(LE_SHORT, b + PREFIX) & 0xFFFF;
  }

  static int heap(MemorySegment s, long b) {
    return s.get(LE_SHORT, b + HEAP) & 0xFFFF;
  }

  static int dead(MemorySegment s, long b) {
    return s.get(LE_SHORT, b + DEAD) & 0xFFFF;
  }

  static int savepoint(MemorySegment s, long b) {
    return s.get(LE_INT, b + SAVEPOINT);
  }

  /** Writes the header of an empty page. */
  static void init(
      MemorySegment s, long b, long number, long birth, int kind, int level, int savepoint) {
    s.set(LE_LONG, b + CHECKSUM, 0);
    identify(s, b, number, birth, savepoint);
    s.set(LE_LONG, b + KIND, kind | (long) level << 8);
    s.set(LE_SHORT, b + DEAD, (short) 0);
    s.set(LE_SHORT, b + DEAD + 2, (short) 0);
  }

  /** Says which page this is, of one that was made elsewhere. */
  static void number(MemorySegment s, long b, long number) {
    s.set(LE_LONG, b + NUMBER, number);
  }

  /** Says which page this is, of a copy of another one. */
  static void identify(MemorySegment s, long b, long number, long birth, int savepoint) {
    s.set(LE_LONG, b + NUMBER, number);
    s.set(LE_LONG, b + BIRTH, birth);
    s.set(LE_INT, b + SAVEPOINT, savepoint);
  }

  private static void count(MemorySegment s, long b, int value) {
    s.set(LE_SHORT, b + COUNT, (short) value);
  }

  private static void heap(MemorySegment s, long b, int value) {
    s.set(LE_SHORT, b + HEAP, (short) value);
  }

  private static void dead(MemorySegment s, long b, int value) {
    s.set(LE_SHORT, b + DEAD, (short) value);
  }

  /** Returns what the checksum of a node must be: over all of its page but what is free in it. */
  static long sum(MemorySegment s, long b, int pageSize) {
    int heap = heap(s, b);
    long slots = Hash.XXH3.hash(s, b + NUMBER, HEADER - NUMBER + (long) SLOT * count(s, b));
    return slots + 31 * Hash.XXH3.hash(s, b + pageSize - heap, heap);
  }

  /** Copies what a node uses of its page, header included. */
  static void copy(MemorySegment s, long b, MemorySegment target, long t, int pageSize) {
    MemorySegment.copy(s, b, target, t, HEADER + (long) SLOT * count(s, b));
    int heap = heap(s, b);
    MemorySegment.copy(s, b + pageSize - heap, target, t + pageSize - heap, heap);
  }

  // Slots and cells.

  static long slot(MemorySegment s, long b, int i) {
    return s.get(LE_LONG, b + HEADER + (long) i * SLOT);
  }

  private static void slot(MemorySegment s, long b, int i, long value) {
    s.set(LE_LONG, b + HEADER + (long) i * SLOT, value);
  }

  /** Returns the offset of a cell within its page. */
  static int cell(long slot) {
    return (int) slot & 0xFFFF;
  }

  /** Returns how many bytes of the key are in the cell. */
  static int keyBytes(long slot) {
    return (int) (slot >>> 16) & 0x7FFF;
  }

  /** Whether there are more bytes of the key, in a run. */
  static boolean isLong(long slot) {
    return (slot & LONG_KEY) != 0;
  }

  private static long slotOf(int cell, int keyBytes, boolean isLong, int head) {
    return cell | (long) keyBytes << 16 | (isLong ? LONG_KEY : 0) | (long) head << 32;
  }

  /** Returns the bytes before the key in a cell. */
  private static int cellHead(int level) {
    return level == 0 ? 4 : 16;
  }

  /** Returns where in the segment the key bytes of a cell begin. */
  static long key(MemorySegment s, long b, long slot) {
    return b + cell(slot) + cellHead(level(s, b));
  }

  /** Returns where in the segment the reference to the run of a long key is. */
  static long keyRun(MemorySegment s, long b, long slot) {
    return key(s, b, slot) + keyBytes(slot);
  }

  /** Returns the page number of a child of a branch. */
  static long child(MemorySegment s, long b, int i) {
    return s.get(LE_LONG_UNALIGNED, b + cell(slot(s, b, i)));
  }

  static long childBirth(MemorySegment s, long b, int i) {
    return s.get(LE_LONG_UNALIGNED, b + cell(slot(s, b, i)) + 8);
  }

  static void child(MemorySegment s, long b, int i, long page, long birth) {
    long at = b + cell(slot(s, b, i));
    s.set(LE_LONG_UNALIGNED, at, page);
    s.set(LE_LONG_UNALIGNED, at + 8, birth);
  }

  /** Whether the value of an entry of a leaf is in a run. */
  static boolean isValueInRun(MemorySegment s, long b, long slot) {
    return s.get(LE_INT_UNALIGNED, b + cell(slot)) < 0;
  }

  /**
   * Returns the bytes that the value takes in the cell, which are those of a reference if it is in
   * a run.
   */
  static int valueBytes(MemorySegment s, long b, long slot) {
    return s.get(LE_INT_UNALIGNED, b + cell(slot)) & ~IN_RUN;
  }

  /** Returns where in the segment the value is, or the reference to its run. */
  static long value(MemorySegment s, long b, long slot) {
    return b + cell(slot) + 4 + keyBytes(slot) + (isLong(slot) ? RUN : 0);
  }

  private static int cellBytes(MemorySegment s, long b, int level, long slot) {
    int key = keyBytes(slot) + (isLong(slot) ? RUN : 0);
    return level == 0 ? 4 + key + valueBytes(s, b, slot) : 16 + key;
  }

  /** Returns the bytes that an entry takes, its slot included. */
  static int entryBytes(MemorySegment s, long b, int i) {
    return SLOT + cellBytes(s, b, level(s, b), slot(s, b, i));
  }

  /** Returns the bytes that all entries take. */
  static int usedBytes(MemorySegment s, long b) {
    return SLOT * count(s, b) + heap(s, b) - dead(s, b);
  }

  /** Returns the bytes that an entry with these parts takes, its slot included. */
  static int entryBytes(int level, int keyBytes, boolean isLong, int valueBytes) {
    return SLOT + cellHead(level) + keyBytes + (isLong ? RUN : 0) + valueBytes;
  }

  /** Whether an entry of so many bytes fits. */
  static boolean fits(MemorySegment s, long b, int entryBytes, int pageSize) {
    return usedBytes(s, b) + entryBytes <= pageSize - HEADER;
  }

  /**
   * Inserts an entry, which must fit; the caller fills the rest of its cell. The key is in the
   * slot.
   */
  static void insert(
      MemorySegment s,
      long b,
      int i,
      MemorySegment keySource,
      long keyOffset,
      int keyBytes,
      boolean isLong,
      int valueBytes,
      boolean inRun,
      MemorySegment scratch,
      int pageSize) {
    int level = level(s, b);
    int count = count(s, b);
    int bytes = cellHead(level) + keyBytes + (isLong ? RUN : 0) + valueBytes;
    int heap = heap(s, b);
    if (HEADER + SLOT * (count + 1) + heap + bytes > pageSize) {
      compact(s, b, scratch, pageSize);
      heap = heap(s, b);
    }
    int prefix = prefix(s, b);
    int cell = pageSize - heap - bytes;
    long slots = b + HEADER + (long) i * SLOT;
    MemorySegment.copy(s, slots, s, slots + SLOT, (long) (count - i) * SLOT);
    MemorySegment.copy(keySource, keyOffset, s, b + cell + cellHead(level), keyBytes);
    if (level == 0) {
      s.set(LE_INT_UNALIGNED, b + cell, inRun ? valueBytes | IN_RUN : valueBytes);
    }
    int head = headOf(s, b + cell + cellHead(level), keyBytes, prefix);
    slot(s, b, i, slotOf(cell, keyBytes, isLong, head));
    heap(s, b, heap + bytes);
    count(s, b, count + 1);
  }

  /**
   * Returns the four bytes of a key from an offset, as a number; zeros stand for those it has not.
   */
  private static int headOf(MemorySegment s, long key, int keyBytes, int from) {
    if (keyBytes - from >= 4) {
      return Integer.reverseBytes(s.get(LE_INT_UNALIGNED, key + from));
    }
    int head = 0;
    for (int k = 0; k < 4; k++) {
      head = head << 8 | (from + k < keyBytes ? s.get(BYTE, key + from + k) & 0xFF : 0);
    }
    return head;
  }

  /** Removes an entry. If it was the first of a branch, the caller clears the key of the next. */
  static void remove(MemorySegment s, long b, int i) {
    int count = count(s, b);
    dead(s, b, dead(s, b) + cellBytes(s, b, level(s, b), slot(s, b, i)));
    long slots = b + HEADER + (long) i * SLOT;
    MemorySegment.copy(s, slots + SLOT, s, slots, (long) (count - i - 1) * SLOT);
    count(s, b, count - 1);
  }

  /** Makes the key of the first entry of a branch empty. */
  static void clearFirstKey(MemorySegment s, long b) {
    long slot = slot(s, b, 0);
    dead(s, b, dead(s, b) + keyBytes(slot) + (isLong(slot) ? RUN : 0));
    slot(s, b, 0, slotOf(cell(slot), 0, false, 0));
  }

  /** Removes all entries from one on. */
  static void truncate(MemorySegment s, long b, int count, int pageSize) {
    int level = level(s, b);
    int dead = dead(s, b);
    for (int i = count(s, b) - 1; i >= count; i--) {
      dead += cellBytes(s, b, level, slot(s, b, i));
    }
    dead(s, b, dead);
    count(s, b, count);
    prefix(s, b, commonPrefix(s, b, pageSize));
  }

  /**
   * Appends entries of another node of the same level, cell by cell. They must fit without moving.
   */
  static void append(
      MemorySegment s, long b, MemorySegment source, long sb, int from, int to, int pageSize) {
    int level = level(s, b);
    int count = count(s, b);
    int heap = heap(s, b);
    for (int i = from; i < to; i++) {
      long slot = slot(source, sb, i);
      int bytes = cellBytes(source, sb, level, slot);
      heap += bytes;
      int cell = pageSize - heap;
      MemorySegment.copy(source, sb + cell(slot), s, b + cell, bytes);
      slot(s, b, count++, (slot & ~0xFFFFL) | cell);
    }
    heap(s, b, heap);
    count(s, b, count);
  }

  /** Moves the cells together. */
  static void compact(MemorySegment s, long b, MemorySegment scratch, int pageSize) {
    MemorySegment.copy(s, b, scratch, 0, HEADER);
    heap(scratch, 0, 0);
    dead(scratch, 0, 0);
    count(scratch, 0, 0);
    append(scratch, 0, s, b, 0, count(s, b), pageSize);
    copy(scratch, 0, s, b, pageSize);
  }

  /**
   * Returns the prefix for a node: how many first bytes all keys that count have in common; 0 if
   * there are fewer than two. Heads behind it never reach beyond what a cell has of a long key.
   */
  static int commonPrefix(MemorySegment s, long b, int pageSize) {
    int first = level(s, b) == 0 ? 0 : 1;
    int last = count(s, b) - 1;
    if (last <= first) {
      return 0;
    }
    long a = slot(s, b, first);
    long z = slot(s, b, last);
    int end = Math.min(pageSize / 8 - 4, Math.min(keyBytes(a), keyBytes(z)));
    long ka = key(s, b, a);
    long kz = key(s, b, z);
    long mismatch = MemorySegment.mismatch(s, ka, ka + end, s, kz, kz + end);
    return mismatch < 0 ? end : (int) mismatch;
  }

  /** Sets the prefix, and the heads with it. */
  static void prefix(MemorySegment s, long b, int prefix) {
    s.set(LE_SHORT, b + PREFIX, (short) prefix);
    int count = count(s, b);
    for (int i = level(s, b) == 0 ? 0 : 1; i < count; i++) {
      long slot = slot(s, b, i);
      int head = headOf(s, key(s, b, slot), keyBytes(slot), prefix);
      slot(s, b, i, (slot & 0xFFFFFFFFL) | (long) head << 32);
    }
  }
}
