// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.CorruptionException;
import dev.varve.FullException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The pages of a data file that a writer may take, as the free log tells, and what the current txn
 * took and freed.
 *
 * <p>For who holds the writer's turn, in this order: {@link #load}, {@link #begin}; then {@link
 * #take}, {@link #free}, {@link #mark} and {@link #rollback} as they come; {@link #commit} and
 * {@link #committed}. {@link #abort} ends a txn at any time before {@link #committed}, also after
 * an exception; then the next one begins with {@link #load} again.
 *
 * <p>Not thread-safe. Nothing is allocated but for more pages, entries or records than ever before.
 */
final class FreeSpace {
  /** The pages before are the header and the steady metas. */
  static final long FIRST_PAGE = 3;

  /** So many pages a store can have. */
  static final long MAX_PAGES = 1L << 36;

  /** A log of up to so many bytes is not too long. */
  static final long SHORT_LOG = 64 << 10;

  private static final long LEAST_STEP = 64 << 10;
  private static final long MOST_STEP = 64 << 20;

  /** Words beyond those counted: base, spare, commit, and what taking a new log's runs adds. */
  private static final int EXTRA_WORDS = 32;

  /** So many pages are left to txns that only free, where the disk is full. */
  private static final long RESERVE = 16;

  private static final String REMEDY = "restore the store from a copy";

  private final long shortLog;
  private final long reserve;
  private final Pages pages;
  private final String file;
  private final int pageShift;
  private final FreePages free;
  private final WaitingPages waiting;
  private final StagedPages staged = new StagedPages();

  /** What this txn did, in order; before, what an aborted one leaves to be said. */
  private final FreeLog events = new FreeLog();

  /** The part of a log that is read, or is to be written. */
  private final FreeLog records = new FreeLog();

  private long[] states = new long[16];
  private int[] starts = new int[16];

  /** Whether the other fields are those of a committed state and the events. */
  private boolean loaded;

  /** The committed part of the log: its run, 0 pages if there is none, length and chain. */
  private long logPage;

  private long logBirth;
  private long logPages;
  private long logBytes;
  private long logChain;

  /** The run that the next log may go to, 0 pages if there is none, and who reaches it. */
  private long sparePage;

  private long sparePages;
  private long spareBirth;
  private long spareFreed;

  /** Whether no needed state reaches it. */
  private boolean isSpareFree;

  /** The txn of its last commit. */
  private long logTxn;

  /** The page count of the committed state, and with what this txn and aborted ones added. */
  private long committedPageCount;

  private long pageCount;

  private long txn;
  private int takenPages;

  /** Whether this txn has only freed, and so may take the reserve. */
  private boolean onlyFrees;

  /** Whether it did, since the disk was full. */
  private boolean usedReserve;

  /** The log as it will be after {@link #committed}. */
  private long nextLogPage;

  private long nextLogBirth;
  private long nextLogPages;
  private long nextLogBytes;
  private long nextLogChain;
  private long nextSparePage;
  private long nextSparePages;
  private long nextSpareBirth;
  private long nextSpareFreed;

  /** Creates one that must be loaded; the file is for messages. */
  FreeSpace(Pages pages, String file) {
    this(pages, file, SHORT_LOG, RESERVE);
  }

  /** As above; a log of up to {@code shortLog} bytes is not too long. */
  FreeSpace(Pages pages, String file, long shortLog, long reserve) {
    this.shortLog = shortLog;
    this.reserve = reserve;
    this.pages = pages;
    this.file = file;
    pageShift = pages.pageShift();
    free = new FreePages(pageShift);
    waiting = new WaitingPages();
  }

  /** Returns how many pages are free. */
  long freePages() {
    return free.count();
  }

  /** Returns how many pages wait, those that this txn freed not included. */
  long waitingPages() {
    return waiting.pages();
  }

  /** Returns how many pages are staged. */
  long stagedPages() {
    return staged.pages();
  }

  /** Tells whether others than an owner have staged anything. */
  boolean isStagedByOthers(long owner) {
    for (int run = 0; run < staged.size(); run++) {
      if (staged.owner(run) != owner) {
        return true;
      }
    }
    return false;
  }

  /** Returns the page count, with what this txn added. */
  long pageCount() {
    return pageCount;
  }

  /** Returns how many pages the committed log's own run has, 0 when there is none. */
  long logPages() {
    return logPages;
  }

  /** Returns the first page of the run for the next log. */
  long sparePage() {
    return sparePage;
  }

  /** Returns how many pages that run has, 0 when there is none. */
  long sparePages() {
    return sparePages;
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

  /** Visits what waits, except for what this txn freed. */
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

  /**
   * Brings this up to date with a committed state, whose pages are mapped. Reads what is new in the
   * log, or all of it if it is another log, or if an aborted txn left something that is not in it.
   *
   * @throws CorruptionException if the log or the meta is; then this must be loaded again
   */
  void load(Meta meta) {
    boolean sameLog =
        loaded && meta.logPage() == logPage && (logPage == 0 || meta.logBirth() == logBirth);
    if (sameLog && meta.logBytes() == logBytes) {
      check(meta.logChain() == logChain, "chain of the free log", logBytes - 8, logChain, meta);
      check(meta.pageCount() == committedPageCount, "page count", 0, committedPageCount, meta);
      return;
    }
    boolean onward = sameLog && meta.logBytes() > logBytes && events.size() == 0;
    loaded = false;
    checkRun(meta);
    if (!onward) {
      free.clear();
      waiting.clear();
      staged.clear();
      events.truncate(0);
      logPage = meta.logPage();
      logBirth = meta.logBirth();
      logPages = 0;
      sparePages = 0;
      logBytes = logPage == 0 ? 0 : FreeLog.CONTENT;
      logChain = 0;
      pageCount = logPage == 0 ? meta.pageCount() : 0;
    }
    if (logPage != 0) {
      read(meta);
    }
    check(logChain == meta.logChain(), "chain of the free log", logBytes - 8, logChain, meta);
    check(pageCount == meta.pageCount(), "page count", 0, pageCount, meta);
    committedPageCount = pageCount;
    loaded = true;
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

  private CorruptionException corrupt(String what, long position, String expected, String actual) {
    long offset = (logPage << pageShift) + position;
    return new CorruptionException(what, file, offset, expected, actual, REMEDY);
  }

  /** Checks what the meta says of pages and log against what is mapped, and the run's header. */
  private void checkRun(Meta meta) {
    long count = meta.pageCount();
    long page = meta.logPage();
    long bytes = meta.logBytes();
    boolean good =
        count >= FIRST_PAGE
            && count <= MAX_PAGES
            && (page == 0
                ? bytes == 0
                : page >= FIRST_PAGE
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
    MemorySegment segment = pages.segment(logPage);
    long start = pages.offset(logPage);
    long from = logBytes;
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
      long chain = FreeLog.chain(segment, start + logBytes, start + end);
      if (chain != records.chain) {
        throw corrupt(
            "chain of the free log",
            end,
            Long.toUnsignedString(chain),
            Long.toUnsignedString(records.chain));
      }
      long commit = records.txn;
      boolean isFirst = logBytes == FreeLog.CONTENT;
      records.seek(first);
      while (records.next() && records.kind != FreeLog.COMMIT) {
        replay(from + 8L * records.at(), commit, isFirst, meta);
      }
      logTxn = commit;
      logChain = chain;
      logBytes = end + 8;
    }
    if (Long.compareUnsigned(logTxn, meta.txn()) > 0
        || free.isAnyFree(logPage, logPages)
        || free.isAnyFree(sparePage, sparePages)) {
      throw corrupt(
          "free log",
          logBytes - 16,
          "a commit of at most " + Txn.toString(meta.txn()) + ", and that the log is in use",
          Txn.toString(logTxn));
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
    boolean inOrder = isFirst || Long.compareUnsigned(commit, logTxn) > 0;
    if (isBase != (position == FreeLog.CONTENT) || !inOrder) {
      return false;
    }
    long page = records.page;
    long count = records.count;
    switch (records.kind) {
      case FreeLog.TAKEN -> {
        if (!isRange(page, count)) {
          return false;
        }
        free.remove(page, count);
      }
      case FreeLog.FREED -> {
        if (!isRange(page, count) || Long.compareUnsigned(records.birth, commit) > 0) {
          return false;
        }
        wait(page, count, records.birth, commit);
      }
      case FreeLog.FREE -> {
        if (!isRange(page, count)) {
          return false;
        }
        free.add(page, count);
      }
      case FreeLog.GROWN -> {
        if (page <= pageCount || page > meta.pageCount()) {
          return false;
        }
        free.add(pageCount, page - pageCount);
        pageCount = page;
      }
      case FreeLog.BASE -> {
        if (page > meta.pageCount()
            || count < 1
            || count > page - logPage
            || count << pageShift < meta.logBytes()
            || !FreePages.isRun(logPage, count, pageShift)) {
          return false;
        }
        pageCount = page;
        logPages = count;
      }
      case FreeLog.SPARE -> {
        boolean good =
            isFirst
                && sparePages == 0
                && isRange(page, count)
                && FreePages.isRun(page, count, pageShift)
                && (page >= logPage + logPages || page + count <= logPage)
                && Long.compareUnsigned(records.birth, records.txn) <= 0
                && Long.compareUnsigned(records.txn, commit) <= 0
                && !free.isAnyFree(page, count);
        if (!good) {
          return false;
        }
        sparePage = page;
        sparePages = count;
        spareBirth = records.birth;
        spareFreed = records.txn;
      }
      case FreeLog.WAITING -> {
        boolean good =
            isFirst
                && isRange(page, count)
                && Long.compareUnsigned(records.birth, records.txn) < 0
                && Long.compareUnsigned(records.txn, commit) < 0
                && !free.isAnyFree(page, count);
        if (!good) {
          return false;
        }
        waiting.add(page, count, records.birth, records.txn);
      }
      case FreeLog.STAGED -> {
        boolean good =
            isRange(page, count)
                && (records.txn == commit
                    || (isFirst && Long.compareUnsigned(records.txn, commit) < 0))
                && !free.isAnyFree(page, count);
        if (!good) {
          return false;
        }
        staged.add(page, count, records.owner, records.txn);
      }
      case FreeLog.UNSTAGED -> {
        int run = staged.find(page, count, records.owner, records.txn);
        if (run < 0) {
          return false;
        }
        staged.remove(run);
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
        waiting.release(states, needed, free);
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  private boolean isRange(long first, long count) {
    return first >= FIRST_PAGE && count >= 1 && first < pageCount && count <= pageCount - first;
  }

  /** Lets pages wait that a commit frees; if it is their birth, no state ever reached them. */
  private void wait(long page, long count, long birth, long commit) {
    if (birth == commit) {
      free.add(page, count);
    } else if (free.isAnyFree(page, count)) {
      throw new IllegalStateException("one of the pages from " + page + " on is free already");
    } else {
      waiting.add(page, count, birth, commit);
    }
  }

  /**
   * Begins a txn: the waiting pages that none of these states needs become free.
   *
   * @param newTxn the txn
   * @param needed the pinned states and the steady one, ascending
   * @param count how many they are
   * @throws CorruptionException if a page was freed twice; then this must be loaded again
   */
  void begin(long newTxn, long[] needed, int count) {
    txn = newTxn;
    loaded = false;
    onlyFrees = true;
    usedReserve = false;
    isSpareFree = sparePages != 0;
    for (int i = 0; i < count; i++) {
      isSpareFree &= !Txn.needs(needed[i], spareBirth, spareFreed);
    }
    try {
      if (waiting.release(needed, count, free)) {
        events.needed(waiting);
      }
    } catch (IllegalStateException e) {
      throw corrupt("free log", 0, "pages that are freed once", String.valueOf(e.getMessage()));
    }
    loaded = true;
  }

  /** Says that this txn does more than free, and so must leave the reserve. */
  void keepReserve() {
    onlyFrees = false;
  }

  /**
   * Whether this txn took of the reserve: then a steady sync shall follow, which brings it back.
   */
  boolean usedReserve() {
    return usedReserve;
  }

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

  /** As {@link #take}, but only of pages that are free. Returns -1 if there are too few. */
  long takeFree(long count) {
    events.reserve();
    long page = free.count() - count >= reserve ? free.take(count) : -1;
    if (page >= 0) {
      events.taken(page, count);
    }
    return page;
  }

  private long take(long count, boolean orReserve) {
    long page = takeFree(count);
    if (page < 0) {
      try {
        grow(count);
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

  /**
   * Takes free pages that follow each other and whose content is one piece of memory, so many as
   * there are at the lowest place.
   *
   * @param most how many at most; {@link #takenPages} says how many they are
   * @return the first page, or -1 if there are too few
   */
  long takeUpTo(int most) {
    events.reserve();
    takenPages = Math.clamp(free.count() - reserve, 0, most);
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

  /** Frees pages of those that {@link #takeUpTo} took last, to which nothing refers. */
  void giveBack(long page, long count) {
    free(page, count, txn, true);
  }

  /**
   * Takes pages behind the page count, which the file has: they were written. Those in between are
   * free. {@link #completeGrowth} follows, unless the txn or its savepoint is rolled back.
   */
  void takeAppended(long page, long count) {
    pages.extend(page + count); // maps them
    events.reserve();
    addGrown(page + count);
    events.reserve();
    free.remove(page, count);
    events.taken(page, count);
  }

  /** Makes the file as long as it becomes when it grows, and at least as the reserve needs. */
  void completeGrowth(long formerPageCount) {
    long unit = 1L << (FreePages.CHUNK_BYTES_SHIFT - pageShift);
    long least = pageCount + Math.max(0, reserve - free.count());
    long wanted =
        least <= unit
            ? Math.clamp(formerPageCount + step(formerPageCount), least, unit)
            : (least + unit - 1) & -unit;
    checkNumber(least, 0);
    events.reserve();
    addGrown(extend(Math.min(wanted, MAX_PAGES), least));
  }

  /** Adds the pages from the page count to another one, which the file has. */
  private void addGrown(long grown) {
    if (grown > pageCount) {
      StoreGrownEvent.emit(file, pageCount << pageShift, grown << pageShift);
      free.add(pageCount, grown - pageCount);
      pageCount = grown;
      events.grown(grown);
    }
  }

  private long step(long count) {
    return Math.clamp(count >> 3, LEAST_STEP >> pageShift, MOST_STEP >> pageShift);
  }

  /** Throws if pages from one on would be more than a store can have. */
  void checkNumber(long page, long count) {
    if (page > MAX_PAGES || count > MAX_PAGES - page) {
      throw tooManyPages(count);
    }
  }

  private FullException tooManyPages(long count) {
    return new FullException(
        file + " has the most pages it can; copy its tables into a store of larger pages",
        MAX_PAGES << pageShift,
        pageCount << pageShift,
        count << pageShift);
  }

  private void grow(long count) {
    grow(placeAtEnd(count), count);
  }

  /** Returns where pages can be taken, if the file becomes longer. */
  private long placeAtEnd(long count) {
    long unit = 1L << (FreePages.CHUNK_BYTES_SHIFT - pageShift);
    long place = free.stretchBefore(pageCount);
    if (!FreePages.isRun(place, count, pageShift)) {
      place = (place + unit - 1) & -unit;
    }
    return place;
  }

  /** Returns how many pages the file needs, so that some can be taken from a place on. */
  private long least(long place, long count) {
    return Math.max(place + count, pageCount + count + reserve - free.count());
  }

  /** Makes the file so long that pages from a place on can be taken. */
  private void grow(long place, long count) {
    long unit = 1L << (FreePages.CHUNK_BYTES_SHIFT - pageShift);
    long least = least(place, count);
    long grown = Math.max(least, pageCount + step(pageCount));
    if (least <= unit) {
      grown = Math.min(grown, unit);
    } else {
      least = (least + unit - 1) & -unit;
      grown = (grown + unit - 1) & -unit;
    }
    if (count > MAX_PAGES || grown > MAX_PAGES) {
      throw tooManyPages(count);
    }
    addGrown(extend(grown, least));
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

  /**
   * Frees pages, which were taken as one.
   *
   * @param page the first
   * @param count how many
   * @param birth the txn that took them
   * @param atOnce whether this txn took them under the current savepoint, so that nothing can come
   *     back to them: they are free again at once
   */
  void free(long page, long count, long birth, boolean atOnce) {
    events.reserve();
    if (atOnce) {
      free.add(page, count);
      events.free(page, count);
    } else if (free.isAnyFree(page, count)) {
      throw new IllegalStateException("one of the pages from " + page + " on is free already");
    } else {
      events.freed(page, count, birth);
    }
  }

  // Stages.

  /** Tells of staged runs whether they are over. */
  @FunctionalInterface
  interface StageTest {
    /** Whether nobody writes to a run any more, which is not attached. */
    boolean isOver(long page, long owner, long txn);
  }

  /**
   * Frees the staged runs that are over, at the beginning of a txn.
   *
   * @return whether there were any
   * @throws CorruptionException if such a page is free already; then this must be loaded again
   */
  boolean freeStaged(StageTest test) {
    int before = staged.size();
    loaded = false;
    try {
      for (int run = before - 1; run >= 0; run--) {
        long page = staged.page(run);
        long count = staged.count(run);
        if (test.isOver(page, staged.owner(run), staged.txn(run))) {
          unstage(run);
          free(page, count, txn, true);
        }
      }
    } catch (IllegalStateException e) {
      throw corrupt(
          "free log", 0, "staged pages that are not free", String.valueOf(e.getMessage()));
    }
    loaded = true;
    return staged.size() != before;
  }

  /** Stages a run that this txn has taken. */
  void stage(long page, long count, long owner) {
    events.reserve();
    staged.add(page, count, owner, txn);
    events.staged(page, count, owner, txn);
  }

  /**
   * Makes a staged run one of the txn, as if it had taken it.
   *
   * @return false if there is no such run
   */
  boolean unstage(long page, long count, long owner, long stagedBy) {
    int run = staged.find(page, count, owner, stagedBy);
    if (run >= 0) {
      unstage(run);
    }
    return run >= 0;
  }

  private void unstage(int run) {
    events.reserve();
    events.unstaged(staged.page(run), staged.count(run), staged.owner(run), staged.txn(run));
    staged.remove(run);
  }

  /**
   * Makes the file a step longer, if a run of so many pages is not free: so that who takes one
   * after some steps, each in a txn of its own, need not wait for all of them.
   *
   * @return whether there is such a run
   * @throws FullException if the disk is full
   */
  boolean growTowards(long count, long step) {
    long page = free.count() - count >= reserve ? free.take(count) : -1;
    if (page >= 0) {
      free.add(page, count);
      return true;
    }
    long least = least(placeAtEnd(count), count);
    if (least > MAX_PAGES) {
      return true; // whoever takes it is told
    }
    addGrown(extend(Math.min(least, pageCount + step), Math.min(least, pageCount + step)));
    return false;
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
        || (from < pageCount && free.nextTaken(from) < Math.min(end, pageCount))) {
      return false;
    }
    events.reserve();
    if (end > pageCount || free.count() - more < reserve) {
      grow(from, more);
      events.reserve();
    }
    free.remove(from, more);
    events.taken(from, more);
    return true;
  }

  // Savepoints and the end.

  /** Returns a savepoint: what was done up to now. */
  int mark() {
    return events.size();
  }

  /**
   * Undoes what was done since a savepoint, but that the file has grown.
   *
   * @param mark which {@link #mark} returned in this txn, and that was not rolled back behind
   */
  void rollback(int mark) {
    int count = 0;
    events.seek(mark);
    while (events.next()) {
      if (count == starts.length) {
        starts = Arrays.copyOf(starts, count * 2);
      }
      starts[count++] = events.at();
    }
    for (int i = count - 1; i >= 0; i--) {
      events.seek(starts[i]);
      events.next();
      switch (events.kind) {
        case FreeLog.TAKEN -> free.add(events.page, events.count);
        case FreeLog.FREE -> free.remove(events.page, events.count);
        case FreeLog.STAGED ->
            staged.remove(staged.find(events.page, events.count, events.owner, events.txn));
        case FreeLog.UNSTAGED -> staged.add(events.page, events.count, events.owner, events.txn);
        default -> {}
      }
    }
    // The file is longer and pages are free that waited: so must those say who read the log.
    int end = mark;
    for (int i = 0; i < count; i++) {
      events.seek(starts[i]);
      events.next();
      if (events.kind == FreeLog.GROWN || events.kind == FreeLog.NEEDED) {
        end = events.move(end);
      }
    }
    events.truncate(end);
  }

  /**
   * Writes what this txn did to the log, or a new log if it does not fit or the log is too long,
   * and sets page count and log of the meta. It counts once that is published: {@link #committed}
   * or {@link #abort} must follow.
   *
   * @param meta of this txn
   * @throws FullException if the disk is full
   */
  void commit(Meta meta) {
    if (meta.txn() != txn) {
      throw new IllegalArgumentException(
          "the meta is of txn " + Txn.toString(meta.txn()) + ", not " + Txn.toString(txn));
    }
    if (fits(false) && (end() <= shortLog || end() <= 2 * bytesAnew())) {
      appendEvents();
    } else {
      try {
        writeAnew();
      } catch (FullException e) { // nothing was taken
        if (!fits(onlyFrees)) {
          throw e;
        }
        usedReserve |= !fits(false);
        appendEvents();
      }
    }
    meta.pageCount(pageCount);
    meta.log(nextLogPage, nextLogBirth);
    meta.logEnd(nextLogBytes, nextLogChain);
  }

  /** Returns how long the log is with what this txn did. */
  private long end() {
    return logBytes + 8L * events.size() + FreeLog.COMMIT_BYTES;
  }

  /** Whether that fits into the log's run; without its last eighth, which is a reserve, too. */
  private boolean fits(boolean withReserve) {
    long room = logPages << pageShift;
    return end() <= (withReserve ? room : room - (room >> 3));
  }

  private void appendEvents() {
    nextLogPage = logPage;
    nextLogBirth = logBirth;
    nextLogPages = logPages;
    nextSparePage = sparePage;
    nextSparePages = sparePages;
    nextSpareBirth = spareBirth;
    nextSpareFreed = spareFreed;
    append(events, logBytes);
  }

  private void append(FreeLog written, long position) {
    long offset = pages.offset(nextLogPage) + position;
    nextLogChain = written.write(pages.segment(nextLogPage), offset, txn);
    nextLogBytes = position + 8L * written.size() + FreeLog.COMMIT_BYTES;
  }

  /** Returns how long a new log would be at most. */
  private long bytesAnew() {
    long extents = free.extents();
    long entries = waiting.entries();
    long words =
        extents
            + Math.min(extents, free.count() >> FreeLog.COUNT_BITS)
            + 3 * entries
            + Math.min(entries, waiting.pages() >> FreeLog.COUNT_BITS)
            + 4L * staged.size()
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
    long bytes = Math.max(shortLog, 2 * bytesAnew());
    long count = (bytes + (1L << pageShift) - 1) >>> pageShift;
    if (isSpareFree && sparePages >= count && sparePages <= 4 * count) {
      goToSpare();
    } else {
      try {
        takeRuns(count);
      } catch (FullException e) {
        if (!isSpareFree || bytesAnew() > sparePages << pageShift) {
          throw e;
        }
        usedReserve |= onlyFrees;
        goToSpare();
      }
    }
    nextLogBirth = txn;
    records.truncate(0);
    records.base(pageCount, nextLogPages);
    if (nextSparePages != 0) {
      records.spare(nextSparePage, nextSparePages, nextSpareBirth, nextSpareFreed);
    }
    for (long page = free.nextFree(0); page != Long.MAX_VALUE; ) {
      long end = free.nextTaken(page);
      records.free(page, end - page);
      page = free.nextFree(end);
    }
    for (int entry = waiting.nextEntry(0); entry != 0; entry = waiting.nextEntry(entry)) {
      records.waiting(
          waiting.page(entry), waiting.count(entry), waiting.birth(entry), waiting.freed(entry));
    }
    for (int run = 0; run < staged.size(); run++) {
      records.staged(staged.page(run), staged.count(run), staged.owner(run), staged.txn(run));
    }
    events.seek(0);
    while (events.next()) {
      if (events.kind == FreeLog.FREED) {
        records.freed(events.page, events.count, events.birth);
      }
    }
    FreeLog.writeHeader(
        pages.segment(nextLogPage), pages.offset(nextLogPage), nextLogPage, nextLogBirth);
    append(records, FreeLog.CONTENT);
  }

  private void goToSpare() {
    nextLogPage = sparePage;
    nextLogPages = sparePages;
    nextSparePage = logPage;
    nextSparePages = logPages;
    nextSpareBirth = logBirth;
    nextSpareFreed = txn;
  }

  /** Takes both runs, or none. */
  private void takeRuns(long count) {
    int mark = mark();
    try {
      nextLogPage = take(count, false);
      nextSparePage = take(count, false);
    } catch (FullException e) {
      rollback(mark);
      throw e;
    }
    nextLogPages = count;
    nextSparePages = count;
    nextSpareBirth = txn;
    nextSpareFreed = txn;
    if (logPages != 0) {
      free(logPage, logPages, logBirth, false);
    }
    if (sparePages != 0) {
      free(sparePage, sparePages, spareBirth, isSpareFree);
    }
  }

  /** Ends a txn that was published. */
  void committed() {
    logPage = nextLogPage;
    logBirth = nextLogBirth;
    logPages = nextLogPages;
    logBytes = nextLogBytes;
    logChain = nextLogChain;
    sparePage = nextSparePage;
    sparePages = nextSparePages;
    spareBirth = nextSpareBirth;
    spareFreed = nextSpareFreed;
    logTxn = txn;
    committedPageCount = pageCount;
    try {
      events.seek(0);
      while (events.next()) {
        if (events.kind == FreeLog.FREED) {
          wait(events.page, events.count, events.birth, txn);
        }
      }
    } catch (OutOfMemoryError | IllegalStateException e) {
      // It is published, so the txn cannot fail any more; the log knows all, and is read again.
      loaded = false;
    }
    events.truncate(0);
  }

  /** Undoes everything that a txn did, but that the file has grown. */
  void abort() {
    try {
      rollback(0);
    } catch (OutOfMemoryError | IllegalStateException e) {
      // There is an exception already, mostly; the log knows what there was before the txn.
      loaded = false;
    }
  }
}
