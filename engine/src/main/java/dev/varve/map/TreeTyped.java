// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.codec.KeyCodec;
import dev.varve.codec.LongKeyCodec;
import dev.varve.codec.LongValueCodec;
import dev.varve.codec.ValueCodec;
import dev.varve.map.TreeCursor.Seek;
import dev.varve.map.TreeReader.Want;
import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.AbstractMap.SimpleImmutableEntry;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A tree of objects, by codecs. */
final class TreeTyped<K, V> {

  final KeyCodec<K> keys;
  private final ValueCodec<V> values;
  private final @Nullable LongKeyCodec<K> longKeys;
  private final @Nullable LongValueCodec<V> longValues;
  private final Tree tree;
  private final TreeScratch.Pool pool;

  TreeTyped(KeyCodec<K> keys, ValueCodec<V> values, Tree tree) {
    this.keys = keys;
    this.values = values;
    this.longKeys = keys instanceof LongKeyCodec<K> longs ? longs : null;
    this.longValues = values instanceof LongValueCodec<V> longs ? longs : null;
    this.tree = tree;
    this.pool = new TreeScratch.Pool(tree);
  }

  long size() {
    return tree.size();
  }

  TreeCursor cursor() {
    return tree.cursor();
  }

  private long number(K key) {
    return longKeys == null ? 0 : longKeys.toLong(key);
  }

  /** Writes a key of variable size and returns its size. */
  private int encode(K key, TreeScratch scratch) {
    if (longKeys != null) {
      return 0;
    }
    scratch.roomForKey(keys.maxBytes(key));
    int bytes = keys.encode(key, scratch.key, 0);
    return CsbTreeMap.checkSize("key", bytes, Tree.MAX_KEY_BYTES);
  }

  private @Nullable MemorySegment keySegment(TreeScratch scratch) {
    return longKeys == null ? scratch.key : null;
  }

  @Nullable V get(K key) {
    TreeScratch scratch = pool.take();
    long number = number(key);
    int bytes = encode(key, scratch);
    MemorySegment segment = keySegment(scratch);
    scratch.roomForValue(Long.BYTES);
    int size;
    while (true) {
      size = (int) tree.reader.read(number, segment, 0, bytes, Want.BYTES, -1, scratch.value, 0);
      if (size <= scratch.value.byteSize()) {
        break;
      }
      scratch.roomForValue(size);
    }
    V value = null;
    if (size >= 0) {
      value =
          longValues != null
              ? longValues.ofLong(scratch.value.get(Layouts.LE_LONG_UNALIGNED, 0))
              : values.decode(scratch.value, 0, size);
    }
    pool.give(scratch);
    return value;
  }

  boolean containsKey(K key) {
    TreeScratch scratch = pool.take();
    long number = number(key);
    int bytes = encode(key, scratch);
    MemorySegment segment = keySegment(scratch);
    boolean found = tree.reader.read(number, segment, 0, bytes, Want.PRESENCE, 0, null, 0) != 0;
    pool.give(scratch);
    return found;
  }

  /** Makes the value of a key another one, or none, depending on the one it has. */
  @Nullable V compute(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function) {
    return change(key, function, true);
  }

  /** Likewise, but returns the value before. */
  @Nullable V exchange(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function) {
    return change(key, function, false);
  }

  private @Nullable V change(
      K key,
      BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function,
      boolean after) {
    TreeScratch scratch = pool.take();
    long number = number(key);
    int bytes = encode(key, scratch);
    MemorySegment segment = keySegment(scratch);
    V old = null;
    V value;
    tree.lock();
    try {
      boolean found = tree.writer.locate(number, segment, 0, bytes);
      if (found) {
        old = valueAtPlace(scratch);
      }
      value = function.apply(key, old);
      if (value == null) {
        if (found) {
          tree.delete();
        }
      } else if (value != old) {
        long word = longValues == null ? 0 : longValues.toLong(value);
        int size = longValues == null ? encodeValue(value, scratch) : 0;
        MemorySegment valueSegment = longValues == null ? scratch.value : null;
        if (found) {
          tree.set(word, valueSegment, size);
        } else {
          tree.insert(number, segment, bytes, word, valueSegment, size);
        }
      }
    } finally {
      tree.unlock();
    }
    pool.give(scratch);
    return after ? value : old;
  }

  private int encodeValue(V value, TreeScratch scratch) {
    scratch.roomForValue(values.maxBytes(value));
    int bytes = values.encode(value, scratch.value, 0);
    return CsbTreeMap.checkSize("value", bytes, Tree.MAX_VALUE_BYTES);
  }

  private V valueAtPlace(TreeScratch scratch) {
    long word = tree.writer.value();
    if (longValues != null) {
      return longValues.ofLong(word);
    }
    int bytes = TreeBlobs.bytes(word);
    scratch.roomForValue(bytes);
    TreeMemory memory = tree.memory;
    TreeBlobs.read(memory.open(), memory.slabShift, word, scratch.value, 0);
    return values.decode(scratch.value, 0, bytes);
  }

  /** Removes the entry that is found while no other thread changes the map. */
  Map.@Nullable Entry<K, V> poll(Supplier<Map.@Nullable Entry<K, V>> finder) {
    tree.lock();
    try {
      Map.Entry<K, V> entry = finder.get();
      if (entry != null) {
        TreeScratch scratch = pool.take();
        int bytes = encode(entry.getKey(), scratch);
        MemorySegment segment = keySegment(scratch);
        if (tree.writer.locate(number(entry.getKey()), segment, 0, bytes)) {
          tree.delete();
        }
        pool.give(scratch);
      }
      return entry;
    } finally {
      tree.unlock();
    }
  }

  /** The entry beside a key. */
  Map.@Nullable Entry<K, V> find(Seek seek, K key) {
    TreeScratch scratch = pool.take();
    Map.Entry<K, V> entry = seek(scratch.cursor, seek, key, scratch) ? entry(scratch.cursor) : null;
    pool.give(scratch);
    return entry;
  }

  /** The first or the last entry. */
  Map.@Nullable Entry<K, V> end(boolean first) {
    TreeScratch scratch = pool.take();
    Map.Entry<K, V> entry = scratch.cursor.seekEnd(first) ? entry(scratch.cursor) : null;
    pool.give(scratch);
    return entry;
  }

  boolean seek(TreeCursor cursor, Seek seek, K key) {
    TreeScratch scratch = pool.take();
    boolean found = seek(cursor, seek, key, scratch);
    pool.give(scratch);
    return found;
  }

  private boolean seek(TreeCursor cursor, Seek seek, K key, TreeScratch scratch) {
    long number = number(Objects.requireNonNull(key, "key"));
    int bytes = encode(key, scratch);
    return cursor.seek(seek, number, keySegment(scratch), 0, bytes);
  }

  Map.Entry<K, V> entry(TreeCursor cursor) {
    return new SimpleImmutableEntry<>(key(cursor), value(cursor));
  }

  K key(TreeCursor cursor) {
    return longKeys != null
        ? longKeys.ofLong(cursor.key())
        : keys.decode(cursor.bytes(), cursor.keyOffset(), cursor.keyBytes());
  }

  V value(TreeCursor cursor) {
    return longValues != null
        ? longValues.ofLong(cursor.value())
        : values.decode(cursor.bytes(), cursor.valueOffset(), cursor.valueBytes());
  }
}
