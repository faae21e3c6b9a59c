// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.file.StorageFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Writes chunks into a file, with block headers wherever they belong. */
final class BlockOutput {
  /** Block headers that go into one write at most. */
  private static final int MAX_HEADERS = 64;

  private final StorageFile file;
  private final HighwayHash hash = BlockLayout.newHash();
  private final MemorySegment[] headers = new MemorySegment[MAX_HEADERS];
  private int usedHeaders;

  /** What the next write gathers; per block a header and perhaps the ends of two parts or more. */
  private final MemorySegment[] pieces = new MemorySegment[4 * MAX_HEADERS];

  private int usedPieces;

  BlockOutput(StorageFile file) {
    this.file = file;
    MemorySegment memory =
        Arena.ofAuto().allocate((long) MAX_HEADERS * BlockLayout.HEADER_BYTES, Long.BYTES);
    for (int i = 0; i < MAX_HEADERS; i++) {
      headers[i] = memory.asSlice((long) i * BlockLayout.HEADER_BYTES, BlockLayout.HEADER_BYTES);
    }
  }

  /**
   * Writes the first bytes of a chunk, or all of it.
   *
   * @param begin where the chunk begins
   * @param end where it ends
   * @param parts what it is made of, native segments
   */
  void write(long begin, long end, MemorySegment... parts) {
    usedHeaders = 0;
    usedPieces = 0;
    long written = begin;
    long at = begin;
    for (MemorySegment part : parts) {
      for (long done = 0; done < part.byteSize(); ) {
        if (usedHeaders == MAX_HEADERS || usedPieces > pieces.length - 2) {
          file.write(written, pieces, usedPieces);
          written = at;
          usedHeaders = 0;
          usedPieces = 0;
        }
        if (BlockLayout.isBlockStart(at)) {
          pieces[usedPieces++] = header(at, begin, end);
          at += BlockLayout.HEADER_BYTES;
        }
        long block = BlockLayout.blockStart(at) + BlockLayout.BLOCK_BYTES;
        long piece = Math.min(part.byteSize() - done, block - at);
        pieces[usedPieces++] = part.asSlice(done, piece);
        done += piece;
        at += piece;
      }
    }
    file.write(written, pieces, usedPieces);
  }

  /** Writes only the headers of the blocks that begin inside of a chunk. */
  void writeHeaders(long begin, long end) {
    long first = BlockLayout.blockStart(begin + BlockLayout.BLOCK_BYTES - 1);
    for (long block = first; block < end; block += BlockLayout.BLOCK_BYTES) {
      usedHeaders = 0;
      file.write(block, header(block, begin, end));
    }
  }

  private MemorySegment header(long block, long begin, long end) {
    MemorySegment header = headers[usedHeaders++];
    BlockLayout.put(header, block - begin, end - block, hash);
    return header;
  }
}
