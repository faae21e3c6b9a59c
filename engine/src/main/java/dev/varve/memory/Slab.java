// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import dev.varve.ClosedException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One block of native memory on loan from a {@link SlabPool}, aligned to 4096 bytes.
 *
 * <p>Born with one reference; the last release gives the memory back to the pool. Its content is
 * undefined at first. A segment kept beyond the last release may show what the next borrower
 * writes, or throw {@link IllegalStateException}; it never crashes the JVM.
 */
public final class Slab extends RefCounted {

  private final SlabPool pool;
  private final Block block;

  Slab(SlabPool pool, Block block) {
    this.pool = pool;
    this.block = block;
  }

  /**
   * Returns the memory, readable and writable by any thread.
   *
   * @return always the same segment
   * @throws ClosedException if the last reference was released
   */
  public MemorySegment segment() {
    if (references() == 0) {
      throw new ClosedException(toString());
    }
    return block.segment;
  }

  /**
   * Returns the address of the first byte.
   *
   * @return a multiple of 4096
   */
  public long address() {
    return block.segment.address();
  }

  /**
   * Returns the size.
   *
   * @return the bytes, at least what was asked for
   */
  public long byteSize() {
    return block.byteSize();
  }

  @Override
  protected void free() {
    pool.takeBack(block);
  }

  @Override
  public String toString() {
    return "Slab of " + byteSize() + " bytes at 0x" + Long.toHexString(address());
  }

  /** The memory itself, which outlives the slabs that it is lent as. */
  static final class Block {

    final Arena arena;
    final MemorySegment segment;

    Block(long byteSize) {
      Arena shared = Arena.ofShared();
      try {
        segment = FreshMemory.allocate(shared, byteSize);
      } catch (Throwable t) {
        shared.close();
        throw t;
      }
      arena = shared;
    }

    long byteSize() {
      return segment.byteSize();
    }
  }
}
