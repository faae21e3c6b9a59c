// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Objects;

/** The words of a segment. */
final class SegmentWords implements Words {

  private static final VarHandle WORD = Layouts.LE_LONG.varHandle();
  private static final int SHIFT = 3;

  /** So many words are copied faster one by one than by a call. */
  private static final int FEW = 4;

  private final MemorySegment segment;
  private final long size;

  SegmentWords(MemorySegment segment) {
    if (segment.byteSize() % Long.BYTES != 0 || !isAligned(segment)) {
      throw new IllegalArgumentException(
          "Words need native memory or a long[], aligned to 8 and a multiple of 8 bytes: "
              + segment);
    }
    this.segment = segment;
    this.size = segment.byteSize() >>> SHIFT;
  }

  private static boolean isAligned(MemorySegment segment) {
    try {
      segment.asSlice(0, segment.byteSize(), Long.BYTES);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Where a word is; checked here because the shift could make a wild index look valid. */
  private long offset(long index) {
    return Objects.checkIndex(index, size) << SHIFT;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public long getPlain(long index) {
    return (long) WORD.get(segment, offset(index));
  }

  @Override
  public void setPlain(long index, long value) {
    WORD.set(segment, offset(index), value);
  }

  @Override
  public long getOpaque(long index) {
    return (long) WORD.getOpaque(segment, offset(index));
  }

  @Override
  public void setOpaque(long index, long value) {
    WORD.setOpaque(segment, offset(index), value);
  }

  @Override
  public long getAcquire(long index) {
    return (long) WORD.getAcquire(segment, offset(index));
  }

  @Override
  public void setRelease(long index, long value) {
    WORD.setRelease(segment, offset(index), value);
  }

  @Override
  public long getVolatile(long index) {
    return (long) WORD.getVolatile(segment, offset(index));
  }

  @Override
  public void setVolatile(long index, long value) {
    WORD.setVolatile(segment, offset(index), value);
  }

  @Override
  public boolean compareAndSet(long index, long expected, long value) {
    return WORD.compareAndSet(segment, offset(index), expected, value);
  }

  @Override
  public long getAndAdd(long index, long delta) {
    return (long) WORD.getAndAdd(segment, offset(index), delta);
  }

  @Override
  public void copyTo(long index, long[] target, int count) {
    Objects.checkFromIndexSize(index, count, size);
    if (count <= FEW) {
      for (int i = 0; i < count; i++) {
        target[i] = (long) WORD.get(segment, (index + i) << SHIFT);
      }
    } else {
      MemorySegment.copy(segment, Layouts.LE_LONG, index << SHIFT, target, 0, count);
    }
  }

  @Override
  public void copyTo(long index, Words target, long targetIndex, int count) {
    if (target instanceof SegmentWords other) {
      Objects.checkFromIndexSize(index, count, size);
      Objects.checkFromIndexSize(targetIndex, count, other.size);
      MemorySegment.copy(
          segment, index << SHIFT, other.segment, targetIndex << SHIFT, (long) count << SHIFT);
    } else {
      Words.super.copyTo(index, target, targetIndex, count);
    }
  }

  @Override
  public void copyTo(
      long index, MemorySegment target, ValueLayout.OfLong layout, long offset, int count) {
    Objects.checkFromIndexSize(index, count, size);
    if (count <= FEW) {
      for (int i = 0; i < count; i++) {
        long word = (long) WORD.get(segment, (index + i) << SHIFT);
        target.set(layout, offset + ((long) i << SHIFT), word);
      }
    } else {
      MemorySegment.copy(segment, Layouts.LE_LONG, index << SHIFT, target, layout, offset, count);
    }
  }

  @Override
  public void copyFrom(
      long index, MemorySegment source, ValueLayout.OfLong layout, long offset, int count) {
    Objects.checkFromIndexSize(index, count, size);
    MemorySegment.copy(source, layout, offset, segment, Layouts.LE_LONG, index << SHIFT, count);
  }
}
