// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.AbstractMap.SimpleImmutableEntry;
import java.util.Map;

/** A place in an ordered map, at a copy of an entry. For one thread at a time. */
interface EntryCursor<K, V> {

  /**
   * Goes to the nearest entry from a key on, upwards or downwards; that of the key unless strict.
   */
  boolean seek(K from, boolean strict, boolean up);

  /** Goes to the entry at which a walk upwards or downwards begins. */
  boolean seekEnd(boolean up);

  /** Removes the first entry of the map, or the last, as one step, and is at a copy of it. */
  boolean poll(boolean first);

  /** Goes to the entry beside this one. */
  boolean move(boolean up);

  /** The key of the entry. */
  K key();

  /** The value of the entry. */
  V value();

  /** A copy of the entry. */
  default Map.Entry<K, V> entry() {
    return new SimpleImmutableEntry<>(key(), value());
  }
}
