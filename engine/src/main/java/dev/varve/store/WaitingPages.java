// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.Arrays;

/**
 * Pages that were freed and wait until no needed state reaches them.
 *
 * <p>Each entry hangs under the smallest state that needs it, and is looked at again only when that
 * one is gone. So a state that is pinned for long costs nothing while it is.
 *
 * <p>Not thread-safe. Nothing is allocated but for more entries or states than ever before.
 */
final class WaitingPages {
  /** An entry is five words; number 0 is none. */
  private static final int ENTRY = 5;

  private static final int PAGE = 0;
  private static final int COUNT = 1; // 0 in one that is not in use
  private static final int BIRTH = 2;
  private static final int FREED = 3;
  private static final int NEXT = 4;

  private long[] table = new long[ENTRY * 16];
  private int tableEnd = 1;
  private int unused;

  /** The entries that were not looked at yet. */
  private int fresh;

  /** The states of the last release, ascending, and which entries hang under them. */
  private long[] states = new long[4];

  private int[] heads = new int[4];
  private int stateCount;

  private long[] formerStates = new long[4];
  private int[] formerHeads = new int[4];

  private int entries;
  private long pages;

  /** Returns how many pages wait. */
  long pages() {
    return pages;
  }

  /** Returns how many entries they are. */
  int entries() {
    return entries;
  }

  void clear() {
    tableEnd = 1;
    unused = 0;
    fresh = 0;
    stateCount = 0;
    entries = 0;
    pages = 0;
  }

  /** Adds pages that the states from {@code birth} to before {@code freed} reach, at least one. */
  void add(long page, long count, long birth, long freed) {
    int entry = unused;
    if (entry != 0) {
      unused = next(entry);
    } else {
      entry = tableEnd;
      if ((entry + 1) * ENTRY > table.length) {
        table = Arrays.copyOf(table, Math.multiplyExact(table.length, 2));
      }
      tableEnd++;
    }
    int at = entry * ENTRY;
    table[at + PAGE] = page;
    table[at + COUNT] = count;
    table[at + BIRTH] = birth;
    table[at + FREED] = freed;
    table[at + NEXT] = fresh;
    fresh = entry;
    entries++;
    pages += count;
  }

  /**
   * Makes the pages free that no state needs.
   *
   * @param needed the states, ascending
   * @param count how many
   * @param into gets the pages
   * @return whether there were any
   * @throws IllegalStateException if such a page is free already; then this is in no good state
   */
  boolean release(long[] needed, int count, FreePages into) {
    int before = entries;
    long[] oldStates = states;
    int[] oldHeads = heads;
    int oldCount = stateCount;
    if (formerStates.length < count) {
      int length = Math.max(count, formerStates.length * 2);
      formerStates = new long[length];
      formerHeads = new int[length];
    }
    states = formerStates;
    heads = formerHeads;
    stateCount = count;
    formerStates = oldStates;
    formerHeads = oldHeads;
    System.arraycopy(needed, 0, states, 0, count);
    Arrays.fill(heads, 0, count, 0);
    // First all that stay, since what is put under a state is put before the others.
    for (int old = 0, now = 0; old < oldCount; old++) {
      while (now < count && Long.compareUnsigned(states[now], oldStates[old]) < 0) {
        now++;
      }
      if (now < count && states[now] == oldStates[old]) {
        heads[now] = oldHeads[old];
        oldHeads[old] = 0;
      }
    }
    for (int old = 0; old < oldCount; old++) {
      placeAll(oldHeads[old], into);
    }
    int looked = fresh;
    fresh = 0;
    placeAll(looked, into);
    return entries != before;
  }

  private void placeAll(int entry, FreePages into) {
    while (entry != 0) {
      int next = next(entry);
      int at = entry * ENTRY;
      int state = firstFrom(table[at + BIRTH]);
      if (state < stateCount && Long.compareUnsigned(states[state], table[at + FREED]) < 0) {
        table[at + NEXT] = heads[state];
        heads[state] = entry;
      } else {
        into.add(table[at + PAGE], table[at + COUNT]);
        entries--;
        pages -= table[at + COUNT];
        table[at + COUNT] = 0;
        table[at + NEXT] = unused;
        unused = entry;
      }
      entry = next;
    }
  }

  /** Returns the index of the smallest state that is at least so large. */
  private int firstFrom(long birth) {
    int low = 0;
    int high = stateCount;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (Long.compareUnsigned(states[middle], birth) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private int next(int entry) {
    return (int) table[entry * ENTRY + NEXT];
  }

  /** Returns how many states the last release had. */
  int states() {
    return stateCount;
  }

  /** Returns such a state. */
  long state(int index) {
    return states[index];
  }

  /** Whether entries hang under such a state. */
  boolean isNeeded(int index) {
    return heads[index] != 0;
  }

  /** Returns the number of the entry in use that follows a number, from 0; 0 if there is none. */
  int nextEntry(int entry) {
    for (int next = entry + 1; next < tableEnd; next++) {
      if (table[next * ENTRY + COUNT] != 0) {
        return next;
      }
    }
    return 0;
  }

  long page(int entry) {
    return table[entry * ENTRY + PAGE];
  }

  long count(int entry) {
    return table[entry * ENTRY + COUNT];
  }

  long birth(int entry) {
    return table[entry * ENTRY + BIRTH];
  }

  long freed(int entry) {
    return table[entry * ENTRY + FREED];
  }
}
