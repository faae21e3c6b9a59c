// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.BitSet;

/**
 * Which pages of a damaged file were met, and which hold nothing of the last state; and how far the
 * reading has come. For one thread.
 */
final class SalvagedPages {
  private static final int STEP = 4096;

  private final long pageCount;
  private final StoreCheck.Progress progress;
  private final BitSet met = new BitSet();
  private final BitSet free = new BitSet();
  private long read;

  SalvagedPages(long pageCount, StoreCheck.Progress progress) {
    this.pageCount = pageCount;
    this.progress = progress;
  }

  /** Whether a page of any number is one that was met. */
  boolean isMet(long page) {
    return page >= 0 && page < pageCount && met.get((int) page);
  }

  void meet(long page, long count) {
    met.set((int) page, (int) (page + count));
  }

  /** Takes note of what a free log says to hold nothing of its state. */
  void free(FreeLogReader reader) {
    PageSets.ExtentVisitor visitor =
        (page, count, birth, freed) -> free.set((int) page, (int) (page + count));
    reader.sets.forEachFree(visitor);
    reader.sets.forEachWaiting(visitor);
    reader.sets.forEachStaged(visitor);
    visitor.extent(reader.log.page, reader.log.pages, 0, 0);
  }

  /** Whether a page of the file was not met, and is not known to hold nothing. */
  boolean isStray(long page) {
    return !met.get((int) page) && !free.get((int) page);
  }

  /** Tells that so many further pages were read. */
  void tell(long pages) {
    long before = read / STEP;
    read += pages;
    if (read / STEP != before) {
      progress.at(Math.min(read, pageCount), pageCount);
    }
  }
}
