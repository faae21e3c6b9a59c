// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.codec.KeyCodec;
import dev.varve.map.TreeCursor.Seek;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The keys that a view shows.
 *
 * @param codec orders them
 * @param least where it begins, null for no limit
 * @param leastInclusive whether that is within
 * @param greatest where it ends, null for no limit
 * @param greatestInclusive whether that is within
 */
record TreeRange<K>(
    KeyCodec<K> codec,
    @Nullable K least,
    boolean leastInclusive,
    @Nullable K greatest,
    boolean greatestInclusive) {

  TreeRange(KeyCodec<K> codec) {
    this(codec, null, false, null, false);
  }

  boolean isWhole() {
    return least == null && greatest == null;
  }

  boolean isBelow(K key) {
    if (least == null) {
      return false;
    }
    int order = codec.compare(key, least);
    return order < 0 || (order == 0 && !leastInclusive);
  }

  boolean isAbove(K key) {
    if (greatest == null) {
      return false;
    }
    int order = codec.compare(key, greatest);
    return order > 0 || (order == 0 && !greatestInclusive);
  }

  boolean contains(K key) {
    return !isBelow(key) && !isAbove(key);
  }

  K check(K key) {
    if (!contains(Objects.requireNonNull(key, "key"))) {
      throw new IllegalArgumentException("Key " + key + " is not within the range of the map");
    }
    return key;
  }

  /** Whether a limit may stand here: it may be one that this range excludes, if it does too. */
  private void checkLimit(K key, boolean inclusive) {
    Objects.requireNonNull(key, "key");
    boolean inside =
        inclusive
            ? contains(key)
            : (least == null || codec.compare(key, least) >= 0)
                && (greatest == null || codec.compare(key, greatest) <= 0);
    if (!inside) {
      throw new IllegalArgumentException("Limit " + key + " is not within the range of the map");
    }
  }

  TreeRange<K> from(K key, boolean inclusive) {
    checkLimit(key, inclusive);
    return new TreeRange<>(codec, key, inclusive, greatest, greatestInclusive);
  }

  TreeRange<K> to(K key, boolean inclusive) {
    checkLimit(key, inclusive);
    return new TreeRange<>(codec, least, leastInclusive, key, inclusive);
  }

  boolean has(boolean lower) {
    return (lower ? least : greatest) != null;
  }

  K end(boolean lower) {
    return Objects.requireNonNull(lower ? least : greatest);
  }

  /** How to go to the first key within a limit. */
  Seek seek(boolean lower) {
    return lower
        ? leastInclusive ? Seek.CEILING : Seek.HIGHER
        : greatestInclusive ? Seek.FLOOR : Seek.LOWER;
  }
}
