// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.codec.KeyCodec;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/** An ordered map with codecs on it: what a {@link MapView} shows. Each operation is atomic. */
interface TypedMap<K, V> {

  KeyCodec<K> keys();

  long size();

  boolean contains(K key);

  @Nullable V get(K key);

  /** Returns the value before, here and below. */
  @Nullable V put(K key, V value);

  @Nullable V putIfAbsent(K key, V value);

  @Nullable V replace(K key, V value);

  boolean replace(K key, V expected, V value);

  @Nullable V remove(K key);

  boolean remove(K key, V expected);

  /** Makes the value of a key another one, or none, depending on the one it has; returns it. */
  @Nullable V compute(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function);

  void clear();

  /** A cursor to keep. */
  EntryCursor<K, V> cursor();

  /** A cursor for one operation, to be given back. */
  EntryCursor<K, V> take();

  void give(EntryCursor<K, V> cursor);
}
