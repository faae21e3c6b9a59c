// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Native memory that grows. May be used by several threads, one after the other; access after
 * {@link #close} is an exception.
 */
final class Buffer implements AutoCloseable {
  /** The largest size that is rounded up to when growing. */
  private static final long MAX_STEP = 256L << 20;

  private Arena arena = Arena.ofShared();
  private MemorySegment segment;

  Buffer(long bytes) {
    segment = arena.allocate(bytes, Long.BYTES);
  }

  MemorySegment segment() {
    return segment;
  }

  /**
   * Makes sure that there is room; what was there moves along.
   *
   * @param bytes how much room
   * @param kept how many bytes to keep, from the first
   */
  void ensure(long bytes, long kept) {
    long size = segment.byteSize();
    if (bytes <= size) {
      return;
    }
    Arena larger = Arena.ofShared();
    try {
      MemorySegment target =
          larger.allocate(Math.max(bytes, size + Math.min(size, MAX_STEP)), Long.BYTES);
      MemorySegment.copy(segment, 0, target, 0, kept);
      arena.close();
      arena = larger;
      segment = target;
    } finally {
      if (arena != larger) {
        larger.close();
      }
    }
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
