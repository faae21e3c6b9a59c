// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;

/** Search within a node. What a reader finds in a node that changes is garbage that it discards. */
final class TreeSearch {

  private TreeSearch() {}

  private static final int LINE = TreeLayout.LINE;

  /**
   * How many keys of a node are below a key.
   *
   * <p>The search looks at the last key of each line first and then at all of one line, so that the
   * lines of a node that is in no cache are fetched together: nothing waits for the count or for
   * another key. Places without a key hold the greatest number.
   *
   * @param end the first word of the node behind the keys, where a line begins
   */
  static int lowerBound(Words words, long base, int end, long key) {
    int line = 0;
    for (int i = LINE - 1; i < end - LINE; i += LINE) {
      line += below(words, base + i, key) << TreeLayout.LINE_SHIFT;
    }
    long at = base + line;
    int first = line == 0 ? TreeLayout.KEYS : below(words, at, key) + below(words, at + 1, key);
    return line
        - TreeLayout.KEYS
        + first
        + below(words, at + 2, key)
        + below(words, at + 3, key)
        + below(words, at + 4, key)
        + below(words, at + 5, key)
        + below(words, at + 6, key)
        + below(words, at + 7, key);
  }

  private static int below(Words words, long at, long key) {
    return Long.compareUnsigned(words.getPlain(at), key) < 0 ? 1 : 0;
  }

  /** How many keys of a node are not above a key, which may include places without one. */
  static int upperBound(Words words, long base, int end, long key) {
    return key == TreeLayout.PAD ? end : lowerBound(words, base, end, key + 1);
  }

  /**
   * How many keys of variable size are below a key, or not above it.
   *
   * @param end the first word of the node behind the tags
   * @param refs where the references begin
   * @param prefix how many bytes all keys in reach of the node have in common
   */
  static int bound(
      Words[] slabs,
      int slabShift,
      Words words,
      long base,
      int end,
      long refs,
      int count,
      int prefix,
      MemorySegment key,
      long offset,
      int length,
      boolean orEqual) {
    long tag = TreeBlobs.tag(key, offset, length, prefix);
    int low = Math.min(count, lowerBound(words, base, end, tag));
    int high = Math.min(count, upperBound(words, base, end, tag));
    while (low < high) {
      int middle = (low + high) >>> 1;
      long ref = words.getPlain(refs + middle);
      int order = compare(slabs, slabShift, ref, prefix, key, offset, length);
      if (order > 0 || (orEqual && order == 0)) {
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
