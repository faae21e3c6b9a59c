// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.Arrays;

/**
 * The free pages of a data file: a bitmap, in chunks of 16 MiB of the file.
 *
 * <p>A chunk has a word that says which of its words are not zero, and an upper bound of its
 * longest run, which a search that fails lowers. So the lowest free page is found in three steps,
 * and a search for a run looks into few chunks in vain. Neighbours join by themselves.
 *
 * <p>Not thread-safe. Nothing is allocated but for pages of a higher number than any before.
 */
final class FreePages {
  /** Runs of up to a chunk lie within one, larger ones begin with one. */
  static final int CHUNK_BYTES_SHIFT = 24;

  private final int chunkShift;
  private final long chunkPages;
  private final int chunkWordShift;
  private int chunks;

  /** One bit a page, set if it is free. */
  private long[] words = new long[0];

  /** One word a chunk: bit w is set if its word w is not 0. */
  private long[] wordsInUse = new long[0];

  /** One bit a chunk, set if it has a free page. */
  private long[] chunksInUse = new long[0];

  /** One a chunk: it has no run of more pages. */
  private int[] longest = new int[0];

  /** No word of {@link #chunksInUse} before this one has a bit set. */
  private int firstInUse;

  /** By k: no chunk before this one may have a run of 2^k pages. */
  private final int[] firstOfRuns;

  private long count;
  private long extents;

  FreePages(int pageShift) {
    chunkShift = CHUNK_BYTES_SHIFT - pageShift;
    chunkPages = 1L << chunkShift;
    chunkWordShift = chunkShift - 6;
    firstOfRuns = new int[chunkShift + 1];
  }

  /** Whether pages may be one run: whether they are one piece of memory in every process. */
  static boolean isRun(long first, long pages, int pageShift) {
    long chunk = 1L << (CHUNK_BYTES_SHIFT - pageShift);
    long within = first & chunk - 1;
    return pages <= chunk ? within + pages <= chunk : within == 0;
  }

  /** Returns how many pages are free. */
  long count() {
    return count;
  }

  /** Returns how many stretches they form. */
  long extents() {
    return extents;
  }

  void clear() {
    Arrays.fill(words, 0);
    Arrays.fill(wordsInUse, 0);
    Arrays.fill(chunksInUse, 0);
    Arrays.fill(longest, 0);
    firstInUse = 0;
    Arrays.fill(firstOfRuns, 0);
    count = 0;
    extents = 0;
  }

  boolean isFree(long page) {
    return page < capacity() && (words[(int) (page >>> 6)] & 1L << page) != 0;
  }

  /** Whether any of these pages is free; pages of any number may be asked for. */
  boolean isAnyFree(long first, long pages) {
    long end = Math.min(first + pages, capacity());
    for (long page = first; page < end; ) {
      long next = Math.min(end, ((page >>> 6) + 1) << 6);
      if ((words[(int) (page >>> 6)] & mask(page, next)) != 0) {
        return true;
      }
      page = next;
    }
    return false;
  }

  /** Returns the lowest free page from one on, {@link Long#MAX_VALUE} if there is none. */
  long nextFree(long from) {
    if (from >= capacity()) {
      return Long.MAX_VALUE;
    }
    int word = (int) (from >>> 6);
    long bits = words[word] & -1L << from;
    while (bits == 0) {
      word++;
      if ((word & (1 << chunkWordShift) - 1) == 0) {
        int chunk = nextInUse(word >>> chunkWordShift);
        if (chunk < 0) {
          return Long.MAX_VALUE;
        }
        word = chunk << chunkWordShift;
      }
      bits = words[word];
    }
    return ((long) word << 6) + Long.numberOfTrailingZeros(bits);
  }

  /** Returns the first page from one on that is not free. */
  long nextTaken(long from) {
    return stretchEnd(from, Math.max(from, capacity()));
  }

  /**
   * Returns how many pages from a free one on are free, up to a number and a multiple of 16 MiB.
   */
  int stretch(long from, int most) {
    long chunkEnd = ((from >>> chunkShift) + 1) << chunkShift;
    return (int) (stretchEnd(from, Math.min(from + most, chunkEnd)) - from);
  }

  /** Returns the first page of the free stretch that ends before a page, or that page. */
  long stretchBefore(long page) {
    return page > 0 && isFree(page - 1) ? stretchStart(page, 0) : page;
  }

  /** Takes the lowest free page. Returns -1 if there is none. */
  long take() {
    int chunk = nextInUse(firstInUse << 6);
    if (chunk < 0) {
      firstInUse = chunksInUse.length;
      return -1;
    }
    firstInUse = chunk >>> 6;
    int word = (chunk << chunkWordShift) + Long.numberOfTrailingZeros(wordsInUse[chunk]);
    long bits = words[word];
    long page = ((long) word << 6) + Long.numberOfTrailingZeros(bits);
    set(word, bits & bits - 1);
    count--;
    if (!isFree(page + 1)) {
      extents--;
    }
    return page;
  }

  /**
   * Takes the lowest run of so many pages that does not cross a multiple of 16 MiB, or begins at
   * one if it is larger. Returns its first page, or -1 if there is none.
   */
  long take(long pages) {
    if (pages == 1) {
      return take();
    }
    long first = pages <= chunkPages ? find((int) pages) : findLarge(pages);
    if (first >= 0) {
      remove(first, pages);
    }
    return first;
  }

  /**
   * Makes pages free.
   *
   * @throws IllegalStateException if one of them is; then nothing happened
   */
  void add(long first, long pages) {
    if (isAnyFree(first, pages)) {
      throw new IllegalStateException("page " + nextFree(first) + " is free already");
    }
    long end = first + pages;
    reserve(end);
    int joined = (first > 0 && isFree(first - 1) ? 1 : 0) + (isFree(end) ? 1 : 0);
    for (long page = first; page < end; ) {
      int word = (int) (page >>> 6);
      long next = Math.min(end, (word + 1L) << 6);
      set(word, words[word] | mask(page, next));
      page = next;
    }
    count += pages;
    extents += 1 - joined;
    raise(first, end);
  }

  /**
   * Takes pages.
   *
   * @throws IllegalStateException if one of them is not free; then nothing happened
   */
  void remove(long first, long pages) {
    long end = first + pages;
    long stretchEnd = stretchEnd(first, Math.min(end, capacity()));
    if (stretchEnd < end) {
      throw new IllegalStateException("page " + stretchEnd + " is not free");
    }
    for (long page = first; page < end; ) {
      int word = (int) (page >>> 6);
      long next = Math.min(end, (word + 1L) << 6);
      set(word, words[word] & ~mask(page, next));
      page = next;
    }
    int left = (first > 0 && isFree(first - 1) ? 1 : 0) + (isFree(end) ? 1 : 0);
    count -= pages;
    extents += left - 1;
  }

  private long capacity() {
    return (long) chunks << chunkShift;
  }

  private int nextInUse(int fromChunk) {
    int at = fromChunk >>> 6;
    if (at >= chunksInUse.length) {
      return -1;
    }
    long bits = chunksInUse[at] & -1L << fromChunk;
    while (bits == 0) {
      at++;
      if (at == chunksInUse.length) {
        return -1;
      }
      bits = chunksInUse[at];
    }
    return (at << 6) + Long.numberOfTrailingZeros(bits);
  }

  /** The bits of pages of one word; {@code end} is at most the first page of the next one. */
  private static long mask(long first, long end) {
    return -1L << first & -1L >>> -end;
  }

  private void set(int word, long bits) {
    words[word] = bits;
    int chunk = word >>> chunkWordShift;
    long bit = 1L << (word & (1 << chunkWordShift) - 1);
    if (bits != 0) {
      wordsInUse[chunk] |= bit;
      chunksInUse[chunk >>> 6] |= 1L << chunk;
    } else {
      wordsInUse[chunk] &= ~bit;
      if (wordsInUse[chunk] == 0) {
        chunksInUse[chunk >>> 6] &= ~(1L << chunk);
        longest[chunk] = 0;
      }
    }
  }

  /** Raises the bounds of the chunks in which pages became free. */
  private void raise(long first, long end) {
    firstInUse = Math.min(firstInUse, (int) (first >>> chunkShift >>> 6));
    for (long page = first; page < end; ) {
      int chunk = (int) (page >>> chunkShift);
      long chunkStart = (long) chunk << chunkShift;
      long next = Math.min(end, chunkStart + chunkPages);
      if (longest[chunk] < chunkPages) {
        // Looks only as far as into the words beside: what is longer may be of any length.
        long floor = Math.max(chunkStart, ((page >>> 6) - 1) << 6);
        long ceiling = Math.min(chunkStart + chunkPages, (((next - 1) >>> 6) + 2) << 6);
        long start = stretchStart(page, floor);
        long stop = stretchEnd(next, ceiling);
        boolean isWhole = start > floor && stop < ceiling;
        long run = isWhole ? stop - start : chunkPages;
        if (run > longest[chunk]) {
          longest[chunk] = (int) run;
          for (int k = 63 - Long.numberOfLeadingZeros(run); k >= 0; k--) {
            firstOfRuns[k] = Math.min(firstOfRuns[k], chunk);
          }
        }
      }
      page = next;
    }
  }

  /** Returns where the free stretch before a page begins, at least at the floor, a word's start. */
  private long stretchStart(long page, long floor) {
    while (page > floor) {
      int word = (int) ((page - 1) >>> 6);
      long taken = ~words[word] & -1L >>> -page;
      if (taken != 0) {
        return ((long) word << 6) + Long.SIZE - Long.numberOfLeadingZeros(taken);
      }
      page = (long) word << 6;
    }
    return page;
  }

  /** Returns where the free stretch from a page on ends, at most at the ceiling. */
  private long stretchEnd(long page, long ceiling) {
    while (page < ceiling) {
      int word = (int) (page >>> 6);
      long taken = ~words[word] & -1L << page;
      if (taken != 0) {
        return Math.min(ceiling, ((long) word << 6) + Long.numberOfTrailingZeros(taken));
      }
      page = (word + 1L) << 6;
    }
    return ceiling;
  }

  /** Finds the lowest run within a chunk. */
  private long find(int pages) {
    int k = 31 - Integer.numberOfLeadingZeros(pages);
    int chunk = firstOfRuns[k];
    while (chunk < chunks && longest[chunk] < 1 << k) {
      chunk++;
    }
    firstOfRuns[k] = chunk;
    for (; chunk < chunks; chunk++) {
      if (longest[chunk] >= pages) {
        long first = find(chunk, pages);
        if (first >= 0) {
          return first;
        }
        longest[chunk] = pages - 1;
      }
    }
    return -1;
  }

  private long find(int chunk, int pages) {
    int first = chunk << chunkWordShift;
    int end = first + (1 << chunkWordShift);
    int before = 0; // free pages at the end of the words before
    for (int word = first; word < end; word++) {
      long bits = words[word];
      int low = Long.numberOfTrailingZeros(~bits);
      if (before + low >= pages) {
        return ((long) word << 6) - before;
      }
      if (low == Long.SIZE) {
        before += Long.SIZE;
        continue;
      }
      long runs = pages < Long.SIZE ? runs(bits, pages) : 0;
      if (runs != 0) {
        return ((long) word << 6) + Long.numberOfTrailingZeros(runs);
      }
      before = Long.numberOfLeadingZeros(~bits);
    }
    return -1;
  }

  /** Returns the bits from which on so many are set. */
  private static long runs(long bits, int length) {
    int done = 1;
    while (done < length) {
      int more = Math.min(done, length - done);
      bits &= bits >>> more;
      done += more;
    }
    return bits;
  }

  private long findLarge(long pages) {
    int chunk = 0;
    while (chunk < chunks) {
      if (longest[chunk] < chunkPages) {
        chunk++;
        continue;
      }
      long first = (long) chunk << chunkShift;
      if (first + pages > capacity()) {
        return -1;
      }
      long end = stretchEnd(first, first + pages);
      if (end == first + pages) {
        return first;
      }
      chunk = (int) (end >>> chunkShift);
      longest[chunk] = (int) Math.min(longest[chunk], chunkPages - 1);
    }
    return -1;
  }

  private void reserve(long pages) {
    if (pages > capacity()) {
      int needed = (int) ((pages + chunkPages - 1) >>> chunkShift);
      int larger = Math.max(needed, chunks + (chunks >> 2));
      long[] largerWords = Arrays.copyOf(words, Math.multiplyExact(larger, 1 << chunkWordShift));
      long[] largerWordsInUse = Arrays.copyOf(wordsInUse, larger);
      long[] largerChunksInUse = Arrays.copyOf(chunksInUse, (larger + 63) >>> 6);
      longest = Arrays.copyOf(longest, larger);
      words = largerWords;
      wordsInUse = largerWordsInUse;
      chunksInUse = largerChunksInUse;
      chunks = larger;
    }
  }
}
