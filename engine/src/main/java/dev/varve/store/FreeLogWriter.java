// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.FullException;

/**
 * Writes what a txn did to the free log, or a new log if it does not fit or the log is too long.
 *
 * <p>Writes only beyond the committed length (invariant 5), or a run that no needed state reaches:
 * one that was taken, or the spare (invariant 1). The former log, or both of its runs, wait then.
 * What was written counts once the meta that names it is published: {@link #next}.
 *
 * <p>For who holds the writer's turn. Nothing is allocated but for more records than ever before.
 */
final class FreeLogWriter {
  /** Words beyond those counted: base, spare, commit, and what taking a new log's runs adds. */
  private static final int EXTRA_WORDS = 32;

  /** The log as the txn that was written last has it. */
  final FreeLogState next = new FreeLogState();

  private final Pages mapped;
  private final int pageShift;
  private final long shortLog;
  private final FreeLogState log;
  private final PageSets sets;
  private final FreeLog records;
  private final FreeLog events;
  private final TxnPages pages;
  private final Undo undo;

  /** Whether there is a spare that no needed state reaches. */
  private boolean isSpareFree;

  /** Writes to the log that was read, of which up to {@code shortLog} bytes are not too long. */
  FreeLogWriter(
      Pages mapped,
      long shortLog,
      FreeLogReader reader,
      FreeLog events,
      TxnPages pages,
      Undo undo) {
    this.mapped = mapped;
    this.pageShift = mapped.pageShift();
    this.shortLog = shortLog;
    this.log = reader.log;
    this.sets = reader.sets;
    this.records = reader.records;
    this.events = events;
    this.pages = pages;
    this.undo = undo;
  }

  /** Begins a txn; these states are needed. */
  void begin(long[] needed, int count) {
    isSpareFree = log.isSpareFree(needed, count);
  }

  /**
   * Writes what the txn did.
   *
   * @throws FullException if the disk is full
   */
  void write() {
    if (fits(false) && (end() <= shortLog || end() <= 4 * bytesAnew())) {
      append();
    } else {
      try {
        writeAnew();
      } catch (FullException e) { // nothing was taken
        if (!fits(pages.mayUseReserve())) {
          throw e;
        }
        if (!fits(false)) {
          pages.useReserve();
        }
        append();
      }
    }
    next.txn = pages.txn();
    next.pageCount = sets.pageCount;
  }

  // The same log.

  /** Returns how long the log is with what this txn did. */
  private long end() {
    return log.bytes + 8L * events.size() + FreeLog.COMMIT_BYTES;
  }

  /** Whether that fits into the log's run; without its last eighth, which is a reserve, too. */
  private boolean fits(boolean withReserve) {
    long room = log.pages << pageShift;
    return end() <= (withReserve ? room : room - (room >> 3));
  }

  private void append() {
    next.copyFrom(log);
    write(events, log.bytes);
  }

  private void write(FreeLog written, long position) {
    long offset = mapped.offset(next.page) + position;
    next.chain = written.write(mapped.segment(next.page), offset, pages.txn());
    next.bytes = position + 8L * written.size() + FreeLog.COMMIT_BYTES;
  }

  // A new log.

  /** Returns how long a new log would be at most. */
  private long bytesAnew() {
    long extents = sets.free.extents();
    long entries = sets.waiting.entries();
    long words =
        extents
            + Math.min(extents, sets.free.count() >> FreeLog.COUNT_BITS)
            + 3 * entries
            + Math.min(entries, sets.waiting.pages() >> FreeLog.COUNT_BITS)
            + 4L * sets.staged.size()
            + freedWords();
    return FreeLog.CONTENT + 8 * (words + EXTRA_WORDS);
  }

  private long freedWords() {
    long words = 0;
    events.seek(0);
    while (events.next()) {
      words += events.kind == FreeLog.FREED ? events.end() - events.at() : 0;
    }
    return words;
  }

  private void writeAnew() {
    long bytes = Math.max(shortLog, 4 * bytesAnew());
    long count = (bytes + (1L << pageShift) - 1) >>> pageShift;
    if (isSpareFree && log.sparePages >= count && log.sparePages <= 4 * count) {
      goToSpare();
    } else {
      try {
        takeRuns(count);
      } catch (FullException e) {
        if (!isSpareFree || bytesAnew() > log.sparePages << pageShift) {
          throw e;
        }
        if (pages.mayUseReserve()) {
          pages.useReserve();
        }
        goToSpare();
      }
    }
    next.birth = pages.txn();
    collect();
    FreeLog.writeHeader(mapped.segment(next.page), mapped.offset(next.page), next.page, next.birth);
    write(records, FreeLog.CONTENT);
  }

  private void goToSpare() {
    next.page = log.sparePage;
    next.pages = log.sparePages;
    next.spare(log.page, log.pages, log.birth, pages.txn());
  }

  /** Takes both runs, or none. */
  private void takeRuns(long count) {
    int mark = undo.mark();
    long page;
    long spare;
    try {
      page = pages.takeBeyondReserve(count);
      spare = pages.takeBeyondReserve(count);
    } catch (FullException e) {
      undo.rollback(mark);
      throw e;
    }
    next.page = page;
    next.pages = count;
    next.spare(spare, count, pages.txn(), pages.txn());
    if (log.pages != 0) {
      pages.free(log.page, log.pages, log.birth, false);
    }
    if (log.sparePages != 0) {
      pages.free(log.sparePage, log.sparePages, log.spareBirth, isSpareFree);
    }
  }

  /** Collects the records of a new log. */
  private void collect() {
    records.truncate(0);
    records.base(sets.pageCount, next.pages);
    if (next.sparePages != 0) {
      records.spare(next.sparePage, next.sparePages, next.spareBirth, next.spareFreed);
    }
    FreePages free = sets.free;
    for (long page = free.nextFree(0); page != Long.MAX_VALUE; ) {
      long end = free.nextTaken(page);
      records.free(page, end - page);
      page = free.nextFree(end);
    }
    WaitingPages waiting = sets.waiting;
    for (int entry = waiting.nextEntry(0); entry != 0; entry = waiting.nextEntry(entry)) {
      records.waiting(
          waiting.page(entry), waiting.count(entry), waiting.birth(entry), waiting.freed(entry));
    }
    StagedPages staged = sets.staged;
    for (int run = 0; run < staged.size(); run++) {
      records.staged(staged.page(run), staged.count(run), staged.owner(run), staged.txn(run));
    }
    events.seek(0);
    while (events.next()) {
      if (events.kind == FreeLog.FREED) {
        records.freed(events.page, events.count, events.birth);
      }
    }
  }
}
