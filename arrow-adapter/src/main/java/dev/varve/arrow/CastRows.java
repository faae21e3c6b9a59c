// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.jspecify.annotations.Nullable;

/**
 * Chosen rows of a vector, in order; -1 stands for null. They lie off the heap, in a buffer of the
 * context.
 */
final class CastRows {
  final int count;
  private final long address;

  /** Makes room for {@code count} rows, each of which must be {@link #set}. */
  CastRows(CastContext context, int count) {
    ArrowBuf buffer = context.allocate(4L * count);
    this.count = count;
    this.address = buffer.memoryAddress();
  }

  /** All rows, with -1 in place of those that are null or not visible. */
  static CastRows of(
      CastContext context, int count, @Nullable ArrowBuf validity, @Nullable ArrowBuf visible) {
    CastRows rows = new CastRows(context, count);
    for (int i = 0; i < count; i++) {
      rows.set(i, CastBits.get(validity, i) && CastBits.get(visible, i) ? i : -1);
    }
    return rows;
  }

  /** The same rows, with -1 in place of those whose value is null. */
  CastRows present(CastContext context, @Nullable ArrowBuf validity) {
    if (validity == null) {
      return this;
    }
    CastRows rows = new CastRows(context, count);
    for (int i = 0; i < count; i++) {
      int row = get(i);
      rows.set(i, row >= 0 && CastBits.get(validity, row) ? row : -1);
    }
    return rows;
  }

  int get(int index) {
    assert index >= 0 && index < count;
    return MemoryUtil.getInt(address + 4L * index);
  }

  void set(int index, int row) {
    assert index >= 0 && index < count;
    MemoryUtil.putInt(address + 4L * index, row);
  }
}
