// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.compress;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * The structure of a zstd frame (RFC 8878, section 3.1.1), walked without decoding it.
 *
 * <pre>
 * 0       4     magic, fd2fb528
 * 4       1     descriptor: bits 6-7 size of the content size, bit 5 no window descriptor,
 *               bit 3 reserved, bit 2 checksum at the end, bits 0-1 size of the dictionary id
 * 5       0-1   window descriptor
 *         0-4   dictionary id
 *         0-8   content size
 *         ...   blocks, each 3 bytes (bit 0 last, bits 1-2 type, bits 3-23 size) and content
 *         0-4   checksum
 * </pre>
 */
final class ZstdFrame {
  private static final int MAGIC = 0xFD2FB528;
  private static final int BLOCK_HEADER = 3;
  private static final long MAX_BLOCK = 128 << 10;
  private static final int[] DICTIONARY_ID_BYTES = {0, 1, 2, 4};

  private ZstdFrame() {}

  /** Returns the most bytes that the one frame in a segment can stand for. */
  static long contentBound(MemorySegment frame) {
    long size = frame.byteSize();
    if (size < 5 || frame.get(Layouts.LE_INT_UNALIGNED, 0) != MAGIC) {
      throw corrupt(frame, "a zstd frame");
    }
    int descriptor = frame.get(Layouts.BYTE, 4);
    if ((descriptor & 0x08) != 0) {
      throw corrupt(frame, "a frame descriptor whose reserved bit is 0");
    }
    boolean single = (descriptor & 0x20) != 0;
    int sizeFlag = descriptor >> 6 & 3;
    long at =
        5L
            + (single ? 0 : 1)
            + DICTIONARY_ID_BYTES[descriptor & 3]
            + (sizeFlag == 0 ? (single ? 1 : 0) : 1 << sizeFlag);
    long bound = 0;
    boolean last;
    do {
      if (at + BLOCK_HEADER > size) {
        throw corrupt(frame, "a block at offset " + at);
      }
      int header =
          (frame.get(Layouts.BYTE, at) & 0xFF)
              | ((frame.get(Layouts.LE_SHORT_UNALIGNED, at + 1) & 0xFFFF) << 8);
      last = (header & 1) != 0;
      int type = header >> 1 & 3;
      int length = header >> 3;
      if (type == 3 || length > MAX_BLOCK) {
        throw corrupt(frame, "a block of a known type and at most 128 KiB at offset " + at);
      }
      boolean repeated = type == 1;
      boolean compressed = type == 2;
      at += BLOCK_HEADER + (repeated ? 1 : length);
      bound += compressed ? MAX_BLOCK : length;
    } while (!last);
    at += (descriptor & 0x04) != 0 ? 4 : 0;
    if (at != size) {
      throw corrupt(frame, "one frame that ends at offset " + at);
    }
    return bound;
  }

  private static RuntimeException corrupt(MemorySegment frame, String expected) {
    return BlockCodec.corrupt(frame, expected, frame.byteSize() + " bytes of another form");
  }
}
