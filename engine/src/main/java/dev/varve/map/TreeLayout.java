// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * Where things are in a node of a {@link CsbTreeMap}, in words of 8 bytes.
 *
 * <pre>
 * word 0  header   version (46 bits) | free (1) | busy (1) | level (4) | count (12)
 *      1  link     prefix length (32) | next leaf, or next free node (32)
 *      2  keys     sorted: the keys themselves, or tags of keys of variable size; places without
 *                  a key hold the greatest number
 *         refs     only of keys of variable size: where the whole keys are
 *         values   of a leaf (level 0): numbers, or where the values are
 *         children of an inner node: count + 1 references of 32 bits, two a word
 * </pre>
 *
 * <p>Child {@code i} of an inner node has the keys from key {@code i - 1} on and below key {@code
 * i}.
 */
final class TreeLayout {

  static final int HEADER = 0;
  static final int LINK = 1;
  static final int KEYS = 2;

  /** The words of a cache line, and the binary logarithm. */
  static final int LINE_SHIFT = 3;

  static final int LINE = 1 << LINE_SHIFT;

  static final int MIN_NODE_BYTES = 256;
  static final int MAX_NODE_BYTES = 4096;

  private static final int COUNT_BITS = 12;
  private static final long COUNT_MASK = (1L << COUNT_BITS) - 1;
  private static final int LEVEL_MASK = 15;
  static final int MAX_LEVEL = LEVEL_MASK;

  /** The writer is at work in the node. */
  static final long BUSY = 1L << 16;

  /** The node is in no tree. */
  static final long FREE = 1L << 17;

  /** One version more. */
  static final long VERSION = 1L << 18;

  /** Bits that make a reader turn away. */
  static final long UNREADABLE = BUSY | FREE;

  /** What is in the place of a key where there is none. */
  static final long PAD = -1;

  static final long LOW = 0xFFFF_FFFFL;

  final boolean variableKeys;
  final boolean variableValues;
  final int nodeWords;

  /** The binary logarithm of the words of a node. */
  final int nodeShift;

  final int leafCapacity;
  final int innerCapacity;

  /** Where the values of a leaf begin. */
  final int values;

  /** Where the references of the keys of a leaf begin. */
  final int leafRefs;

  /** Where the references of the keys of an inner node begin. */
  final int innerRefs;

  /** Where the children of an inner node begin. */
  final int children;

  static void checkNodeBytes(int nodeBytes) {
    if (nodeBytes < MIN_NODE_BYTES
        || nodeBytes > MAX_NODE_BYTES
        || Integer.bitCount(nodeBytes) != 1) {
      throw new IllegalArgumentException(
          "A node has a power of two of bytes from "
              + MIN_NODE_BYTES
              + " to "
              + MAX_NODE_BYTES
              + ", not "
              + nodeBytes);
    }
  }

  TreeLayout(int nodeBytes, boolean variableKeys, boolean variableValues) {
    checkNodeBytes(nodeBytes);
    this.variableKeys = variableKeys;
    this.variableValues = variableValues;
    nodeWords = nodeBytes / Long.BYTES;
    nodeShift = Integer.numberOfTrailingZeros(nodeWords);
    int keyWords = variableKeys ? 2 : 1;
    leafCapacity = keysOf(2 * keyWords + 2);
    innerCapacity = keysOf(2 * keyWords + 1);
    leafRefs = KEYS + leafCapacity;
    values = KEYS + keyWords * leafCapacity;
    innerRefs = KEYS + innerCapacity;
    children = KEYS + keyWords * innerCapacity;
  }

  /**
   * The most keys that there is room for, such that the last one ends a line.
   *
   * @param halves the half words that go with a key
   */
  private int keysOf(int halves) {
    int most = (2 * (nodeWords - KEYS) - 1) / halves;
    return (KEYS + most & -LINE) - KEYS;
  }

  int capacity(int level) {
    return level == 0 ? leafCapacity : innerCapacity;
  }

  /** The first word behind the keys. */
  int keysEnd(int level) {
    return KEYS + capacity(level);
  }

  int refs(int level) {
    return level == 0 ? leafRefs : innerRefs;
  }

  static int count(long header) {
    return (int) (header & COUNT_MASK);
  }

  static int level(long header) {
    return (int) (header >>> COUNT_BITS) & LEVEL_MASK;
  }

  static boolean isReadable(long header) {
    return (header & UNREADABLE) == 0;
  }

  /** The header of a node at rest, of the next version. */
  static long next(long header, int level, int count) {
    return ((header & -VERSION) + VERSION) | (long) level << COUNT_BITS | count;
  }

  static int nextLeaf(long link) {
    return (int) link;
  }

  static int prefixBytes(long link) {
    return (int) (link >>> Integer.SIZE);
  }

  static long link(int prefixBytes, int nextLeaf) {
    return (long) prefixBytes << Integer.SIZE | (nextLeaf & LOW);
  }
}
