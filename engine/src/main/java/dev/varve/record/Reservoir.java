// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Copies of records in one piece of native memory, in slots 0 to {@link #size} - 1.
 *
 * <p>Frames are appended: u64 length, u32 slot, u32 zero, the record, zeros up to a multiple of 8.
 * When the memory is at its end, the frames whose slots still name them are moved together. No more
 * than three quarters of it are in use, so that moving costs a few bytes for each byte appended.
 */
final class Reservoir implements AutoCloseable {
  private static final int FRAME = 16;
  private static final long SMALLEST = 64 << 10;

  private final long limit;
  private final long mostLive;
  private Arena arena = Arena.ofShared();
  private MemorySegment memory;
  private long[] frames = new long[64];
  private int size;
  private long end;
  private long live;

  Reservoir(long limit) {
    this.limit = limit;
    this.mostLive = limit / 4 * 3;
    this.memory = arena.allocate(Math.min(limit, SMALLEST), 8);
  }

  private static long frame(long length) {
    return FRAME + (length + 7 & -8);
  }

  int size() {
    return size;
  }

  long bytes() {
    return memory.byteSize();
  }

  /** Tells whether a record can be added, if not now then to an empty reservoir. */
  boolean canHold(long length) {
    return frame(length) <= mostLive;
  }

  /** Tells whether a record can be added now. */
  boolean fits(long length) {
    return live + frame(length) <= mostLive;
  }

  /** Adds a record that fits, in a new slot. */
  void add(MemorySegment record, long offset, long length) {
    long bytes = frame(length);
    if (end + bytes > memory.byteSize()) {
      makeRoom(bytes);
    }
    if (size == frames.length) {
      frames = Arrays.copyOf(frames, 2 * size);
    }
    memory.set(LE_LONG, end, length);
    memory.set(LE_INT, end + 8, size);
    MemorySegment.copy(record, offset, memory, end + FRAME, length);
    frames[size++] = end;
    end += bytes;
    live += bytes;
  }

  private void makeRoom(long bytes) {
    long needed = live + bytes;
    if (needed > memory.byteSize() / 4 * 3) {
      Arena larger = Arena.ofShared();
      MemorySegment copy = larger.allocate(Math.min(limit, 2 * needed), 8);
      moveTo(copy);
      arena.close();
      arena = larger;
      memory = copy;
    } else {
      moveTo(memory);
    }
  }

  /** Moves all live frames together, in the order in which they stand. */
  private void moveTo(MemorySegment target) {
    long to = 0;
    long bytes;
    for (long at = 0; at < end; at += bytes) {
      bytes = frame(memory.get(LE_LONG, at));
      int slot = memory.get(LE_INT, at + 8);
      if (slot < size && frames[slot] == at) {
        MemorySegment.copy(memory, at, target, to, bytes);
        frames[slot] = to;
        to += bytes;
      }
    }
    end = to;
  }

  MemorySegment memory() {
    return memory;
  }

  long length(int slot) {
    return memory.get(LE_LONG, frames[slot]);
  }

  long offset(int slot) {
    return frames[slot] + FRAME;
  }

  /** Removes a record; the last slot's one takes its place. */
  void remove(int slot) {
    live -= frame(length(slot));
    size--;
    frames[slot] = frames[size];
    memory.set(LE_INT, frames[slot] + 8, slot);
  }

  @Override
  public void close() {
    arena.close();
  }
}
