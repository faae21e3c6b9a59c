// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Native memory that grows as it is reserved from and is reused after {@link #reset()}.
 *
 * <p>Reservations are named by offsets, which stay valid when the memory moves; a segment obtained
 * from {@link #slice} is valid until the next reservation.
 */
final class Scratch implements AutoCloseable {
  private static final long INITIAL = 16 << 10;

  private Arena arena = Arena.ofShared();
  private MemorySegment memory;
  private long used;

  Scratch() {
    memory = arena.allocate(INITIAL, Alignment.BYTES);
  }

  /** Reserves bytes with unspecified content at an offset that is a multiple of 64. */
  long reserve(long bytes) {
    long offset = used;
    long end = Math.addExact(offset, Alignment.up(bytes));
    if (end > memory.byteSize()) {
      grow(end);
    }
    used = end;
    return offset;
  }

  MemorySegment slice(long offset, long bytes) {
    Objects.checkFromIndexSize(offset, bytes, used);
    return memory.asSlice(offset, bytes);
  }

  void reset() {
    used = 0;
  }

  private void grow(long needed) {
    Arena next = Arena.ofShared();
    MemorySegment larger;
    try {
      larger = next.allocate(Math.max(needed, memory.byteSize() * 2), Alignment.BYTES);
    } catch (Throwable e) {
      next.close();
      throw e;
    }
    MemorySegment.copy(memory, 0, larger, 0, used);
    Arena old = arena;
    arena = next;
    memory = larger;
    old.close();
  }

  @Override
  public void close() {
    arena.close();
  }
}
