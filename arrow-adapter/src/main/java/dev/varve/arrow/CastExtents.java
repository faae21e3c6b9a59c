// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.List;
import java.util.Objects;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.jspecify.annotations.Nullable;

/**
 * Where each row's bytes lie in the data buffer, or each list's elements in the child, in every
 * layout but that of binary views.
 */
final class CastExtents {
  /** How the extents are written down. */
  enum Kind {
    /** One offset more than rows; a row ends where the next begins. */
    OFFSETS32,
    OFFSETS64,
    /** An offset and a size for each row, in any order. */
    VIEWS32,
    VIEWS64,
    /** Nothing is written down, all rows have the same size. */
    FIXED;

    /** The layout of a type, or null if it is not one of lists or bytes with extents. */
    static @Nullable Kind of(ArrowType type) {
      return switch (type.getTypeID()) {
        case Utf8, Binary, List, Map -> OFFSETS32;
        case LargeUtf8, LargeBinary, LargeList -> OFFSETS64;
        case ListView -> VIEWS32;
        case LargeListView -> VIEWS64;
        case FixedSizeList, FixedSizeBinary -> FIXED;
        default -> null;
      };
    }

    boolean isOffsets() {
      return this == OFFSETS32 || this == OFFSETS64;
    }

    boolean isWide() {
      return this == OFFSETS64 || this == VIEWS64;
    }
  }

  private final CastContext context;
  private final CastStep step;
  private final Kind kind;
  private final List<ArrowBuf> buffers;
  private final int width;
  private final int count;
  private final long limit;

  /**
   * Reads the extents of a vector.
   *
   * @param kind the layout of the vector's type
   * @param width how large each row is, if all are the same
   * @param limit how much there is to point into: bytes, or elements of the child
   */
  CastExtents(
      CastContext context, CastStep step, Kind kind, FieldVector vector, int width, long limit) {
    this.context = context;
    this.step = step;
    this.kind = kind;
    this.buffers = vector.getFieldBuffers();
    this.width = width;
    this.count = vector.getValueCount();
    this.limit = limit;
    if (kind != Kind.FIXED && count > 0) {
      long bytes = (count + (kind.isOffsets() ? 1L : 0L)) * (kind.isWide() ? 8 : 4);
      Objects.checkFromIndexSize(0, bytes, buffers.get(1).capacity());
      if (!kind.isOffsets()) {
        Objects.checkFromIndexSize(0, bytes, buffers.get(2).capacity());
      }
    }
  }

  static CastExtents ofLists(CastContext context, CastStep step, Kind kind, FieldVector lists) {
    int width = lists instanceof FixedSizeListVector fixed ? fixed.getListSize() : 0;
    int limit = lists.getChildrenFromFields().get(0).getValueCount();
    return new CastExtents(context, step, kind, lists, width, limit);
  }

  long start(int row) {
    long start =
        switch (kind) {
          case OFFSETS32, VIEWS32 -> buffers.get(1).getInt(4L * row);
          case OFFSETS64, VIEWS64 -> buffers.get(1).getLong(8L * row);
          case FIXED -> (long) row * width;
        };
    return checked(row, start);
  }

  long length(int row) {
    long start = start(row);
    long length =
        switch (kind) {
          case OFFSETS32 -> buffers.get(1).getInt(4L * row + 4) - start;
          case OFFSETS64 -> buffers.get(1).getLong(8L * row + 8) - start;
          case VIEWS32 -> buffers.get(2).getInt(4L * row);
          case VIEWS64 -> buffers.get(2).getLong(8L * row);
          case FIXED -> width;
        };
    checked(row, length);
    checked(row, start + length);
    return length;
  }

  boolean mayOverlap() {
    return kind == Kind.VIEWS32 || kind == Kind.VIEWS64;
  }

  /** Where the first row begins, for layouts whose rows follow each other. */
  long first() {
    return count == 0 ? 0 : start(0);
  }

  /** Where the last row ends, for layouts whose rows follow each other. */
  long last() {
    return count == 0 ? 0 : start(count - 1) + length(count - 1);
  }

  /** The row that holds a position. Slow, for messages. */
  int row(int position) {
    int row = 0;
    while (row < count - 1 && (position < start(row) || position - start(row) >= length(row))) {
      row++;
    }
    return row;
  }

  private long checked(int row, long position) {
    if (position < 0 || position > limit) {
      throw context.failure(
          step, row, "at " + position, "lies outside of the data, which ends at " + limit);
    }
    return position;
  }

  /**
   * Writes the extents down in another layout.
   *
   * @param base what is subtracted from every position
   * @return the buffers that come after the validity
   */
  ArrowBuf[] write(Kind target, long base) {
    if (target == Kind.FIXED) {
      return new ArrowBuf[0];
    }
    int bytes = target.isWide() ? 8 : 4;
    ArrowBuf starts = context.allocate((count + 1L) * bytes);
    for (int row = 0; row < count; row++) {
      put(starts, bytes, row, start(row) - base);
    }
    if (target.isOffsets()) {
      put(starts, bytes, count, last() - base);
      return new ArrowBuf[] {starts};
    }
    ArrowBuf sizes = context.allocate((long) count * bytes);
    for (int row = 0; row < count; row++) {
      put(sizes, bytes, row, length(row));
    }
    return new ArrowBuf[] {starts, sizes};
  }

  static long get(ArrowBuf buffer, int bytes, int row) {
    return bytes == 4 ? buffer.getInt(4L * row) : buffer.getLong(8L * row);
  }

  static void put(ArrowBuf buffer, int bytes, int row, long value) {
    if (bytes == 4) {
      buffer.setInt(4L * row, (int) value);
    } else {
      buffer.setLong(8L * row, value);
    }
  }
}
