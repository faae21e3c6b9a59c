// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.ForeignAllocation;
import org.apache.arrow.memory.OwnershipTransferResult;
import org.apache.arrow.memory.ReferenceManager;
import org.jspecify.annotations.Nullable;

/**
 * Hands the buffers of a batch's body to vectors, and drops the body's pin with the last of them.
 *
 * <p>The body is a foreign allocation of one byte in an allocator's books, and its buffers hold
 * references of that allocator's ledger. To take one, a vector asks the manager of the buffer it is
 * given, and a ledger then looks for itself behind a lock. So the manager is this one, which took
 * the references of all buffers at once. What vectors get is the ledger's alone: a manager of
 * another class would make each access that checks for released memory slower, wherever it is.
 *
 * <p>For one thread, while it loads one batch.
 */
final class BodyReferences implements ReferenceManager {
  private final BufferAllocator allocator;
  private final ReferenceManager ledger;
  private int spare;

  private BodyReferences(BufferAllocator allocator, ReferenceManager ledger, int count) {
    this.allocator = allocator;
    this.ledger = ledger;
    this.spare = 1 + count;
    if (count > 0) {
      ledger.retain(count);
    }
  }

  /**
   * Takes references to a body, until {@link #loaded}.
   *
   * @param address where the body begins
   * @param count as many as vectors may take
   * @param pin run once, with the last reference or before this method throws
   * @throws org.apache.arrow.memory.OutOfMemoryException if the allocator's limit is reached
   */
  static BodyReferences take(BufferAllocator allocator, long address, int count, Runnable pin) {
    Pinned pinned = new Pinned(address, pin);
    try {
      ArrowBuf base = allocator.wrapForeignAllocation(pinned);
      return new BodyReferences(allocator, base.getReferenceManager(), count);
    } catch (Throwable e) {
      pinned.drop();
      throw e;
    }
  }

  /** Returns a buffer over a part of the body, for a vector to take. */
  ArrowBuf view(long address, long length) {
    return buffer(this, address, length);
  }

  private static ArrowBuf buffer(ReferenceManager manager, long address, long length) {
    ArrowBuf buffer = new ArrowBuf(manager, null, length, address);
    buffer.writerIndex(length);
    return buffer;
  }

  /** Gives back what no vector took. */
  void loaded() {
    ledger.release(spare);
  }

  @Override
  public ArrowBuf retain(ArrowBuf source, BufferAllocator target) {
    if (target != allocator || spare == 1) {
      return ledger.retain(source, target);
    }
    spare--;
    return buffer(ledger, source.memoryAddress(), source.capacity());
  }

  @Override
  public int getRefCount() {
    return spare;
  }

  /** Does nothing: what is given to vectors holds no reference of its own. */
  @Override
  public boolean release() {
    return false;
  }

  @Override
  public boolean release(int decrement) {
    return false;
  }

  @Override
  public void retain() {}

  @Override
  public void retain(int increment) {}

  @Override
  public OwnershipTransferResult transferOwnership(ArrowBuf source, BufferAllocator target) {
    return ledger.transferOwnership(source, target);
  }

  @Override
  public ArrowBuf deriveBuffer(ArrowBuf source, long index, long length) {
    return new ArrowBuf(this, null, length, source.memoryAddress() + index);
  }

  @Override
  public BufferAllocator getAllocator() {
    return allocator;
  }

  @Override
  public long getSize() {
    return ledger.getSize();
  }

  @Override
  public long getAccountedSize() {
    return ledger.getAccountedSize();
  }

  /** The one byte that stands for a body in an allocator's books. */
  private static final class Pinned extends ForeignAllocation {
    private @Nullable Runnable pin;

    Pinned(long address, Runnable pin) {
      super(1, address);
      this.pin = pin;
    }

    @Override
    protected void release0() {
      drop();
    }

    void drop() {
      Runnable held = pin;
      pin = null;
      if (held != null) {
        held.run();
      }
    }
  }
}
