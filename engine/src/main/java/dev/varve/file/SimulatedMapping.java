// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/** A mapping in a simulated machine. */
final class SimulatedMapping implements Mapping {
  private final SimulatedFile file;
  private final long position;
  private final MapAccess access;
  private final MemorySegment segment;

  /** What ends the access to the segment; null where that needs native access that is denied. */
  private final @Nullable Arena arena;

  private boolean closed;

  SimulatedMapping(SimulatedFile file, long position, long length, MapAccess access) {
    this.file = file;
    this.position = position;
    this.access = access;
    file.node.reserve(file.machine.mappingReserve);
    MemorySegment memory =
        access == MapAccess.PRIVATE
            ? file.node.copy(position, length)
            : file.node.share(position, length, access == MapAccess.READ_WRITE);
    if (access == MapAccess.READ_WRITE) {
      file.machine.stored.add(file.node);
    }
    this.arena =
        SimulatedMapping.class.getModule().isNativeAccessEnabled() ? Arena.ofShared() : null;
    MemorySegment scoped = arena == null ? memory : scoped(memory, arena);
    this.segment = access == MapAccess.READ_ONLY ? scoped.asReadOnly() : scoped;
    if (access != MapAccess.PRIVATE) {
      file.node.mappings++;
    }
    file.process.hold(file.node);
  }

  /**
   * Gives memory, which the garbage collector frees, the life of an arena, whose clean-up action
   * keeps it reachable until then.
   */
  @SuppressWarnings({"restricted", "ReachabilityFenceUsage"})
  private static MemorySegment scoped(MemorySegment memory, Arena arena) {
    return memory.reinterpret(arena, gone -> Reference.reachabilityFence(memory));
  }

  @Override
  public MemorySegment segment() {
    file.machine.lock.lock();
    try {
      checkOpen();
      return segment;
    } finally {
      file.machine.lock.unlock();
    }
  }

  @Override
  public void force(long offset, long length) {
    file.machine.lock.lock();
    try {
      checkOpen();
      file.checkHealthy();
      Checks.forcedRange(file.path(), offset, length, segment.byteSize());
      if (access == MapAccess.READ_WRITE && length > 0) {
        file.force(position + offset, length);
      }
    } catch (IOException e) {
      throw file.poison("force a mapping of", e);
    } finally {
      file.machine.lock.unlock();
    }
  }

  @Override
  public void close() {
    file.machine.lock.lock();
    try {
      if (closed) {
        return;
      }
      if (arena != null) {
        Arenas.close(arena, file.path());
      }
      closed = true;
      if (access != MapAccess.PRIVATE) {
        file.node.mappings--;
      }
      file.process.drop(file.node);
    } finally {
      file.machine.lock.unlock();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw Failures.closedMapping(file.path());
    }
  }
}
