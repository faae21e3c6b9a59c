// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/** Gathers chosen rows of one vector into another of the same type. */
final class CastTake {
  private final CastContext context;
  private final CastStep step;

  /**
   * Gathers for a step.
   *
   * @param step what failures name
   */
  CastTake(CastContext context, CastStep step) {
    this.context = context;
    this.step = step;
  }

  /** Whether rows of the type, nested ones included, can be gathered. */
  static boolean isSupported(Field field) {
    return switch (field.getType().getTypeID()) {
      case Union, RunEndEncoded -> false;
      default -> field.getChildren().stream().allMatch(CastTake::isSupported);
    };
  }

  /**
   * Fills the target.
   *
   * @param chosen the row of the source for each of the target's, or -1 for null
   */
  void take(FieldVector source, CastRows chosen, FieldVector target) {
    FieldVector from = CastContext.storage(source);
    FieldVector to = CastContext.storage(target);
    if (from instanceof NullVector) {
      context.load(to, chosen.count);
      return;
    }
    CastRows rows = chosen.present(context, CastContext.validity(from));
    ArrowBuf validity = bits(null, rows);
    List<ArrowBuf> in = from.getFieldBuffers();
    CastExtents.Kind kind = CastExtents.Kind.of(from.getField().getType());
    if (from instanceof BitVector) {
      context.load(to, rows.count, validity, bits(in.get(1), rows));
    } else if (from instanceof BaseFixedWidthVector fixed) {
      context.load(to, rows.count, validity, values(in.get(1), fixed.getTypeWidth(), rows));
    } else if (from instanceof BaseVariableWidthViewVector) {
      List<ArrowBuf> out = new ArrayList<>(in);
      out.set(0, validity);
      out.set(1, values(in.get(1), BaseVariableWidthViewVector.ELEMENT_SIZE, rows));
      context.load(to, rows.count, out);
    } else if (kind == null) {
      context.load(to, rows.count, validity);
      for (int i = 0; i < from.getChildrenFromFields().size(); i++) {
        take(from.getChildrenFromFields().get(i), rows, to.getChildrenFromFields().get(i));
      }
    } else if (from.getChildrenFromFields().isEmpty()) {
      bytes(kind, from, in.get(2), rows, validity, to);
    } else {
      lists(kind, from, rows, validity, to);
    }
  }

  /** The bits of the rows, or which of them are there if there is nothing to read from. */
  private ArrowBuf bits(@Nullable ArrowBuf in, CastRows rows) {
    ArrowBuf out = context.allocateZeroed(CastBits.bytes(rows.count));
    for (int i = 0; i < rows.count; i++) {
      int row = rows.get(i);
      if (in != null && row >= 0) {
        Objects.checkIndex(row >> 3, in.capacity());
      }
      if (row >= 0 && CastBits.get(in, row)) {
        CastBits.set(out, i, 1);
      }
    }
    return out;
  }

  private ArrowBuf values(ArrowBuf in, int width, CastRows rows) {
    ArrowBuf out = context.allocateZeroed((long) rows.count * width);
    long to = out.memoryAddress();
    for (int i = 0; i < rows.count; i++) {
      int row = rows.get(i);
      if (row >= 0) {
        long at = (long) row * width;
        Objects.checkFromIndexSize(at, width, in.capacity());
        switch (width) {
          case 4 -> MemoryUtil.putInt(to, MemoryUtil.getInt(in.memoryAddress() + at));
          case 8 -> MemoryUtil.putLong(to, MemoryUtil.getLong(in.memoryAddress() + at));
          default -> MemoryUtil.copyMemory(in.memoryAddress() + at, to, width);
        }
      }
      to += width;
    }
    return out;
  }

  private void bytes(
      CastExtents.Kind kind,
      FieldVector source,
      ArrowBuf in,
      CastRows rows,
      ArrowBuf validity,
      FieldVector target) {
    CastExtents extents = new CastExtents(context, step, kind, source, 0, in.capacity());
    ArrowBuf[] offsets = offsets(kind, extents, rows);
    int width = kind.isWide() ? 8 : 4;
    ArrowBuf data = context.allocate(CastExtents.get(offsets[0], width, rows.count));
    for (int i = 0; i < rows.count; i++) {
      if (rows.get(i) >= 0) {
        MemoryUtil.copyMemory(
            in.memoryAddress() + extents.start(rows.get(i)),
            data.memoryAddress() + CastExtents.get(offsets[0], width, i),
            extents.length(rows.get(i)));
      }
    }
    context.load(target, rows.count, validity, offsets[0], data);
  }

  private void lists(
      CastExtents.Kind kind,
      FieldVector source,
      CastRows rows,
      ArrowBuf validity,
      FieldVector target) {
    CastExtents extents = CastExtents.ofLists(context, step, kind, source);
    List<ArrowBuf> out = new ArrayList<>(List.of(validity));
    out.addAll(Arrays.asList(offsets(kind, extents, rows)));
    context.load(target, rows.count, out);
    take(
        source.getChildrenFromFields().get(0),
        elements(extents, rows, kind == CastExtents.Kind.FIXED ? (int) extents.length(0) : 0),
        target.getChildrenFromFields().get(0));
  }

  /** Writes the extents that the rows have once they are gathered one after the other. */
  ArrowBuf[] offsets(CastExtents.Kind kind, CastExtents extents, CastRows rows) {
    if (kind == CastExtents.Kind.FIXED) {
      return new ArrowBuf[0];
    }
    int width = kind.isWide() ? 8 : 4;
    ArrowBuf starts = context.allocate((rows.count + 1L) * width);
    ArrowBuf sizes = context.allocate((rows.count + 1L) * width);
    long end = 0;
    for (int i = 0; i < rows.count; i++) {
      long length = rows.get(i) < 0 ? 0 : extents.length(rows.get(i));
      CastExtents.put(starts, width, i, end);
      CastExtents.put(sizes, width, i, length);
      end += length;
      if (width == 4 && end > Integer.MAX_VALUE) {
        throw context.failure(step, i, "ending at " + end, "is beyond what 32-bit offsets address");
      }
    }
    CastExtents.put(starts, width, rows.count, end);
    return kind.isOffsets() ? new ArrowBuf[] {starts} : new ArrowBuf[] {starts, sizes};
  }

  /**
   * The elements of lists, one list after the other.
   *
   * @param missing how many null elements stand for a null list
   */
  CastRows elements(CastExtents extents, CastRows rows, int missing) {
    long total = 0;
    for (int i = 0; i < rows.count; i++) {
      total += rows.get(i) < 0 ? missing : extents.length(rows.get(i));
      if (total > Integer.MAX_VALUE) {
        throw context.failure(step, i, "ending at " + total, "is beyond what one batch can hold");
      }
    }
    CastRows elements = new CastRows(context, (int) total);
    int end = 0;
    for (int i = 0; i < rows.count; i++) {
      int row = rows.get(i);
      int start = row < 0 ? -1 : (int) extents.start(row);
      int length = row < 0 ? missing : (int) extents.length(row);
      for (int j = 0; j < length; j++) {
        elements.set(end++, row < 0 ? -1 : start + j);
      }
    }
    return elements;
  }
}
