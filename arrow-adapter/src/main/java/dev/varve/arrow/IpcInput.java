// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.CorruptionException;
import dev.varve.memory.Slab;
import dev.varve.memory.SlabPool;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.util.Arrays;

/**
 * Bytes of an Arrow file or stream from anywhere, read into memory that is never much larger than
 * what was really there. For one thread.
 */
final class IpcInput implements Closeable {
  /** Stands for a length that is not known. */
  static final long UNKNOWN = -1;

  /** What is allocated at most before any byte of it was seen. */
  private static final int FIRST_PIECE = 1 << 20;

  /** A channel reads no more at once. */
  private static final long LARGEST_READ = 1 << 30;

  /** Memory that is kept for the next body. */
  private static final long RESERVE = 64L << 20;

  private static final String REMEDY = "get the data again from its source";

  private final ReadableByteChannel channel;
  private final String name;
  private final long length;
  private final SlabPool pool = new SlabPool(SlabPool.GRANULE_BYTES, RESERVE);
  private long position;
  private long bytesRead;

  /** Bytes that were looked at and are still to be read. */
  private ByteBuffer ahead = ByteBuffer.allocate(0);

  /**
   * Reads a file, from its beginning.
   *
   * @param file the file
   * @param name its name, for error messages
   */
  IpcInput(FileChannel file, String name) throws IOException {
    this(file, name, file.size());
  }

  /**
   * Reads a channel of unknown length.
   *
   * @param channel the channel
   * @param name its name, for error messages
   */
  IpcInput(ReadableByteChannel channel, String name) {
    this(channel, name, UNKNOWN);
  }

  private IpcInput(ReadableByteChannel channel, String name, long length) {
    this.channel = channel;
    this.name = name;
    this.length = length;
  }

  String name() {
    return name;
  }

  /** Returns the length in bytes, or {@link #UNKNOWN}. */
  long length() {
    return length;
  }

  /** Returns how many bytes lie before what is read next. */
  long position() {
    return position;
  }

  /** Returns how many bytes were read in all. */
  long bytesRead() {
    return bytesRead;
  }

  /** Goes to a place of a file. */
  void seek(long target) throws IOException {
    ahead.position(ahead.limit());
    ((FileChannel) channel).position(target);
    position = target;
  }

  /**
   * Reads bytes onto the heap.
   *
   * @param count how many
   * @param what what they are, for error messages
   * @throws CorruptionException if there are not so many
   */
  byte[] readBytes(long count, String what) throws IOException {
    requireRemaining(count, what);
    if (count > Integer.MAX_VALUE - 8) {
      throw corrupt(what, position, "at most 2 GiB", count + " bytes");
    }
    byte[] bytes = new byte[(int) Math.min(count, firstPiece())];
    int filled = 0;
    while (true) {
      int got = fill(ByteBuffer.wrap(bytes, filled, bytes.length - filled));
      filled += got;
      if (filled < bytes.length) {
        throw truncated(what, count, filled);
      }
      if (filled == count) {
        return bytes;
      }
      bytes = Arrays.copyOf(bytes, (int) Math.min(count, 2L * bytes.length));
    }
  }

  /**
   * Reads bytes as long as there are any.
   *
   * @param most how many at most
   * @return fewer only at the end
   */
  byte[] readUpTo(int most) throws IOException {
    byte[] bytes = new byte[Math.min(most, FIRST_PIECE)];
    int filled = 0;
    while (true) {
      filled += fill(ByteBuffer.wrap(bytes, filled, bytes.length - filled));
      if (filled < bytes.length || filled == most) {
        return Arrays.copyOf(bytes, filled);
      }
      bytes = Arrays.copyOf(bytes, (int) Math.min(most, 2L * bytes.length));
    }
  }

  /**
   * Returns what comes next without moving on.
   *
   * @param most how many bytes at most
   * @return fewer only at the end
   */
  byte[] peek(int most) throws IOException {
    long before = position;
    byte[] bytes = readUpTo(most);
    byte[] rest = new byte[ahead.remaining()];
    ahead.get(rest);
    ahead = ByteBuffer.allocate(bytes.length + rest.length).put(bytes).put(rest).flip();
    bytesRead -= bytes.length;
    position = before;
    return bytes;
  }

  /**
   * Reads bytes into native memory.
   *
   * @param count how many
   * @param what what they are, for error messages
   * @return a slab that begins with them, to be released by the caller
   * @throws CorruptionException if there are not so many
   */
  Slab readNative(long count, String what) throws IOException {
    requireRemaining(count, what);
    Slab slab = pool.acquire(Math.min(count, firstPiece()));
    try {
      long filled = 0;
      while (true) {
        long end = Math.min(count, slab.byteSize());
        while (filled < end) {
          long piece = Math.min(LARGEST_READ, end - filled);
          int got = fill(slab.segment().asSlice(filled, piece).asByteBuffer());
          filled += got;
          if (got < piece) {
            throw truncated(what, count, filled);
          }
        }
        if (filled == count) {
          return slab;
        }
        Slab larger = pool.acquire(Math.min(count, 2 * slab.byteSize()));
        MemorySegment.copy(slab.segment(), 0, larger.segment(), 0, filled);
        slab.release();
        slab = larger;
      }
    } catch (Throwable e) {
      slab.release();
      throw e;
    }
  }

  /** Of a file that has the bytes all memory is taken at once. */
  private long firstPiece() {
    return length == UNKNOWN ? FIRST_PIECE : Long.MAX_VALUE;
  }

  private void requireRemaining(long count, String what) {
    if (length != UNKNOWN && count > length - position) {
      throw truncated(what, count, Math.max(0, length - position));
    }
  }

  private int fill(ByteBuffer target) throws IOException {
    int begin = target.position();
    if (ahead.hasRemaining()) {
      int count = Math.min(ahead.remaining(), target.remaining());
      target.put(ahead.slice().limit(count));
      ahead.position(ahead.position() + count);
    }
    while (target.hasRemaining() && channel.read(target) >= 0) {}
    int filled = target.position() - begin;
    position += filled;
    bytesRead += filled;
    return filled;
  }

  private CorruptionException truncated(String what, long count, long found) {
    return corrupt(
        what, position, count + " bytes", found + " bytes before the end (it is truncated)");
  }

  CorruptionException corrupt(String what, long offset, String expected, String actual) {
    return new CorruptionException("Arrow " + what, name, offset, expected, actual, REMEDY);
  }

  @Override
  public void close() throws IOException {
    pool.close();
    channel.close();
  }
}
