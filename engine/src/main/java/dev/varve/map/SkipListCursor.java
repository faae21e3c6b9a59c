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

  /** How many inline entries before the end of an image the next one is fetched at the latest. */
  private static final int ENTRIES_AHEAD = 16;

  private final SkipListMap map;
  private final SkipListOp op;

  /** The op of the chain whose image the entry is in. */
  private SkipListOp place;

  /** The entry's key, by which the way is found again, unless it stands in {@link #keys}. */
  private final SkipListOp current;

  private boolean isAtEntry;

  /** Of inline entries the place in the batch, otherwise that in the image; -1 at no entry. */
  private int index = -1;

  /** Of inline entries: copies of those of one image from the place that was sought on. */
  private final long[] keys;

  private final long[] values;
  private int size;

  /** Up to where in the batch a step needs nothing but a step. */
  private int stop;

  /** Whether the batch goes to the image's end, and the image's right neighbour. */
  private boolean reachesEnd;

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

  /** How many bytes of a value are copied at most. */
  private final int mostBytes;

  private long number;

  SkipListCursor(SkipListMap map, SkipList list, int mostBytes) {
    this.map = map;
    this.mostBytes = mostBytes;
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
    int to = index + 1;
    if (to < stop) {
      map.checkOpen();
      index = to;
      return true;
    }
    return nextSlowly();
  }

  private boolean nextSlowly() {
    if (!isAtEntry) {
      return first();
    }
    if (keys.length == 0) {
      return nextInCells();
    }
    map.checkOpen();
    if (index + 1 < size) {
      index++;
      stop = size;
      touchNext();
      return true;
    }
    long last = keys[index];
    try {
      if (nextInline()) {
        return isAtEntry;
      }
    } catch (IllegalStateException e) {
      map.successor(op.list, e);
    }
    op.key(last);
    return seekUp(true);
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
    if (keys.length == 0) {
      op.key(current);
    } else if (index == 0) {
      op.key(keys[0]);
    } else {
      map.checkOpen();
      index--;
      return true;
    }
    op.below = true;
    return seekDown();
  }

  /** Goes to the next image that has entries, or to none; false if the way must be found anew. */
  private boolean nextInline() {
    if (!reachesEnd) {
      return false;
    }
    while (next != 0) {
      if (!op.load(next) || SkipListHandle.isFrozen(op.word)) {
        return false;
      }
      place = op;
      if (!copy(0, op.count)) {
        return false;
      }
      if (size > 0) {
        enter(0);
        return true;
      }
    }
    leave();
    return true;
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
      sum += place.still() ? place.list.cells.touch(value, mostBytes) : 0;
    }
    touched = sum;
    touchedEnd = end;
  }

  private void leave() {
    isAtEntry = false;
    index = -1;
    stop = 0;
    touchedEnd = 0;
  }

  private boolean seekUp(boolean higher) {
    leave();
    while (true) {
      try {
        bind();
        SkipListOp found = op.list.navigation.ceiling(op, higher);
        if (found == null
            || (read(found, found.slot, found.count) && op.list.navigation.stands(op, found))) {
          return isAtEntry;
        }
        leave();
      } catch (IllegalStateException e) {
        leave();
        map.successor(op.list, e);
      }
    }
  }

  private boolean seekDown() {
    leave();
    while (true) {
      try {
        bind();
        SkipListOp found = op.list.navigation.floor(op);
        if (found == null
            || (read(found, 0, found.slot + 1) && op.list.navigation.stands(op, found))) {
          return isAtEntry;
        }
        leave();
      } catch (IllegalStateException e) {
        leave();
        map.successor(op.list, e);
      }
    }
  }

  /** Removes the first or last entry of the map, of which this keeps the copy. */
  boolean poll(boolean last) {
    while (true) {
      leave();
      try {
        bind();
        op.heals = true;
        if (!op.list.navigation.poll(op, last, this)) {
          leave();
        }
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

  /** Copies the entry in an op's slot alone; false if its image is not current. */
  boolean read(SkipListOp from) {
    return read(from, from.slot, from.slot + 1);
  }

  /** Copies the entry in an op's slot, and if it is inline others of its image with it. */
  private boolean read(SkipListOp from, int begin, int end) {
    if (from != place || from.slot != index + 1) {
      touchedEnd = 0;
    }
    place = from;
    if (keys.length > 0) {
      if (!copy(begin, end)) {
        return false;
      }
      enter(from.slot - begin);
      return true;
    }
    index = from.slot;
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
    int bytes = Math.min(cells.valueBytesOf(value), mostBytes);
    if (!from.still()) {
      return false;
    }
    if (bytes > buffer.byteSize()) {
      buffer = MemorySegment.ofArray(new long[Math.max(SkipListCells.wordsOf(bytes), 16)]);
    }
    valueBytes = bytes;
    return cells.copyValue(from, value, buffer, bytes);
  }

  /** Copies entries of the place's image; false if it is not current. */
  private boolean copy(int begin, int end) {
    size = end - begin;
    reachesEnd = end == place.count;
    next = place.next;
    place.block.copyTo(place.at + SkipListImage.key(begin), keys, size);
    place.block.copyTo(place.at + SkipListImage.value(place.room, begin), values, size);
    return place.still();
  }

  /** Goes to an entry of the batch. What follows the image is fetched when half is done. */
  private void enter(int entry) {
    index = entry;
    isAtEntry = true;
    if (size - entry < ENTRIES_AHEAD) {
      stop = size;
      touchNext();
    } else {
      stop = (entry + size) >>> 1;
    }
  }

  private void touchNext() {
    if (reachesEnd && next != 0) {
      try {
        touched = place.touch(next);
      } catch (IllegalStateException e) {
        // Where the map was cleared there is nothing to fetch ahead; what was copied stands.
        map.successor(place.list, e);
      }
    }
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
    int at = index;
    if (at >= 0 && at < keys.length) {
      return keys[at];
    }
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
    int at = index;
    if (at >= 0 && at < values.length) {
      return values[at];
    }
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
      keyView.set(Layouts.LE_LONG_UNALIGNED, 0, Long.reverseBytes(longKey()));
      return keyView.asReadOnly();
    }
    if (viewed != current.keyWords) {
      viewed = current.keyWords;
      keyView = MemorySegment.ofArray(viewed);
    }
    return keyView.asSlice(0, current.keyBytes).asReadOnly();
  }

  /**
   * Returns the value of the entry, or as many of its first bytes as the cursor was made for.
   *
   * @return its bytes, valid until the cursor moves
   * @throws NoSuchElementException if the cursor is at no entry
   */
  public MemorySegment value() {
    checkAtEntry();
    if (!map.hasByteValues()) {
      buffer.set(Layouts.LE_LONG_UNALIGNED, 0, longValue());
      return buffer.asSlice(0, Long.BYTES).asReadOnly();
    }
    return buffer.asSlice(0, valueBytes).asReadOnly();
  }
}
