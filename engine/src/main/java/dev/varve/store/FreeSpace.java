// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.CorruptionException;
import dev.varve.FullException;

/**
 * The space of a data file as its writer has it, over its txns. Each part has its own class: what
 * the free log says ({@link #reader}), what a txn takes and frees ({@link #pages}), stages ({@link
 * #stages}), and undoes ({@link #undo}), how the file grows ({@link #growth}), and how the log is
 * written. All of them share the {@link #sets} of pages and the records of the txn.
 *
 * <p>For who holds the writer's turn, in this order: {@link #load}, {@link #begin}; then the parts,
 * as they come; {@link #commit} and {@link #committed}. {@link #abort} ends a txn at any time
 * before {@link #committed}, also after an exception; then the next one begins with {@link #load}
 * again.
 *
 * <p>Pages become free only by {@link #begin}, when no needed state reaches them (invariant 1), and
 * by what the parts say of themselves. A txn that is not {@link #committed} leaves the sets as they
 * were, but for pages that came with a longer file, or that no needed state reached (invariant 4).
 *
 * <p>Nothing is allocated but for more pages, entries or records than ever before.
 */
final class FreeSpace {
  /** The pages before are the header and the steady metas. */
  static final long FIRST_PAGE = 3;

  /** So many pages a store can have. */
  static final long MAX_PAGES = 1L << 36;

  /** A log of up to so many bytes is not too long. */
  static final long SHORT_LOG = 64 << 10;

  /** So many pages are left to txns that only free, where the disk is full. */
  static final long RESERVE = 16;

  final FreeLogReader reader;
  final PageSets sets;
  final FileGrowth growth;
  final TxnPages pages;
  final TxnStages stages;
  final Undo undo;

  private final FreeLogWriter writer;

  /** What this txn did, in order; before, what an aborted one leaves to be said. */
  private final FreeLog events = new FreeLog();

  /** Creates one that must be loaded; the file is for messages. */
  FreeSpace(Pages mapped, String file) {
    this(mapped, file, SHORT_LOG, RESERVE);
  }

  /** As above; a log of up to {@code shortLog} bytes is not too long. */
  FreeSpace(Pages mapped, String file, long shortLog, long reserve) {
    reader = new FreeLogReader(mapped, file);
    sets = reader.sets;
    growth = new FileGrowth(mapped, file, reserve, sets, events);
    pages = new TxnPages(mapped.pageShift(), sets, events, growth);
    stages = new TxnStages(reader, events, pages);
    undo = new Undo(sets, events);
    writer = new FreeLogWriter(mapped, shortLog, reader, events, pages, undo);
  }

  /**
   * Brings this up to date with a committed state, whose pages are mapped. Reads what is new in the
   * log, or all of it if it is another log, or if an aborted txn left something that is not in it.
   *
   * @throws CorruptionException if the log or the meta is; then this must be loaded again
   */
  void load(Meta meta) {
    if (events.size() > 0 && !reader.isAt(meta)) {
      events.truncate(0);
      reader.isLoaded = false;
    }
    reader.load(meta);
  }

  /**
   * Begins a txn: the waiting pages that none of these states needs become free.
   *
   * @param txn the txn
   * @param needed the pinned states and the steady one, ascending
   * @param count how many they are
   * @throws CorruptionException if a page was freed twice; then this must be loaded again
   */
  void begin(long txn, long[] needed, int count) {
    pages.begin(txn);
    writer.begin(needed, count);
    reader.isLoaded = false;
    try {
      if (sets.waiting.release(needed, count, sets.free)) {
        events.needed(sets.waiting);
      }
    } catch (IllegalStateException e) {
      throw reader.corrupt(
          "free log", 0, "pages that are freed once", String.valueOf(e.getMessage()));
    }
    reader.isLoaded = true;
  }

  /**
   * Writes what this txn did to the log, and sets page count and log of the meta. It counts once
   * that is published: {@link #committed} or {@link #abort} must follow.
   *
   * @param meta of this txn
   * @throws FullException if the disk is full
   */
  void commit(Meta meta) {
    if (meta.txn() != pages.txn()) {
      throw new IllegalArgumentException(
          "the meta is of txn " + Txn.toString(meta.txn()) + ", not " + Txn.toString(pages.txn()));
    }
    writer.write();
    FreeLogState next = writer.next;
    meta.pageCount(next.pageCount);
    meta.log(next.page, next.birth);
    meta.logEnd(next.bytes, next.chain);
  }

  /** Ends a txn that was published. */
  void committed() {
    reader.log.copyFrom(writer.next);
    try {
      events.seek(0);
      while (events.next()) {
        if (events.kind == FreeLog.FREED) {
          sets.freed(events.page, events.count, events.birth, pages.txn());
        }
      }
    } catch (OutOfMemoryError | IllegalStateException e) {
      // It is published, so the txn cannot fail any more; the log knows all, and is read again.
      reader.isLoaded = false;
    }
    events.truncate(0);
  }

  /** Undoes everything that a txn did, but that the file has grown. */
  void abort() {
    try {
      undo.rollback(0);
    } catch (OutOfMemoryError | IllegalStateException e) {
      // There is an exception already, mostly; the log knows what there was before the txn.
      reader.isLoaded = false;
    }
  }
}
