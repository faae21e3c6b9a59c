// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.FullException;

/**
 * How a data file grows: by how much, and what of it is free then; and how many free pages are a
 * reserve, which is left to txns that only free, where the disk is full.
 *
 * <p>The page count goes up here only, once the file is so long and mapped, and what comes with it
 * is free and said in the records of the txn (invariants 4 and 5). The file never gets shorter.
 *
 * <p>For who holds the writer's turn.
 */
final class FileGrowth {
  private static final long LEAST_STEP = 64 << 10;
  private static final long MOST_STEP = 64 << 20;

  private final Pages pages;
  private final String file;
  private final int pageShift;

  /** Runs of up to so many pages, 16 MiB, do not cross a multiple of it. */
  private final long unit;

  private final long reserve;
  private final PageSets sets;
  private final FreeLog events;

  /** The file is for messages; so many free pages are the reserve. */
  FileGrowth(Pages pages, String file, long reserve, PageSets sets, FreeLog events) {
    this.pages = pages;
    this.file = file;
    this.pageShift = pages.pageShift();
    this.unit = 1L << (FreePages.CHUNK_BYTES_SHIFT - pageShift);
    this.reserve = reserve;
    this.sets = sets;
    this.events = events;
  }

  /** Returns how many free pages there are beyond the reserve; less than 0 if that is not whole. */
  long beyondReserve() {
    return sets.free.count() - reserve;
  }

  /**
   * Makes the file so long that a run of so many pages is free, and the reserve beyond it.
   *
   * @throws FullException if the disk is full, or no number is left; nothing has changed
   */
  void grow(long count) {
    grow(placeAtEnd(count), count);
  }

  /** As above, of a run at a place, behind which all pages are free. */
  void grow(long place, long count) {
    long least = least(place, count);
    long wanted = Math.max(least, sets.pageCount + step(sets.pageCount));
    if (least <= unit) {
      wanted = Math.min(wanted, unit);
    } else {
      least = roundUp(least);
      wanted = roundUp(wanted);
    }
    if (count > FreeSpace.MAX_PAGES || wanted > FreeSpace.MAX_PAGES) {
      throw tooManyPages(count);
    }
    pages.checkRoom(least);
    addGrown(extend(wanted, least));
  }

  /**
   * Makes the file a step longer, if a run of so many pages is not free: so that who takes one
   * after some steps, each in a txn of its own, need not wait for all of them.
   *
   * @return whether there is such a run
   * @throws FullException if the disk is full
   */
  boolean growTowards(long count, long step) {
    long page = beyondReserve() >= count ? sets.free.take(count) : -1;
    if (page >= 0) {
      sets.free.add(page, count);
      return true;
    }
    long least = least(placeAtEnd(count), count);
    if (least > FreeSpace.MAX_PAGES) {
      return true; // whoever takes it is told
    }
    pages.checkRoom(least);
    long wanted = Math.min(least, sets.pageCount + step);
    addGrown(extend(wanted, wanted));
    return false;
  }

  /** Adds the pages up to a page count that the file has: they were written. Maps them. */
  void addWritten(long pageCount) {
    pages.extend(pageCount);
    addGrown(pageCount);
  }

  /**
   * Makes the file as long as it becomes when it grows by zeros, and at least as the reserve needs,
   * after {@link #addWritten}.
   */
  void complete(long formerPageCount) {
    long least = sets.pageCount + Math.max(0, -beyondReserve());
    long wanted =
        least <= unit
            ? Math.clamp(formerPageCount + step(formerPageCount), least, unit)
            : roundUp(least);
    checkNumber(least, 0);
    addGrown(extend(Math.min(wanted, FreeSpace.MAX_PAGES), least));
  }

  /** Throws if pages from one on would be more than a store can have, or the file system has. */
  void checkNumber(long page, long count) {
    if (page > FreeSpace.MAX_PAGES || count > FreeSpace.MAX_PAGES - page) {
      throw tooManyPages(count);
    }
    if (count > unit) {
      pages.checkRoom(page + count);
    }
  }

  private FullException tooManyPages(long count) {
    return new FullException(
        file + " has the most pages it can; copy its tables into a store of larger pages",
        FreeSpace.MAX_PAGES << pageShift,
        sets.pageCount << pageShift,
        count << pageShift);
  }

  /** Returns where pages can be taken, if the file becomes longer. */
  private long placeAtEnd(long count) {
    long place = sets.free.stretchBefore(sets.pageCount);
    return FreePages.isRun(place, count, pageShift) ? place : roundUp(place);
  }

  /** Returns how many pages the file needs, so that some can be taken from a place on. */
  private long least(long place, long count) {
    return Math.max(place + count, sets.pageCount + count - beyondReserve());
  }

  private long step(long count) {
    return Math.clamp(count >> 3, LEAST_STEP >> pageShift, MOST_STEP >> pageShift);
  }

  private long roundUp(long page) {
    return (page + unit - 1) & -unit;
  }

  /** Makes the file as long as wanted, or if the disk is too full for that, as long as needed. */
  private long extend(long wanted, long least) {
    try {
      pages.extend(wanted);
      return wanted;
    } catch (FullException e) {
      if (least == wanted) {
        throw e;
      }
      pages.extend(least);
      return least;
    }
  }

  /** Adds the pages from the page count to another one, which the file has. */
  private void addGrown(long grown) {
    if (grown > sets.pageCount) {
      events.reserve();
      StoreGrownEvent.emit(file, sets.pageCount << pageShift, grown << pageShift);
      sets.grow(grown);
      events.grown(grown);
    }
  }
}
