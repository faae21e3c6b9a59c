// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.memory.Slab;
import dev.varve.memory.SlabPool;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Memory for frames. Frames are copied one behind the other into slabs, since they leave in the
 * order they came; one larger than a quarter of a slab gets its own. Others stay where they are.
 *
 * <p>Allocation is for one thread at a time; frames are freed by any.
 */
final class HotTier {

  private static final long MAX_SLAB = 16L << 20;
  private static final long MIN_SLAB = 1L << 16;

  final long capacity;
  private final SlabPool pool;
  private final long slabBytes;
  private final AtomicLong held = new AtomicLong();

  /** What is kept in place. */
  final SharedMemory shared = new SharedMemory();

  private @Nullable Slab current;
  private long next;

  HotTier(long capacity) {
    this.capacity = capacity;
    long share =
        Math.max(MIN_SLAB, Math.min(MAX_SLAB, Long.highestOneBit(Math.max(1, capacity / 8))));
    this.slabBytes = share;
    // Frames with a slab of their own take no more than they need.
    this.pool = new SlabPool(SlabPool.GRANULE_BYTES, share);
  }

  /** Room for a frame; its content is arbitrary. */
  HotFrame.Copied allocate(long bytes) {
    if (bytes > slabBytes / 4) {
      return frame(pool.acquire(bytes), 0, bytes);
    }
    Slab slab = current;
    if (slab == null || next + bytes > slabBytes) {
      Slab fresh = pool.acquire(slabBytes);
      if (slab != null) {
        slab.release();
      }
      current = fresh;
      slab = fresh;
      next = 0;
    }
    if (!slab.tryRetain()) {
      throw new IllegalStateException("the slab being filled was freed");
    }
    HotFrame.Copied frame = frame(slab, next, bytes);
    next += bytes;
    return frame;
  }

  private HotFrame.Copied frame(Slab slab, long offset, long bytes) {
    held.addAndGet(bytes);
    return new HotFrame.Copied(this, slab, offset, bytes);
  }

  /** Takes over a frame that stays where it is. */
  HotFrame keep(KeptFrame kept) {
    HotFrame frame = new HotFrame.Kept(this, kept, shared.hotBytes(kept));
    held.addAndGet(shared.add(kept));
    return frame;
  }

  void freed(long bytes) {
    held.addAndGet(-bytes);
  }

  /** Bytes of frames not yet freed, whether still in the tier or only pinned by readers. */
  long heldBytes() {
    return held.get();
  }

  /** Native memory taken for frames, filled or not. */
  long allocatedBytes() {
    return pool.allocatedBytes();
  }

  /** Gives back the slab being filled and the pool's reserve; frames that are pinned live on. */
  void close() {
    Slab slab = current;
    if (slab != null) {
      current = null;
      slab.release();
    }
    pool.close();
  }
}
