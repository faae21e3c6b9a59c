// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A value where it lies in the file, read without a copy of all of it; {@link ByteTable#get}
 * copies.
 *
 * <p>It can be read until its transaction ends; in one that writes, until that changes anything.
 * Later reads are exceptions, never of other bytes. For the thread of the transaction. No method
 * allocates anything on the heap. Numbers are little-endian, at any offset.
 *
 * <p>All methods but {@link #byteSize} throw {@link dev.varve.ClosedException} if the transaction
 * or the store has ended, {@link dev.varve.SnapshotLostException} if the snapshot has, {@link
 * IllegalStateException} if the transaction has changed something, and {@link
 * IndexOutOfBoundsException} if they are to read beyond the value.
 */
public final class ValueView {
  private final Transaction transaction;
  private final long changes;
  private final MemorySegment segment;
  private final long start;
  private final long byteSize;

  /** Creates a view of the value that was located last. */
  ValueView(Transaction transaction, View view) {
    this.transaction = transaction;
    this.changes = view.changes;
    this.segment = view.valueSegment;
    this.start = view.valueOffset;
    this.byteSize = view.valueBytes;
  }

  /**
   * Returns how many bytes the value has.
   *
   * @return 0 or more
   */
  public long byteSize() {
    return byteSize;
  }

  /**
   * Returns the value as a segment, read-only and for the thread of the transaction. It ends with
   * the transaction: later accesses are {@link IllegalStateException}s, never a crash. Unlike the
   * other methods it says nothing when the snapshot is lost, or the store closed, before the
   * transaction was: then its bytes may be any. Call another method afterwards where that matters.
   *
   * @return a new segment
   * @throws UnsupportedOperationException if native access is not granted to this module, which the
   *     life of the segment needs, or if the transaction writes; {@link #copy}, or use {@link
   *     ByteTable#read}
   */
  public MemorySegment segment() {
    View view = view(0, byteSize);
    if (!ValueView.class.getModule().isNativeAccessEnabled()
        || !(transaction instanceof ReadTransaction reading)) {
      throw new UnsupportedOperationException(
          "a value of "
              + view.handle.name()
              + " as a segment needs a transaction that only reads, and native access, which is"
              + " granted by --enable-native-access=dev.varve.engine or ALL-UNNAMED; copy the"
              + " value, or read it in a callback");
    }
    MemorySegment lent = reading.lend(segment, start, byteSize);
    view.done();
    return lent;
  }

  private View view(long offset, long bytes) {
    View view = transaction.view();
    if (view.changes != changes) {
      throw new IllegalStateException(
          "a view of a value was used after its transaction of "
              + view.handle.name()
              + " had changed something; get it anew");
    }
    Objects.checkFromIndexSize(offset, bytes, byteSize);
    return view;
  }

  /**
   * Reads a byte.
   *
   * @param offset in the value
   * @return the byte
   */
  public byte getByte(long offset) {
    View view = view(offset, 1);
    try {
      byte value = segment.get(BYTE, start + offset);
      view.done();
      return value;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Reads four bytes.
   *
   * @param offset of the first one in the value
   * @return the number
   */
  public int getInt(long offset) {
    View view = view(offset, Integer.BYTES);
    try {
      int value = segment.get(LE_INT_UNALIGNED, start + offset);
      view.done();
      return value;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Reads eight bytes.
   *
   * @param offset of the first one in the value
   * @return the number
   */
  public long getLong(long offset) {
    View view = view(offset, Long.BYTES);
    try {
      long value = segment.get(LE_LONG_UNALIGNED, start + offset);
      view.done();
      return value;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Copies a part of the value.
   *
   * @param offset where it begins in the value
   * @param target where it goes, native or on the heap
   * @param targetOffset where it goes in that, in bytes
   * @param bytes how many
   */
  public void copy(long offset, MemorySegment target, long targetOffset, long bytes) {
    Objects.requireNonNull(target, "target");
    View view = view(offset, bytes);
    try {
      MemorySegment.copy(segment, start + offset, target, targetOffset, bytes);
      view.done();
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Returns a stream of the value, from its beginning. Its calls throw what those of this view
   * throw.
   *
   * @return a new stream, which need not be closed
   */
  public InputStream stream() {
    return new Stream();
  }

  private final class Stream extends InputStream {
    private long position;

    @Override
    public int read() {
      return position < byteSize ? getByte(position++) & 0xFF : -1;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
      Objects.requireNonNull(target, "target");
      Objects.checkFromIndexSize(offset, length, target.length);
      int bytes = (int) Math.min(length, byteSize - position);
      if (bytes == 0 && length > 0) {
        return -1;
      }
      copy(position, MemorySegment.ofArray(target), offset, bytes);
      position += bytes;
      return bytes;
    }

    @Override
    public long skip(long count) {
      long bytes = Math.clamp(count, 0, byteSize - position);
      position += bytes;
      return bytes;
    }

    @Override
    public int available() {
      return (int) Math.min(Integer.MAX_VALUE, byteSize - position);
    }
  }
}
