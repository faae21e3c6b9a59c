// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * One slab of a {@link PageHeap}, cut into pages that are lent in spans.
 *
 * <p>A slab for one big block is a chunk of a single page. Guarded by the heap, except that the
 * owner of a span reads and writes the entries of its own pages.
 */
final class Chunk {

  static final int PAGE_SHIFT = 14;
  static final int PAGE_BYTES = 1 << PAGE_SHIFT;

  final Slab slab;
  final MemorySegment segment;
  final long address;
  final int slot;
  final int pages;

  /** What an offset is shifted by to get its page. */
  private final int pageShift;

  /** The pages that are lent. */
  private final BitSet lent;

  /** For the first page of each lent span its number of pages, for every other page 0. */
  private final int[] spans;

  /** For each page that belongs to a run of small blocks that run. */
  final @Nullable Run[] runs;

  int freePages;

  /** No free span is longer than this. */
  private int longestFree;

  private Chunk(Slab slab, int slot, int pages, int pageShift) {
    this.slab = slab;
    this.segment = slab.segment();
    this.address = segment.address();
    this.slot = slot;
    this.pages = pages;
    this.pageShift = pageShift;
    lent = new BitSet(pages);
    spans = new int[pages];
    runs = new @Nullable Run[pages];
    freePages = pages;
    longestFree = pages;
  }

  static Chunk ofPages(Slab slab, int slot) {
    return new Chunk(slab, slot, Math.toIntExact(slab.byteSize() >>> PAGE_SHIFT), PAGE_SHIFT);
  }

  static Chunk ofOneBlock(Slab slab, int slot) {
    return new Chunk(slab, slot, 1, Long.SIZE - 2);
  }

  boolean isOneBlock() {
    return pageShift != PAGE_SHIFT;
  }

  boolean isEmpty() {
    return freePages == pages;
  }

  /** Returns the page of an offset, which may be one past the last. */
  int pageOf(long offset) {
    return (int) (offset >>> pageShift);
  }

  long offsetOf(int page) {
    return (long) page << pageShift;
  }

  long bytesOf(int spanPages) {
    return isOneBlock() ? slab.byteSize() : (long) spanPages << PAGE_SHIFT;
  }

  /** Returns the pages of the span that begins at a page, 0 if none begins there. */
  int spanAt(int page) {
    return page < pages ? spans[page] : 0;
  }

  /** Returns the first page of a free span of {@code count} pages, -1 if there is none. */
  int find(int count) {
    if (count > longestFree || count > freePages) {
      return -1;
    }
    int first = lent.nextClearBit(0);
    while (first + count <= pages) {
      int next = lent.nextSetBit(first);
      if (next < 0 || next - first >= count) {
        return first;
      }
      first = lent.nextClearBit(next);
    }
    longestFree = count - 1;
    return -1;
  }

  void lend(int first, int count) {
    lent.set(first, first + count);
    spans[first] = count;
    freePages -= count;
  }

  void takeBack(int first) {
    int count = spans[first];
    lent.clear(first, first + count);
    spans[first] = 0;
    freePages += count;
    longestFree = pages;
  }

  /** Checks that the bookkeeping agrees with itself; returns the bytes lent. */
  long validate() {
    int counted = 0;
    int page = 0;
    while (page < pages) {
      int span = spans[page];
      if (span == 0) {
        check(!lent.get(page), page, "is lent but in no span");
        check(runs[page] == null, page, "is free but in a run");
        page++;
        continue;
      }
      int gap = lent.nextClearBit(page);
      check(gap >= page + span, page, "begins a span that is partly free");
      for (int i = 1; i < span; i++) {
        check(spans[page + i] == 0, page + i, "begins a span within another");
        check(runs[page + i] == runs[page], page + i, "is in another run than its span");
      }
      counted += span;
      page += span;
    }
    check(counted == pages - freePages, pages, "pages do not add up");
    int longest = 0;
    for (int from = lent.nextClearBit(0); from < pages; ) {
      int to = lent.nextSetBit(from);
      to = to < 0 ? pages : to;
      longest = Math.max(longest, to - from);
      from = lent.nextClearBit(to);
    }
    check(longest <= longestFree, longest, "free pages in a row are more than thought");
    return counted == 0 ? 0 : bytesOf(counted);
  }

  private void check(boolean holds, int page, String what) {
    if (!holds) {
      throw new AssertionError("chunk " + slot + ": page " + page + " " + what);
    }
  }
}
