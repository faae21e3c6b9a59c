// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.FullException;

/**
 * Takes and frees pages in a txn, and has its records say so.
 *
 * <p>Only pages that are free are taken, so none that a needed state reaches (invariants 1 and 4).
 * What is freed is free at once only if the txn took it under the current savepoint; else it waits
 * from the commit on. Each change has its record, or an exception comes before it.
 *
 * <p>For who holds the writer's turn. Nothing is allocated but for more pages or records than ever
 * before.
 */
final class TxnPages {
  private final int pageShift;
  private final PageSets sets;
  private final FreePages free;
  private final FreeLog events;
  private final FileGrowth growth;

  private long txn;
  private int takenPages;

  /** Whether this txn has only freed, and so may take the reserve. */
  private boolean onlyFrees;

  /** Whether it did, since the disk was full. */
  private boolean usedReserve;

  TxnPages(int pageShift, PageSets sets, FreeLog events, FileGrowth growth) {
    this.pageShift = pageShift;
    this.sets = sets;
    this.free = sets.free;
    this.events = events;
    this.growth = growth;
  }

  /** Begins a txn. */
  void begin(long newTxn) {
    txn = newTxn;
    onlyFrees = true;
    usedReserve = false;
  }

  long txn() {
    return txn;
  }

  // The reserve.

  /** Says that this txn does more than free, and so must leave the reserve. */
  void keepReserve() {
    onlyFrees = false;
  }

  /** Whether this txn has only freed, and so may use the reserve. */
  boolean mayUseReserve() {
    return onlyFrees;
  }

  /** Says that this txn uses the reserve, of pages or of the free log. */
  void useReserve() {
    usedReserve = true;
  }

  /** Whether this txn used the reserve: then a steady sync shall follow, which brings it back. */
  boolean usedReserve() {
    return usedReserve;
  }

  // Taking.

  /**
   * Takes a page, or a run of pages that follow each other and whose content is one piece of
   * memory. Makes the file longer if there is none.
   *
   * @return the first page
   * @throws FullException if the disk is full, or no number is left; nothing is taken
   */
  long take(long count) {
    return take(count, onlyFrees);
  }

  /** As {@link #take(long)}, but never of the reserve. */
  long takeBeyondReserve(long count) {
    return take(count, false);
  }

  private long take(long count, boolean orReserve) {
    long page = takeFree(count);
    if (page < 0) {
      try {
        growth.grow(count);
      } catch (FullException e) {
        page = orReserve ? free.take(count) : -1;
        if (page < 0) {
          throw e;
        }
        usedReserve = true;
      }
      events.reserve();
      page = page < 0 ? free.take(count) : page;
      events.taken(page, count);
    }
    return page;
  }

  /** As {@link #take(long)}, but only of pages that are free. Returns -1 if there are too few. */
  long takeFree(long count) {
    events.reserve();
    long page = growth.beyondReserve() >= count ? free.take(count) : -1;
    if (page >= 0) {
      events.taken(page, count);
    }
    return page;
  }

  /**
   * Takes free pages that follow each other and whose content is one piece of memory, so many as
   * there are at the lowest place.
   *
   * @param most how many at most; {@link #takenPages} says how many they are
   * @return the first page, or -1 if there are too few
   */
  long takeUpTo(int most) {
    events.reserve();
    takenPages = Math.clamp(growth.beyondReserve(), 0, most);
    if (takenPages == 0) {
      return -1;
    }
    long page = free.nextFree(0);
    takenPages = free.stretch(page, takenPages);
    free.remove(page, takenPages);
    events.taken(page, takenPages);
    return page;
  }

  /** Returns how many pages {@link #takeUpTo} took last. */
  int takenPages() {
    return takenPages;
  }

  /**
   * Takes pages behind the page count, which the file has: they were written. Those in between are
   * free. {@link FileGrowth#complete} follows, unless the txn or its savepoint is rolled back.
   */
  void takeWritten(long page, long count) {
    growth.addWritten(page + count);
    takeAt(page, count);
  }

  /**
   * Takes the pages behind a run, where all of it is one run then. Makes the file longer if they
   * are at its end.
   *
   * @param more how many
   * @return whether they were to be had
   * @throws FullException if the disk is full; nothing is taken
   */
  boolean takeBehind(long page, long count, long more) {
    long from = page + count;
    long end = from + more;
    if (!FreePages.isRun(page, count + more, pageShift)
        || (from < sets.pageCount && free.nextTaken(from) < Math.min(end, sets.pageCount))) {
      return false;
    }
    if (end > sets.pageCount || growth.beyondReserve() < more) {
      growth.grow(from, more);
    }
    takeAt(from, more);
    return true;
  }

  /** Takes free pages of certain numbers. */
  private void takeAt(long page, long count) {
    events.reserve();
    free.remove(page, count);
    events.taken(page, count);
  }

  // Freeing.

  /**
   * Frees pages, which were taken as one.
   *
   * @param page the first
   * @param count how many
   * @param birth the txn that took them
   * @param atOnce whether this txn took them under the current savepoint, so that nothing can come
   *     back to them: they are free again at once
   * @throws IllegalStateException if one of them is free; then nothing happened
   */
  void free(long page, long count, long birth, boolean atOnce) {
    events.reserve();
    if (atOnce) {
      free.add(page, count);
      events.free(page, count);
    } else {
      sets.checkNotFree(page, count);
      events.freed(page, count, birth);
    }
  }

  /** Frees pages that this txn took under the current savepoint: they are free again at once. */
  void giveBack(long page, long count) {
    free(page, count, txn, true);
  }
}
