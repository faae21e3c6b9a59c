// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.memory.FreshMemory;
import dev.varve.memory.Layouts;
import dev.varve.memory.Words;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * What all of a {@link SkipListMap} stands on: its generations, and how an operation runs in one.
 */
abstract sealed class SkipListCore implements AutoCloseable permits SkipListNumbers {

  private static final VarHandle GENERATION;

  static {
    try {
      GENERATION =
          MethodHandles.lookup().findVarHandle(SkipListCore.class, "generation", Generation.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final SkipListGeometry geometry;
  private final boolean bytesKeys;
  private final boolean bytesValues;
  private final SkipListOps ops = new SkipListOps();

  /** Where slabs come from in tests; null for native memory. */
  private final @Nullable LongFunction<Words> source;

  /** Null when closed. */
  private volatile @Nullable Generation generation;

  /** What clear and close let go of as a whole. */
  private record Generation(SkipList list, Arena arena) {

    void close() {
      list.closing();
      arena.close();
    }
  }

  SkipListCore(
      SkipListGeometry geometry,
      boolean bytesKeys,
      boolean bytesValues,
      @Nullable LongFunction<Words> source) {
    this.geometry = geometry;
    this.source = source;
    this.bytesKeys = bytesKeys;
    this.bytesValues = bytesValues;
    this.generation = newGeneration();
  }

  private Generation newGeneration() {
    Arena arena = Arena.ofShared();
    LongFunction<Words> slabs = source != null ? source : words -> allocate(arena, words);
    try {
      return new Generation(new SkipList(geometry, bytesKeys, bytesValues, slabs, ops), arena);
    } catch (Throwable e) {
      arena.close();
      throw e;
    }
  }

  private static Words allocate(Arena arena, long words) {
    try {
      return Words.over(FreshMemory.allocate(arena, words * Long.BYTES));
    } catch (OutOfMemoryError e) {
      throw new FullException(
          "The system has no native memory for another slab of "
              + words * Long.BYTES
              + " bytes of a skip list; build it with a smaller budget or give the process more",
          e);
    }
  }

  /** The present generation. */
  SkipList list() {
    Generation now = generation;
    if (now == null) {
      throw new ClosedException("skip list map");
    }
    return now.list;
  }

  void checkOpen() {
    list();
  }

  /**
   * Tells what to do about an error in a generation: go on in the one that took its place.
   *
   * @throws ClosedException if the map was closed
   * @throws IllegalStateException the error, if it is of another cause
   */
  SkipList successor(SkipList used, IllegalStateException error) {
    SkipList now = list();
    if (now == used) {
      throw error;
    }
    return now;
  }

  boolean hasByteKeys() {
    return bytesKeys;
  }

  boolean hasByteValues() {
    return bytesValues;
  }

  void checkKeys(boolean bytes) {
    if (bytesKeys != bytes) {
      throw new IllegalArgumentException(
          bytes
              ? "The map has 8-byte keys; pass numbers, or segments of 8 bytes"
              : "The map has byte strings as keys, and this needs longKeys(); pass segments");
    }
  }

  void checkValues(boolean bytes) {
    if (bytesValues != bytes) {
      throw new IllegalArgumentException(
          bytes
              ? "The map has 64-bit values; use the methods for numbers"
              : "The map has bytes as values, and this needs longValues(); use segments");
    }
  }

  void key(SkipListOp op, long key) {
    checkKeys(false);
    op.key(key);
  }

  void key(SkipListOp op, MemorySegment key) {
    long size = Objects.requireNonNull(key, "key").byteSize();
    if (bytesKeys) {
      if (size > SkipListCells.MAX_KEY_BYTES) {
        throw new IllegalArgumentException(
            "A key has at most " + SkipListCells.MAX_KEY_BYTES + " bytes: " + size);
      }
      op.key(key);
    } else {
      if (size != Long.BYTES) {
        throw new IllegalArgumentException(
            "The map has keys of 8 bytes, big-endian, but this one has " + size);
      }
      op.key(Long.reverseBytes(key.get(Layouts.LE_LONG_UNALIGNED, 0)));
    }
  }

  private void checkValue(MemorySegment value) {
    long size = value.byteSize();
    if (bytesValues ? size > SkipListCells.MAX_VALUE_BYTES : size != Long.BYTES) {
      throw new IllegalArgumentException(
          bytesValues
              ? "A value has at most " + SkipListCells.MAX_VALUE_BYTES + " bytes: " + size
              : "The map has values of 8 bytes, but this one has " + size);
    }
  }

  void value(SkipListOp op, MemorySegment value) {
    checkValue(value);
    op.newBytes = value;
    if (!bytesValues) {
      op.newNumber = value.get(Layouts.LE_LONG_UNALIGNED, 0);
    }
  }

  void expected(SkipListOp op, MemorySegment value) {
    checkValue(value);
    op.expectedBytes = value;
    if (!bytesValues) {
      op.expectedNumber = value.get(Layouts.LE_LONG_UNALIGNED, 0);
    }
  }

  /** Takes an op for a reading or writing operation. */
  SkipListOp begin() {
    SkipListOp op = ops.take(list());
    op.heals = true;
    return op;
  }

  void end(SkipListOp op) {
    ops.give(op);
  }

  /** Changes the entry of op's key, in the generation that is there. */
  boolean update(SkipListOp op, SkipListUpdates.Kind kind) {
    while (true) {
      try {
        return op.list.updates.update(op, 0, kind);
      } catch (IllegalStateException e) {
        op.bind(successor(op.list, e));
      }
    }
  }

  /** Finds the entry of op's key; the old value is in op as far as wanted. */
  boolean read(SkipListOp op) {
    op.heals = false;
    while (true) {
      try {
        return op.list.updates.read(op);
      } catch (IllegalStateException e) {
        op.bind(successor(op.list, e));
      }
    }
  }

  /**
   * Returns the number of entries.
   *
   * @return exact if nobody writes, else about right; takes no time that grows with the map
   */
  public long size() {
    return Math.max(0, list().entries.sum());
  }

  /**
   * Tells what the map holds.
   *
   * @return about this moment
   */
  public SkipListStatistics statistics() {
    SkipList list = list();
    return list.statistics();
  }

  /**
   * Removes all entries as one step, and gives their memory back to the system.
   *
   * @throws FullException if the system has no memory for a new first slab; nothing has changed
   */
  public void clear() {
    while (true) {
      Generation old = generation;
      if (old == null) {
        throw new ClosedException("skip list map");
      }
      Generation fresh = newGeneration();
      if (GENERATION.compareAndSet(this, old, fresh)) {
        old.close();
        return;
      }
      fresh.close();
    }
  }

  /**
   * Gives all memory back to the system. Operations that are under way end, or throw {@link
   * ClosedException} as later ones do. Closing again has no effect.
   */
  @Override
  public void close() {
    Generation old = (Generation) GENERATION.getAndSet(this, null);
    if (old != null) {
      old.close();
    }
  }
}
