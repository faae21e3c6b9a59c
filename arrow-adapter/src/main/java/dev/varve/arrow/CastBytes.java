// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * Casts text and binary from one layout to another, and checks binary that becomes text. Bytes stay
 * where they are, except those of views and those that become fixed-size.
 */
final class CastBytes extends CastStep {
  private static final int INLINE = BaseVariableWidthViewVector.INLINE_SIZE;
  private static final int VIEW = BaseVariableWidthViewVector.ELEMENT_SIZE;

  private final CastExtents.@Nullable Kind from;
  private final CastExtents.@Nullable Kind to;
  private final int fromWidth;
  private final int toWidth;
  private final boolean checksText;

  /** Plans a cast between types for which {@link #isBytes} holds. */
  CastBytes(String path, Field source, Field target) {
    super(path, source, target);
    this.from = CastExtents.Kind.of(source.getType());
    this.to = CastExtents.Kind.of(target.getType());
    this.fromWidth = width(source.getType());
    this.toWidth = width(target.getType());
    this.checksText = isText(target.getType()) && !isText(source.getType());
  }

  static boolean isBytes(ArrowType type) {
    return switch (type.getTypeID()) {
      case Utf8, LargeUtf8, Utf8View, Binary, LargeBinary, BinaryView, FixedSizeBinary -> true;
      default -> false;
    };
  }

  private static boolean isText(ArrowType type) {
    return switch (type.getTypeID()) {
      case Utf8, LargeUtf8, Utf8View -> true;
      default -> false;
    };
  }

  private static int width(ArrowType type) {
    return type instanceof ArrowType.FixedSizeBinary fixed ? fixed.getByteWidth() : 0;
  }

  /** The bytes of each row, wherever they lie. */
  private final class Source {
    final CastContext context;
    final int count;
    final List<ArrowBuf> buffers;
    final ArrowBuf data;
    final @Nullable CastExtents extents;
    final @Nullable ArrowBuf validity;
    final @Nullable ArrowBuf visible;
    long address;
    long start;
    long length;

    Source(CastContext context, FieldVector vector, @Nullable ArrowBuf visible) {
      this.context = context;
      this.count = vector.getValueCount();
      this.buffers = vector.getFieldBuffers();
      this.data = buffers.get(from == CastExtents.Kind.FIXED || from == null ? 1 : 2);
      this.extents =
          from == null
              ? null
              : new CastExtents(context, CastBytes.this, from, vector, fromWidth, data.capacity());
      this.validity = CastContext.validity(vector);
      this.visible = visible;
    }

    /** Moves to a row; false if it is null or not visible. */
    boolean at(int row) {
      length = 0;
      if (!CastBits.get(validity, row) || !CastBits.get(visible, row)) {
        return false;
      }
      if (extents != null) {
        length = extents.length(row);
        start = extents.start(row);
        address = data.memoryAddress() + start;
        return true;
      }
      long view = (long) row * VIEW;
      Objects.checkFromIndexSize(view, VIEW, data.capacity());
      length = data.getInt(view);
      start = view + 4;
      ArrowBuf holder = data;
      if (length > INLINE) {
        int index = data.getInt(view + 8);
        start = data.getInt(view + 12);
        holder =
            index < 0 || index + 2 >= buffers.size()
                ? context.allocator.getEmpty()
                : buffers.get(index + 2);
      }
      if (length < 0 || start < 0 || start + length > holder.capacity()) {
        throw failure(row, "at " + start, "lies outside of the data");
      }
      address = holder.memoryAddress() + start;
      return true;
    }

    CastException failure(int row, String value, String reason) {
      return context.failure(CastBytes.this, row, value, reason);
    }
  }

  @Override
  void cast(
      CastContext context, FieldVector vector, FieldVector target, @Nullable ArrowBuf visible) {
    if (from == to && !checksText) {
      context.load(target, vector.getValueCount(), vector.getFieldBuffers());
      return;
    }
    Source source = new Source(context, vector, visible);
    if (checksText) {
      checkText(source);
    }
    ArrowBuf validity = source.buffers.get(0);
    if (from == to) {
      context.load(target, source.count, source.buffers);
    } else if (to == null) {
      List<ArrowBuf> out = new ArrayList<>(List.of(validity));
      out.addAll(views(source));
      context.load(target, source.count, out);
    } else if (to == CastExtents.Kind.FIXED) {
      context.load(target, source.count, validity, fixed(source));
    } else if (source.extents == null) {
      gather(source, validity, target, to);
    } else {
      CastExtents extents = source.extents;
      long first = extents.first();
      long bytes = extents.last() - first;
      if (!to.isWide() && bytes > Integer.MAX_VALUE) {
        throw tooLong(source, bytes);
      }
      ArrowBuf data = context.slice(source.data, first, bytes);
      context.load(target, source.count, validity, extents.write(to, first)[0], data);
    }
  }

  private CastException tooLong(Source source, long bytes) {
    return source.failure(
        source.count - 1, "ending at " + bytes, "is beyond what 32-bit offsets address");
  }

  private static void checkText(Source source) {
    for (int row = 0; row < source.count; row++) {
      if (source.at(row) && !CastUtf8.isValid(source.address, source.length)) {
        throw source.failure(row, hex(source), "is not UTF-8");
      }
    }
  }

  private static String hex(Source source) {
    byte[] bytes = new byte[(int) Math.min(source.length, 32)];
    MemoryUtil.copyFromMemory(source.address, bytes, 0, bytes.length);
    String more = source.length > bytes.length ? "..." : "";
    return "0x" + HexFormat.of().formatHex(bytes) + more;
  }

  /** The views and then the data that they point into, in pieces that 32 bits address. */
  private List<ArrowBuf> views(Source source) {
    CastContext context = source.context;
    ArrowBuf views = context.allocateZeroed((long) source.count * VIEW);
    List<ArrowBuf> out = new ArrayList<>(List.of(views));
    long begin = -1;
    long end = -1;
    for (int row = 0; row < source.count; row++) {
      if (!source.at(row)) {
        continue;
      }
      long view = (long) row * VIEW;
      if (source.length > Integer.MAX_VALUE) {
        throw source.failure(row, "of " + source.length + " bytes", "is longer than a view can be");
      }
      views.setInt(view, (int) source.length);
      if (source.length <= INLINE) {
        MemoryUtil.copyMemory(source.address, views.memoryAddress() + view + 4, source.length);
        continue;
      }
      if (begin < 0 || source.start + source.length - begin > Integer.MAX_VALUE) {
        if (begin >= 0) {
          out.add(context.slice(source.data, begin, end - begin));
        }
        begin = source.start;
      }
      end = source.start + source.length;
      views.setInt(view + 4, MemoryUtil.getInt(source.address));
      views.setInt(view + 8, out.size() - 1);
      views.setInt(view + 12, (int) (source.start - begin));
    }
    if (begin >= 0) {
      out.add(context.slice(source.data, begin, end - begin));
    }
    return out;
  }

  private ArrowBuf fixed(Source source) {
    ArrowBuf out = source.context.allocateZeroed((long) source.count * toWidth);
    for (int row = 0; row < source.count; row++) {
      if (source.at(row)) {
        if (source.length != toWidth) {
          throw source.failure(row, "of " + source.length + " bytes", "has not exactly " + toWidth);
        }
        MemoryUtil.copyMemory(source.address, out.memoryAddress() + (long) row * toWidth, toWidth);
      }
    }
    return out;
  }

  private void gather(Source source, ArrowBuf validity, FieldVector target, CastExtents.Kind kind) {
    int width = kind.isWide() ? 8 : 4;
    ArrowBuf offsets = source.context.allocate((source.count + 1L) * width);
    long end = 0;
    for (int row = 0; row < source.count; row++) {
      CastExtents.put(offsets, width, row, end);
      source.at(row);
      end += source.length;
    }
    if (!kind.isWide() && end > Integer.MAX_VALUE) {
      throw tooLong(source, end);
    }
    CastExtents.put(offsets, width, source.count, end);
    ArrowBuf data = source.context.allocate(end);
    end = 0;
    for (int row = 0; row < source.count; row++) {
      if (source.at(row)) {
        MemoryUtil.copyMemory(source.address, data.memoryAddress() + end, source.length);
        end += source.length;
      }
    }
    source.context.load(target, source.count, validity, offsets, data);
  }
}
