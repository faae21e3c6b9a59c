// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.FullException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Where the pages of a load go: to free pages of the file, and once there are too few, behind its
 * end. Pages get their numbers as they are written, so that those at the end come one after the
 * other: the file grows by what is written, and by no zeros before.
 *
 * <p>What follows directly is gathered, up to the next multiple of 2 MiB of the file. Linux keeps
 * such a piece in one huge page, and takes as long to begin a write into one as to copy 256 KiB, so
 * less than that goes to free pages through the mapping.
 *
 * <p>For who holds the writer's turn. Between {@link #begin} and {@link #end} nothing else may make
 * the file longer. After an exception the load is rolled back; the file may then be longer than its
 * page count.
 */
final class LoadedPages {
  private static final int PIECE_BYTES = 2 << 20;
  private static final int LEAST_WRITE_BYTES = 256 << 10;

  private final PageFile file;
  private final PageSets sets;
  private final FileGrowth growth;
  private final TxnPages pages;
  private final int pageShift;

  /** What is to be written from {@link #start} on. */
  private MemorySegment buffer = MemorySegment.NULL;

  private long start;
  private int used;

  /** Free pages that were taken for what is of one page, and how many are left. */
  private long next;

  private long left;

  private long taken;

  /** Whether pages are taken behind the page count, which was this one before. */
  private boolean isAppending;

  private long before;

  /** The pages behind the page count that were taken and written, and the one behind them. */
  private long appended;

  private long end;

  LoadedPages(PageFile file, FreeSpace free) {
    this.file = file;
    this.sets = free.sets;
    this.growth = free.growth;
    this.pages = free.pages;
    this.pageShift = file.pageShift();
  }

  void begin() {
    if (buffer.byteSize() == 0) {
      buffer = Arena.ofAuto().allocate(PIECE_BYTES, 1L << pageShift);
    }
    used = 0;
    left = 0;
    taken = 0;
    isAppending = false;
  }

  /** Returns how many pages were taken since the beginning. */
  long taken() {
    return taken;
  }

  /**
   * Takes pages that follow each other and whose content is one piece of memory; all of them are to
   * be written before others are taken.
   *
   * @return the first page
   * @throws FullException as {@link TxnPages#take(long)}
   */
  long take(long count) {
    taken += count;
    long page = isAppending ? -1 : takeFree(count);
    return page < 0 ? append(count) : page;
  }

  private long takeFree(long count) {
    if (count > 1) {
      return pages.takeFree(count);
    }
    if (left == 0) {
      next = pages.takeUpTo(PIECE_BYTES >> pageShift);
      left = pages.takenPages();
      if (left == 0) {
        return -1;
      }
    }
    left--;
    return next++;
  }

  private long append(long count) {
    if (!isAppending) {
      flush();
      giveBack();
      isAppending = true;
      before = sets.pageCount;
      appended = before;
      end = appended;
    }
    long unit = 1L << (FreePages.CHUNK_BYTES_SHIFT - pageShift);
    long page = FreePages.isRun(end, count, pageShift) ? end : (end + unit - 1) & -unit;
    growth.checkNumber(page, count);
    if (page > end) {
      fill(end << pageShift, (page - end) << pageShift);
      flush();
      takeAppended();
      appended = page;
    }
    end = page + count;
    return page;
  }

  /** Has the free space know of what was written behind the page count. */
  private void takeAppended() {
    if (end > appended) {
      pages.takeWritten(appended, end - appended);
    }
  }

  private void giveBack() {
    if (left > 0) {
      pages.giveBack(next, left);
      left = 0;
    }
  }

  /** Writes to pages that were taken, behind what was written to them before. */
  void write(long position, MemorySegment source, long offset, long bytes) {
    for (long done = 0; done < bytes; ) {
      int part = makeRoom(position + done, bytes - done);
      MemorySegment.copy(source, offset + done, buffer, used, part);
      used += part;
      done += part;
    }
  }

  /** Writes zeros, likewise. */
  void fill(long position, long bytes) {
    for (long done = 0; done < bytes; ) {
      int part = makeRoom(position + done, bytes - done);
      buffer.asSlice(used, part).fill((byte) 0);
      used += part;
      done += part;
    }
  }

  /** Returns how many of so many bytes can be added to the buffer, which is flushed for that. */
  private int makeRoom(long position, long bytes) {
    if (position != start + used || (position & (PIECE_BYTES - 1)) == 0) {
      flush();
      start = position;
    }
    return (int) Math.min(bytes, PIECE_BYTES - (position & (PIECE_BYTES - 1)));
  }

  private void flush() {
    if (used == 0) {
      return;
    }
    long page = start >>> pageShift;
    long within = start & ((1L << pageShift) - 1);
    if (isAppending || used >= LEAST_WRITE_BYTES) {
      file.write(page, within, buffer.asSlice(0, used));
    } else {
      PageMap map = file.map(sets.pageCount);
      MemorySegment.copy(buffer, 0, map.segment(page), map.offset(page) + within, used);
    }
    used = 0;
  }

  /** Writes what is not written yet. */
  void end() {
    flush();
    giveBack();
    if (isAppending) {
      takeAppended();
      growth.complete(before);
    }
  }
}
