// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.memory.Slab.Block;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A pool of native memory that is lent in slabs and recycled.
 *
 * <p>Fresh memory is expensive (the first touch of 4 KiB costs 2 us, closing its arena 80 us and
 * more), so that slabs that come back are kept in a reserve for the next borrower, up to a limit in
 * bytes. Slabs are of one size, or bigger and then of what was asked for, rounded up to 64 KiB.
 *
 * <p>Safe for any number of threads. Closing the pool frees the reserve; slabs that are still lent
 * stay valid and are freed by their last release.
 */
public final class SlabPool implements AutoCloseable {

  /** The size of slabs unless another is chosen: 16 MiB. */
  public static final long DEFAULT_SLAB_BYTES = 16L << 20;

  /** What sizes are rounded up to: 64 KiB. */
  public static final long GRANULE_BYTES = 64L << 10;

  /** The alignment of slabs. */
  static final long ALIGNMENT = 4096;

  /** A request for a big slab takes a reserved one that is bigger by at most an eighth. */
  private static final int MAX_WASTE_SHIFT = 3;

  private final long slabBytes;
  private final long maxReservedBytes;
  private final boolean poison;

  /** Guards the fields below; nothing slow is done under it. */
  private final Object lock = new Object();

  /** Blocks at rest, the most recently freed one last. */
  private final ArrayDeque<Block> reserve = new ArrayDeque<>();

  private long reservedBytes;
  private long allocatedBytes;
  private boolean closed;

  /**
   * Creates an empty pool.
   *
   * @param slabBytes the size of a slab, a positive multiple of {@link #GRANULE_BYTES}
   * @param maxReservedBytes the most that is kept for reuse, 0 for nothing
   * @throws IllegalArgumentException if a size is out of range
   */
  public SlabPool(long slabBytes, long maxReservedBytes) {
    this(slabBytes, maxReservedBytes, Poison.BY_DEFAULT);
  }

  SlabPool(long slabBytes, long maxReservedBytes, boolean poison) {
    if (slabBytes <= 0 || slabBytes % GRANULE_BYTES != 0) {
      throw new IllegalArgumentException(
          "The slab size must be a positive multiple of " + GRANULE_BYTES + " bytes: " + slabBytes);
    }
    if (maxReservedBytes < 0) {
      throw new IllegalArgumentException(
          "The reserve must be limited to 0 bytes or more: " + maxReservedBytes);
    }
    this.slabBytes = slabBytes;
    this.maxReservedBytes = maxReservedBytes;
    this.poison = poison;
  }

  /**
   * Lends a slab of the pool's size.
   *
   * @return a slab with one reference, the caller's; its content is undefined
   * @throws FullException if the system has not enough memory
   * @throws ClosedException if the pool is closed
   */
  public Slab acquire() {
    return acquire(slabBytes);
  }

  /**
   * Lends a slab of at least a given size.
   *
   * @param minBytes 0 or more; up to the pool's slab size gives a slab of that size
   * @return a slab with one reference, the caller's; its content is undefined
   * @throws FullException if the system has not enough memory
   * @throws ClosedException if the pool is closed
   * @throws IllegalArgumentException if the size is negative
   */
  public Slab acquire(long minBytes) {
    if (minBytes < 0) {
      throw new IllegalArgumentException("A slab has 0 bytes or more: " + minBytes);
    }
    long needed = minBytes <= slabBytes ? slabBytes : Layouts.alignUp(minBytes, GRANULE_BYTES);
    Block block = takeReserved(needed);
    if (block == null) {
      block = allocate(needed);
    } else if (poison) {
      Poison.check(block.segment);
    }
    return new Slab(this, block);
  }

  private @Nullable Block takeReserved(long needed) {
    long most = needed == slabBytes ? needed : needed + (needed >>> MAX_WASTE_SHIFT);
    synchronized (lock) {
      if (closed) {
        throw new ClosedException("slab pool");
      }
      for (Iterator<Block> newestFirst = reserve.descendingIterator(); newestFirst.hasNext(); ) {
        Block block = newestFirst.next();
        if (block.byteSize() >= needed && block.byteSize() <= most) {
          newestFirst.remove();
          reservedBytes -= block.byteSize();
          return block;
        }
      }
      return null;
    }
  }

  private Block allocate(long byteSize) {
    Block block;
    try {
      block = new Block(byteSize);
    } catch (OutOfMemoryError first) {
      trim(0);
      try {
        block = new Block(byteSize);
      } catch (OutOfMemoryError second) {
        throw new FullException(
            "The system has no native memory for a slab of "
                + byteSize
                + " bytes beside the "
                + allocatedBytes()
                + " bytes allocated already; lower the memory budgets or give the process more",
            FullException.UNKNOWN,
            allocatedBytes(),
            byteSize,
            second);
      }
    }
    synchronized (lock) {
      allocatedBytes += byteSize;
    }
    if (poison) {
      Poison.fill(block.segment);
    }
    return block;
  }

  void takeBack(Block block) {
    if (poison) {
      Poison.fill(block.segment);
    }
    long limit;
    synchronized (lock) {
      limit = closed ? 0 : maxReservedBytes;
      if (block.byteSize() <= limit) {
        reserve.addLast(block);
        reservedBytes += block.byteSize();
      }
    }
    if (block.byteSize() <= limit) {
      trim(limit);
    } else {
      freeAll(List.of(block));
    }
  }

  /**
   * Frees reserved slabs, the longest unused first, until the reserve is within a limit.
   *
   * @param maxBytes what may stay reserved, 0 or more
   * @throws IllegalArgumentException if the limit is negative
   */
  public void trim(long maxBytes) {
    if (maxBytes < 0) {
      throw new IllegalArgumentException("A reserve has 0 bytes or more: " + maxBytes);
    }
    List<Block> surplus = new ArrayList<>();
    synchronized (lock) {
      while (reservedBytes > maxBytes) {
        Block oldest = reserve.removeFirst();
        reservedBytes -= oldest.byteSize();
        surplus.add(oldest);
      }
    }
    freeAll(surplus);
  }

  private void freeAll(List<Block> blocks) {
    for (Block block : blocks) {
      block.arena.close();
      synchronized (lock) {
        allocatedBytes -= block.byteSize();
      }
    }
  }

  /**
   * Returns the size of the slabs that {@link #acquire()} lends.
   *
   * @return a multiple of {@link #GRANULE_BYTES}
   */
  public long slabBytes() {
    return slabBytes;
  }

  /**
   * Returns how much native memory the pool holds, lent and reserved.
   *
   * @return the bytes
   */
  public long allocatedBytes() {
    synchronized (lock) {
      return allocatedBytes;
    }
  }

  /**
   * Returns how much of the allocated memory is not lent but kept for reuse.
   *
   * @return the bytes
   */
  public long reservedBytes() {
    synchronized (lock) {
      return reservedBytes;
    }
  }

  /**
   * Frees the reserve and refuses further loans; slabs that are lent are freed by their last
   * release. Closing again has no effect.
   */
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
    }
    trim(0);
  }
}
