// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Records that are handed from one thread to another: frames of u64 length, the record, zeros up to
 * a multiple of 8. For one thread at a time.
 */
final class RecordBatch implements AutoCloseable {
  /** Memory of more bytes is not kept for the next records. */
  private static final long KEPT = 4 << 20;

  private Arena arena = Arena.ofShared();
  private MemorySegment memory;
  private final long usual;
  private long used;
  private int count;
  private int index = -1;
  private long at;
  private long length;

  /** Who handed it over; while it is on its way to a shard. */
  @Nullable Ticket ticket;

  RecordBatch(long bytes) {
    this.usual = bytes;
    this.memory = arena.allocate(bytes, 8);
  }

  static long frame(long length) {
    return 8 + (length + 7 & -8);
  }

  int count() {
    return count;
  }

  long bytes() {
    return used;
  }

  /** Tells whether there is room for a record; there always is in an empty batch. */
  boolean fits(long recordLength) {
    return count == 0 || used + frame(recordLength) <= memory.byteSize();
  }

  /** Adds a record that fits. */
  void add(MemorySegment from, long offset, long recordLength) {
    long frame = frame(recordLength);
    if (frame > memory.byteSize()) {
      reallocate(frame);
    }
    memory.set(LE_LONG, used, recordLength);
    MemorySegment.copy(from, offset, memory, used + 8, recordLength);
    used += frame;
    count++;
  }

  private void reallocate(long bytes) {
    Arena other = Arena.ofShared();
    memory = other.allocate(bytes, 8);
    arena.close();
    arena = other;
  }

  /** Empties the batch, and gives back what one large record has needed. */
  void clear() {
    used = 0;
    count = 0;
    index = -1;
    ticket = null;
    if (memory.byteSize() > Math.max(usual, KEPT)) {
      reallocate(usual);
    }
  }

  /** Moves to the next record; false behind the last one. */
  boolean next() {
    if (index + 1 >= count) {
      index = count;
      return false;
    }
    at = index < 0 ? 8 : at + frame(length);
    length = memory.get(LE_LONG, at - 8);
    index++;
    return true;
  }

  /** Which record the batch stands on, from 0; as many as it has once it is behind the last one. */
  int index() {
    return index;
  }

  MemorySegment memory() {
    return memory;
  }

  long offset() {
    return at;
  }

  long length() {
    return length;
  }

  @Override
  public void close() {
    arena.close();
  }
}
