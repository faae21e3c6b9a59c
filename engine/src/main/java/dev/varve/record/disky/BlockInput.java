// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.StorageException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * The bytes of a file, with and without block headers, read through a window in private memory. The
 * file may grow meanwhile. Closing frees the window and leaves the file open.
 */
final class BlockInput implements AutoCloseable {
  private static final long WINDOW_BYTES = 4L * BlockLayout.BLOCK_BYTES;

  private final StorageFile file;
  private final Buffer window = new Buffer(WINDOW_BYTES);

  /** What the window holds: from here, a multiple of the block size, to there. */
  private long windowStart;

  private long windowEnd;
  private long size;

  BlockInput(StorageFile file) {
    this.file = file;
    this.size = file.size();
  }

  /** Returns how much is there to read, as far as is known. */
  long size() {
    return size;
  }

  /** Looks at the file again, and tells whether it is longer than was known. */
  boolean grow() {
    long before = size;
    size = file.size();
    windowEnd = windowStart;
    return size > before;
  }

  /** Reads a byte as it stands in the file, at a position before {@link #size}. */
  byte raw(long position) {
    load(position);
    return window.segment().get(Layouts.BYTE, position - windowStart);
  }

  /**
   * Reads the header of a block, which lies before {@link #size}; past the window, so that looking
   * at the headers of many blocks costs no more than that.
   */
  void blockHeader(long block, MemorySegment target) {
    MemorySegment header = target.asSlice(0, BlockLayout.HEADER_BYTES);
    long read = file.read(block, header);
    if (read < BlockLayout.HEADER_BYTES) {
      throw shortened(block + read);
    }
  }

  /**
   * Copies bytes of chunks, leaving out block headers; all of them lie before {@link #size}.
   *
   * @param position where they begin: a beginning of a chunk or of its data
   */
  void copy(long position, MemorySegment target, long length) {
    long at = position;
    for (long done = 0; done < length; ) {
      if (BlockLayout.isBlockStart(at)) {
        at += BlockLayout.HEADER_BYTES;
      }
      load(at);
      long block = BlockLayout.blockStart(at) + BlockLayout.BLOCK_BYTES;
      long piece = Math.min(length - done, Math.min(block, windowEnd) - at);
      MemorySegment.copy(window.segment(), at - windowStart, target, done, piece);
      done += piece;
      at += piece;
    }
  }

  /** Has the window hold a position. */
  private void load(long position) {
    if (position >= windowStart && position < windowEnd) {
      return;
    }
    windowStart = BlockLayout.blockStart(position);
    windowEnd = windowStart;
    windowEnd += file.read(windowStart, window.segment());
    if (position >= windowEnd) {
      throw shortened(windowEnd);
    }
  }

  private StorageException shortened(long end) {
    return new StorageException(
        "file \""
            + file.path()
            + "\" became shorter while it was read: expected at least "
            + size
            + " bytes, found at most "
            + end
            + "; read it again once nobody cuts it");
  }

  @Override
  public void close() {
    window.close();
  }
}
