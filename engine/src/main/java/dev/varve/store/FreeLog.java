// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Records of a free log, in memory, in the form of the log; and the run that the log is in.
 *
 * <p>A record is a word, by its upper 4 bits, and for some kinds further ones:
 *
 * <pre>
 *   1 TAKEN    page, count
 *   2 FREED    page, count; birth
 *   3 FREE     page, count
 *   4 GROWN    page count
 *   5 BASE     page count, pages of the log's run
 *   6 COMMIT   0; txn, chain
 *   7 WAITING  page, count; birth, txn that freed them
 *   8 NEEDED   number of states; states, ascending
 *   9 SPARE    page, count; birth, txn that freed them
 *   10 STAGED   page, count; owner, txn
 *   11 UNSTAGED page, count; owner, txn
 * </pre>
 *
 * <p>The first number is bits 0 to 39, the second bits 40 to 59, where 0 says that it stands in a
 * word after the first.
 */
final class FreeLog {
  static final int TAKEN = 1;
  static final int FREED = 2;
  static final int FREE = 3;
  static final int GROWN = 4;
  static final int BASE = 5;
  static final int COMMIT = 6;
  static final int WAITING = 7;
  static final int NEEDED = 8;
  static final int SPARE = 9;
  static final int STAGED = 10;
  static final int UNSTAGED = 11;

  /** Where the records begin in the run. */
  static final int CONTENT = 48;

  static final int COMMIT_BYTES = 24;

  /** A larger count takes a word more. */
  static final int COUNT_BITS = 20;

  private static final int KIND_SHIFT = 60;
  private static final int COUNT_SHIFT = 40;
  private static final long PAGE_MASK = (1L << COUNT_SHIFT) - 1;
  private static final long COUNT_MASK = (1L << COUNT_BITS) - 1;

  /** The most words a record has, other than {@link #NEEDED}. */
  private static final int MOST_WORDS = 4;

  private static final int CHECKSUM = 0;
  private static final int PAGE = 8;
  private static final int BIRTH = 16;
  private static final int KIND = 24;
  private static final int CHAIN = 40;
  private static final long KIND_OF_PAGE = 5;

  private long[] words = new long[64];
  private int size;

  /** Where the record that {@link #next} moved to begins and ends. */
  private int at;

  private int end;

  /** Its parts, as far as it has them. */
  int kind;

  long page;
  long count;
  long birth;
  long owner;
  long txn;
  long chain;

  /** Returns how many words the records have. */
  int size() {
    return size;
  }

  /** Removes the records from a word on. */
  void truncate(int newSize) {
    size = newSize;
  }

  /** Makes room for one record, so that adding it cannot fail. */
  void reserve() {
    reserve(MOST_WORDS);
  }

  private void reserve(int more) {
    if (size + more > words.length || size + more < 0) {
      int needed = Math.addExact(size, more);
      words = Arrays.copyOf(words, Math.max(needed, size < 1 << 29 ? size * 2 : needed));
    }
  }

  void taken(long first, long pages) {
    add(TAKEN, first, pages);
  }

  void free(long first, long pages) {
    add(FREE, first, pages);
  }

  void freed(long first, long pages, long theirBirth) {
    add(FREED, first, pages);
    words[size++] = theirBirth;
  }

  void grown(long pageCount) {
    reserve();
    words[size++] = head(GROWN, pageCount, 0);
  }

  void base(long pageCount, long runPages) {
    add(BASE, pageCount, runPages);
  }

  void waiting(long first, long pages, long theirBirth, long freedBy) {
    addInterval(WAITING, first, pages, theirBirth, freedBy);
  }

  void spare(long first, long pages, long theirBirth, long freedBy) {
    addInterval(SPARE, first, pages, theirBirth, freedBy);
  }

  void staged(long first, long pages, long theirOwner, long stagedBy) {
    addInterval(STAGED, first, pages, theirOwner, stagedBy);
  }

  void unstaged(long first, long pages, long theirOwner, long stagedBy) {
    addInterval(UNSTAGED, first, pages, theirOwner, stagedBy);
  }

  private void addInterval(int recordKind, long first, long pages, long theirBirth, long freedBy) {
    add(recordKind, first, pages);
    words[size++] = theirBirth;
    words[size++] = freedBy;
  }

  /** Adds the states that hold back pages after a release. */
  void needed(WaitingPages waiting) {
    int states = waiting.states();
    reserve(states + 1);
    int start = size++;
    for (int i = 0; i < states; i++) {
      if (waiting.isNeeded(i)) {
        words[size++] = waiting.state(i);
      }
    }
    words[start] = head(NEEDED, size - start - 1, 0);
  }

  private void add(int recordKind, long first, long pages) {
    reserve();
    if (pages <= COUNT_MASK) {
      words[size++] = head(recordKind, first, pages);
    } else {
      words[size++] = head(recordKind, first, 0);
      words[size++] = pages;
    }
  }

  private static long head(int kind, long page, long count) {
    return (long) kind << KIND_SHIFT | count << COUNT_SHIFT | page;
  }

  /** Before the record that begins at a word. */
  void seek(int word) {
    end = word;
  }

  /** Returns where the record begins, in words. */
  int at() {
    return at;
  }

  /** Returns where it ends. */
  int end() {
    return end;
  }

  /**
   * Moves to the next record.
   *
   * @return false if there is none; a record that is not whole, or of no kind, is none
   */
  boolean next() {
    if (end >= size) {
      return false;
    }
    long word = words[end];
    int nextKind = (int) (word >>> KIND_SHIFT);
    long nextPage = word & PAGE_MASK;
    long nextCount = word >>> COUNT_SHIFT & COUNT_MASK;
    boolean counted =
        nextKind <= FREE
            || nextKind == BASE
            || nextKind == WAITING
            || (nextKind >= SPARE && nextKind <= UNSTAGED);
    boolean countFollows = counted && nextCount == 0;
    long further =
        switch (nextKind) {
          case TAKEN, FREE, BASE -> 0;
          case GROWN -> 0;
          case FREED -> 1;
          case WAITING, SPARE, STAGED, UNSTAGED, COMMIT -> 2;
          case NEEDED -> nextPage;
          default -> Long.MAX_VALUE;
        };
    int first = end + (countFollows ? 2 : 1);
    if (further > size - first || (!counted && nextCount != 0)) {
      return false;
    }
    if (countFollows) {
      nextCount = words[first - 1];
    }
    at = end;
    end = first + (int) further;
    kind = nextKind;
    page = nextPage;
    count = nextCount;
    switch (nextKind) {
      case FREED -> birth = words[first];
      case WAITING, SPARE -> {
        birth = words[first];
        txn = words[first + 1];
      }
      case STAGED, UNSTAGED -> {
        owner = words[first];
        txn = words[first + 1];
      }
      case COMMIT -> {
        txn = words[first];
        chain = words[first + 1];
      }
      default -> {}
    }
    return true;
  }

  /** Moves the record to a word before it. Returns its end there. */
  int move(int to) {
    System.arraycopy(words, at, words, to, end - at);
    return to + end - at;
  }

  /** Copies the words after the first of the record, the states of {@link #NEEDED}. */
  void copyStates(long[] into) {
    System.arraycopy(words, at + 1, into, 0, end - at - 1);
  }

  /** Takes over the words of a log in the place of all records. */
  void read(MemorySegment segment, long offset, int count) {
    size = 0;
    reserve(count);
    for (int i = 0; i < count; i++) {
      words[i] = segment.get(LE_LONG, offset + 8L * i);
    }
    size = count;
  }

  /**
   * Writes the records to a log, behind a chain, and their {@code COMMIT}.
   *
   * @param segment the memory of the log
   * @param offset where in it they begin
   * @param commit the txn
   * @return the chain
   */
  long write(MemorySegment segment, long offset, long commit) {
    long[] from = words;
    int count = size;
    for (int i = 0; i < count; i++) {
      segment.set(LE_LONG, offset + 8L * i, from[i]);
    }
    long last = offset + 8L * count;
    segment.set(LE_LONG, last, head(COMMIT, 0, 0));
    segment.set(LE_LONG, last + 8, commit);
    long newChain = chain(segment, offset, last + 16);
    segment.set(LE_LONG, last + 16, newChain);
    return newChain;
  }

  /** Returns the chain of the words from an offset to another; the chain before is before them. */
  static long chain(MemorySegment segment, long offset, long end) {
    return Hash.XXH3.hash(segment, offset - 8, end - offset + 8);
  }

  /** Writes the header of a run. */
  static void writeHeader(MemorySegment segment, long offset, long firstPage, long birth) {
    segment.set(LE_LONG, offset + PAGE, firstPage);
    segment.set(LE_LONG, offset + BIRTH, birth);
    segment.set(LE_LONG, offset + KIND, KIND_OF_PAGE);
    segment.set(LE_LONG, offset + KIND + 8, 0);
    segment.set(LE_LONG, offset + CHAIN, 0);
    segment.set(LE_LONG, offset + CHECKSUM, checksum(segment, offset));
  }

  /** Whether a run has this header. */
  static boolean isHeader(MemorySegment segment, long offset, long firstPage, long birth) {
    return segment.get(LE_LONG, offset + PAGE) == firstPage
        && segment.get(LE_LONG, offset + BIRTH) == birth
        && segment.get(LE_LONG, offset + KIND) == KIND_OF_PAGE
        && segment.get(LE_LONG, offset + KIND + 8) == 0
        && segment.get(LE_LONG, offset + CHAIN) == 0
        && segment.get(LE_LONG, offset + CHECKSUM) == checksum(segment, offset);
  }

  private static long checksum(MemorySegment segment, long offset) {
    return Hash.XXH3.hash(segment, offset + PAGE, CONTENT - PAGE);
  }
}
