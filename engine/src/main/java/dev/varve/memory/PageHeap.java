// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import dev.varve.ClosedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Spans of pages, cut out of the slabs of a pool, and slabs of their own for what is bigger.
 *
 * <p>A place is one number, the slot of its chunk and the offset in it. Spans come from the chunk
 * with the lowest slot that has room, so that the others drain; an empty chunk goes back to the
 * pool, except for one that is kept against going to and fro.
 *
 * <p>Safe for any number of threads.
 */
final class PageHeap {

  private static final int OFFSET_BITS = 40;
  private static final long OFFSET_MASK = (1L << OFFSET_BITS) - 1;
  private static final int MAX_SLOTS = 1 << (Long.SIZE - 1 - OFFSET_BITS);

  private final SlabPool pool;
  private final boolean poison;

  /** Held while a slab is fetched, so that threads that need one do not all fetch one. */
  private final Object growing = new Object();

  /**
   * Chunks by slot. Replaced when it grows; changed under this heap's monitor. A reader holds a
   * place in the chunk that it looks up, which it got after the chunk was entered.
   */
  private volatile @Nullable Chunk[] chunks = new @Nullable Chunk[8];

  private long heldBytes;
  private long lentBytes;
  private int emptyChunks;
  private boolean closed;

  PageHeap(SlabPool pool, boolean poison) {
    this.pool = pool;
    this.poison = poison;
  }

  static long offsetOf(long place) {
    return place & OFFSET_MASK;
  }

  private static long placeOf(Chunk chunk, long offset) {
    return (long) chunk.slot << OFFSET_BITS | offset;
  }

  /**
   * Returns the chunk of a place.
   *
   * @throws IllegalStateException if it has none, because it was freed or is no place at all
   */
  Chunk chunkOf(long place) {
    @Nullable Chunk[] table = chunks;
    long slot = place >>> OFFSET_BITS;
    Chunk chunk = slot < table.length ? table[(int) slot] : null;
    if (chunk == null || chunk.pageOf(offsetOf(place)) >= chunk.pages) {
      throw notInUse(place);
    }
    return chunk;
  }

  static IllegalStateException notInUse(long place) {
    return new IllegalStateException(
        "Block 0x"
            + Long.toHexString(place)
            + " is not in use: it was freed before, or never allocated here");
  }

  /** Lends a span of pages that fits into one slab. */
  long allocate(int pages) {
    while (true) {
      synchronized (this) {
        long place = tryAllocate(pages);
        if (place >= 0) {
          return place;
        }
      }
      grow(pages);
    }
  }

  private long tryAllocate(int pages) {
    if (closed) {
      throw new ClosedException("block allocator");
    }
    for (Chunk chunk : chunks) {
      if (chunk != null) {
        int first = chunk.find(pages);
        if (first >= 0) {
          if (chunk.isEmpty()) {
            emptyChunks--;
          }
          chunk.lend(first, pages);
          lentBytes += chunk.bytesOf(pages);
          return placeOf(chunk, chunk.offsetOf(first));
        }
      }
    }
    return -1;
  }

  private void grow(int pages) {
    synchronized (growing) {
      synchronized (this) {
        for (Chunk chunk : chunks) {
          if (chunk != null && chunk.find(pages) >= 0) {
            return;
          }
        }
      }
      Slab slab = pool.acquire();
      if (poison) {
        Poison.fill(slab.segment());
      }
      synchronized (this) {
        if (!closed) {
          enter(Chunk.ofPages(slab, freeSlot()));
          emptyChunks++;
          return;
        }
      }
      slab.release();
    }
  }

  /** Lends a slab of its own to a block that no slab of the pool's size can hold. */
  long allocateSlab(long byteSize) {
    synchronized (this) {
      if (closed) {
        throw new ClosedException("block allocator");
      }
    }
    Slab slab = pool.acquire(byteSize);
    if (poison) {
      Poison.fill(slab.segment());
    }
    synchronized (this) {
      Chunk chunk = Chunk.ofOneBlock(slab, freeSlot());
      enter(chunk);
      chunk.lend(0, 1);
      lentBytes += slab.byteSize();
      return placeOf(chunk, 0);
    }
  }

  private int freeSlot() {
    @Nullable Chunk[] table = chunks;
    for (int slot = 0; slot < table.length; slot++) {
      if (table[slot] == null) {
        return slot;
      }
    }
    if (table.length == MAX_SLOTS) {
      throw new IllegalStateException("There are " + MAX_SLOTS + " chunks, which is the most");
    }
    chunks = Arrays.copyOf(table, table.length * 2);
    return table.length;
  }

  private void enter(Chunk chunk) {
    chunks[chunk.slot] = chunk;
    heldBytes += chunk.slab.byteSize();
  }

  /**
   * Takes back the span that begins at a page.
   *
   * @throws IllegalStateException if none begins there
   */
  void free(Chunk chunk, int page) {
    boolean surplus;
    synchronized (this) {
      int pages = chunk.spanAt(page);
      if (pages == 0) {
        throw notInUse(placeOf(chunk, chunk.offsetOf(page)));
      }
      chunk.takeBack(page);
      lentBytes -= chunk.bytesOf(pages);
      surplus = chunk.isEmpty() && (closed || chunk.isOneBlock() || emptyChunks > 0);
      if (surplus) {
        remove(chunk);
      } else if (chunk.isEmpty()) {
        emptyChunks++;
      }
    }
    if (surplus) {
      chunk.slab.release();
    }
  }

  private void remove(Chunk chunk) {
    chunks[chunk.slot] = null;
    heldBytes -= chunk.slab.byteSize();
  }

  /** Gives back the empty chunk that is kept, if any. */
  void trim() {
    while (true) {
      Chunk empty = null;
      synchronized (this) {
        for (Chunk chunk : chunks) {
          if (chunk != null && chunk.isEmpty()) {
            empty = chunk;
          }
        }
        if (empty == null) {
          return;
        }
        remove(empty);
        emptyChunks--;
      }
      empty.slab.release();
    }
  }

  /** Refuses to lend more, and gives back each chunk as soon as it is empty. */
  void close() {
    synchronized (this) {
      closed = true;
    }
    trim();
  }

  synchronized long heldBytes() {
    return heldBytes;
  }

  synchronized long lentBytes() {
    return lentBytes;
  }

  /** Returns each run that has pages once. */
  synchronized List<Run> runs() {
    List<Run> runs = new ArrayList<>();
    for (Chunk chunk : chunks) {
      if (chunk != null) {
        for (int page = 0; page < chunk.pages; page++) {
          Run run = chunk.runs[page];
          if (run != null && chunk.spanAt(page) > 0) {
            runs.add(run);
          }
        }
      }
    }
    return runs;
  }

  /** Checks that the bookkeeping agrees with itself. */
  synchronized void validate() {
    long held = 0;
    long lent = 0;
    int empty = 0;
    for (int slot = 0; slot < chunks.length; slot++) {
      Chunk chunk = chunks[slot];
      if (chunk != null) {
        if (chunk.slot != slot) {
          throw new AssertionError("slot " + slot + " holds the chunk of " + chunk.slot);
        }
        held += chunk.slab.byteSize();
        lent += chunk.validate();
        empty += chunk.isEmpty() ? 1 : 0;
      }
    }
    if (held != heldBytes || lent != lentBytes || empty != emptyChunks || empty > 1) {
      throw new AssertionError(
          "held "
              + held
              + " of "
              + heldBytes
              + ", lent "
              + lent
              + " of "
              + lentBytes
              + ", empty "
              + empty
              + " of "
              + emptyChunks);
    }
  }
}
