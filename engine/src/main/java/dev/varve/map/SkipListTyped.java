// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.codec.KeyCodec;
import dev.varve.codec.LongKeyCodec;
import dev.varve.codec.LongValueCodec;
import dev.varve.codec.ValueCodec;
import java.lang.foreign.MemorySegment;
import java.util.AbstractMap.SimpleImmutableEntry;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** A skip list map with codecs on it: single operations by typed keys and values. */
final class SkipListTyped<K, V> {

  final SkipListMap map;
  final KeyCodec<K> keys;
  private final ValueCodec<V> values;
  private final @Nullable LongKeyCodec<K> longKeys;
  private final @Nullable LongValueCodec<V> longValues;

  /** One cursor at rest. */
  private final AtomicReference<@Nullable SkipListCursor> rest = new AtomicReference<>();

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

  @Nullable V get(K key) {
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
  @Nullable V update(K key, @Nullable V value, SkipListUpdates.Kind kind) {
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
  boolean updateIf(K key, V expected, @Nullable V value, SkipListUpdates.Kind kind) {
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

  SkipListCursor take() {
    SkipListCursor cursor = rest.getAndSet(null);
    return cursor != null ? cursor : map.cursor();
  }

  void give(SkipListCursor cursor) {
    rest.setRelease(cursor);
  }

  boolean up(SkipListCursor cursor, K from, boolean strict) {
    if (longKeys != null) {
      long key = longKeys.toLong(from);
      return strict ? cursor.higher(key) : cursor.ceiling(key);
    }
    MemorySegment key = encode(from);
    return strict ? cursor.higher(key) : cursor.ceiling(key);
  }

  boolean down(SkipListCursor cursor, K from, boolean strict) {
    if (longKeys != null) {
      long key = longKeys.toLong(from);
      return strict ? cursor.lower(key) : cursor.floor(key);
    }
    MemorySegment key = encode(from);
    return strict ? cursor.lower(key) : cursor.floor(key);
  }

  K key(SkipListCursor cursor) {
    if (longKeys != null) {
      return longKeys.ofLong(cursor.longKey());
    }
    MemorySegment key = cursor.key();
    return keys.decode(key, 0, (int) key.byteSize());
  }

  V value(SkipListCursor cursor) {
    if (longValues != null) {
      return longValues.ofLong(cursor.longValue());
    }
    MemorySegment value = cursor.value();
    return values.decode(value, 0, (int) value.byteSize());
  }

  Map.Entry<K, V> entry(SkipListCursor cursor) {
    return new SimpleImmutableEntry<>(key(cursor), value(cursor));
  }
}
