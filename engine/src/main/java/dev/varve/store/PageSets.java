// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

/**
 * Which pages of a data file are free, wait, or are staged, and how many pages there are. The other
 * pages from {@link FreeSpace#FIRST_PAGE} on are in use.
 *
 * <p>A page is in one of these sets at most (invariant 4): what becomes free must not be, and what
 * begins to wait or is staged must not be free.
 *
 * <p>For one thread: who holds the writer's turn, or who reads a free log for itself. Nothing is
 * allocated but for more pages or entries than ever before.
 */
final class PageSets {
  final FreePages free;
  final WaitingPages waiting = new WaitingPages();
  final StagedPages staged = new StagedPages();

  /** Pages from this number on belong to nobody. */
  long pageCount;

  PageSets(int pageShift) {
    free = new FreePages(pageShift);
  }

  /** Makes all pages up to a page count ones in use. */
  void clear(long newPageCount) {
    free.clear();
    waiting.clear();
    staged.clear();
    pageCount = newPageCount;
  }

  /** Whether these are pages, at least one. */
  boolean isRange(long first, long count) {
    return first >= FreeSpace.FIRST_PAGE
        && count >= 1
        && first < pageCount
        && count <= pageCount - first;
  }

  /** Makes the pages from the page count up to a larger one free. */
  void grow(long newPageCount) {
    free.add(pageCount, newPageCount - pageCount);
    pageCount = newPageCount;
  }

  /**
   * Throws if any of these pages is free.
   *
   * @throws IllegalStateException then
   */
  void checkNotFree(long page, long count) {
    if (free.isAnyFree(page, count)) {
      throw new IllegalStateException("one of the pages from " + page + " on is free already");
    }
  }

  /**
   * Lets pages wait that a commit frees; if it is their birth, no state ever reached them.
   *
   * @throws IllegalStateException if one of them is free; then nothing happened
   */
  void freed(long page, long count, long birth, long commit) {
    if (birth == commit) {
      free.add(page, count);
    } else {
      checkNotFree(page, count);
      waiting.add(page, count, birth, commit);
    }
  }

  /** Takes pages that belong to nobody. */
  interface ExtentVisitor {
    /** Takes free pages, of birth and freed 0, or waiting ones, which are in no certain order. */
    void extent(long page, long count, long birth, long freed);
  }

  /** Visits what is free, in order of pages. */
  void forEachFree(ExtentVisitor visitor) {
    for (long page = free.nextFree(0); page != Long.MAX_VALUE; ) {
      long end = free.nextTaken(page);
      visitor.extent(page, end - page, 0, 0);
      page = free.nextFree(end);
    }
  }

  /** Visits what waits. */
  void forEachWaiting(ExtentVisitor visitor) {
    for (int entry = waiting.nextEntry(0); entry != 0; entry = waiting.nextEntry(entry)) {
      visitor.extent(
          waiting.page(entry), waiting.count(entry), waiting.birth(entry), waiting.freed(entry));
    }
  }

  /** Visits what is staged; its birth is the txn that has staged it. */
  void forEachStaged(ExtentVisitor visitor) {
    for (int run = 0; run < staged.size(); run++) {
      visitor.extent(staged.page(run), staged.count(run), staged.txn(run), 0);
    }
  }
}
