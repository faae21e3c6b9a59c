// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * The layout of images: what a node holds, sorted, never changed once a handle points to it.
 *
 * <pre>
 * 0 self    link of the node that it is an image of
 * 1 meta    level:8 | room:16 | count:16
 * 2 next    link of the right neighbour; 0 for the last node of the level
 * 3 low     least key that may be here       5 high       first key that may not (void if next is 0)
 * 4 lowCell its cell, of byte-string keys    6 highCell   its cell
 * 7 unused
 * 8          keys, room words, count of them used
 * 8 + room   values, likewise
 * </pre>
 */
final class SkipListImage {

  static final int SELF = 0;
  static final int META = 1;
  static final int NEXT = 2;
  static final int LOW = 3;
  static final int LOW_CELL = 4;
  static final int HIGH = 5;
  static final int HIGH_CELL = 6;

  /** The first key. */
  static final int KEYS = 8;

  private static final int ROOM_SHIFT = 16;
  private static final int LEVEL_SHIFT = 32;
  private static final int FIELD = 0xFFFF;

  private SkipListImage() {}

  static int count(long meta) {
    return (int) meta & FIELD;
  }

  static int room(long meta) {
    return (int) (meta >>> ROOM_SHIFT) & FIELD;
  }

  static int level(long meta) {
    return (int) (meta >>> LEVEL_SHIFT);
  }

  static long meta(int level, int room, int count) {
    return (long) level << LEVEL_SHIFT | (long) room << ROOM_SHIFT | count;
  }

  /**
   * The class of blocks for so many entries: 128, 256, 512, 1024, 1536 or 2048 bytes. Few, because
   * nodes that grow all at once leave all their blocks of one class behind.
   */
  static int sizeClass(int entries) {
    int words = KEYS + 2 * entries;
    return SkipListSizeClass.ofWords(words <= 16 ? 16 : words <= 32 ? 32 : (words + 63) & ~63);
  }

  /** How many entries a block of a class has room for. */
  static int roomOf(int sizeClass) {
    return (SkipListSizeClass.words(sizeClass) - KEYS) / 2;
  }

  /** Where a key is, from the image's first word. */
  static int key(int index) {
    return KEYS + index;
  }

  /** Where a value is, from the image's first word. */
  static int value(int room, int index) {
    return KEYS + room + index;
  }
}
