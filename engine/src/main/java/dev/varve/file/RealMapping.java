// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;

/** A mapping by the operating system, in a shared arena of its own. */
final class RealMapping implements Mapping {
  private final RealFile file;
  private final MapAccess access;
  private final Arena arena;
  private final MemorySegment segment;
  private final ReentrantLock closing = new ReentrantLock();
  private volatile boolean closed;

  RealMapping(RealFile file, MapAccess access, Arena arena, MemorySegment segment) {
    this.file = file;
    this.access = access;
    this.arena = arena;
    this.segment = segment;
  }

  @Override
  public MemorySegment segment() {
    checkOpen();
    return segment;
  }

  @Override
  public void force(long offset, long length) {
    checkOpen();
    file.checkHealthy();
    Checks.forcedRange(file.path(), offset, length, segment.byteSize());
    if (access != MapAccess.READ_WRITE || length == 0) {
      return;
    }
    try {
      file.force(segment.asSlice(offset, length));
    } catch (IllegalStateException e) {
      checkOpen();
      throw e;
    }
  }

  @Override
  public void close() {
    closing.lock();
    try {
      if (!closed) {
        Arenas.close(arena, file.path());
        closed = true;
      }
    } finally {
      closing.unlock();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw Failures.closedMapping(file.path());
    }
  }
}
