// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.codec.KeyCodec;
import dev.varve.codec.LongKeyCodec;
import dev.varve.codec.LongValueCodec;
import dev.varve.codec.ValueCodec;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** A skip list map with codecs on it: single operations by typed keys and values. */
final class SkipListTyped<K, V> extends TypedMap<K, V> {

  private final SkipListMap map;
  private final KeyCodec<K> keys;
  private final ValueCodec<V> values;
  private final @Nullable LongKeyCodec<K> longKeys;
  private final @Nullable LongValueCodec<V> longValues;

  SkipListTyped(SkipListMap map, KeyCodec<K> keys, ValueCodec<V> values) {
    this.map = map;
    this.keys = Objects.requireNonNull(keys, "keys");
    this.values = Objects.requireNonNull(values, "values");
    longKeys = !map.hasByteKeys() && keys instanceof LongKeyCodec<K> codec ? codec : null;
    longValues = !map.hasByteValues() && values instanceof LongValueCodec<V> codec ? codec : null;
    if (!map.hasByteKeys() && keys.fixedBytes() != Long.BYTES) {
      throw new IllegalArgumentException(
          "The map has 8-byte keys, so that its key codec must always give 8 bytes: " + keys);
    }
    if (!map.hasByteValues() && values.fixedBytes() != Long.BYTES) {
      throw new IllegalArgumentException(
          "The map has 64-bit values, so that its value codec must always give 8 bytes: " + values);
    }
  }

  private MemorySegment encode(K key) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[keys.maxBytes(key)]);
    return bytes.asSlice(0, keys.encode(key, bytes, 0));
  }

  private MemorySegment encodeValue(V value) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[values.maxBytes(value)]);
    return bytes.asSlice(0, values.encode(value, bytes, 0));
  }

  private void key(SkipListOp op, K key) {
    Objects.requireNonNull(key, "key");
    if (longKeys != null) {
      op.key(longKeys.toLong(key));
    } else {
      map.key(op, encode(key));
    }
  }

  private void value(SkipListOp op, V value) {
    if (longValues != null) {
      op.newNumber = longValues.toLong(value);
    } else {
      map.value(op, encodeValue(value));
    }
  }

  private void expected(SkipListOp op, V value) {
    if (longValues != null) {
      op.expectedNumber = longValues.toLong(value);
    } else {
      map.expected(op, encodeValue(value));
    }
  }

  private @Nullable V old(SkipListOp op) {
    if (!op.found) {
      return null;
    }
    if (longValues != null) {
      return longValues.ofLong(op.oldNumber);
    }
    MemorySegment old = map.old(op);
    return values.decode(old, 0, (int) old.byteSize());
  }

  @Override
  public KeyCodec<K> keys() {
    return keys;
  }

  @Override
  public long size() {
    return map.size();
  }

  @Override
  public boolean contains(K key) {
    SkipListOp op = map.begin();
    try {
      key(op, key);
      return map.read(op);
    } finally {
      map.end(op);
    }
  }

  @Override
  public @Nullable V get(K key) {
    SkipListOp op = map.begin();
    try {
      key(op, key);
      op.wantsOld = true;
      map.read(op);
      return old(op);
    } finally {
      map.end(op);
    }
  }

  /** Puts or removes, and returns the old value. */
  private @Nullable V update(K key, @Nullable V value, SkipListUpdates.Kind kind) {
    SkipListOp op = map.begin();
    try {
      key(op, key);
      if (value != null) {
        value(op, value);
      }
      op.wantsOld = true;
      map.update(op, kind);
      return old(op);
    } finally {
      map.end(op);
    }
  }

  /** Puts or removes if there is an expected value; tells whether there was. */
  private boolean updateIf(K key, V expected, @Nullable V value, SkipListUpdates.Kind kind) {
    SkipListOp op = map.begin();
    try {
      key(op, key);
      expected(op, expected);
      if (value != null) {
        value(op, value);
      }
      return map.update(op, kind);
    } finally {
      map.end(op);
    }
  }

  @Override
  public @Nullable V put(K key, V value) {
    return update(key, value, SkipListUpdates.Kind.PUT);
  }

  @Override
  public @Nullable V putIfAbsent(K key, V value) {
    return update(key, value, SkipListUpdates.Kind.PUT_IF_ABSENT);
  }

  @Override
  public @Nullable V replace(K key, V value) {
    return update(key, value, SkipListUpdates.Kind.REPLACE);
  }

  @Override
  public boolean replace(K key, V expected, V value) {
    return updateIf(key, expected, value, SkipListUpdates.Kind.REPLACE_IF_EQUAL);
  }

  @Override
  public @Nullable V remove(K key) {
    return update(key, null, SkipListUpdates.Kind.REMOVE);
  }

  @Override
  public boolean remove(K key, V expected) {
    return updateIf(key, expected, null, SkipListUpdates.Kind.REMOVE_IF_EQUAL);
  }

  /** Lock-free: the function is called anew if the value has changed meanwhile. */
  @Override
  public @Nullable V compute(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function) {
    while (true) {
      V old = get(key);
      V value = function.apply(key, old);
      boolean done;
      if (value == null) {
        done = old == null || remove(key, old);
      } else {
        done = old == null ? putIfAbsent(key, value) == null : replace(key, old, value);
      }
      if (done) {
        return value;
      }
    }
  }

  @Override
  public void clear() {
    map.clear();
  }

  @Override
  public EntryCursor<K, V> cursor() {
    return new Place();
  }

  private final class Place implements EntryCursor<K, V> {

    private final SkipListCursor cursor = map.cursor();

    @Override
    public boolean seek(K from, boolean strict, boolean up) {
      if (longKeys != null) {
        long key = longKeys.toLong(from);
        return up
            ? strict ? cursor.higher(key) : cursor.ceiling(key)
            : strict ? cursor.lower(key) : cursor.floor(key);
      }
      MemorySegment key = encode(from);
      return up
          ? strict ? cursor.higher(key) : cursor.ceiling(key)
          : strict ? cursor.lower(key) : cursor.floor(key);
    }

    @Override
    public boolean seekEnd(boolean up) {
      return up ? cursor.first() : cursor.last();
    }

    @Override
    public boolean poll(boolean first) {
      return first ? map.pollFirst(cursor) : map.pollLast(cursor);
    }

    @Override
    public boolean move(boolean up) {
      return up ? cursor.next() : cursor.previous();
    }

    @Override
    public K key() {
      if (longKeys != null) {
        return longKeys.ofLong(cursor.longKey());
      }
      MemorySegment key = cursor.key();
      return keys.decode(key, 0, (int) key.byteSize());
    }

    @Override
    public V value() {
      if (longValues != null) {
        return longValues.ofLong(cursor.longValue());
      }
      MemorySegment value = cursor.value();
      return values.decode(value, 0, (int) value.byteSize());
    }
  }
}
