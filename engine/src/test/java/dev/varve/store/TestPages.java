// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.FullException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/** A data file in memory, in pieces of 16 MiB that are there once they are asked for. */
final class TestPages implements Pages {
  private static final int PIECE_SHIFT = 24;

  private final int pageShift;
  private final Map<Long, MemorySegment> pieces = new HashMap<>();
  private long pageCount = 3;

  /** Whether there is no room for longer files. */
  boolean isFull;

  /** How many pages there is room for. */
  long room = Long.MAX_VALUE;

  TestPages(int pageShift) {
    this.pageShift = pageShift;
  }

  long pageCount() {
    return pageCount;
  }

  @Override
  public int pageShift() {
    return pageShift;
  }

  @Override
  public MemorySegment segment(long page) {
    if (page < 0 || page >= pageCount) {
      throw new IndexOutOfBoundsException("page " + page + " of " + pageCount);
    }
    return pieces.computeIfAbsent(
        page << pageShift >>> PIECE_SHIFT,
        piece -> Arena.ofAuto().allocate(1L << PIECE_SHIFT, 4096));
  }

  @Override
  public long offset(long page) {
    return page << pageShift & (1L << PIECE_SHIFT) - 1;
  }

  @Override
  public void checkRoom(long newPageCount) {}

  @Override
  public void extend(long newPageCount) {
    if (newPageCount > pageCount) {
      if (isFull) {
        throw new FullException("no room");
      }
      if (newPageCount > room) {
        throw new FullException("no room for " + newPageCount + " pages");
      }
      pageCount = newPageCount;
    }
  }
}
