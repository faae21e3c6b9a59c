// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * The layout of handles, which stand for nodes while their images change, and of links to them.
 *
 * <pre>
 * word 0  version:31 | frozen:1 | reference of the image:32     0 as reference: no node
 * word 1  life:32 | next free handle:32
 * link    life:32 | reference of the handle:32
 * </pre>
 *
 * <p>Word 0 changes by compare-and-set (or, to no node, by its only owner), one version up each
 * time, also from life to life. So two equal words are the same image with nothing in between.
 */
final class SkipListHandle {

  private static final int LIFE_SHIFT = 32;
  private static final long REF_MASK = 0xFFFF_FFFFL;
  private static final long FROZEN = 1L << 32;
  private static final long VERSION = 1L << 33;

  private SkipListHandle() {}

  static long life(long word1) {
    return word1 >>> LIFE_SHIFT;
  }

  /** The link to a handle in its present life. */
  static long link(int id, long word1) {
    return life(word1) << LIFE_SHIFT | (id & REF_MASK);
  }

  /** The handle that a link names. */
  static int id(long link) {
    return (int) link;
  }

  static int image(long word) {
    return (int) word;
  }

  static boolean isFrozen(long word) {
    return (word & FROZEN) != 0;
  }

  /** The word after this one, with another image. */
  static long next(long word, int image) {
    return ((word & -VERSION) + VERSION) | (image & REF_MASK);
  }

  /** The word after this one, with the same image for good. */
  static long frozen(long word) {
    return next(word, image(word)) | FROZEN;
  }
}
