// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

/**
 * The block sizes of {@link BlockAllocator}: multiples of 64 bytes up to 512, then four to each
 * doubling up to 32 KiB, so that at most a fifth of a block above 512 bytes is unused.
 */
final class SizeClasses {

  /** The alignment and the least size of every block. */
  static final int GRANULE = 64;

  private static final int LINEAR_CLASSES = 8;
  private static final int LINEAR_SHIFT = 9;

  /** The number of classes. */
  static final int COUNT = LINEAR_CLASSES + 6 * 4;

  /** The size of the biggest class. */
  static final int MAX_BYTES = 32 * 1024;

  private static final int MIN_BLOCKS_PER_RUN = 8;
  private static final int MAX_WASTE_SHIFT = 4;

  private SizeClasses() {}

  /** Returns the class whose blocks hold {@code size} bytes, 0 to {@link #MAX_BYTES}. */
  static int indexOf(int size) {
    if (size <= LINEAR_CLASSES * GRANULE) {
      return Math.max(0, size - 1) / GRANULE;
    }
    int exponent = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(size - 1);
    int quarter = ((size - 1) >>> (exponent - 2)) & 3;
    return LINEAR_CLASSES + (exponent - LINEAR_SHIFT) * 4 + quarter;
  }

  /** Returns the size of the blocks of a class. */
  static int bytesOf(int index) {
    if (index < LINEAR_CLASSES) {
      return (index + 1) * GRANULE;
    }
    int exponent = LINEAR_SHIFT + (index - LINEAR_CLASSES) / 4;
    int quarter = (index - LINEAR_CLASSES) % 4;
    return (5 + quarter) << (exponent - 2);
  }

  /**
   * Returns how many pages a run of blocks takes: the fewest that hold eight blocks and leave at
   * most a sixteenth over.
   */
  static int runPagesOf(int index) {
    int blockBytes = bytesOf(index);
    int pages = 1;
    while (true) {
      int bytes = pages * Chunk.PAGE_BYTES;
      if (bytes / blockBytes >= MIN_BLOCKS_PER_RUN
          && bytes % blockBytes <= bytes >>> MAX_WASTE_SHIFT) {
        return pages;
      }
      pages++;
    }
  }
}
