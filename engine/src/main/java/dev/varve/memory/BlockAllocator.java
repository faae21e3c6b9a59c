// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import dev.varve.ClosedException;
import dev.varve.FullException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A general allocator of native memory blocks of any size, aligned to 64 bytes, on the slabs of a
 * {@link SlabPool}.
 *
 * <p>A block is named by a handle, a number that {@link #allocate} gives and {@link #free} takes
 * once. Blocks up to 32 KiB come from runs of equal blocks (segregated fits, see Wilson, Johnstone,
 * Neely and Boles, <i>Dynamic Storage Allocation: A Survey and Critical Review</i>, 1995), bigger
 * ones from spans of 16 KiB pages, and what exceeds a slab gets one of its own. All bookkeeping is
 * on the heap, beside the blocks; empty slabs go back to the pool but for one.
 *
 * <p>Safe for any number of threads; a block may be freed by another thread than its allocator's,
 * to which it was safely published. Steady allocating and freeing of blocks up to the pool's slab
 * size allocates nothing on the heap. Closing refuses further allocations; blocks in use stay
 * valid, and their slabs go back as they empty.
 *
 * <p>With the system property {@code varve.memory.poison=true}, freed blocks are filled with the
 * byte 0xDB, and a block that was written after its free is reported by the next allocation there.
 */
public final class BlockAllocator implements AutoCloseable {

  /** The alignment of every block: 64 bytes. */
  public static final long ALIGNMENT = SizeClasses.GRANULE;

  /** The least slab size of a pool that an allocator can use: 1 MiB. */
  public static final long MIN_SLAB_BYTES = 1L << 20;

  private static final int MAX_STRIPES = 8;

  private final PageHeap heap;
  private final long slabBytes;
  private final boolean poison;

  /** Bins by stripe and size class; threads are spread over the stripes. */
  private final Bin[] bins;

  private final int stripeMask;

  /**
   * Creates an allocator that holds no memory yet.
   *
   * @param pool where its slabs come from; not closed by this
   * @throws IllegalArgumentException if the pool's slabs are smaller than {@link #MIN_SLAB_BYTES}
   */
  public BlockAllocator(SlabPool pool) {
    this(pool, stripesFor(Runtime.getRuntime().availableProcessors()), Poison.BY_DEFAULT);
  }

  BlockAllocator(SlabPool pool, int stripes, boolean poison) {
    if (pool.slabBytes() < MIN_SLAB_BYTES) {
      throw new IllegalArgumentException(
          "A block allocator needs slabs of at least "
              + MIN_SLAB_BYTES
              + " bytes, but the pool's have "
              + pool.slabBytes());
    }
    this.heap = new PageHeap(pool, poison);
    this.slabBytes = pool.slabBytes();
    this.poison = poison;
    this.stripeMask = stripes - 1;
    bins = new Bin[stripes * SizeClasses.COUNT];
    for (int i = 0; i < bins.length; i++) {
      bins[i] = new Bin(i % SizeClasses.COUNT);
    }
  }

  private static int stripesFor(int processors) {
    int stripes = Integer.highestOneBit(Math.max(1, processors));
    return Math.min(stripes, MAX_STRIPES);
  }

  /**
   * Allocates a block.
   *
   * @param byteSize 0 or more; also a block of 0 bytes has an address of its own
   * @return the handle of the block, whose content is undefined
   * @throws FullException if the system has not enough memory
   * @throws ClosedException if the allocator or its pool is closed
   * @throws IllegalArgumentException if the size is negative
   */
  public long allocate(long byteSize) {
    if (byteSize < 0) {
      throw new IllegalArgumentException("A block has 0 bytes or more: " + byteSize);
    }
    long handle;
    if (byteSize <= SizeClasses.MAX_BYTES) {
      handle = allocateSmall((int) byteSize);
    } else if (byteSize <= slabBytes) {
      handle = heap.allocate((int) ((byteSize + Chunk.PAGE_BYTES - 1) >>> Chunk.PAGE_SHIFT));
    } else {
      handle = heap.allocateSlab(byteSize);
    }
    if (poison) {
      Poison.check(segment(handle));
    }
    return handle;
  }

  private long allocateSmall(int byteSize) {
    int stripe = (int) Thread.currentThread().threadId() & stripeMask;
    Bin bin = bins[stripe * SizeClasses.COUNT + SizeClasses.indexOf(byteSize)];
    synchronized (bin) {
      Run run = bin.available;
      if (run == null) {
        run = newRun(bin);
      }
      long handle = run.take();
      bin.blocksInUse++;
      if (run.freeBlocks == 0) {
        bin.unlink(run);
      }
      return handle;
    }
  }

  private Run newRun(Bin bin) {
    long place = heap.allocate(bin.runPages);
    Run run = bin.spare;
    bin.spare = null;
    if (run == null) {
      run = new Run(bin);
    }
    run.reset(place);
    Chunk chunk = heap.chunkOf(place);
    mark(chunk, chunk.pageOf(PageHeap.offsetOf(place)), bin.runPages, run);
    bin.link(run);
    bin.runs++;
    return run;
  }

  /** Enters for pages the run that they belong to, or null for none. */
  private static void mark(Chunk chunk, int firstPage, int pages, @Nullable Run run) {
    for (int i = 0; i < pages; i++) {
      chunk.runs[firstPage + i] = run;
    }
  }

  /**
   * Frees a block.
   *
   * @param handle of a block in use, which nobody touches any more
   * @throws IllegalStateException if the handle is of no block in use; nothing has changed
   */
  public void free(long handle) {
    Chunk chunk = heap.chunkOf(handle);
    long offset = PageHeap.offsetOf(handle);
    int page = chunk.pageOf(offset);
    Run run = chunk.runs[page];
    if (run != null) {
      freeSmall(handle, chunk, page, run);
    } else if (chunk.spanAt(page) > 0 && chunk.offsetOf(page) == offset) {
      if (poison) {
        Poison.fill(segment(handle));
      }
      heap.free(chunk, page);
    } else {
      throw PageHeap.notInUse(handle);
    }
  }

  private void freeSmall(long handle, Chunk chunk, int page, Run run) {
    Bin bin = run.bin;
    synchronized (bin) {
      int block = chunk.runs[page] == run ? run.blockInUse(handle - run.place) : -1;
      if (block < 0) {
        throw PageHeap.notInUse(handle);
      }
      if (poison) {
        Poison.fill(chunk.segment.asSlice(PageHeap.offsetOf(handle), bin.blockBytes));
      }
      if (run.freeBlocks == 0) {
        bin.link(run);
      }
      run.give(block);
      bin.blocksInUse--;
      if (run.isUnused()) {
        int firstPage = chunk.pageOf(PageHeap.offsetOf(run.place));
        bin.unlink(run);
        mark(chunk, firstPage, bin.runPages, null);
        heap.free(chunk, firstPage);
        bin.spare = run;
        bin.runs--;
      }
    }
  }

  /**
   * Returns where a block is.
   *
   * @param handle of a block in use
   * @return the address of its first byte, a multiple of {@link #ALIGNMENT}
   * @throws IllegalStateException if the handle is seen to be of no block in use
   */
  public long address(long handle) {
    return heap.chunkOf(handle).address + PageHeap.offsetOf(handle);
  }

  /**
   * Returns the memory of a block, for any thread.
   *
   * @param handle of a block in use
   * @return its {@link #byteSize} bytes, not to be touched after the block is freed
   * @throws IllegalStateException if the handle is seen to be of no block in use
   */
  public MemorySegment segment(long handle) {
    return heap.chunkOf(handle).segment.asSlice(PageHeap.offsetOf(handle), byteSize(handle));
  }

  /**
   * Returns how big a block is.
   *
   * @param handle of a block in use
   * @return its bytes, at least as many as were asked for
   * @throws IllegalStateException if the handle is seen to be of no block in use
   */
  public long byteSize(long handle) {
    Chunk chunk = heap.chunkOf(handle);
    int page = chunk.pageOf(PageHeap.offsetOf(handle));
    Run run = chunk.runs[page];
    if (run != null) {
      return run.bin.blockBytes;
    }
    int span = chunk.spanAt(page);
    if (span == 0) {
      throw PageHeap.notInUse(handle);
    }
    return chunk.bytesOf(span);
  }

  /**
   * Returns the sizes of all blocks in use together, rounded up as they are.
   *
   * @return the bytes; while other threads allocate, an approximation
   */
  public long bytesInUse() {
    long runBytes = 0;
    long blockBytes = 0;
    for (Bin bin : bins) {
      synchronized (bin) {
        runBytes += bin.runs * bin.runPages * Chunk.PAGE_BYTES;
        blockBytes += bin.blocksInUse * bin.blockBytes;
      }
    }
    return heap.lentBytes() - runBytes + blockBytes;
  }

  /**
   * Returns how much memory is held from the pool.
   *
   * @return the bytes of all slabs
   */
  public long bytesHeld() {
    return heap.heldBytes();
  }

  /** Gives back to the pool the empty slab that is kept against going to and fro, if any. */
  public void trim() {
    heap.trim();
  }

  /**
   * Refuses further allocations; the slabs of blocks in use go back to the pool once these are
   * freed. Closing again has no effect.
   */
  @Override
  public void close() {
    heap.close();
  }

  /** Checks that all bookkeeping agrees with itself, while no other thread is at work. */
  void validate() {
    heap.validate();
    List<Run> runs = heap.runs();
    for (Bin bin : bins) {
      synchronized (bin) {
        bin.validate(runs.stream().filter(run -> run.bin == bin).toList());
      }
    }
  }
}
