// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.codec.KeyCodec;
import dev.varve.codec.LongKeyCodec;
import dev.varve.codec.LongValueCodec;
import dev.varve.codec.ValueCodec;
import dev.varve.map.Tree.Mode;
import dev.varve.map.TreeReader.Want;
import dev.varve.memory.SlabPool;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.function.LongBinaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An ordered map in native memory: a cache-sensitive B+tree for one writer at a time beside any
 * number of readers.
 *
 * {@snippet lang="java" :
 * try (CsbTreeMap<String, Long> visits =
 *     CsbTreeMap.create(KeyCodecs.text(), ValueCodecs.int64())) {
 *   NavigableMap<String, Long> map = visits.asMap();
 *   map.put("berlin", 3L);
 *   map.merge("berlin", 1L, Long::sum);
 *   assert map.firstEntry().getValue() == 4;
 * }
 * }
 *
 * <p>{@link #asMap} is the map of Java objects. The other methods are the level of bytes below it,
 * without garbage: a key or value is a {@code long} if its codec is a {@link LongKeyCodec} or
 * {@link LongValueCodec}, and otherwise the bytes of a segment, native or heap. Keys that are
 * numbers compare as unsigned ones; what a codec makes of a key is {@link LongKeyCodec#toLong}. A
 * method for the other kind is refused.
 *
 * <h2>Structure</h2>
 *
 * <pre>
 *                  root: | k k k |                     inner: sorted keys, 32-bit children
 *               ________/ /   \ \________
 *        | k k k k |   ...     ...   | k k |
 *        /    |   \                  /     \
 *   | k v k v |→| k v |→  ...  →| k v |→| k v k v |    leaves: sorted keys, values, next leaf
 * </pre>
 *
 * <p>Nodes of {@link CsbTreeMapBuilder#nodeBytes} lie in slabs and are named by 32 bits. Keys of 8
 * bytes lie sorted in the node, and so do values of 8 bytes. Of a key of variable size the node has
 * a tag, the eight bytes behind the prefix that all keys in its reach have in common; the key
 * itself and a value of variable size lie elsewhere. A search looks at the last key of each cache
 * line and then at one line, so that all lines of a node arrive together. Cache-sensitive B+trees
 * (Rao and Ross, SIGMOD 2000) save references by keeping the children of a node side by side; here
 * 32-bit references do, because groups fill only two thirds of two thirds and must be copied whole
 * at a split. Bulk load lays leaves out side by side.
 *
 * <h2>Threads</h2>
 *
 * <p>Safe for any number of threads. Operations that change the map hold its lock, one at a time,
 * but not while they look for the place: where the version of the leaf is what it was on the way
 * down, the place is still right. Readers hold none and write nothing: they check the version of
 * each node that they passed and start anew if it changed (optimistic lock coupling: Leis,
 * Scheibner, Kemper and Neumann, 2016). They wait while the writer is at work in a node on their
 * way, some hundred instructions. Every operation but iteration takes effect at one instant between
 * its call and its return: of a lookup it is the last look at the version of the leaf, of a change
 * the release of the leaf's version. {@link #size} is exact while nobody writes. A cursor takes
 * entries of one leaf as of one instant, and is weakly consistent from one such batch to the next:
 * entries present all the time are met once, in order.
 *
 * <ol>
 *   <li>Only the thread with the lock writes, and what readers can reach only while the node's
 *       header says busy; a header never returns to a value that it had.
 *   <li>A node is complete before a node that readers reach refers to it.
 *   <li>A node or blob is used again only after all that referred to it became busy.
 *   <li>All memory that an operation needs is reserved before its first change.
 *   <li>No code of the user runs between a busy header and its release.
 * </ol>
 *
 * <p>Permitted races: readers load words of nodes that are being changed, and discard them, because
 * the header has changed. A writer marks the node busy before a store-store fence and its changes,
 * and releases the new header after them; readers acquire the header, load, fence, and look again.
 * All invariants, the proof of the descent and the attacks stand in {@code
 * docs/tree-invariants.md}.
 *
 * <h2>Limits and errors</h2>
 *
 * <p>Keys have up to {@link #MAX_KEY_BYTES}, values up to {@link #MAX_VALUE_BYTES}. A map holds
 * memory in slabs, at least one; it does not give slabs back before {@link #clear} or {@link
 * #close}, but uses what removed entries leave again. What an operation needs is reserved before it
 * changes anything: {@link FullException} leaves the map as it was. After {@link #close} every
 * operation throws {@link ClosedException}, also one that was on its way.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class CsbTreeMap<K, V> implements AutoCloseable {

  /** The longest key of variable size: 4 KiB. */
  public static final int MAX_KEY_BYTES = Tree.MAX_KEY_BYTES;

  /** The longest value of variable size: 64 KiB. */
  public static final int MAX_VALUE_BYTES = Tree.MAX_VALUE_BYTES;

  final KeyCodec<K> keys;
  final ValueCodec<V> values;
  final Tree tree;
  private final @Nullable SlabPool ownPool;
  private final ConcurrentNavigableMap<K, V> view;

  CsbTreeMap(CsbTreeMapBuilder<K, V> builder) {
    keys = builder.keys;
    values = builder.values;
    TreeLayout layout =
        new TreeLayout(
            builder.nodeBytes,
            !(keys instanceof LongKeyCodec<K>),
            !(values instanceof LongValueCodec<V>));
    SlabPool pool = builder.pool;
    boolean hasBlobs = layout.variableKeys || layout.variableValues;
    long least = (hasBlobs ? 2 : 1) * (pool == null ? builder.slabBytes() : pool.slabBytes());
    if (builder.maxBytes < least) {
      throw new IllegalArgumentException(
          "Nothing fits into a map of "
              + builder.maxBytes
              + " bytes; its limit must be at least "
              + least
              + ", as it takes whole slabs");
    }
    ownPool = pool == null ? new SlabPool(builder.slabBytes(), 0) : null;
    tree =
        new Tree(layout, pool == null ? Objects.requireNonNull(ownPool) : pool, builder.maxBytes);
    view = new MapView<>(new TreeTyped<>(keys, values, tree));
  }

  /**
   * Creates an empty map with the options' defaults.
   *
   * @param <K> the type of the keys
   * @param <V> the type of the values
   * @param keys the codec of the keys, which orders them
   * @param values the codec of the values
   * @return the map
   * @throws FullException if the system has no memory for a slab
   */
  public static <K, V> CsbTreeMap<K, V> create(KeyCodec<K> keys, ValueCodec<V> values) {
    return builder(keys, values).build();
  }

  /**
   * Begins to create a map.
   *
   * @param <K> the type of the keys
   * @param <V> the type of the values
   * @param keys the codec of the keys, which orders them
   * @param values the codec of the values
   * @return a builder with defaults
   */
  public static <K, V> CsbTreeMapBuilder<K, V> builder(KeyCodec<K> keys, ValueCodec<V> values) {
    return new CsbTreeMapBuilder<>(keys, values);
  }

  /**
   * Returns the map of objects, a view of this one.
   *
   * <p>Its iterators are weakly consistent, its {@code compute} and {@code merge} atomic: the
   * function runs once, under the lock, and must not change the map. Null is no key and no value.
   * Entries are copies; {@code setValue} of one that a loop has met puts. {@code clear} of the
   * whole view is that of this map.
   *
   * @return always the same view
   */
  public ConcurrentNavigableMap<K, V> asMap() {
    return view;
  }

  /**
   * Returns how many entries there are.
   *
   * @return the entries, exact while nobody writes
   * @throws ClosedException if the map is closed
   */
  public long size() {
    return tree.size();
  }

  /**
   * Removes all entries, and gives all memory back but one slab.
   *
   * @throws ClosedException if the map is closed
   */
  public void clear() {
    tree.clear();
  }

  /**
   * Returns what memory the map holds and uses.
   *
   * @return the figures of this instant
   * @throws ClosedException if the map is closed
   */
  public CsbTreeStatistics statistics() {
    tree.lock();
    try {
      return new CsbTreeStatistics(
          tree.size(),
          tree.writer.nodes.level(TreeMemory.ROOT) + 1,
          tree.memory.nodesInUse(),
          tree.memory.bytesInUse(),
          tree.memory.bytesHeld());
    } finally {
      tree.unlock();
    }
  }

  /**
   * Returns a cursor, which is on no entry.
   *
   * @return a cursor for one thread at a time
   */
  public CsbTreeCursor cursor() {
    return cursor(MAX_VALUE_BYTES);
  }

  /**
   * Returns a cursor that copies only the beginning of values, which saves most of the time of a
   * scan if values are long.
   *
   * @param valueBytes how many bytes of each value it has at most; 0 for keys alone. Values that
   *     are numbers it has whole
   * @return a cursor for one thread at a time, on no entry
   * @throws IllegalArgumentException if the number is negative
   */
  public CsbTreeCursor cursor(int valueBytes) {
    if (valueBytes < 0) {
      throw new IllegalArgumentException("A value has 0 bytes or more: " + valueBytes);
    }
    return new CsbTreeCursor(tree, valueBytes);
  }

  /**
   * Looks a number up.
   *
   * @param key a number
   * @param absent what to return if there is none
   * @return the value
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys or values have variable size
   */
  public long get(long key, long absent) {
    checkNumbers();
    return tree.reader.get(key, absent);
  }

  /**
   * Looks bytes up.
   *
   * @param key the bytes, all of the segment
   * @param absent what to return if there is none
   * @return the value
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys are numbers or values have variable size
   */
  public long get(MemorySegment key, long absent) {
    Objects.requireNonNull(key, "key");
    checkValue(false);
    return tree.reader.read(0, key, 0, keyBytes(key), Want.NUMBER, absent, null, 0);
  }

  /**
   * Looks a number up and copies the value.
   *
   * @param key a number
   * @param target where to copy the value, or as many of its first bytes as fit; overwritten
   *     perhaps also if it is absent
   * @return the size of the value in bytes, or -1 if there is none
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys have variable size or values are numbers
   */
  public int get(long key, MemorySegment target) {
    Objects.requireNonNull(target, "target");
    checkKey(false);
    checkValue(true);
    return (int) tree.reader.read(key, null, 0, 0, Want.BYTES, TreeReader.ABSENT, target, 0);
  }

  /**
   * Looks bytes up and copies the value.
   *
   * @param key the bytes, all of the segment
   * @param target where to copy the value, or as many of its first bytes as fit; overwritten
   *     perhaps also if it is absent
   * @return the size of the value in bytes, or -1 if there is none
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys or values are numbers
   */
  public int get(MemorySegment key, MemorySegment target) {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(target, "target");
    checkValue(true);
    int bytes = keyBytes(key);
    return (int) tree.reader.read(0, key, 0, bytes, Want.BYTES, TreeReader.ABSENT, target, 0);
  }

  /**
   * Tells whether a number is there.
   *
   * @param key a number
   * @return whether it has a value
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys have variable size
   */
  public boolean containsKey(long key) {
    checkKey(false);
    return tree.reader.read(key, null, 0, 0, Want.PRESENCE, 0, null, 0) != 0;
  }

  /**
   * Tells whether bytes are there.
   *
   * @param key the bytes, all of the segment
   * @return whether they have a value
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys are numbers
   */
  public boolean containsKey(MemorySegment key) {
    Objects.requireNonNull(key, "key");
    return tree.reader.read(0, key, 0, keyBytes(key), Want.PRESENCE, 0, null, 0) != 0;
  }

  /**
   * Sets the value of a number.
   *
   * @param key a number
   * @param value its value from now on
   * @param absent what to return if there was none
   * @return the value before
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; nothing has changed
   * @throws IllegalArgumentException if keys or values have variable size
   */
  public long put(long key, long value, long absent) {
    checkNumbers();
    return tree.update(Mode.PUT, key, null, 0, value, null, 0, absent);
  }

  /**
   * Sets the value of bytes.
   *
   * @param key the bytes, all of the segment
   * @param value their value from now on
   * @param absent what to return if there was none
   * @return the value before
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; nothing has changed
   * @throws IllegalArgumentException if keys are numbers or too long, or values have variable size
   */
  public long put(MemorySegment key, long value, long absent) {
    Objects.requireNonNull(key, "key");
    checkValue(false);
    return tree.update(Mode.PUT, 0, key, keyBytes(key), value, null, 0, absent);
  }

  /**
   * Sets the value of a number.
   *
   * @param key a number
   * @param value the bytes of its value from now on, all of the segment
   * @return whether there was a value before
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; nothing has changed
   * @throws IllegalArgumentException if keys have variable size, or values are numbers or too long
   */
  public boolean put(long key, MemorySegment value) {
    Objects.requireNonNull(value, "value");
    checkKey(false);
    return tree.update(Mode.PUT, key, null, 0, 0, value, valueBytes(value), 0) != 0;
  }

  /**
   * Sets the value of bytes.
   *
   * @param key the bytes, all of the segment
   * @param value the bytes of their value from now on, all of the segment
   * @return whether there was a value before
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; nothing has changed
   * @throws IllegalArgumentException if keys or values are numbers or too long
   */
  public boolean put(MemorySegment key, MemorySegment value) {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(value, "value");
    return tree.update(Mode.PUT, 0, key, keyBytes(key), 0, value, valueBytes(value), 0) != 0;
  }

  /**
   * Sets the value of a number that has none.
   *
   * @param key a number
   * @param value its value, if it has none
   * @param absent what to return if there was none
   * @return the value that it has already
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; nothing has changed
   * @throws IllegalArgumentException if keys or values have variable size
   */
  public long putIfAbsent(long key, long value, long absent) {
    checkNumbers();
    return tree.update(Mode.IF_ABSENT, key, null, 0, value, null, 0, absent);
  }

  /**
   * Replaces a value by another.
   *
   * @param key a number
   * @param expected the value that it must have
   * @param value its value from then on
   * @return whether it had the expected value and was changed
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys or values have variable size
   */
  public boolean replace(long key, long expected, long value) {
    checkNumbers();
    boolean found = tree.lock(key, null, 0);
    try {
      boolean matches = found && tree.writer.value() == expected;
      if (matches) {
        tree.set(value, null, 0);
      }
      return matches;
    } finally {
      tree.unlock();
    }
  }

  /**
   * Adds to the value of a number, which counts as 0 if there is none.
   *
   * @param key a number
   * @param delta what to add
   * @return the value after
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; nothing has changed
   * @throws IllegalArgumentException if keys or values have variable size
   */
  public long addAndGet(long key, long delta) {
    checkNumbers();
    return tree.update(Mode.ADD, key, null, 0, delta, null, 0, 0);
  }

  /**
   * Adds to the value of bytes, which counts as 0 if there is none.
   *
   * @param key the bytes, all of the segment
   * @param delta what to add
   * @return the value after
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; nothing has changed
   * @throws IllegalArgumentException if keys are numbers or too long, or values have variable size
   */
  public long addAndGet(MemorySegment key, long delta) {
    Objects.requireNonNull(key, "key");
    checkValue(false);
    return tree.update(Mode.ADD, 0, key, keyBytes(key), delta, null, 0, 0);
  }

  /**
   * Sets the value of a number, or combines it with the one that is there.
   *
   * @param key a number
   * @param value its value if it has none
   * @param function makes the new value of the one that is there and {@code value}; it runs once,
   *     under the lock, and must not change the map
   * @return the value after
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; nothing has changed
   * @throws IllegalArgumentException if keys or values have variable size
   */
  public long merge(long key, long value, LongBinaryOperator function) {
    Objects.requireNonNull(function, "function");
    checkNumbers();
    boolean found = tree.lock(key, null, 0);
    try {
      if (!found) {
        tree.insert(key, null, 0, value, null, 0);
        return value;
      }
      long merged = function.applyAsLong(tree.writer.value(), value);
      tree.set(merged, null, 0);
      return merged;
    } finally {
      tree.unlock();
    }
  }

  /**
   * Removes a number.
   *
   * @param key a number
   * @return whether it was there
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys have variable size
   */
  public boolean remove(long key) {
    checkKey(false);
    return removeEntry(key, null, 0);
  }

  /**
   * Removes bytes.
   *
   * @param key the bytes, all of the segment
   * @return whether they were there
   * @throws ClosedException if the map is closed
   * @throws IllegalArgumentException if keys are numbers
   */
  public boolean remove(MemorySegment key) {
    Objects.requireNonNull(key, "key");
    return removeEntry(0, key, keyBytes(key));
  }

  private boolean removeEntry(long number, @Nullable MemorySegment key, int bytes) {
    boolean found = tree.lock(number, key, bytes);
    try {
      if (found) {
        tree.delete();
      }
      return found;
    } finally {
      tree.unlock();
    }
  }

  /**
   * Fills an empty map from entries in ascending order, at the speed of memory, and leaves nodes
   * full. Readers see the map empty until all entries are there.
   *
   * @param source the entries, each key above the one before; it must not change the map
   * @throws ClosedException if the map is closed
   * @throws FullException if there is no room; the map is empty
   * @throws IllegalStateException if the map is not empty
   * @throws IllegalArgumentException if the entries are not in order, or one is too long; the map
   *     is empty
   */
  public void bulkLoad(SortedSource source) {
    Objects.requireNonNull(source, "source");
    tree.lock();
    try {
      new TreeLoader(tree).load(source);
    } finally {
      tree.unlock();
    }
  }

  /**
   * Gives all memory back. Operations that are on their way, and all later ones, throw {@link
   * ClosedException}. Closing again has no effect.
   */
  @Override
  public void close() {
    tree.close();
    if (ownPool != null) {
      ownPool.close();
    }
  }

  private void checkNumbers() {
    if (tree.layout.variableKeys || tree.layout.variableValues) {
      checkKey(false);
      checkValue(false);
    }
  }

  void checkKey(boolean bytes) {
    if (tree.layout.variableKeys != bytes) {
      throw mistaken("Keys", bytes);
    }
  }

  void checkValue(boolean bytes) {
    if (tree.layout.variableValues != bytes) {
      throw mistaken("Values", bytes);
    }
  }

  private static IllegalArgumentException mistaken(String what, boolean bytes) {
    return new IllegalArgumentException(
        what
            + " of this map are "
            + (bytes ? "numbers, not bytes" : "bytes, not numbers")
            + "; its codecs decide that");
  }

  private int keyBytes(MemorySegment key) {
    checkKey(true);
    return checkSize("key", key.byteSize(), MAX_KEY_BYTES);
  }

  private int valueBytes(MemorySegment value) {
    checkValue(true);
    return checkSize("value", value.byteSize(), MAX_VALUE_BYTES);
  }

  static int checkSize(String what, long bytes, int most) {
    if (bytes > most) {
      throw new IllegalArgumentException(
          "A " + what + " has at most " + most + " bytes in a tree, not " + bytes);
    }
    return (int) bytes;
  }
}
