// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * The sizes that blocks of a {@link SkipListSpace} have, in units of 16 bytes.
 *
 * <p>Class 0 is for handles alone, whose pages are never used for anything else. The others go up
 * in steps of 16 bytes to 128, of 64 to 1024, and then four to a doubling up to 4096.
 */
final class SkipListSizeClass {

  /** The class of handles. */
  static final int HANDLE = 0;

  /** The number of classes. */
  static final int COUNT = 31;

  /** The biggest block: 4096 bytes. */
  static final int MAX_UNITS = 256;

  /** The biggest block in words. */
  static final int MAX_WORDS = 2 * MAX_UNITS;

  private static final int[] UNITS = new int[COUNT];
  private static final byte[] BY_UNITS = new byte[MAX_UNITS + 1];

  static {
    UNITS[HANDLE] = 1;
    int next = 1;
    for (int units = 1; units <= 8; units++) {
      UNITS[next++] = units;
    }
    for (int units = 12; units <= 64; units += 4) {
      UNITS[next++] = units;
    }
    for (int units = 80; units <= 128; units += 16) {
      UNITS[next++] = units;
    }
    for (int units = 160; units <= MAX_UNITS; units += 32) {
      UNITS[next++] = units;
    }
    int index = 1;
    for (int units = 0; units <= MAX_UNITS; units++) {
      if (UNITS[index] < units) {
        index++;
      }
      BY_UNITS[units] = (byte) index;
    }
  }

  private SkipListSizeClass() {}

  /** The class of the smallest blocks of at least so many words, at most {@link #MAX_WORDS}. */
  static int ofWords(int words) {
    return BY_UNITS[(words + 1) >>> 1];
  }

  /** How many units a block of a class has. */
  static int units(int sizeClass) {
    return UNITS[sizeClass];
  }

  /** How many words a block of a class has. */
  static int words(int sizeClass) {
    return 2 * UNITS[sizeClass];
  }
}
