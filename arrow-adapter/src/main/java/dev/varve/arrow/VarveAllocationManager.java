// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.FullException;
import dev.varve.memory.BlockAllocator;
import dev.varve.memory.SlabPool;
import java.lang.foreign.Arena;
import java.util.Objects;
import org.apache.arrow.memory.AllocationManager;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.ReferenceManager;

/**
 * Serves Arrow's allocators with native memory from Varve's {@link BlockAllocator}, without Netty.
 *
 * <p>To be chosen for one root:
 *
 * <pre>{@code
 * BufferAllocator root =
 *     new RootAllocator(
 *         RootAllocator.configBuilder()
 *             .allocationManagerFactory(VarveAllocationManager.shared())
 *             .build());
 * }</pre>
 *
 * <p>Arrow looks for a default factory even then, and fails if it finds none: an application has
 * {@code arrow-memory-netty} on its class path, or {@code varve-arrow-memory}, which makes the
 * shared factory the default.
 *
 * <p>Buffers are aligned to 64 bytes and their content is undefined at first. Arrow's accounting,
 * limits and leak reports work as with any other factory. Memory comes in slabs; what is freed
 * stays with the process for reuse, up to a limit. Safe for any number of threads.
 */
public final class VarveAllocationManager extends AllocationManager {

  /** The slab size of the shared factory: small, for what applications keep is often little. */
  private static final long SHARED_SLAB_BYTES = 4L << 20;

  /** What the shared factory keeps for reuse. */
  private static final long SHARED_RESERVE_BYTES = 32L << 20;

  private final BlockAllocator blocks;
  private final long handle;
  private final long address;
  private final long size;

  private VarveAllocationManager(
      BufferAllocator accountant, BlockAllocator blocks, long handle, long size) {
    super(accountant);
    this.blocks = blocks;
    this.handle = handle;
    this.address = blocks.address(handle);
    this.size = size;
  }

  /**
   * Returns the factory that all of this JVM may share.
   *
   * <p>It takes memory in slabs of 4 MiB, bigger buffers in slabs of their own, and keeps up to 32
   * MiB of freed ones for reuse.
   *
   * @return always the same factory
   */
  public static AllocationManager.Factory shared() {
    return Shared.FACTORY;
  }

  /**
   * Returns a factory over an allocator of the caller's.
   *
   * @param blocks where the memory comes from; once it is closed, allocating fails
   * @return the factory, for {@code RootAllocator.configBuilder().allocationManagerFactory}
   */
  public static AllocationManager.Factory factory(BlockAllocator blocks) {
    return new Blocks(Objects.requireNonNull(blocks, "blocks"));
  }

  @Override
  public long getSize() {
    return size;
  }

  @Override
  protected long memoryAddress() {
    return address;
  }

  @Override
  protected void release0() {
    blocks.free(handle);
  }

  /** Made on first use. */
  private static final class Shared {
    static final AllocationManager.Factory FACTORY =
        factory(new BlockAllocator(new SlabPool(SHARED_SLAB_BYTES, SHARED_RESERVE_BYTES)));
  }

  private record Blocks(BlockAllocator blocks) implements AllocationManager.Factory {

    @Override
    public AllocationManager create(BufferAllocator accountant, long size) {
      long handle;
      try {
        handle = blocks.allocate(size);
      } catch (FullException e) {
        throw new OutOfMemoryException(e.getMessage(), e);
      }
      boolean created = false;
      try {
        AllocationManager manager = new VarveAllocationManager(accountant, blocks, handle, size);
        created = true;
        return manager;
      } finally {
        if (!created) {
          blocks.free(handle);
        }
      }
    }

    @Override
    public ArrowBuf empty() {
      return Empty.BUFFER;
    }
  }

  /** Made on first use, because a buffer initializes Arrow, which looks for a default factory. */
  private static final class Empty {
    /** Of no bytes, but at an address that is valid and aligned. */
    static final ArrowBuf BUFFER =
        new ArrowBuf(
            ReferenceManager.NO_OP,
            null,
            0,
            Arena.global().allocate(BlockAllocator.ALIGNMENT, BlockAllocator.ALIGNMENT).address());
  }
}
