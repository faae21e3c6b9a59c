// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Covers bytes that must not be read with gaps, so that no file ever gets shorter. */
final class Tail {
  private static final int CHUNK = 1 << 20;

  /** The longest gap. */
  private static final long MAX_GAP = (1L << 32) - Format.UNIT + Format.FRAME;

  private Tail() {}

  /**
   * Covers all from a place to the end of the file.
   *
   * @param base where the part begins
   * @param header id, offset of the place in the part, next number, epoch and durable end
   * @return the new end of the file
   */
  static long cover(StorageFile file, long base, BlockHeader header) {
    long from = base + header.offset;
    long size = file.size();
    long end = Math.max(base + Format.up64(size - base), from + Format.FRAME);
    try (Arena arena = Arena.ofConfined()) {
      kill(file, from, size, arena.allocate(CHUNK, Format.UNIT));
    }
    if (end > size) {
      file.extend(end);
    }
    file.sync();
    cover(file, base, header, end - base, 0);
    file.sync();
    return end;
  }

  /** Makes sure that nothing there is taken for a block. */
  static void kill(StorageFile file, long from, long end, MemorySegment chunk) {
    MemorySegment zeros = MemorySegment.ofArray(new byte[4]);
    for (long at = from; at < end; at += CHUNK) {
      long length = file.read(at, chunk.asSlice(0, Math.min(CHUNK, end - at)));
      for (long i = 0; i + 4 <= length; i += Format.UNIT) {
        int magic = chunk.get(LE_INT_UNALIGNED, i);
        if (magic == Format.BLOCK_MAGIC || magic == Format.FOOTER_MAGIC) {
          file.write(at + i, zeros);
        }
      }
    }
  }

  /**
   * Writes gaps over a range, the last one first, each with its footer before its header; the first
   * one takes the numbers that are lost.
   *
   * @param header as above; offset and records are used up
   * @param end where in the part the range ends; a multiple of 64
   */
  static void cover(StorageFile file, long base, BlockHeader header, long end, long lost) {
    long begin = header.offset;
    long first = header.first;
    header.clear(BlockHeader.GAP);
    Crc32c crc = new Crc32c();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment unit = arena.allocate(Format.UNIT, Format.UNIT);
      long gapEnd = end;
      while (gapEnd > begin) {
        long length = Math.min(MAX_GAP, gapEnd - begin);
        if (gapEnd - begin - length > 0 && gapEnd - begin - length < Format.FRAME) {
          length -= Format.FRAME;
        }
        header.offset = gapEnd - length;
        header.stored = length - Format.FRAME;
        header.records = header.offset == begin ? lost : 0;
        header.first = header.offset == begin ? first : first + lost;
        header.write(unit, 0, Format.FOOTER_MAGIC, crc);
        file.write(base + gapEnd - Format.UNIT, unit);
        header.write(unit, 0, Format.BLOCK_MAGIC, crc);
        file.write(base + header.offset, unit);
        gapEnd = header.offset;
      }
    }
    header.first = first + lost;
  }
}
