// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.CorruptionException;
import dev.varve.memory.Hash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.apache.arrow.vector.BaseVariableWidthViewVector;

/**
 * Hashes parts of Arrow buffers with XXH3, in place where native access is granted, else through a
 * copy of a piece at a time. Every part is checked to lie inside its buffer. For one thread.
 */
final class BufferHash {
  private static final int PIECE = 256 << 10;
  private static final int VIEW = 16;
  private static final int INLINE = 12;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final boolean IN_PLACE = BufferHash.class.getModule().isNativeAccessEnabled();

  private final MemorySegment piece = Arena.ofAuto().allocate(PIECE, 64);
  private final long[] words = new long[2];
  private final MemorySegment chain = MemorySegment.ofArray(words);
  private long bytes;

  /** Returns how many bytes were hashed. */
  long bytes() {
    return bytes;
  }

  /** Hashes a range of bytes. */
  long ofBytes(ArrowBuf buffer, long offset, long length) {
    check(buffer, offset, length);
    long hash = length;
    for (long at = 0; at < length; at += PIECE) {
      hash =
          then(hash, ofPiece(buffer.memoryAddress() + offset + at, Math.min(PIECE, length - at)));
    }
    bytes += length;
    return hash;
  }

  /** Hashes bits from the first on; what follows them in the last byte does not count. */
  long ofBits(ArrowBuf buffer, int count) {
    int whole = count >>> 3;
    int rest = count & 7;
    check(buffer, 0, whole + (rest == 0 ? 0L : 1L));
    long hash = ofBytes(buffer, 0, whole);
    if (rest != 0) {
      hash = then(hash, buffer.getByte(whole) & ((1 << rest) - 1));
      bytes++;
    }
    return hash;
  }

  /** Hashes lengths and bytes of the values of views; those that are null count as empty. */
  long ofViews(BaseVariableWidthViewVector vector, int count) {
    ArrowBuf views = vector.getDataBuffer();
    List<ArrowBuf> data = vector.getDataBuffers();
    check(views, 0, (long) VIEW * count);
    long hash = count;
    int filled = 0;
    for (int i = 0; i < count; i++) {
      long view = (long) VIEW * i;
      int length = vector.isNull(i) ? 0 : views.getInt(view);
      if (length < 0) {
        throw outside("a length of " + length, views);
      }
      ArrowBuf buffer = views;
      long offset = view + 4;
      if (length > INLINE) {
        int index = views.getInt(view + 8);
        if (index < 0 || index >= data.size()) {
          throw outside("data buffer " + index + " of " + data.size(), views);
        }
        buffer = data.get(index);
        offset = views.getInt(view + 12);
        check(buffer, offset, length);
      }
      if (filled + 4L + length > PIECE) {
        hash = then(hash, Hash.XXH3.hash(piece, 0, filled));
        filled = 0;
      }
      piece.set(INT, filled, length);
      filled += 4;
      bytes += 4L + length;
      if (length > PIECE - 4) {
        hash = then(then(hash, length), ofBytes(buffer, offset, length));
        bytes -= length;
        filled = 0;
      } else if (length > 0) {
        MemoryUtil.copyMemory(buffer.memoryAddress() + offset, piece.address() + filled, length);
        filled += length;
      }
    }
    return then(hash, Hash.XXH3.hash(piece, 0, filled));
  }

  int intAt(ArrowBuf buffer, long offset) {
    check(buffer, offset, 4);
    return MemoryUtil.getInt(buffer.memoryAddress() + offset);
  }

  long longAt(ArrowBuf buffer, long offset) {
    check(buffer, offset, 8);
    return MemoryUtil.getLong(buffer.memoryAddress() + offset);
  }

  private long ofPiece(long address, long length) {
    if (IN_PLACE) {
      return Hash.XXH3.hash(at(address, length));
    }
    MemoryUtil.copyMemory(address, piece.address(), length);
    return Hash.XXH3.hash(piece, 0, length);
  }

  @SuppressWarnings("restricted")
  private static MemorySegment at(long address, long length) {
    return MemorySegment.ofAddress(address).reinterpret(length);
  }

  private long then(long hash, long next) {
    words[0] = hash;
    words[1] = next;
    return Hash.XXH3.hash(chain);
  }

  private static void check(ArrowBuf buffer, long offset, long length) {
    if (offset < 0 || length < 0 || length > buffer.capacity() - offset) {
      throw outside(length + " bytes at " + offset, buffer);
    }
  }

  private static CorruptionException outside(String what, ArrowBuf buffer) {
    return new CorruptionException(
        "an Arrow buffer",
        "a batch",
        0,
        "values inside its " + buffer.capacity() + " bytes",
        what,
        "get the data again from its source");
  }
}
