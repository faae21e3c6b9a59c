// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.Comparator;
import org.jspecify.annotations.Nullable;

/**
 * A range of keys, in ascending order whatever the view's.
 *
 * @param low where it begins, or null for no bound
 * @param withLow whether the bound is within
 * @param high where it ends, or null for no bound
 * @param withHigh whether the bound is within
 */
record SkipListRange<K>(@Nullable K low, boolean withLow, @Nullable K high, boolean withHigh) {

  boolean isAll() {
    return low == null && high == null;
  }

  boolean isBelow(K key, Comparator<? super K> order) {
    if (low == null) {
      return false;
    }
    int sign = order.compare(key, low);
    return sign < 0 || (sign == 0 && !withLow);
  }

  boolean isAbove(K key, Comparator<? super K> order) {
    if (high == null) {
      return false;
    }
    int sign = order.compare(key, high);
    return sign > 0 || (sign == 0 && !withHigh);
  }

  boolean has(K key, Comparator<? super K> order) {
    return !isBelow(key, order) && !isAbove(key, order);
  }

  /** A range within this one. */
  SkipListRange<K> within(SkipListRange<K> other, Comparator<? super K> order) {
    if (other.low != null && other.high != null && order.compare(other.low, other.high) > 0) {
      throw new IllegalArgumentException(
          "The range begins at " + other.low + ", after its end " + other.high);
    }
    K newLow = other.low == null ? low : other.low;
    K newHigh = other.high == null ? high : other.high;
    if (other.low != null) {
      checkBound(other.low, other.withLow, order);
    }
    if (other.high != null) {
      checkBound(other.high, other.withHigh, order);
    }
    return new SkipListRange<>(
        newLow,
        other.low == null ? withLow : other.withLow,
        newHigh,
        other.high == null ? withHigh : other.withHigh);
  }

  /** A bound must be within; one that excludes its key may equal a bound that does too. */
  private void checkBound(K bound, boolean within, Comparator<? super K> order) {
    boolean fits =
        has(bound, order) || (!within && (isSame(bound, low, order) || isSame(bound, high, order)));
    if (!fits) {
      throw new IllegalArgumentException(bound + " is out of the range of this view");
    }
  }

  private static <K> boolean isSame(K key, @Nullable K bound, Comparator<? super K> order) {
    return bound != null && order.compare(key, bound) == 0;
  }
}
