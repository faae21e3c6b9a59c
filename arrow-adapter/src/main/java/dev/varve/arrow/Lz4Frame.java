// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.io.IOException;
import java.io.InputStream;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorInputStream;

/**
 * Decompresses an LZ4 frame between native buffers and to an exact length.
 *
 * <p>The codec of arrow-compression expands whatever a frame holds on the heap and says that it had
 * the length that the prefix claims. This takes the same library, but no more bytes than claimed
 * and no less.
 */
final class Lz4Frame {
  private static final int CHUNK = 64 << 10;

  private Lz4Frame() {}

  /**
   * Fills a buffer.
   *
   * @param address where the frame is
   * @param length its length in bytes
   * @param target what to fill, from the beginning
   * @param expected the bytes that must come out
   * @throws IOException if the frame is damaged or does not hold exactly that many bytes
   */
  static void decompress(long address, long length, ArrowBuf target, long expected)
      throws IOException {
    byte[] chunk = new byte[(int) Math.min(CHUNK, expected)];
    try (InputStream in =
        new FramedLZ4CompressorInputStream(new NativeInputStream(address, length))) {
      long done = 0;
      while (done < expected) {
        int read = in.read(chunk, 0, (int) Math.min(chunk.length, expected - done));
        if (read < 0) {
          throw new IOException("the frame ends after " + done + " bytes");
        }
        MemoryUtil.copyToMemory(chunk, 0, target.memoryAddress() + done, read);
        done += read;
      }
      if (in.read() >= 0) {
        throw new IOException("the frame goes on after " + done + " bytes");
      }
    }
  }

  /** The bytes at an address. */
  private static final class NativeInputStream extends InputStream {
    private long next;
    private final long end;

    NativeInputStream(long address, long length) {
      next = address;
      end = address + length;
    }

    @Override
    public int read() {
      return next == end ? -1 : MemoryUtil.getByte(next++) & 0xFF;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
      int count = (int) Math.min(length, end - next);
      if (count == 0) {
        return length == 0 ? 0 : -1;
      }
      MemoryUtil.copyFromMemory(next, target, offset, count);
      next += count;
      return count;
    }
  }
}
