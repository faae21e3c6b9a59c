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
 * before. Methods that move throw {@link dev.varve.ClosedException} if the map is closed; the entry
 * that the cursor is at can still be read.
 */
public final class SkipListCursor {

  /** How many entries with cells are looked at together after a seek: few, then more. */
  private static final int FIRST_CELLS = 4;

  private static final int MOST_CELLS = 32;

  /** How many inline entries before the end of an image the next one is fetched at the latest. */
  private static final int ENTRIES_AHEAD = 16;

  private final SkipListMap map;
  private final SkipListOp op;

  /** The op of the chain whose image the entry is in. */
  private SkipListOp place;

  /** The entry's key, by which the way is found again, unless it stands in {@link #keys}. */
  private final SkipListOp current;

  private boolean isAtEntry;

  /** Where it is at no entry: 1 is behind the last, -1 before the first, 0 nowhere. */
  private int side;

  /** The place in the batch; -1 at no entry. */
  private int index = -1;

  /**
   * The batch: copies of entries of one image. Inline ones are all that is to be had from there,
   * and stand; of others the cells are read one by one, while the image is current.
   */
  private final long[] keys;

  private final long[] values;
  private final boolean isInline;
  private int begin;
  private int size;

  /** How many cells the next batch has. */
  private int cells;

  /** Up to where in the batch a step needs nothing but a step. */
  private int stop;

  /** Whether the batch goes to the image's end, and the image's right neighbour. */
  private boolean reachesEnd;

  private long next;

  /** Keeps the loads that fetch the next node from being optimized away. */
  @SuppressWarnings("UnusedVariable")
  private long touched;

  /** Views of key and value that are made again only if the size differs, as they are garbage. */
  private MemorySegment keyView = MemorySegment.NULL;

  private MemorySegment valueView = MemorySegment.NULL;
  private long[] viewedKey = new long[1];
  private long[] valueWords = new long[8];
  private MemorySegment buffer = MemorySegment.ofArray(valueWords);
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
    this.isInline = list.isInline(0);
    int room = list.geometry.maxEntries();
    this.keys = new long[isInline ? room : Math.min(room, MOST_CELLS)];
    this.values = new long[keys.length];
  }

  /**
   * Moves to the entry with the least key.
   *
   * @return whether there is one
   */
  public boolean first() {
    op.keyOfLeast();
    boolean found = seekUp(false);
    side = 0;
    return found;
  }

  /**
   * Moves to the entry with the greatest key.
   *
   * @return whether there is one
   */
  public boolean last() {
    op.keyOfLeast();
    op.above = true;
    boolean found = seekDown();
    side = 0;
    return found;
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
   * Moves to the next entry; at first, and from before the first, to the first.
   *
   * @return whether there is one; if not, the cursor is behind the last, where this goes nowhere
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
      map.checkOpen();
      return side <= 0 && first();
    }
    if (!isInline) {
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
      if (nextImage()) {
        return isAtEntry;
      }
    } catch (IllegalStateException e) {
      map.successor(op.list, e);
    }
    op.key(last);
    return seekUp(true);
  }

  private boolean nextInCells() {
    // A read that fails leaves anything as current key, so the way on starts from op's.
    op.key(current);
    try {
      if (index + 1 == size && begin + size < place.count) {
        int from = begin + size;
        if (copyCells(from, Math.min(from + cells, place.count)) && enter(0)) {
          return true;
        }
      } else if (index + 1 < size ? enter(index + 1) : nextImage()) {
        return isAtEntry;
      }
    } catch (IllegalStateException e) {
      map.successor(op.list, e);
    }
    return seekUp(true);
  }

  /**
   * Moves to the entry before; at first, and from behind the last, to the last.
   *
   * @return whether there is one; if not, the cursor is before the first, where this goes nowhere
   */
  public boolean previous() {
    if (!isAtEntry) {
      map.checkOpen();
      return side >= 0 && last();
    }
    if (!isInline) {
      return previousInCells();
    }
    if (index > 0) {
      map.checkOpen();
      index--;
      return true;
    }
    op.key(keys[0]);
    op.below = true;
    return seekDown();
  }

  private boolean previousInCells() {
    op.key(current);
    try {
      if (index > 0) {
        if (enter(index - 1)) {
          return true;
        }
      } else if (begin > 0 && copyCells(Math.max(0, begin - cells), begin) && enter(size - 1)) {
        return true;
      }
    } catch (IllegalStateException e) {
      map.successor(op.list, e);
    }
    op.below = true;
    return seekDown();
  }

  /** Goes to the next image that has entries, or to none; false if the way must be found anew. */
  private boolean nextImage() {
    if (!reachesEnd) {
      return false;
    }
    while (next != 0) {
      if (!op.load(next) || SkipListHandle.isFrozen(op.word)) {
        return false;
      }
      place = op;
      if (!(isInline ? copy(0, op.count) : copyCells(0, Math.min(cells, op.count)))) {
        return false;
      }
      if (size > 0) {
        return enter(0);
      }
    }
    leave();
    side = 1;
    return true;
  }

  private void leave() {
    isAtEntry = false;
    side = 0;
    index = -1;
    stop = 0;
    cells = FIRST_CELLS;
  }

  private boolean seekUp(boolean higher) {
    leave();
    while (true) {
      try {
        bind();
        SkipListOp found = op.list.navigation.ceiling(op, higher);
        if (found == null) {
          side = 1;
          return false;
        }
        if (read(found, found.slot, found.count) && op.list.navigation.stands(op, found)) {
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
        if (found == null) {
          side = -1;
          return false;
        }
        if (read(found, 0, found.slot + 1) && op.list.navigation.stands(op, found)) {
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
  boolean poll(SkipListMap of, boolean last) {
    if (of != map) {
      throw new IllegalArgumentException(
          "The cursor is of another map; an entry is removed by one of the same map");
    }
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
  private boolean read(SkipListOp from, int first, int end) {
    place = from;
    int slot = from.slot;
    return isInline ? copy(first, end) && enter(slot - first) : copy(slot, slot + 1) && enter(0);
  }

  /** Makes entries of the place's image the batch; false if it is not current. */
  private boolean copy(int first, int end) {
    begin = first;
    size = end - first;
    reachesEnd = end == place.count;
    next = place.next;
    place.block.copyTo(place.at + SkipListImage.key(first), keys, size);
    place.block.copyTo(place.at + SkipListImage.value(place.room, first), values, size);
    return place.still();
  }

  /** The same, and has their cells fetched, which lie far apart, all at once. */
  private boolean copyCells(int first, int end) {
    if (!copy(first, end)) {
      return false;
    }
    long sum = 0;
    for (int i = 0; i < size; i++) {
      sum += place.list.cells.touch(values[i], mostBytes);
    }
    touched = sum;
    cells = Math.min(2 * cells, keys.length);
    if (reachesEnd) {
      touchNext();
    }
    return true;
  }

  /**
   * Goes to an entry of the batch; false if it is in a cell and its image is not current any more.
   * What follows the image of inline entries is fetched when half is done.
   */
  private boolean enter(int entry) {
    if (!isInline && !readCell(keys[entry], values[entry])) {
      return false;
    }
    index = entry;
    isAtEntry = true;
    if (isInline) {
      if (size - entry < ENTRIES_AHEAD) {
        stop = size;
        touchNext();
      } else {
        stop = (entry + size) >>> 1;
      }
    }
    return true;
  }

  private boolean readCell(long key, long value) {
    SkipListCells all = place.list.cells;
    int keyBytes = all.keyBytesOf(value);
    int bytes = Math.min(SkipListCells.totalBytes(value) - keyBytes, mostBytes);
    if (!place.still()) {
      return false;
    }
    current.key(key);
    if (place.list.bytesKeys) {
      current.keyBytes = keyBytes;
      all.copyKey(value, keyBytes, current.keyWords(keyBytes));
    }
    if (!place.list.bytesValues) {
      number = all.number(place, value);
      return place.still();
    }
    valueBytes = bytes;
    if (SkipListCells.wordsOf(bytes) > valueWords.length) {
      valueWords = new long[Math.max(SkipListCells.wordsOf(bytes), 16)];
      buffer = MemorySegment.ofArray(valueWords);
      valueView = MemorySegment.NULL;
    }
    if (!SkipListCells.isInOne(keyBytes, bytes)) {
      return all.copyValue(place, value, buffer, bytes);
    }
    all.copyValue(value, keyBytes, bytes, valueWords);
    return place.still();
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
    if (isInline && at >= 0 && at < keys.length) {
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
    if (isInline && at >= 0 && at < values.length) {
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
    boolean isNumber = !map.hasByteKeys();
    if (isNumber) {
      viewedKey[0] = Long.reverseBytes(longKey());
    }
    long[] words = isNumber ? viewedKey : current.keyWords;
    int bytes = isNumber ? Long.BYTES : current.keyBytes;
    if (keyView.byteSize() != bytes || words != viewedKey) {
      viewedKey = words;
      keyView = MemorySegment.ofArray(words).asSlice(0, bytes).asReadOnly();
    }
    return keyView;
  }

  /**
   * Returns the value of the entry, or as many of its first bytes as the cursor was made for.
   *
   * @return its bytes, valid until the cursor moves
   * @throws NoSuchElementException if the cursor is at no entry
   */
  public MemorySegment value() {
    checkAtEntry();
    int bytes = valueBytes;
    if (!map.hasByteValues()) {
      buffer.set(Layouts.LE_LONG_UNALIGNED, 0, longValue());
      bytes = Long.BYTES;
    }
    if (valueView.byteSize() != bytes) {
      valueView = buffer.asSlice(0, bytes).asReadOnly();
    }
    return valueView;
  }
}
