// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.ClosedException;
import dev.varve.map.TreeCursor.Seek;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A place between the entries of a {@link CsbTreeMap}, for ordered lookups and for scans both ways.
 *
 * {@snippet lang="java" :
 * CsbTreeCursor cursor = map.cursor();
 * for (boolean more = cursor.ceiling(from);
 *     more && Long.compareUnsigned(cursor.key(), to) < 0;
 *     more = cursor.next()) {
 *   sum += cursor.value();
 * }
 * }
 *
 * <p>For one thread at a time; made once, it works without garbage. It copies entries of a leaf as
 * of one instant, and holds no lock and no memory of the map. Entries that come or go meanwhile may
 * be met or not. Methods that move return whether the cursor is on an entry then; otherwise it is
 * on none: behind the last entry after a move upwards, before the first after one downwards. {@link
 * #next} from behind the last and {@link #previous} from before the first go nowhere. Methods that
 * move throw {@link ClosedException} if the map is closed; the entry that the cursor is on can
 * still be read. Where keys or values are numbers, {@link #key} and {@link #value} are for them,
 * otherwise {@link #keyBytes} and {@link #valueBytes}.
 */
public final class CsbTreeCursor {

  private final Tree tree;
  private final TreeCursor cursor;

  CsbTreeCursor(Tree tree, int valueBytes) {
    this.tree = tree;
    this.cursor = tree.cursor(valueBytes);
  }

  /**
   * Goes to the first entry.
   *
   * @return whether there is one
   */
  public boolean first() {
    return cursor.seekEnd(true);
  }

  /**
   * Goes to the last entry.
   *
   * @return whether there is one
   */
  public boolean last() {
    return cursor.seekEnd(false);
  }

  /**
   * Goes to the least key at or above a number.
   *
   * @param key a number, unsigned
   * @return whether there is one
   */
  public boolean ceiling(long key) {
    return seek(Seek.CEILING, key);
  }

  /**
   * Goes to the least key above a number.
   *
   * @param key a number, unsigned
   * @return whether there is one
   */
  public boolean higher(long key) {
    return seek(Seek.HIGHER, key);
  }

  /**
   * Goes to the greatest key at or below a number.
   *
   * @param key a number, unsigned
   * @return whether there is one
   */
  public boolean floor(long key) {
    return seek(Seek.FLOOR, key);
  }

  /**
   * Goes to the greatest key below a number.
   *
   * @param key a number, unsigned
   * @return whether there is one
   */
  public boolean lower(long key) {
    return seek(Seek.LOWER, key);
  }

  /**
   * Goes to the least key at or above bytes.
   *
   * @param key the bytes, all of the segment
   * @return whether there is one
   */
  public boolean ceiling(MemorySegment key) {
    return seek(Seek.CEILING, key);
  }

  /**
   * Goes to the least key above bytes.
   *
   * @param key the bytes, all of the segment
   * @return whether there is one
   */
  public boolean higher(MemorySegment key) {
    return seek(Seek.HIGHER, key);
  }

  /**
   * Goes to the greatest key at or below bytes.
   *
   * @param key the bytes, all of the segment
   * @return whether there is one
   */
  public boolean floor(MemorySegment key) {
    return seek(Seek.FLOOR, key);
  }

  /**
   * Goes to the greatest key below bytes.
   *
   * @param key the bytes, all of the segment
   * @return whether there is one
   */
  public boolean lower(MemorySegment key) {
    return seek(Seek.LOWER, key);
  }

  private boolean seek(Seek seek, long key) {
    checkKey(false);
    return cursor.seek(seek, key, null, 0, 0);
  }

  private boolean seek(Seek seek, MemorySegment key) {
    Objects.requireNonNull(key, "key");
    checkKey(true);
    int bytes = CsbTreeMap.checkSize("key", key.byteSize(), CsbTreeMap.MAX_KEY_BYTES);
    return cursor.seek(seek, 0, key, 0, bytes);
  }

  private void checkKey(boolean bytes) {
    if (tree.layout.variableKeys != bytes) {
      throw new IllegalArgumentException(
          "Keys of this map are " + (bytes ? "numbers, not bytes" : "bytes, not numbers"));
    }
  }

  private void checkValue(boolean bytes) {
    if (tree.layout.variableValues != bytes) {
      throw new IllegalArgumentException(
          "Values of this map are " + (bytes ? "numbers, not bytes" : "bytes, not numbers"));
    }
  }

  /**
   * Goes to the next entry in ascending order; at first, and from before the first, to the first.
   *
   * @return whether there is one
   */
  public boolean next() {
    return cursor.move(true);
  }

  /**
   * Goes to the next entry in descending order; at first, and from behind the last, to the last.
   *
   * @return whether there is one
   */
  public boolean previous() {
    return cursor.move(false);
  }

  /**
   * Returns the key, a number.
   *
   * @return the key
   * @throws IllegalStateException if the cursor is on no entry
   * @throws IllegalArgumentException if keys have variable size
   */
  public long key() {
    checkKey(false);
    return cursor.key();
  }

  /**
   * Returns the value, a number.
   *
   * @return the value
   * @throws IllegalStateException if the cursor is on no entry
   * @throws IllegalArgumentException if values have variable size
   */
  public long value() {
    checkValue(false);
    return cursor.value();
  }

  /**
   * Returns the bytes of the key.
   *
   * @return a copy that is good until the cursor moves
   * @throws IllegalStateException if the cursor is on no entry
   * @throws IllegalArgumentException if keys are numbers
   */
  public MemorySegment keyBytes() {
    checkKey(true);
    return cursor.keyView();
  }

  /**
   * Returns the bytes of the value, or as many of the first as the cursor was made for.
   *
   * @return a copy that is good until the cursor moves
   * @throws IllegalStateException if the cursor is on no entry
   * @throws IllegalArgumentException if values are numbers
   */
  public MemorySegment valueBytes() {
    checkValue(true);
    return cursor.valueView();
  }
}
