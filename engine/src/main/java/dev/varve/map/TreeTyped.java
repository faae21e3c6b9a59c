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
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** A tree of objects, by codecs. */
final class TreeTyped<K, V> extends TypedMap<K, V> {

  private final KeyCodec<K> keys;
  private final ValueCodec<V> values;
  private final @Nullable LongKeyCodec<K> longKeys;
  private final @Nullable LongValueCodec<V> longValues;
  private final Tree tree;
  private final TreeScratch.Pool pool = new TreeScratch.Pool();

  TreeTyped(KeyCodec<K> keys, ValueCodec<V> values, Tree tree) {
    this.keys = keys;
    this.values = values;
    this.longKeys = keys instanceof LongKeyCodec<K> longs ? longs : null;
    this.longValues = values instanceof LongValueCodec<V> longs ? longs : null;
    this.tree = tree;
  }

  @Override
  public KeyCodec<K> keys() {
    return keys;
  }

  @Override
  public long size() {
    return tree.size();
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

  @Override
  public @Nullable V get(K key) {
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

  @Override
  public boolean contains(K key) {
    TreeScratch scratch = pool.take();
    long number = number(key);
    int bytes = encode(key, scratch);
    MemorySegment segment = keySegment(scratch);
    boolean found = tree.reader.read(number, segment, 0, bytes, Want.PRESENCE, 0, null, 0) != 0;
    pool.give(scratch);
    return found;
  }

  @Override
  public @Nullable V put(K key, V value) {
    return change(key, (k, old) -> value, false);
  }

  @Override
  public @Nullable V putIfAbsent(K key, V value) {
    return change(key, (k, old) -> old == null ? value : old, false);
  }

  @Override
  public @Nullable V replace(K key, V value) {
    return change(key, (k, old) -> old == null ? null : value, false);
  }

  @Override
  public boolean replace(K key, V expected, V value) {
    return expected.equals(change(key, (k, old) -> expected.equals(old) ? value : old, false));
  }

  @Override
  public @Nullable V remove(K key) {
    return change(key, (k, old) -> null, false);
  }

  @Override
  public boolean remove(K key, V expected) {
    return expected.equals(change(key, (k, old) -> expected.equals(old) ? null : old, false));
  }

  /** The function is called once, under the lock. */
  @Override
  public @Nullable V compute(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function) {
    return change(key, function, true);
  }

  @Override
  public void clear() {
    tree.clear();
  }

  /** Makes the value another one, or none, under the lock; returns the one after or before. */
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
    boolean found = tree.lock(number, segment, bytes);
    try {
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

  @Override
  public EntryCursor<K, V> cursor() {
    return new Place();
  }

  private final class Place implements EntryCursor<K, V> {

    private final TreeCursor cursor = tree.cursor();

    @Override
    public boolean seek(K from, boolean strict, boolean up) {
      Seek seek = up ? strict ? Seek.HIGHER : Seek.CEILING : strict ? Seek.LOWER : Seek.FLOOR;
      TreeScratch scratch = pool.take();
      long number = number(from);
      int bytes = encode(from, scratch);
      boolean found = cursor.seek(seek, number, keySegment(scratch), 0, bytes);
      pool.give(scratch);
      return found;
    }

    @Override
    public boolean seekEnd(boolean up) {
      return cursor.seekEnd(up);
    }

    @Override
    public boolean poll(boolean first) {
      tree.lock();
      try {
        if (!cursor.seekEnd(first)) {
          return false;
        }
        K key = key();
        TreeScratch scratch = pool.take();
        int bytes = encode(key, scratch);
        tree.writer.locate(number(key), keySegment(scratch), 0, bytes);
        tree.delete();
        pool.give(scratch);
        return true;
      } finally {
        tree.unlock();
      }
    }

    @Override
    public boolean move(boolean up) {
      return cursor.move(up);
    }

    @Override
    public K key() {
      return longKeys != null
          ? longKeys.ofLong(cursor.key())
          : keys.decode(cursor.bytes(), cursor.keyOffset(), cursor.keyBytes());
    }

    @Override
    public V value() {
      return longValues != null
          ? longValues.ofLong(cursor.value())
          : values.decode(cursor.bytes(), cursor.valueOffset(), cursor.valueBytes());
    }
  }
}
