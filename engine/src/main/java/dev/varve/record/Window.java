// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.CorruptionException;
import dev.varve.file.StorageFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A part of a file in private memory, which moves as it is asked for. Reads ahead where it is asked
 * for what follows. For one thread at a time.
 */
final class Window implements AutoCloseable {
  /** Little enough that what is read is still in a processor's cache when it is looked at. */
  private static final int AHEAD = 256 << 10;

  private static final long USUAL = 2 * AHEAD;

  private final StorageFile file;
  private long size;
  private final boolean shared;
  private Arena arena;
  private MemorySegment memory;
  private long start;
  private long have;

  /** Creates a window for the creating thread alone. */
  Window(StorageFile file, long size) {
    this(file, size, false);
  }

  /**
   * Creates a window that has seen nothing.
   *
   * @param shared whether any thread may use it, one at a time
   */
  Window(StorageFile file, long size, boolean shared) {
    this.file = file;
    this.size = size;
    this.shared = shared;
    this.arena = newArena();
    this.memory = arena.allocate(Math.clamp(size, Format.UNIT, USUAL), Format.UNIT);
  }

  long size() {
    return size;
  }

  /** Follows a file that has grown, or stops before its end; what was read stays. */
  void resize(long newSize) {
    if (start + have > newSize) {
      forget();
    }
    size = newSize;
  }

  /** Forgets what was read, since it may have changed. */
  void forget() {
    have = 0;
  }

  boolean isEmpty() {
    return have == 0;
  }

  Path path() {
    return file.path();
  }

  MemorySegment memory() {
    return memory;
  }

  /**
   * Gets a range into memory, and returns where in it. What was returned before is void.
   *
   * @param at where in the file; the range is within the size
   * @param length how long
   */
  long get(long at, long length) {
    if (at >= start && at + length <= start + have) {
      return at - start;
    }
    move(at, length);
    return 0;
  }

  private void move(long at, long length) {
    long kept = 0;
    long wanted = length;
    if (at >= start && at <= start + have) {
      kept = start + have - at;
      wanted = Math.max(length, kept + AHEAD);
    }
    wanted = Math.min(wanted, size - at);
    if (wanted > memory.byteSize()) {
      grow(wanted);
    }
    if (kept > 0) {
      MemorySegment.copy(memory, at - start, memory, 0, kept);
    }
    start = at;
    have = 0;
    long read = file.read(at + kept, memory.asSlice(kept, wanted - kept));
    have = kept + read;
    if (have < length) {
      throw new CorruptionException(
          "record file",
          file.path().toString(),
          at + have,
          size + " bytes as when it was opened",
          at + have + " bytes",
          "do not shorten a file that is being read; restore it from a copy");
    }
  }

  /** Closing a shared arena stops all threads for a moment. */
  private Arena newArena() {
    return shared ? Arena.ofShared() : Arena.ofConfined();
  }

  private void grow(long wanted) {
    Arena larger = newArena();
    MemorySegment copy = larger.allocate(wanted, Format.UNIT);
    MemorySegment.copy(memory, 0, copy, 0, have);
    arena.close();
    arena = larger;
    memory = copy;
  }

  @Override
  public void close() {
    arena.close();
  }
}
