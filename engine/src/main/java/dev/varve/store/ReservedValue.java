// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A value that {@link ByteTable#reserve} has put, written where it lies in the file. What is not
 * written is zero.
 *
 * <p>It can be written until its transaction changes anything else, also by a nested one, or ends;
 * later writes are exceptions and change nothing. For the thread of the transaction. No method
 * allocates anything on the heap. Numbers are little-endian, at any offset.
 *
 * <p>All methods but {@link #byteSize} throw {@link dev.varve.ClosedException} if the transaction
 * or the store has ended, {@link IllegalStateException} if the transaction has changed something
 * else or a nested one is open, and {@link IndexOutOfBoundsException} if they are to write beyond
 * the value.
 */
public final class ReservedValue {
  private final WriteTransaction transaction;
  private final long changes;
  private final MemorySegment segment;
  private final long start;
  private final long byteSize;

  /** Creates one of the value that was put last. */
  ReservedValue(WriteTransaction transaction, WriteView view) {
    this.transaction = transaction;
    this.changes = view.changes;
    this.segment = view.valueSegment;
    this.start = view.valueOffset;
    this.byteSize = view.valueBytes;
  }

  /**
   * Returns how many bytes the value has.
   *
   * @return as many as were reserved
   */
  public long byteSize() {
    return byteSize;
  }

  private View view(long offset, long bytes) {
    View view = transaction.view();
    if (view.changes != changes) {
      throw new IllegalStateException(
          "a reserved value was written to after its transaction of "
              + view.handle.name()
              + " had changed something else; write it before, or reserve it anew");
    }
    Objects.checkFromIndexSize(offset, bytes, byteSize);
    return view;
  }

  /**
   * Writes a byte.
   *
   * @param offset in the value
   * @param value the byte
   */
  public void setByte(long offset, byte value) {
    View view = view(offset, 1);
    try {
      segment.set(BYTE, start + offset, value);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Writes four bytes.
   *
   * @param offset of the first one in the value
   * @param value the number
   */
  public void setInt(long offset, int value) {
    View view = view(offset, Integer.BYTES);
    try {
      segment.set(LE_INT_UNALIGNED, start + offset, value);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Writes eight bytes.
   *
   * @param offset of the first one in the value
   * @param value the number
   */
  public void setLong(long offset, long value) {
    View view = view(offset, Long.BYTES);
    try {
      segment.set(LE_LONG_UNALIGNED, start + offset, value);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Writes a part of the value.
   *
   * @param offset where it begins in the value
   * @param source where the bytes come from, native or on the heap
   * @param sourceOffset where they begin in that, in bytes
   * @param bytes how many
   */
  public void write(long offset, MemorySegment source, long sourceOffset, long bytes) {
    Objects.requireNonNull(source, "source");
    View view = view(offset, bytes);
    try {
      MemorySegment.copy(source, sourceOffset, segment, start + offset, bytes);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }
}
