// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.ClosedException;
import dev.varve.memory.SlabPool;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** A tree with its lock: what every operation that changes it is made of. */
final class Tree {

  /** The longest key. */
  static final int MAX_KEY_BYTES = 4096;

  /** The longest value. */
  static final int MAX_VALUE_BYTES = TreeBlobs.MAX_BYTES;

  /** What an update does depending on whether the key is there. */
  enum Mode {
    /** Inserts or replaces. */
    PUT,
    /** Inserts only. */
    IF_ABSENT,
    /** Replaces only. */
    IF_PRESENT,
    /** Adds the number to the one that is there, or to 0. */
    ADD
  }

  final TreeLayout layout;
  final TreeMemory memory;
  final TreeReader reader;
  final TreeWriter writer;

  /**
   * How often a writer tries to get the lock before it parks. It is held for some hundred
   * instructions, and to wake a parked thread takes far longer.
   */
  private static final int SPINS = 300;

  /** Held by the one writer; not fair. */
  private final ReentrantLock lock = new ReentrantLock();

  /** Written under the lock. */
  private final AtomicLong size = new AtomicLong();

  Tree(TreeLayout layout, TreeMemory memory) {
    this.layout = layout;
    this.memory = memory;
    this.reader = new TreeReader(layout, memory);
    this.writer = new TreeWriter(layout, memory);
  }

  Tree(TreeLayout layout, SlabPool pool, long maxBytes) {
    this(layout, new TreeMemory(layout, pool, maxBytes));
  }

  /** Becomes the writer. */
  void lock() {
    if (lock.isHeldByCurrentThread()) {
      throw new IllegalStateException(
          "A function that a map computes with must not change the map itself");
    }
    int spins = 0;
    while (!lock.tryLock()) {
      if (++spins == SPINS) {
        lock.lock();
        break;
      }
      Thread.onSpinWait();
    }
    if (memory.slabs() == null) {
      lock.unlock();
      throw new ClosedException("map");
    }
  }

  /**
   * Becomes the writer, at the place of a key.
   *
   * @param number the key, or anything if keys have variable size
   * @param key the key, or null if keys are numbers
   * @return whether it is there
   */
  boolean lock(long number, @Nullable MemorySegment key, int keyBytes) {
    return reader.lock(this, number, key, 0, keyBytes);
  }

  void unlock() {
    lock.unlock();
  }

  long size() {
    reader.slabs();
    return size.get();
  }

  /**
   * Inserts or changes an entry.
   *
   * @param number the key, or anything if keys have variable size
   * @param key the key, or null if keys are numbers
   * @param value the value, or anything if values have variable size
   * @param bytes the value, or null if values are numbers
   * @param absent what to return if the key was not there
   * @return the number that was there before (after it, for {@link Mode#ADD}), or where values have
   *     variable size anything else than {@code absent}
   */
  long update(
      Mode mode,
      long number,
      @Nullable MemorySegment key,
      int keyBytes,
      long value,
      @Nullable MemorySegment bytes,
      int valueBytes,
      long absent) {
    boolean found = lock(number, key, keyBytes);
    try {
      if (found) {
        long old = writer.value();
        if (mode != Mode.IF_ABSENT) {
          long sum = mode == Mode.ADD ? old + value : value;
          set(sum, bytes, valueBytes);
          return mode == Mode.ADD ? sum : layout.variableValues ? ~absent : old;
        }
        return layout.variableValues ? ~absent : old;
      }
      if (mode != Mode.IF_PRESENT) {
        insert(number, key, keyBytes, value, bytes, valueBytes);
      }
      return mode == Mode.ADD ? value : absent;
    } finally {
      unlock();
    }
  }

  /** Removes an entry and returns the number that it had, or as {@link #update}. */
  long remove(long number, @Nullable MemorySegment key, int keyBytes, long absent) {
    boolean found = lock(number, key, keyBytes);
    try {
      if (!found) {
        return absent;
      }
      long old = writer.value();
      delete();
      return layout.variableValues ? ~absent : old;
    } finally {
      unlock();
    }
  }

  /** Changes the value at the writer's place. */
  void set(long value, @Nullable MemorySegment bytes, int valueBytes) {
    long old = writer.value();
    writer.setValue(newValue(value, bytes, valueBytes));
    if (layout.variableValues) {
      writer.freeBlob(old);
    }
  }

  /** Inserts an entry at the writer's place. */
  void insert(
      long number,
      @Nullable MemorySegment key,
      int keyBytes,
      long value,
      @Nullable MemorySegment bytes,
      int valueBytes) {
    long keyRef = 0;
    long word = 0;
    boolean done = false;
    try {
      keyRef = key == null ? 0 : newBlob(key, keyBytes);
      word = newValue(value, bytes, valueBytes);
      writer.insert(number, keyRef, word);
      done = true;
    } finally {
      if (!done) {
        free(keyRef);
        free(layout.variableValues ? word : 0);
      }
    }
    size.setRelease(size.getPlain() + 1);
  }

  private void free(long ref) {
    if (ref != 0) {
      writer.freeBlob(ref);
    }
  }

  /** Deletes the entry at the writer's place. */
  void delete() {
    long old = writer.value();
    writer.delete();
    if (layout.variableValues) {
      writer.freeBlob(old);
    }
    size.setRelease(size.getPlain() - 1);
  }

  long newValue(long value, @Nullable MemorySegment bytes, int valueBytes) {
    return bytes == null ? value : newBlob(bytes, valueBytes);
  }

  long newBlob(MemorySegment bytes, int length) {
    long address = memory.takeBlob(length);
    TreeBlobs.write(memory.open(), memory.slabShift, address, bytes, 0, length);
    return TreeBlobs.ref(address, length);
  }

  void clear() {
    lock();
    try {
      memory.clear();
      size.setRelease(0);
    } finally {
      unlock();
    }
  }

  /** For the loader, which fills an empty tree. */
  void setSize(long entries) {
    size.setRelease(entries);
  }

  void close() {
    if (lock.isHeldByCurrentThread()) {
      throw new IllegalStateException("A function that a map computes with must not close the map");
    }
    lock.lock();
    try {
      if (memory.slabs() != null) {
        memory.close();
      }
    } finally {
      lock.unlock();
    }
  }

  TreeCursor cursor() {
    return cursor(MAX_VALUE_BYTES);
  }

  /** A cursor that copies so many bytes of a value at most. */
  TreeCursor cursor(int valueBytes) {
    return new TreeCursor(layout, memory, reader, valueBytes);
  }

  /** Checks the structure, for tests. */
  void validate() {
    lock();
    try {
      long entries = TreeValidator.validate(writer);
      if (entries != size.get()) {
        throw new AssertionError("there are " + entries + " entries, not " + size);
      }
    } finally {
      unlock();
    }
  }
}
