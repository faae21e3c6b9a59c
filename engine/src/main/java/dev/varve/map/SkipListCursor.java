// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.NoSuchElementException;

/**
 * A place in a {@link SkipListMap}, at an entry or at none, that moves in both directions and holds
 * a copy of the entry.
 *
 * <p>Seeking moves are exact: they find what was the nearest entry at one moment. {@link #next} and
 * {@link #previous} are weakly consistent: every entry that is there all the while is found once
 * and in order; entries that come or go meanwhile may be found or not. Nothing is held in the map,
 * so that a cursor may be kept for any time, and needs no closing.
 *
 * <p>For one thread at a time. Moving allocates nothing, but when a value is bigger than all
 * before. All methods but the reading ones throw {@link dev.varve.ClosedException} if the map is
 * closed.
 */
public final class SkipListCursor {

  /** How many cells are fetched at once. */
  private static final int CELLS_AHEAD = 16;

  private final SkipListMap map;
  private final SkipListOp op;

  /** The op of the chain whose image the entry is in. */
  private SkipListOp place;

  /** The entry's key, by which the way is found again. */
  private final SkipListOp current;

  private boolean isAtEntry;
  private int index;

  /** Of inline entries: a copy of the image, and its right neighbour. */
  private final long[] keys;

  private final long[] values;
  private int count;
  private long next;

  /** Up to which entry cells were fetched in advance. */
  private int touchedEnd;

  /** Keeps the loads that fetch the next node from being optimized away. */
  @SuppressWarnings("UnusedVariable")
  private long touched;

  private long[] viewed;
  private MemorySegment keyView;
  private MemorySegment buffer = MemorySegment.ofArray(new long[8]);
  private int valueBytes;
  private long number;

  SkipListCursor(SkipListMap map, SkipList list) {
    this.map = map;
    this.op = new SkipListOp(list);
    this.place = op;
    this.current = new SkipListOp(list);
    int room = list.isInline(0) ? list.geometry.maxEntries() : 0;
    this.keys = new long[room];
    this.values = new long[room];
    this.viewed = list.bytesKeys ? current.keyWords : new long[1];
    this.keyView = MemorySegment.ofArray(viewed);
  }

  /**
   * Moves to the entry with the least key.
   *
   * @return whether there is one
   */
  public boolean first() {
    op.keyOfLeast();
    return seekUp(false);
  }

  /**
   * Moves to the entry with the greatest key.
   *
   * @return whether there is one
   */
  public boolean last() {
    op.keyOfLeast();
    op.above = true;
    return seekDown();
  }

  /**
   * Moves to the least entry at or above an 8-byte key.
   *
   * @param key an unsigned number
   * @return whether there is one
   */
  public boolean ceiling(long key) {
    map.key(op, key);
    return seekUp(false);
  }

  /**
   * Moves to the least entry above an 8-byte key.
   *
   * @param key an unsigned number
   * @return whether there is one
   */
  public boolean higher(long key) {
    map.key(op, key);
    return seekUp(true);
  }

  /**
   * Moves to the greatest entry at or below an 8-byte key.
   *
   * @param key an unsigned number
   * @return whether there is one
   */
  public boolean floor(long key) {
    map.key(op, key);
    return seekDown();
  }

  /**
   * Moves to the greatest entry below an 8-byte key.
   *
   * @param key an unsigned number
   * @return whether there is one
   */
  public boolean lower(long key) {
    map.key(op, key);
    op.below = true;
    return seekDown();
  }

  /**
   * Moves to the least entry at or above a key.
   *
   * @param key as {@link SkipListMap} takes it
   * @return whether there is one
   */
  public boolean ceiling(MemorySegment key) {
    map.key(op, key);
    return seekUp(false);
  }

  /**
   * Moves to the least entry above a key.
   *
   * @param key as {@link SkipListMap} takes it
   * @return whether there is one
   */
  public boolean higher(MemorySegment key) {
    map.key(op, key);
    return seekUp(true);
  }

  /**
   * Moves to the greatest entry at or below a key.
   *
   * @param key as {@link SkipListMap} takes it
   * @return whether there is one
   */
  public boolean floor(MemorySegment key) {
    map.key(op, key);
    return seekDown();
  }

  /**
   * Moves to the greatest entry below a key.
   *
   * @param key as {@link SkipListMap} takes it
   * @return whether there is one
   */
  public boolean lower(MemorySegment key) {
    map.key(op, key);
    op.below = true;
    return seekDown();
  }

  /**
   * Moves to the next entry, or from no entry to the first one.
   *
   * @return whether there is one; if not, the cursor is at no entry
   */
  public boolean next() {
    if (!isAtEntry) {
      return first();
    }
    if (keys.length == 0) {
      return nextInCells();
    }
    try {
      return nextInline();
    } catch (IllegalStateException e) {
      map.successor(op.list, e);
      return seekOn();
    }
  }

  /**
   * Moves to the entry before, or from no entry to the last one.
   *
   * @return whether there is one; if not, the cursor is at no entry
   */
  public boolean previous() {
    if (!isAtEntry) {
      return last();
    }
    if (keys.length > 0 && index > 0) {
      map.checkOpen();
      take(index - 1);
      return true;
    }
    op.key(current);
    op.below = true;
    return seekDown();
  }

  private boolean nextInline() {
    map.checkOpen();
    if (index + 1 < count) {
      take(index + 1);
      return true;
    }
    while (next != 0) {
      if (!op.load(next) || SkipListHandle.isFrozen(op.word)) {
        return seekOn();
      }
      place = op;
      copy();
      if (!op.still()) {
        return seekOn();
      }
      if (count > 0) {
        take(0);
        return true;
      }
    }
    isAtEntry = false;
    return false;
  }

  private boolean nextInCells() {
    // A read that fails leaves anything as current key, so the way on starts from op's.
    op.key(current);
    try {
      if (index + 1 < place.count && place.still()) {
        if (index + 1 >= touchedEnd) {
          touchCells();
        }
        place.slot = index + 1;
        if (read(place)) {
          return true;
        }
      }
    } catch (IllegalStateException e) {
      map.successor(op.list, e);
    }
    return seekUp(true);
  }

  /** Has the next cells fetched, which lie far apart, all at once. */
  private void touchCells() {
    int end = Math.min(place.count, index + 1 + CELLS_AHEAD);
    long sum = 0;
    for (int i = index + 1; i < end; i++) {
      long value = place.valueAt(i);
      sum += place.still() ? place.list.cells.touch(value) : 0;
    }
    touched = sum;
    touchedEnd = end;
  }

  /** Seeks the entry above the last one. */
  private boolean seekOn() {
    op.key(current);
    return seekUp(true);
  }

  private boolean seekUp(boolean higher) {
    isAtEntry = false;
    while (true) {
      try {
        bind();
        SkipListOp found = op.list.navigation.ceiling(op, higher);
        if (found == null || (read(found) && op.list.navigation.stands(op, found))) {
          isAtEntry = found != null;
          return isAtEntry;
        }
      } catch (IllegalStateException e) {
        map.successor(op.list, e);
      }
    }
  }

  private boolean seekDown() {
    isAtEntry = false;
    while (true) {
      try {
        bind();
        SkipListOp found = op.list.navigation.floor(op);
        if (found == null || (read(found) && op.list.navigation.stands(op, found))) {
          isAtEntry = found != null;
          return isAtEntry;
        }
      } catch (IllegalStateException e) {
        map.successor(op.list, e);
      }
    }
  }

  /** Removes the first or last entry of the map, of which this keeps the copy. */
  boolean poll(boolean last) {
    while (true) {
      isAtEntry = false;
      try {
        bind();
        op.heals = true;
        isAtEntry = op.list.navigation.poll(op, last, this);
        return isAtEntry;
      } catch (IllegalStateException e) {
        map.successor(op.list, e);
      } finally {
        op.heals = false;
      }
    }
  }

  private void bind() {
    SkipList list = map.list();
    if (op.list != list) {
      op.bind(list);
      current.bind(list);
    }
  }

  /** Copies the entry in an op's slot; false if its image is not current. */
  boolean read(SkipListOp from) {
    if (from != place || from.slot != index + 1) {
      touchedEnd = 0;
    }
    place = from;
    index = from.slot;
    if (keys.length > 0) {
      copy();
      if (!from.still()) {
        return false;
      }
      take(index);
      return true;
    }
    long value = from.valueAt(index);
    if (!current.key(from, from.keyAt(index), value) || !readValue(from, value)) {
      return false;
    }
    isAtEntry = true;
    return true;
  }

  private boolean readValue(SkipListOp from, long value) {
    SkipListCells cells = from.list.cells;
    if (!from.list.bytesValues) {
      number = cells.number(from, value);
      return from.still();
    }
    int bytes = cells.copyValue(from, value, buffer);
    if (bytes > buffer.byteSize()) {
      buffer = MemorySegment.ofArray(new long[Math.max(SkipListCells.wordsOf(bytes), 16)]);
      bytes = cells.copyValue(from, value, buffer);
    }
    valueBytes = bytes;
    return bytes >= 0;
  }

  private void copy() {
    count = place.count;
    next = place.next;
    place.block.copyTo(place.at + SkipListImage.KEYS, keys, count);
    place.block.copyTo(place.at + SkipListImage.value(place.room, 0), values, count);
    if (next != 0) {
      touched = place.touch(next);
    }
  }

  private void take(int entry) {
    index = entry;
    current.key = keys[entry];
    number = values[entry];
    isAtEntry = true;
  }

  /**
   * Tells whether the cursor is at an entry.
   *
   * @return whether the last move found one
   */
  public boolean isAtEntry() {
    return isAtEntry;
  }

  private void checkAtEntry() {
    if (!isAtEntry) {
      throw new NoSuchElementException(
          "The cursor is at no entry; move it, and read where the move returned true");
    }
  }

  /**
   * Returns the key of the entry, of a map with 8-byte keys.
   *
   * @return an unsigned number
   * @throws NoSuchElementException if the cursor is at no entry
   */
  public long longKey() {
    checkAtEntry();
    map.checkKeys(false);
    return current.key;
  }

  /**
   * Returns the value of the entry, of a map with 8-byte values.
   *
   * @return the value
   * @throws NoSuchElementException if the cursor is at no entry
   */
  public long longValue() {
    checkAtEntry();
    map.checkValues(false);
    return number;
  }

  /**
   * Returns the key of the entry.
   *
   * @return its bytes, valid until the cursor moves
   * @throws NoSuchElementException if the cursor is at no entry
   */
  public MemorySegment key() {
    checkAtEntry();
    if (!map.hasByteKeys()) {
      keyView.set(Layouts.LE_LONG_UNALIGNED, 0, Long.reverseBytes(current.key));
      return keyView.asReadOnly();
    }
    if (viewed != current.keyWords) {
      viewed = current.keyWords;
      keyView = MemorySegment.ofArray(viewed);
    }
    return keyView.asSlice(0, current.keyBytes).asReadOnly();
  }

  /**
   * Returns the value of the entry.
   *
   * @return its bytes, valid until the cursor moves
   * @throws NoSuchElementException if the cursor is at no entry
   */
  public MemorySegment value() {
    checkAtEntry();
    if (!map.hasByteValues()) {
      buffer.set(Layouts.LE_LONG_UNALIGNED, 0, number);
      return buffer.asSlice(0, Long.BYTES).asReadOnly();
    }
    return buffer.asSlice(0, valueBytes).asReadOnly();
  }
}
