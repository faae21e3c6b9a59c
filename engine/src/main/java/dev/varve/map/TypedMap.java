// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.codec.KeyCodec;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** An ordered map with codecs on it: what a {@link MapView} shows. Each operation is atomic. */
abstract class TypedMap<K, V> {

  /** One cursor at rest. */
  private final AtomicReference<@Nullable EntryCursor<K, V>> rest = new AtomicReference<>();

  abstract KeyCodec<K> keys();

  abstract long size();

  abstract boolean contains(K key);

  abstract @Nullable V get(K key);

  /** Returns the value before, here and below. */
  abstract @Nullable V put(K key, V value);

  abstract @Nullable V putIfAbsent(K key, V value);

  abstract @Nullable V replace(K key, V value);

  abstract boolean replace(K key, V expected, V value);

  abstract @Nullable V remove(K key);

  abstract boolean remove(K key, V expected);

  /** Makes the value of a key another one, or none, depending on the one it has; returns it. */
  abstract @Nullable V compute(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function);

  abstract void clear();

  /** A cursor to keep. */
  abstract EntryCursor<K, V> cursor();

  /** A cursor for one operation, to be given back. */
  final EntryCursor<K, V> take() {
    EntryCursor<K, V> cursor = rest.getAndSet(null);
    return cursor != null ? cursor : cursor();
  }

  final void give(EntryCursor<K, V> cursor) {
    rest.setRelease(cursor);
  }
}
