// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.codec.KeyCodec;
import org.jspecify.annotations.Nullable;

/**
 * The keys that a view shows, in ascending order whatever the view's.
 *
 * @param codec orders them
 * @param low where it begins, or null for no bound
 * @param withLow whether the bound is within
 * @param high where it ends, or null for no bound
 * @param withHigh whether the bound is within
 */
record MapRange<K>(
    KeyCodec<K> codec, @Nullable K low, boolean withLow, @Nullable K high, boolean withHigh) {

  MapRange(KeyCodec<K> codec) {
    this(codec, null, false, null, false);
  }

  boolean isAll() {
    return low == null && high == null;
  }

  private boolean isBelow(K key) {
    if (low == null) {
      return false;
    }
    int sign = codec.compare(key, low);
    return sign < 0 || (sign == 0 && !withLow);
  }

  private boolean isAbove(K key) {
    if (high == null) {
      return false;
    }
    int sign = codec.compare(key, high);
    return sign > 0 || (sign == 0 && !withHigh);
  }

  boolean has(K key) {
    return !isBelow(key) && !isAbove(key);
  }

  /** Whether a walk upwards, or downwards, meets a key before the range. */
  boolean isBefore(K key, boolean up) {
    return up ? isBelow(key) : isAbove(key);
  }

  /** Where a walk upwards, or downwards, enters the range; null for no bound. */
  @Nullable K start(boolean up) {
    return up ? low : high;
  }

  /** Whether that is within. */
  boolean hasStart(boolean up) {
    return up ? withLow : withHigh;
  }

  /** The part of this range between two bounds, null where this one's stands. */
  MapRange<K> part(@Nullable K from, boolean withFrom, @Nullable K to, boolean withTo) {
    if (from != null && to != null && codec.compare(from, to) > 0) {
      throw new IllegalArgumentException("The range begins at " + from + ", after its end " + to);
    }
    checkBound(from, withFrom);
    checkBound(to, withTo);
    return new MapRange<>(
        codec,
        from == null ? low : from,
        from == null ? withLow : withFrom,
        to == null ? high : to,
        to == null ? withHigh : withTo);
  }

  /** A bound must be within; one that excludes its key may equal a bound that does too. */
  private void checkBound(@Nullable K bound, boolean within) {
    if (bound != null && !has(bound) && (within || !(isSame(bound, low) || isSame(bound, high)))) {
      throw new IllegalArgumentException(bound + " is out of the range of this view");
    }
  }

  private boolean isSame(K key, @Nullable K bound) {
    return bound != null && codec.compare(key, bound) == 0;
  }
}
