// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.CorruptionException;
import java.lang.foreign.MemorySegment;

/**
 * Replays a free log: what it says becomes the sets of pages, and where it is the state of the log.
 * Both belong to this one; a writer changes them by its txns, and goes on from there.
 *
 * <p>Nothing is read beyond the committed length (invariant 5), and no record has an effect before
 * it was checked, and the chain of its commit is right (invariant 10).
 *
 * <p>For one thread: who holds the writer's turn, or who reads a state that it has pinned. Nothing
 * is allocated but for more pages, entries or records than ever before.
 */
final class FreeLogReader {
  private static final String REMEDY = "restore the store from a copy";

  final PageSets sets;

  /** The log of the state that was read last, or committed. */
  final FreeLogState log = new FreeLogState();

  /** The part of the log that is read; of no further use after a call. */
  final FreeLog records = new FreeLog();

  /** Whether sets and log are those of a state, and of what txns have done since. */
  boolean isLoaded;

  private final Pages pages;
  private final String file;
  private final int pageShift;
  private long[] states = new long[16];

  /** Creates one that has read nothing; the file is for messages. */
  FreeLogReader(Pages pages, String file) {
    this.pages = pages;
    this.file = file;
    pageShift = pages.pageShift();
    sets = new PageSets(pageShift);
  }

  /** Whether the log was read up to where a committed state has it. */
  boolean isAt(Meta meta) {
    return isSameLog(meta) && meta.logBytes() == log.bytes;
  }

  private boolean isSameLog(Meta meta) {
    return isLoaded
        && meta.logPage() == log.page
        && (log.page == 0 || meta.logBirth() == log.birth);
  }

  /**
   * Brings this up to date with a committed state, whose pages are mapped. Reads what is new in the
   * log, or all of it if it is another log.
   *
   * @throws CorruptionException if the log or the meta is; then this must be loaded again
   */
  void load(Meta meta) {
    if (isAt(meta)) {
      checkChain(meta);
      checkPageCount(log.pageCount, meta);
      return;
    }
    boolean onward = isSameLog(meta) && meta.logBytes() > log.bytes;
    isLoaded = false;
    checkRun(meta);
    if (!onward) {
      sets.clear(meta.logPage() == 0 ? meta.pageCount() : 0);
      log.begin(meta.logPage(), meta.logBirth());
    }
    if (log.page != 0) {
      read(meta);
    }
    checkChain(meta);
    checkPageCount(sets.pageCount, meta);
    log.pageCount = sets.pageCount;
    isLoaded = true;
  }

  private void checkChain(Meta meta) {
    check(meta.logChain() == log.chain, "chain of the free log", log.bytes - 8, log.chain, meta);
  }

  private void checkPageCount(long pageCount, Meta meta) {
    check(meta.pageCount() == pageCount, "page count", 0, pageCount, meta);
  }

  private void check(boolean good, String what, long position, long expected, Meta meta) {
    if (!good) {
      throw corrupt(
          what,
          position,
          Long.toUnsignedString(expected),
          "another one in the meta of txn " + Txn.toString(meta.txn()));
    }
  }

  /** Returns what is thrown when a position of the log is corrupt. */
  CorruptionException corrupt(String what, long position, String expected, String actual) {
    long offset = (log.page << pageShift) + position;
    return new CorruptionException(what, file, offset, expected, actual, REMEDY);
  }

  /** Checks what the meta says of pages and log against what is mapped, and the run's header. */
  private void checkRun(Meta meta) {
    long count = meta.pageCount();
    long page = meta.logPage();
    long bytes = meta.logBytes();
    boolean good =
        count >= FreeSpace.FIRST_PAGE
            && count <= FreeSpace.MAX_PAGES
            && (page == 0
                ? bytes == 0
                : page >= FreeSpace.FIRST_PAGE
                    && page < count
                    && bytes >= FreeLog.CONTENT + FreeLog.COMMIT_BYTES
                    && bytes <= (count - page) << pageShift
                    && (bytes & 7) == 0);
    if (good) {
      try {
        MemorySegment last = pages.segment(count - 1);
        good = last.byteSize() - pages.offset(count - 1) >= 1L << pageShift;
        if (good && page != 0) {
          MemorySegment segment = pages.segment(page);
          long offset = pages.offset(page);
          good =
              bytes <= segment.byteSize() - offset
                  && FreeLog.isHeader(segment, offset, page, meta.logBirth());
        }
      } catch (IndexOutOfBoundsException e) {
        good = false;
      }
    }
    if (!good) {
      throw new CorruptionException(
          "free log",
          file,
          page << pageShift,
          "a run with a right header, of a txn and within the pages of the meta",
          "page "
              + page
              + ", "
              + bytes
              + " bytes, birth "
              + Txn.toString(meta.logBirth())
              + ", page count "
              + count,
          REMEDY);
    }
  }

  private void read(Meta meta) {
    MemorySegment segment = pages.segment(log.page);
    long start = pages.offset(log.page);
    long from = log.bytes;
    int words = Math.toIntExact((meta.logBytes() - from) >>> 3);
    records.read(segment, start + from, words);
    records.seek(0);
    for (int first = 0; first < words; first = records.end()) {
      do {
        if (!records.next()) {
          throw corrupt("record of the free log", from + 8L * records.end(), "a record", "none");
        }
      } while (records.kind != FreeLog.COMMIT);
      long end = from + 8L * records.end() - 8;
      long chain = FreeLog.chain(segment, start + log.bytes, start + end);
      if (chain != records.chain) {
        throw corrupt(
            "chain of the free log",
            end,
            Long.toUnsignedString(chain),
            Long.toUnsignedString(records.chain));
      }
      long commit = records.txn;
      boolean isFirst = log.bytes == FreeLog.CONTENT;
      records.seek(first);
      while (records.next() && records.kind != FreeLog.COMMIT) {
        replay(from + 8L * records.at(), commit, isFirst, meta);
      }
      log.txn = commit;
      log.chain = chain;
      log.bytes = end + 8;
    }
    if (Long.compareUnsigned(log.txn, meta.txn()) > 0
        || sets.free.isAnyFree(log.page, log.pages)
        || sets.free.isAnyFree(log.sparePage, log.sparePages)) {
      throw corrupt(
          "free log",
          log.bytes - 16,
          "a commit of at most " + Txn.toString(meta.txn()) + ", and that the log is in use",
          Txn.toString(log.txn));
    }
  }

  private void replay(long position, long commit, boolean isFirst, Meta meta) {
    try {
      if (!tryReplay(position, commit, isFirst, meta)) {
        throw corrupt("record of the free log", position, "what can be", "kind " + records.kind);
      }
    } catch (IllegalStateException e) {
      throw corrupt(
          "record of the free log", position, "what can be", String.valueOf(e.getMessage()));
    }
  }

  private boolean tryReplay(long position, long commit, boolean isFirst, Meta meta) {
    boolean isBase = records.kind == FreeLog.BASE;
    boolean inOrder = isFirst || Long.compareUnsigned(commit, log.txn) > 0;
    if (isBase != (position == FreeLog.CONTENT) || !inOrder) {
      return false;
    }
    long page = records.page;
    long count = records.count;
    switch (records.kind) {
      case FreeLog.TAKEN -> {
        if (!sets.isRange(page, count)) {
          return false;
        }
        sets.free.remove(page, count);
      }
      case FreeLog.FREED -> {
        if (!sets.isRange(page, count) || Long.compareUnsigned(records.birth, commit) > 0) {
          return false;
        }
        sets.freed(page, count, records.birth, commit);
      }
      case FreeLog.FREE -> {
        if (!sets.isRange(page, count)) {
          return false;
        }
        sets.free.add(page, count);
      }
      case FreeLog.GROWN -> {
        if (page <= sets.pageCount || page > meta.pageCount()) {
          return false;
        }
        sets.grow(page);
      }
      case FreeLog.BASE -> {
        if (page > meta.pageCount()
            || count < 1
            || count > page - log.page
            || count << pageShift < meta.logBytes()
            || !FreePages.isRun(log.page, count, pageShift)) {
          return false;
        }
        sets.pageCount = page;
        log.pages = count;
      }
      case FreeLog.SPARE -> {
        boolean good =
            isFirst
                && log.sparePages == 0
                && sets.isRange(page, count)
                && FreePages.isRun(page, count, pageShift)
                && (page >= log.page + log.pages || page + count <= log.page)
                && Long.compareUnsigned(records.birth, records.txn) <= 0
                && Long.compareUnsigned(records.txn, commit) <= 0
                && !sets.free.isAnyFree(page, count);
        if (!good) {
          return false;
        }
        log.spare(page, count, records.birth, records.txn);
      }
      case FreeLog.WAITING -> {
        boolean good =
            isFirst
                && sets.isRange(page, count)
                && Long.compareUnsigned(records.birth, records.txn) < 0
                && Long.compareUnsigned(records.txn, commit) < 0
                && !sets.free.isAnyFree(page, count);
        if (!good) {
          return false;
        }
        sets.waiting.add(page, count, records.birth, records.txn);
      }
      case FreeLog.STAGED -> {
        boolean good =
            sets.isRange(page, count)
                && (records.txn == commit
                    || (isFirst && Long.compareUnsigned(records.txn, commit) < 0))
                && !sets.free.isAnyFree(page, count);
        if (!good) {
          return false;
        }
        sets.staged.add(page, count, records.owner, records.txn);
      }
      case FreeLog.UNSTAGED -> {
        int run = sets.staged.find(page, count, records.owner, records.txn);
        if (run < 0) {
          return false;
        }
        sets.staged.remove(run);
      }
      case FreeLog.NEEDED -> {
        int needed = (int) page;
        if (states.length < needed) {
          states = new long[needed];
        }
        records.copyStates(states);
        for (int i = 1; i < needed; i++) {
          if (Long.compareUnsigned(states[i - 1], states[i]) >= 0) {
            return false;
          }
        }
        sets.waiting.release(states, needed, sets.free);
      }
      default -> {
        return false;
      }
    }
    return true;
  }
}
