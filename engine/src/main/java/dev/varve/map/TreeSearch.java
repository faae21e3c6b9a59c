// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;

/** Search within a node. What a reader finds in a node that changes is garbage that it discards. */
final class TreeSearch {

  private TreeSearch() {}

  /** How many of the sorted words from {@code at} on are below a key. */
  static int lowerBound(Words words, long at, int count, long key) {
    int low = 0;
    int length = count;
    while (length > 0) {
      int half = length >>> 1;
      if (Long.compareUnsigned(words.getPlain(at + low + half), key) < 0) {
        low += half + 1;
        length -= half + 1;
      } else {
        length = half;
      }
    }
    return low;
  }

  /** How many of the sorted words from {@code at} on are not above a key. */
  static int upperBound(Words words, long at, int count, long key) {
    int low = 0;
    int length = count;
    while (length > 0) {
      int half = length >>> 1;
      if (Long.compareUnsigned(words.getPlain(at + low + half), key) <= 0) {
        low += half + 1;
        length -= half + 1;
      } else {
        length = half;
      }
    }
    return low;
  }

  /**
   * How many keys of variable size are below a key, or not above it.
   *
   * @param at where the tags begin
   * @param refs where the references begin
   * @param prefix how many bytes all keys in reach of the node have in common
   */
  static int bound(
      Words[] slabs,
      int slabShift,
      Words words,
      long at,
      long refs,
      int count,
      int prefix,
      MemorySegment key,
      long offset,
      int length,
      boolean orEqual) {
    long tag = TreeBlobs.tag(key, offset, length, prefix);
    int low = lowerBound(words, at, count, tag);
    int high = low + upperBound(words, at + low, count - low, tag);
    while (low < high) {
      int middle = low + high >>> 1;
      long ref = words.getPlain(refs + middle);
      int order = compare(slabs, slabShift, ref, prefix, key, offset, length);
      if (order > 0 || orEqual && order == 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Compares a key with another of the same tag. */
  static int compare(
      Words[] slabs,
      int slabShift,
      long ref,
      int prefix,
      MemorySegment key,
      long offset,
      int length) {
    int bytes = TreeBlobs.bytes(ref);
    // Tags are filled up with zeros: if one key ends within its tag, the other one continues it.
    return length - prefix <= Long.BYTES || bytes - prefix <= Long.BYTES
        ? Integer.compare(length, bytes)
        : TreeBlobs.compareRest(key, offset, length, slabs, slabShift, ref, prefix);
  }
}
