// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.Arrays;

/**
 * The runs that are staged, and for whom; they are few.
 *
 * <p>Not thread-safe. Nothing is allocated but for more runs than ever before.
 */
final class StagedPages {
  private static final int ENTRY = 4;
  private static final int PAGE = 0;
  private static final int COUNT = 1;
  private static final int OWNER = 2;
  private static final int TXN = 3;

  private long[] table = new long[ENTRY * 4];
  private int size;
  private long pages;

  /** Returns how many runs there are; they are numbered from 0. */
  int size() {
    return size;
  }

  /** Returns how many pages they have. */
  long pages() {
    return pages;
  }

  void clear() {
    size = 0;
    pages = 0;
  }

  void add(long page, long count, long owner, long txn) {
    int at = size * ENTRY;
    if (at == table.length) {
      table = Arrays.copyOf(table, Math.multiplyExact(table.length, 2));
    }
    table[at + PAGE] = page;
    table[at + COUNT] = count;
    table[at + OWNER] = owner;
    table[at + TXN] = txn;
    size++;
    pages += count;
  }

  /** Returns the number of a run, -1 if there is none of just these. */
  int find(long page, long count, long owner, long txn) {
    for (int run = 0; run < size; run++) {
      if (page(run) == page && count(run) == count && owner(run) == owner && txn(run) == txn) {
        return run;
      }
    }
    return -1;
  }

  /** Removes a run. The last one gets its number. */
  void remove(int run) {
    pages -= count(run);
    size--;
    System.arraycopy(table, size * ENTRY, table, run * ENTRY, ENTRY);
  }

  long page(int run) {
    return table[run * ENTRY + PAGE];
  }

  long count(int run) {
    return table[run * ENTRY + COUNT];
  }

  /** Returns the handle that has staged a run, in the form of the word of a turn. */
  long owner(int run) {
    return table[run * ENTRY + OWNER];
  }

  /** Returns the txn that has staged a run. */
  long txn(int run) {
    return table[run * ENTRY + TXN];
  }
}
