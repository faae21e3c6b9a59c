// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * Blocks: the file is cut at every multiple of 65536, and each piece begins with a block header,
 * whatever chunk it interrupts.
 *
 * <pre>
 * 0       8     HighwayHash-64 of bytes 8 to 24
 * 8       8     previous chunk: from the beginning of the chunk to that of the block
 * 16      8     next chunk: from the beginning of the block to the end of the chunk
 * </pre>
 *
 * A chunk that begins where a block does has the block header as its first bytes.
 */
final class BlockLayout {
  static final int BLOCK_BYTES = 1 << 16;
  static final int HEADER_BYTES = 24;
  static final int USABLE_BYTES = BLOCK_BYTES - HEADER_BYTES;

  /** The words "Riegeli/" and "records\n", twice. */
  private static final long[] HASH_KEY = {
    0x2f696c6567656952L, 0x0a7364726f636572L, 0x2f696c6567656952L, 0x0a7364726f636572L
  };

  private static final long HASH = 0;
  private static final long PREVIOUS = 8;
  private static final long NEXT = 16;

  private BlockLayout() {}

  /** Returns a hash with the key of the format. */
  static HighwayHash newHash() {
    return new HighwayHash(HASH_KEY);
  }

  /** Tells whether a block begins at a position. */
  static boolean isBlockStart(long position) {
    return position % BLOCK_BYTES == 0;
  }

  /** Returns the beginning of the block that a position is in. */
  static long blockStart(long position) {
    return position - position % BLOCK_BYTES;
  }

  /** Tells whether a chunk can begin at a position: not inside or right behind a block header. */
  static boolean canBegin(long position) {
    return isBlockStart(position) || position % BLOCK_BYTES > HEADER_BYTES;
  }

  /**
   * Returns where a chunk ends.
   *
   * @param begin where it begins
   * @param bytes its own bytes, block headers not counted; at least 1
   */
  static long end(long begin, long bytes) {
    long blocks = (bytes + (begin + USABLE_BYTES - 1) % BLOCK_BYTES) / USABLE_BYTES;
    return begin + bytes + blocks * HEADER_BYTES;
  }

  /**
   * Returns how many bytes of chunks there are between two positions, none of them inside of a
   * block header.
   */
  static long bytesBetween(long from, long to) {
    long blocks = (to + BLOCK_BYTES - 1) / BLOCK_BYTES - (from + BLOCK_BYTES - 1) / BLOCK_BYTES;
    return to - from - blocks * HEADER_BYTES;
  }

  static void put(MemorySegment header, long previous, long next, HighwayHash hash) {
    header.set(Layouts.LE_LONG, PREVIOUS, previous);
    header.set(Layouts.LE_LONG, NEXT, next);
    header.set(Layouts.LE_LONG, HASH, hash.hash(header, PREVIOUS, HEADER_BYTES - PREVIOUS));
  }

  static long previous(MemorySegment header) {
    return header.get(Layouts.LE_LONG, PREVIOUS);
  }

  static long next(MemorySegment header) {
    return header.get(Layouts.LE_LONG, NEXT);
  }

  static boolean isIntact(MemorySegment header, HighwayHash hash) {
    return header.get(Layouts.LE_LONG, HASH)
        == hash.hash(header, PREVIOUS, HEADER_BYTES - PREVIOUS);
  }
}
