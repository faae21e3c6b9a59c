// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A span of pages cut into blocks of one size.
 *
 * <p>The bookkeeping is beside the memory, not in it, so that a write out of bounds or after a free
 * cannot damage it. Guarded by its bin.
 */
final class Run {

  final Bin bin;

  /** Links of the bin's list of runs with free blocks. */
  @Nullable Run previous;

  @Nullable Run next;

  /** The place of the first block. */
  long place;

  int freeBlocks;

  /** One bit a block, set if it is free. */
  private final long[] free;

  /** No word before this one has a free block. */
  private int firstWord;

  Run(Bin bin) {
    this.bin = bin;
    free = new long[(bin.blocksPerRun + Long.SIZE - 1) / Long.SIZE];
  }

  /** Makes all blocks free, at a new place. */
  void reset(long firstPlace) {
    place = firstPlace;
    freeBlocks = bin.blocksPerRun;
    Arrays.fill(free, -1);
    int rest = bin.blocksPerRun % Long.SIZE;
    if (rest != 0) {
      free[free.length - 1] = (1L << rest) - 1;
    }
    firstWord = 0;
  }

  boolean isUnused() {
    return freeBlocks == bin.blocksPerRun;
  }

  /** Takes the first free block; there must be one. Returns its place. */
  long take() {
    int word = firstWord;
    while (free[word] == 0) {
      word++;
    }
    firstWord = word;
    int block = word * Long.SIZE + Long.numberOfTrailingZeros(free[word]);
    free[word] &= free[word] - 1;
    freeBlocks--;
    return place + (long) block * bin.blockBytes;
  }

  /** Returns the number of a block by its distance from the first, -1 if it is none in use. */
  int blockInUse(long distance) {
    long block = distance / bin.blockBytes;
    boolean inUse =
        block < bin.blocksPerRun
            && block * bin.blockBytes == distance
            && (free[(int) (block / Long.SIZE)] & 1L << block) == 0;
    return inUse ? (int) block : -1;
  }

  void give(int block) {
    int word = block / Long.SIZE;
    free[word] |= 1L << block;
    firstWord = Math.min(firstWord, word);
    freeBlocks++;
  }

  /** Checks that the bookkeeping agrees with itself. */
  void validate() {
    int counted = 0;
    for (int word = 0; word < free.length; word++) {
      counted += Long.bitCount(free[word]);
      if (free[word] != 0 && word < firstWord) {
        throw new AssertionError("a free block lies before the first word with one");
      }
    }
    if (counted != freeBlocks || counted > bin.blocksPerRun) {
      throw new AssertionError(counted + " blocks are free, not " + freeBlocks);
    }
  }
}
