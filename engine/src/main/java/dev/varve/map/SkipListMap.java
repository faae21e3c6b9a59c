// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.codec.KeyCodec;
import dev.varve.codec.ValueCodec;
import dev.varve.memory.Layouts;
import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A concurrent ordered map in native memory, for tens of millions of entries beside the Java heap.
 *
 * <p>Keys are byte strings in unsigned order, or 8-byte numbers in unsigned order; values are
 * bytes, or 64-bit numbers. This class is the level without garbage; {@link #asMap} puts a typed
 * {@link java.util.concurrent.ConcurrentNavigableMap} on it.
 *
 * {@snippet :
 * try (SkipListMap map = SkipListMap.builder().longKeys().longValues().build()) {
 *   map.put(42, 7);
 *   map.addAndGet(42, 1);
 *   SkipListCursor cursor = map.cursor();
 *   for (boolean more = cursor.ceiling(10); more; more = cursor.next()) {
 *     System.out.println(cursor.longKey() + " = " + cursor.longValue());
 *   }
 * }
 * }
 *
 * <h2>How it works</h2>
 *
 * <p>It is a skip list whose towers are packed into blocks. Every level is a linked list of nodes
 * in key order; a node of level 0 holds up to 124 entries, sorted, and every level above holds one
 * entry for each node of the level below.
 *
 * <pre>
 *   root -> level 2  [ -inf .................................. )         down: hints
 *                       |                     |
 *           level 1  [ -inf ......... 40 )-->[ 40 ....... +inf )         right: the truth
 *                       |       |            |       |
 *           level 0  [-inf 17)->[17 40)---->[40 62)->[62 +inf)
 * </pre>
 *
 * <p>A node is a handle, a word that never moves, and an image, the block that the handle points
 * to. Images are never written once they can be seen: who changes a node builds the next image
 * beside the old one, puts it in by compare-and-set of the handle, and frees the old one. So key,
 * value, bounds and right link change together, at one point, where the operation takes effect. Two
 * words that are equal are the same image with nothing in between, since each has a version:
 * readers look at the handle before and after, and start again if it changed. No reader is
 * registered or waited for; memory is reused at once.
 *
 * <ol>
 *   <li>Images are final; only who took an image out frees it.
 *   <li>Versions count, also across the lives of a handle; links name the life.
 *   <li>The nodes of a level that right links reach partition the keys by their bounds.
 *   <li>A node that lives and is not frozen is reachable; so what covers a key decides on it,
 *       wherever the link came from.
 *   <li>A frozen node changes no more until its left neighbour has taken it over; who needs it does
 *       that.
 *   <li>Hints may be late or missing, and heal.
 * </ol>
 *
 * <p>An update takes effect at the compare-and-set of the handle of the node that covers the key; a
 * lookup or seek at the read of that handle, or of the one where the answer was found; poll at the
 * compare-and-set of the first or last node; clear at the swap of the whole list. Permitted races:
 * plain reads of blocks that are being overwritten, whose result counts only if the handle is found
 * unchanged after an acquire fence; who frees a block fences (release) between the compare-and-set
 * that took it out and the first write to it. A block is filled plainly, and published by the
 * compare-and-set, which readers acquire.
 *
 * <p>All invariants, the memory ordering, and the attacks that were tried are in {@code
 * docs/map-invariants.md}. Papers: Pugh, <i>Skip lists</i>, 1990; Munro, Papadakis and Sedgewick,
 * <i>Deterministic skip lists</i>, 1992; Lehman and Yao, 1981 (right links); Spiegel and Reynolds,
 * <i>Lock-free multiway search trees</i>, 2010; Levandoski, Lomet and Sengupta, <i>The Bw-tree</i>,
 * 2013 (handles); Harris, 2001, and Fraser, 2004 (finish what you meet); Sheffi, Herlihy and
 * Petrank, <i>VBR</i>, 2021 (versions in place of epochs).
 *
 * <h2>Guarantees</h2>
 *
 * <p>Safe for any number of threads, platform or virtual, and lock-free: a thread that stops at any
 * point delays no other and holds back a few blocks at most. All operations on one entry, seeks and
 * polls are linearizable; iteration is weakly consistent; {@link #size} is exact when nobody
 * writes. An operation that fails has changed nothing. After {@link #close} everything throws
 * {@link ClosedException}, also what was under way. Segments that are passed in are not kept.
 */
public final class SkipListMap extends SkipListNumbers {

  /** The longest key in bytes. */
  public static final int MAX_KEY_BYTES = SkipListCells.MAX_KEY_BYTES;

  /** The longest value in bytes. */
  public static final int MAX_VALUE_BYTES = SkipListCells.MAX_VALUE_BYTES;

  SkipListMap(
      SkipListGeometry geometry,
      boolean bytesKeys,
      boolean bytesValues,
      @Nullable LongFunction<Words> source) {
    super(geometry, bytesKeys, bytesValues, source);
  }

  /**
   * Begins the description of a map.
   *
   * @return a builder for a map of byte strings to bytes, without a budget
   */
  public static Builder builder() {
    return new Builder();
  }

  /** Describes a map. */
  public static final class Builder {

    private boolean bytesKeys = true;
    private boolean bytesValues = true;
    private long budget = SkipListGeometry.MAX_BUDGET;

    private Builder() {}

    /**
     * Has keys of 8 bytes, which are compared as unsigned numbers and stand in the nodes.
     *
     * @return this
     */
    public Builder longKeys() {
      bytesKeys = false;
      return this;
    }

    /**
     * Has values of 64 bits, which are counters too.
     *
     * @return this
     */
    public Builder longValues() {
      bytesValues = false;
      return this;
    }

    /**
     * Limits the memory.
     *
     * @param bytes the most that is taken from the system, from 1 MiB to 64 GiB; rounded down to
     *     slabs of 128 KiB to 2 MiB
     * @return this
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder budget(long bytes) {
      if (bytes < SkipListGeometry.MIN_BUDGET || bytes > SkipListGeometry.MAX_BUDGET) {
        throw new IllegalArgumentException(
            "The budget of a skip list is from "
                + SkipListGeometry.MIN_BUDGET
                + " to "
                + SkipListGeometry.MAX_BUDGET
                + " bytes: "
                + bytes);
      }
      budget = bytes;
      return this;
    }

    /**
     * Creates the map, which is empty.
     *
     * @return the map, to be closed by the caller
     * @throws FullException if the system has no memory for the first slab
     */
    public SkipListMap build() {
      return new SkipListMap(SkipListGeometry.of(budget), bytesKeys, bytesValues, null);
    }
  }

  /**
   * Reads a value.
   *
   * @param key at most {@link #MAX_KEY_BYTES} bytes; for 8-byte keys the number, big-endian
   * @param target where the value is copied to, from its start; if it is smaller, as many of the
   *     value's first bytes as fit, and of a number nothing
   * @return the bytes of the value, or -1 if there is no entry
   * @throws IllegalArgumentException if the key is too long, or not of 8 bytes where it must be
   */
  public long get(MemorySegment key, MemorySegment target) {
    SkipListOp op = begin();
    try {
      key(op, key);
      op.oldTarget = Objects.requireNonNull(target, "target");
      return read(op) ? told(op, target) : -1;
    } finally {
      end(op);
    }
  }

  private long told(SkipListOp op, MemorySegment target) {
    if (hasByteValues()) {
      return op.oldBytes;
    }
    if (target.byteSize() >= Long.BYTES) {
      target.set(Layouts.LE_LONG_UNALIGNED, 0, op.oldNumber);
    }
    return Long.BYTES;
  }

  /**
   * Tells whether there is an entry.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @return whether there is one
   * @throws IllegalArgumentException if the key is too long, or not of 8 bytes where it must be
   */
  public boolean contains(MemorySegment key) {
    SkipListOp op = begin();
    try {
      key(op, key);
      return read(op);
    } finally {
      end(op);
    }
  }

  private boolean update(
      MemorySegment key,
      @Nullable MemorySegment value,
      @Nullable MemorySegment expected,
      SkipListUpdates.Kind kind) {
    SkipListOp op = begin();
    try {
      key(op, key);
      if (value != null) {
        value(op, value);
      }
      if (expected != null) {
        expected(op, expected);
      }
      return update(op, kind);
    } finally {
      end(op);
    }
  }

  private long updateAndTell(
      MemorySegment key,
      @Nullable MemorySegment value,
      MemorySegment old,
      SkipListUpdates.Kind kind) {
    SkipListOp op = begin();
    try {
      key(op, key);
      if (value != null) {
        value(op, value);
      }
      op.oldTarget = Objects.requireNonNull(old, "old");
      update(op, kind);
      return op.found ? told(op, old) : -1;
    } finally {
      end(op);
    }
  }

  /**
   * Puts a value, in place of the old one if there is one.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @param value at most {@link #MAX_VALUE_BYTES} bytes, or 8 where values are numbers,
   *     little-endian
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if key or value have a wrong size
   */
  public void put(MemorySegment key, MemorySegment value) {
    update(key, Objects.requireNonNull(value, "value"), null, SkipListUpdates.Kind.PUT);
  }

  /**
   * Puts a value and copies the old one.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @param value as for {@link #put(MemorySegment, MemorySegment)}
   * @param old where the old value is copied to, from its start; if it is too small, it holds
   *     nothing of use
   * @return the bytes of the old value, or -1 if there was none
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if key or value have a wrong size
   */
  public long getAndPut(MemorySegment key, MemorySegment value, MemorySegment old) {
    return updateAndTell(
        key, Objects.requireNonNull(value, "value"), old, SkipListUpdates.Kind.PUT);
  }

  /**
   * Puts a value if there is no entry.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @param value as for {@link #put(MemorySegment, MemorySegment)}
   * @return whether it was put
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if key or value have a wrong size
   */
  public boolean putIfAbsent(MemorySegment key, MemorySegment value) {
    return update(
        key, Objects.requireNonNull(value, "value"), null, SkipListUpdates.Kind.PUT_IF_ABSENT);
  }

  /**
   * Puts a value if there is an entry.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @param value as for {@link #put(MemorySegment, MemorySegment)}
   * @return whether it was put
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if key or value have a wrong size
   */
  public boolean replace(MemorySegment key, MemorySegment value) {
    return update(key, Objects.requireNonNull(value, "value"), null, SkipListUpdates.Kind.REPLACE);
  }

  /**
   * Puts a value if there is an entry with another one.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @param expected the value that must be there
   * @param value as for {@link #put(MemorySegment, MemorySegment)}
   * @return whether it was put
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if key or value have a wrong size
   */
  public boolean replaceIf(MemorySegment key, MemorySegment expected, MemorySegment value) {
    return update(
        key,
        Objects.requireNonNull(value, "value"),
        Objects.requireNonNull(expected, "expected"),
        SkipListUpdates.Kind.REPLACE_IF_EQUAL);
  }

  /**
   * Removes an entry.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @return whether there was one
   * @throws IllegalArgumentException if the key has a wrong size
   */
  public boolean remove(MemorySegment key) {
    return update(key, null, null, SkipListUpdates.Kind.REMOVE);
  }

  /**
   * Removes an entry and copies its value.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @param old where the value is copied to, from its start; if it is too small, it holds nothing
   *     of use
   * @return the bytes of the value, or -1 if there was none
   * @throws IllegalArgumentException if the key has a wrong size
   */
  public long getAndRemove(MemorySegment key, MemorySegment old) {
    return updateAndTell(key, null, old, SkipListUpdates.Kind.REMOVE);
  }

  /**
   * Removes an entry that has a value.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @param expected the value that must be there
   * @return whether it was removed
   * @throws IllegalArgumentException if key or value have a wrong size
   */
  public boolean removeIf(MemorySegment key, MemorySegment expected) {
    return update(
        key,
        null,
        Objects.requireNonNull(expected, "expected"),
        SkipListUpdates.Kind.REMOVE_IF_EQUAL);
  }

  /** Computes a value from the one that is there. */
  @FunctionalInterface
  public interface ValueFunction {

    /**
     * Computes the new value; may be called more than once for one change.
     *
     * @param old a copy of the value that is there, valid during the call, or null for no entry
     * @return the new value, or null for no entry
     */
    @Nullable MemorySegment apply(@Nullable MemorySegment old);
  }

  /**
   * Changes, puts or removes an entry by a function of its value, as one step.
   *
   * @param key as for {@link #get(MemorySegment, MemorySegment)}
   * @param function of the old value; may be called more than once; what it throws is passed on,
   *     and nothing has changed
   * @return whether there is an entry now
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if key or value have a wrong size
   */
  public boolean compute(MemorySegment key, ValueFunction function) {
    Objects.requireNonNull(function, "function");
    SkipListOp op = begin();
    try {
      key(op, key);
      op.wantsOld = true;
      op.remapping =
          o -> {
            MemorySegment old = o.found ? old(o) : null;
            MemorySegment value = function.apply(old);
            o.newBytes = value;
            if (value == null) {
              return SkipListUpdates.DROP;
            }
            value(o, value);
            return SkipListUpdates.STORE;
          };
      update(op, SkipListUpdates.Kind.COMPUTE);
      return op.newBytes != null;
    } finally {
      end(op);
    }
  }

  MemorySegment old(SkipListOp op) {
    if (hasByteValues()) {
      return op.scratch.asSlice(0, op.oldBytes).asReadOnly();
    }
    long[] number = {0};
    MemorySegment segment = MemorySegment.ofArray(number);
    segment.set(Layouts.LE_LONG_UNALIGNED, 0, op.oldNumber);
    return segment.asReadOnly();
  }

  /**
   * Returns this map as the JDK knows ordered maps, typed by codecs.
   *
   * <p>It lives on this map, which stays the caller's to close. Its order is the key codec's;
   * values are compared by their bytes. Iterators are weakly consistent; entries are copies. {@code
   * computeIfAbsent} and the like may call their function more than once.
   *
   * @param <K> the type of the keys
   * @param <V> the type of the values
   * @param keys for a map with 8-byte keys one of always 8 bytes
   * @param values for a map with 64-bit values one of always 8 bytes
   * @return a view, safe for any number of threads
   * @throws IllegalArgumentException if a codec gives other sizes
   */
  public <K, V> ConcurrentNavigableMap<K, V> asMap(KeyCodec<K> keys, ValueCodec<V> values) {
    return new MapView<>(new SkipListTyped<>(this, keys, values));
  }

  /**
   * Creates a cursor.
   *
   * @return at no entry, for one thread at a time
   */
  public SkipListCursor cursor() {
    return cursor(MAX_VALUE_BYTES);
  }

  /**
   * Creates a cursor that copies only the beginning of values, which saves most of the time of a
   * scan if values are long.
   *
   * @param valueBytes how many bytes of each value it has at most; 0 for keys alone. Values that
   *     are numbers it has whole
   * @return at no entry, for one thread at a time
   * @throws IllegalArgumentException if the number is negative
   */
  public SkipListCursor cursor(int valueBytes) {
    if (valueBytes < 0) {
      throw new IllegalArgumentException("A value has 0 bytes or more: " + valueBytes);
    }
    return new SkipListCursor(this, list(), valueBytes);
  }

  /**
   * Removes the entry with the least key.
   *
   * @param cursor of this map, which then is at a copy of the entry
   * @return whether there was one
   * @throws IllegalArgumentException if the cursor is of another map
   */
  public boolean pollFirst(SkipListCursor cursor) {
    return Objects.requireNonNull(cursor, "cursor").poll(this, false);
  }

  /**
   * Removes the entry with the greatest key.
   *
   * @param cursor of this map, which then is at a copy of the entry
   * @return whether there was one
   * @throws IllegalArgumentException if the cursor is of another map
   */
  public boolean pollLast(SkipListCursor cursor) {
    return Objects.requireNonNull(cursor, "cursor").poll(this, true);
  }
}
