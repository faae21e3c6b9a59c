// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BaseIntVector;
import org.apache.arrow.vector.BaseLargeVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.ValueVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.complex.UnionVector;

/**
 * Flattens ranges of vectors into the field nodes, buffers and variadic counts of one record batch
 * body, in pre-order.
 *
 * <p>A buffer that can be written as it lies in its vector becomes a part in place, trimmed to the
 * bytes that the range needs. What must change goes to scratch memory: bitmaps that do not begin at
 * a byte, absent bitmaps, offsets that do not begin at zero, run ends that are cut, and views into
 * data buffers of which the range uses little. Values outside the range are never written.
 */
final class BodyWriter {
  private static final int DENSE_TYPES = 128;
  private static final int VIEW_BYTES = BaseVariableWidthViewVector.ELEMENT_SIZE;
  private static final int VIEW_INLINE = BaseVariableWidthViewVector.INLINE_SIZE;

  private final MessageFrame frame;
  private final Scratch scratch;

  private int nodes;
  private long[] nodeValues = new long[32];
  private int variadics;
  private long[] variadicCounts = new long[4];

  BodyWriter(MessageFrame frame) {
    this.frame = frame;
    this.scratch = frame.scratch();
  }

  /** Begins a body. */
  void reset() {
    nodes = 0;
    variadics = 0;
  }

  int nodeCount() {
    return nodes;
  }

  long nodeLength(int node) {
    return nodeValues[2 * node];
  }

  long nodeNullCount(int node) {
    return nodeValues[2 * node + 1];
  }

  int variadicCount() {
    return variadics;
  }

  long variadicCount(int index) {
    return variadicCounts[index];
  }

  /** Adds the values {@code from .. from + count - 1} of a vector and its children. */
  void add(FieldVector vector, int from, int count) {
    switch (vector) {
      case ExtensionTypeVector<?> v -> add(storage(v), from, count);
      case NullVector v -> node(count, count);
      case BitVector v -> addBits(v, from, count);
      case BaseFixedWidthVector v -> {
        addValidity(v, v.getValidityBuffer(), from, count);
        int width = v.getTypeWidth();
        addSlice(v, "values", v.getDataBuffer(), (long) from * width, (long) count * width);
      }
      case BaseVariableWidthVector v -> addVariableWidth(v, from, count);
      case BaseLargeVariableWidthVector v -> addLargeVariableWidth(v, from, count);
      case BaseVariableWidthViewVector v -> addViews(v, from, count);
      case ListVector v -> {
        addValidity(v, v.getValidityBuffer(), from, count);
        long first = addOffsets(v, v.getOffsetBuffer(), from, count);
        add(v.getDataVector(), (int) first, (int) (lastOffset - first));
      }
      case LargeListVector v -> {
        addValidity(v, v.getValidityBuffer(), from, count);
        long first = addLargeOffsets(v, v.getOffsetBuffer(), from, count);
        add(v.getDataVector(), intIndex(v, first), intIndex(v, lastOffset - first));
      }
      case FixedSizeListVector v -> {
        addValidity(v, v.getValidityBuffer(), from, count);
        long size = v.getListSize();
        add(v.getDataVector(), intIndex(v, from * size), intIndex(v, count * size));
      }
      case ListViewVector v -> {
        addValidity(v, v.getValidityBuffer(), from, count);
        addListViews(v, v.getOffsetBuffer(), v.getSizeBuffer(), v.getDataVector(), 4, from, count);
      }
      case LargeListViewVector v -> {
        addValidity(v, v.getValidityBuffer(), from, count);
        addListViews(v, v.getOffsetBuffer(), v.getSizeBuffer(), v.getDataVector(), 8, from, count);
      }
      case StructVector v -> {
        addValidity(v, v.getValidityBuffer(), from, count);
        addAll(v.getChildrenFromFields(), from, count);
      }
      case UnionVector v -> {
        node(count, 0);
        addSlice(v, "type ids", v.getTypeBuffer(), from, count);
        addAll(v.getChildrenFromFields(), from, count);
      }
      case DenseUnionVector v -> addDenseUnion(v, from, count);
      case RunEndEncodedVector v -> addRuns(v, from, count);
      default ->
          throw new IllegalArgumentException(
              "column "
                  + vector.getName()
                  + " is a "
                  + vector.getClass().getName()
                  + ", which is not a vector of arrow-vector or an ExtensionTypeVector over one");
    }
  }

  private void addAll(List<FieldVector> vectors, int from, int count) {
    for (FieldVector vector : vectors) {
      add(vector, from, count);
    }
  }

  private static FieldVector storage(ExtensionTypeVector<?> vector) {
    ValueVector storage = vector.getUnderlyingVector();
    if (storage instanceof FieldVector field) {
      return field;
    }
    throw new IllegalArgumentException(
        "the storage of extension column "
            + vector.getName()
            + " is a "
            + storage.getClass().getName()
            + ", not a FieldVector");
  }

  private void node(long length, long nullCount) {
    if (2 * nodes == nodeValues.length) {
      nodeValues = Arrays.copyOf(nodeValues, 4 * nodes);
    }
    nodeValues[2 * nodes] = length;
    nodeValues[2 * nodes + 1] = nullCount;
    nodes++;
  }

  /** Adds the node of a vector and its validity bitmap. */
  private void addValidity(FieldVector vector, ArrowBuf validity, int from, int count) {
    if (validity.capacity() == 0) {
      addOnes(count);
      node(count, 0);
      return;
    }
    check(vector, "validity", validity, bitBytes((long) from + count));
    long ones = addBitmap(validity, from, count);
    node(count, count - ones);
  }

  private void addBits(BitVector vector, int from, int count) {
    addValidity(vector, vector.getValidityBuffer(), from, count);
    check(vector, "values", vector.getDataBuffer(), count == 0 ? 0 : bitBytes((long) from + count));
    addBitmap(vector.getDataBuffer(), from, count);
  }

  /** Adds bits of a bitmap and returns how many of them are set. */
  private long addBitmap(ArrowBuf bitmap, int from, int count) {
    long address = bitmap.memoryAddress();
    long bytes = bitBytes(count);
    if ((from & 7) == 0 && Bitmaps.endsClear(address + (from >>> 3), count)) {
      long begin = address + (from >>> 3);
      frame.addVectorPart(bitmap, begin, bytes);
      return Bitmaps.countOnes(begin, count);
    }
    long offset = scratch.reserve(bytes);
    MemorySegment target = scratch.slice(offset, bytes);
    Bitmaps.copyShifted(address, from, count, target);
    frame.addScratchPart(offset, bytes);
    return Bitmaps.countOnes(target.address(), count);
  }

  private void addOnes(int count) {
    long bytes = bitBytes(count);
    long offset = scratch.reserve(bytes);
    Bitmaps.fillOnes(scratch.slice(offset, bytes), count);
    frame.addScratchPart(offset, bytes);
  }

  private void addSlice(FieldVector vector, String what, ArrowBuf buffer, long from, long bytes) {
    if (bytes == 0) {
      frame.addScratchPart(0, 0);
      return;
    }
    check(vector, what, buffer, from + bytes);
    frame.addVectorPart(buffer, buffer.memoryAddress() + from, bytes);
  }

  private void addVariableWidth(BaseVariableWidthVector vector, int from, int count) {
    if (vector.getLastSet() + 1 < vector.getValueCount()) {
      // Values were set after the count was: this call completes the trailing offsets.
      vector.getFieldBuffers();
    }
    addValidity(vector, vector.getValidityBuffer(), from, count);
    long first = addOffsets(vector, vector.getOffsetBuffer(), from, count);
    addSlice(vector, "data", vector.getDataBuffer(), first, lastOffset - first);
  }

  private void addLargeVariableWidth(BaseLargeVariableWidthVector vector, int from, int count) {
    if (vector.getLastSet() + 1 < vector.getValueCount()) {
      vector.getFieldBuffers();
    }
    addValidity(vector, vector.getValidityBuffer(), from, count);
    long first = addLargeOffsets(vector, vector.getOffsetBuffer(), from, count);
    addSlice(vector, "data", vector.getDataBuffer(), first, lastOffset - first);
  }

  /** The offset after the last value of the newest offsets buffer, in its vector's terms. */
  private long lastOffset;

  /** Adds 32-bit offsets so that they begin at zero and returns what the first one was. */
  private long addOffsets(FieldVector vector, ArrowBuf offsets, int from, int count) {
    if (count == 0) {
      addZeros(Integer.BYTES);
      lastOffset = 0;
      return 0;
    }
    long begin = 4L * from;
    long bytes = 4L * (count + 1L);
    check(vector, "offsets", offsets, begin + bytes);
    long address = offsets.memoryAddress() + begin;
    int first = MemoryUtil.getInt(address);
    int last = MemoryUtil.getInt(address + 4L * count);
    checkOffsets(vector, first, last);
    lastOffset = last;
    if (first == 0) {
      frame.addVectorPart(offsets, address, bytes);
    } else {
      long place = scratch.reserve(bytes);
      MemorySegment target = scratch.slice(place, bytes);
      for (long i = 0; i < bytes; i += 4) {
        target.set(JAVA_INT_UNALIGNED, i, MemoryUtil.getInt(address + i) - first);
      }
      frame.addScratchPart(place, bytes);
    }
    return first;
  }

  /** Adds 64-bit offsets so that they begin at zero and returns what the first one was. */
  private long addLargeOffsets(FieldVector vector, ArrowBuf offsets, int from, int count) {
    if (count == 0) {
      addZeros(Long.BYTES);
      lastOffset = 0;
      return 0;
    }
    long begin = 8L * from;
    long bytes = 8L * (count + 1L);
    check(vector, "offsets", offsets, begin + bytes);
    long address = offsets.memoryAddress() + begin;
    long first = MemoryUtil.getLong(address);
    long last = MemoryUtil.getLong(address + 8L * count);
    checkOffsets(vector, first, last);
    lastOffset = last;
    if (first == 0) {
      frame.addVectorPart(offsets, address, bytes);
    } else {
      long place = scratch.reserve(bytes);
      MemorySegment target = scratch.slice(place, bytes);
      for (long i = 0; i < bytes; i += 8) {
        target.set(JAVA_LONG_UNALIGNED, i, MemoryUtil.getLong(address + i) - first);
      }
      frame.addScratchPart(place, bytes);
    }
    return first;
  }

  private void addZeros(int bytes) {
    long place = scratch.reserve(bytes);
    scratch.slice(place, bytes).fill((byte) 0);
    frame.addScratchPart(place, bytes);
  }

  /**
   * Adds views and their data buffers: as they are where the views refer to most of the bytes, else
   * gathered into one data buffer without the bytes that no view of the range refers to.
   */
  private void addViews(BaseVariableWidthViewVector vector, int from, int count) {
    addValidity(vector, vector.getValidityBuffer(), from, count);
    long bytes = (long) VIEW_BYTES * count;
    ArrowBuf views = vector.getDataBuffer();
    check(vector, "views", views, count == 0 ? 0 : (long) VIEW_BYTES * from + bytes);
    long address = views.memoryAddress() + (long) VIEW_BYTES * from;
    List<ArrowBuf> data = vector.getDataBuffers();
    long[] ends = viewEnds(data.size());
    long used = scanViews(vector, address, from, count, data, ends);
    long held = 0;
    for (int i = 0; i < data.size(); i++) {
      held += ends[i];
    }
    boolean worthwhile = used < held - held / 4 || (used == 0 && !data.isEmpty());
    if (!worthwhile || used > Integer.MAX_VALUE) {
      addSlice(vector, "views", views, (long) VIEW_BYTES * from, bytes);
      for (int i = 0; i < data.size(); i++) {
        addSlice(vector, "data", data.get(i), 0, ends[i]);
      }
      variadic(data.size());
    } else {
      gatherViews(vector, address, from, count, data, used);
    }
  }

  private long[] viewEnds = new long[4];

  private long[] viewEnds(int buffers) {
    if (viewEnds.length < buffers) {
      viewEnds = new long[buffers];
    }
    Arrays.fill(viewEnds, 0, buffers, 0);
    return viewEnds;
  }

  /** Finds the end of the used part of each data buffer and returns the bytes referred to. */
  private static long scanViews(
      BaseVariableWidthViewVector vector,
      long address,
      int from,
      int count,
      List<ArrowBuf> data,
      long[] ends) {
    boolean nullable = vector.getValidityBuffer().capacity() > 0;
    long used = 0;
    for (int i = 0; i < count; i++) {
      long view = address + (long) VIEW_BYTES * i;
      int length = MemoryUtil.getInt(view);
      if (length <= VIEW_INLINE || (nullable && vector.isNull(from + i))) {
        continue;
      }
      int buffer = MemoryUtil.getInt(view + 8);
      int offset = MemoryUtil.getInt(view + 12);
      if (buffer < 0
          || buffer >= data.size()
          || offset < 0
          || (long) offset + length > data.get(buffer).capacity()) {
        throw new IllegalArgumentException(
            "column "
                + vector.getName()
                + ": the view of value "
                + (from + i)
                + " refers to "
                + length
                + " bytes at "
                + offset
                + " of data buffer "
                + buffer
                + ", which the vector's "
                + data.size()
                + " data buffers do not hold");
      }
      used += length;
      ends[buffer] = Math.max(ends[buffer], (long) offset + length);
    }
    return used;
  }

  private void gatherViews(
      BaseVariableWidthViewVector vector,
      long address,
      int from,
      int count,
      List<ArrowBuf> data,
      long used) {
    long bytes = (long) VIEW_BYTES * count;
    long viewPlace = scratch.reserve(bytes);
    long dataPlace = scratch.reserve(used);
    MemorySegment views = scratch.slice(viewPlace, bytes);
    MemorySegment gathered = scratch.slice(dataPlace, used);
    MemoryUtil.copyMemory(address, views.address(), bytes);
    boolean nullable = vector.getValidityBuffer().capacity() > 0;
    int next = 0;
    for (int i = 0; i < count; i++) {
      long view = (long) VIEW_BYTES * i;
      int length = views.get(JAVA_INT_UNALIGNED, view);
      if (nullable && vector.isNull(from + i)) {
        views.asSlice(view, VIEW_BYTES).fill((byte) 0);
      } else if (length > VIEW_INLINE) {
        ArrowBuf source = data.get(views.get(JAVA_INT_UNALIGNED, view + 8));
        int offset = views.get(JAVA_INT_UNALIGNED, view + 12);
        MemoryUtil.copyMemory(
            source.memoryAddress() + offset, gathered.asSlice(next, length).address(), length);
        views.set(JAVA_INT_UNALIGNED, view + 8, 0);
        views.set(JAVA_INT_UNALIGNED, view + 12, next);
        next += length;
      }
    }
    frame.addScratchPart(viewPlace, bytes);
    if (used > 0) {
      frame.addScratchPart(dataPlace, used);
    }
    variadic(used > 0 ? 1 : 0);
  }

  private void variadic(long count) {
    if (variadics == variadicCounts.length) {
      variadicCounts = Arrays.copyOf(variadicCounts, 2 * variadics);
    }
    variadicCounts[variadics++] = count;
  }

  /** Adds offsets and sizes, and of the child only the range that they span. */
  private void addListViews(
      FieldVector vector,
      ArrowBuf offsets,
      ArrowBuf sizes,
      FieldVector child,
      int width,
      int from,
      int count) {
    long begin = (long) width * from;
    long bytes = (long) width * count;
    if (count > 0) {
      check(vector, "offsets", offsets, begin + bytes);
      check(vector, "sizes", sizes, begin + bytes);
    }
    long offsetAddress = offsets.memoryAddress() + begin;
    long sizeAddress = sizes.memoryAddress() + begin;
    long low = Long.MAX_VALUE;
    long high = 0;
    long emptyHigh = 0;
    for (long i = 0; i < bytes; i += width) {
      long offset = read(offsetAddress + i, width);
      long size = read(sizeAddress + i, width);
      if (offset < 0 || size < 0 || offset + size < 0) {
        throw new IllegalArgumentException(
            "column "
                + vector.getName()
                + ": the list at "
                + (from + i / width)
                + " has offset "
                + offset
                + " and size "
                + size);
      }
      if (size > 0) {
        low = Math.min(low, offset);
        high = Math.max(high, offset + size);
      } else {
        emptyHigh = Math.max(emptyHigh, offset);
      }
    }
    low = Math.min(low, high);
    if (low == 0 && emptyHigh <= high) {
      addSlice(vector, "offsets", offsets, begin, bytes);
    } else {
      long place = scratch.reserve(bytes);
      MemorySegment target = scratch.slice(place, bytes);
      for (long i = 0; i < bytes; i += width) {
        boolean empty = read(sizeAddress + i, width) == 0;
        long offset = empty ? 0 : read(offsetAddress + i, width) - low;
        if (width == 4) {
          target.set(JAVA_INT_UNALIGNED, i, (int) offset);
        } else {
          target.set(JAVA_LONG_UNALIGNED, i, offset);
        }
      }
      frame.addScratchPart(place, bytes);
    }
    addSlice(vector, "sizes", sizes, begin, bytes);
    add(child, intIndex(vector, low), intIndex(vector, high - low));
  }

  private static long read(long address, int width) {
    return width == 4 ? MemoryUtil.getInt(address) : MemoryUtil.getLong(address);
  }

  /** Adds type ids and offsets, and of each child only the range that they span. */
  private void addDenseUnion(DenseUnionVector vector, int from, int count) {
    node(count, 0);
    addSlice(vector, "type ids", vector.getTypeBuffer(), from, count);
    if (count > 0) {
      check(vector, "offsets", vector.getOffsetBuffer(), 4L * from + 4L * count);
    }
    long types = vector.getTypeBuffer().memoryAddress() + from;
    long offsets = vector.getOffsetBuffer().memoryAddress() + 4L * from;
    int[] lows = new int[DENSE_TYPES];
    int[] highs = new int[DENSE_TYPES];
    Arrays.fill(lows, Integer.MAX_VALUE);
    for (int i = 0; i < count; i++) {
      int type = MemoryUtil.getByte(types + i);
      if (type >= 0) {
        int offset = MemoryUtil.getInt(offsets + 4L * i);
        if (offset < 0 || offset == Integer.MAX_VALUE) {
          throw new IllegalArgumentException(
              "column " + vector.getName() + ": value " + (from + i) + " has offset " + offset);
        }
        lows[type] = Math.min(lows[type], offset);
        highs[type] = Math.max(highs[type], offset + 1);
      }
    }
    boolean rebase = false;
    for (int type = 0; type < DENSE_TYPES; type++) {
      lows[type] = Math.min(lows[type], highs[type]);
      rebase |= lows[type] != 0;
    }
    long bytes = 4L * count;
    if (rebase) {
      long place = scratch.reserve(bytes);
      MemorySegment target = scratch.slice(place, bytes);
      for (int i = 0; i < count; i++) {
        int type = MemoryUtil.getByte(types + i);
        int offset = type < 0 ? 0 : MemoryUtil.getInt(offsets + 4L * i) - lows[type];
        target.set(JAVA_INT_UNALIGNED, 4L * i, offset);
      }
      frame.addScratchPart(place, bytes);
    } else {
      addSlice(vector, "offsets", vector.getOffsetBuffer(), 4L * from, bytes);
    }
    List<FieldVector> children = vector.getChildrenFromFields();
    for (FieldVector child : children) {
      int type = typeOf(vector, child);
      add(child, lows[type], highs[type] - lows[type]);
    }
  }

  private static int typeOf(DenseUnionVector vector, FieldVector child) {
    for (int type = 0; type < DENSE_TYPES; type++) {
      if (vector.getVectorByType((byte) type) == child) {
        return type;
      }
    }
    throw new IllegalArgumentException(
        "column " + vector.getName() + ": no type id leads to the child " + child.getName());
  }

  /** Adds the runs that a range touches, cut to the range. */
  private void addRuns(RunEndEncodedVector vector, int from, int count) {
    node(count, 0);
    FieldVector ends = vector.getRunEndsVector();
    FieldVector values = vector.getValuesVector();
    if (count == 0) {
      add(ends, 0, 0);
      add(values, 0, 0);
      return;
    }
    if (!(ends instanceof BaseFixedWidthVector fixed) || !(ends instanceof BaseIntVector)) {
      throw new IllegalArgumentException(
          "column " + vector.getName() + ": the run ends are a " + ends.getClass().getName());
    }
    int width = fixed.getTypeWidth();
    int runs = ends.getValueCount();
    check(vector, "run ends", ends.getDataBuffer(), (long) width * runs);
    long address = ends.getDataBuffer().memoryAddress();
    int first = runAt(vector, address, width, runs, from);
    int last = runAt(vector, address, width, runs, from + count - 1);
    if (last < first) {
      throw new IllegalArgumentException(
          "column " + vector.getName() + ": its run ends do not increase");
    }
    int physical = last - first + 1;
    long bytes = (long) width * physical;
    long begin = (long) width * first;
    addOnes(physical);
    node(physical, 0);
    if (from == 0 && runEnd(address, width, last) == count) {
      addSlice(vector, "run ends", ends.getDataBuffer(), begin, bytes);
    } else {
      long place = scratch.reserve(bytes);
      MemorySegment target = scratch.slice(place, bytes);
      for (int i = 0; i < physical; i++) {
        long end = Math.min(runEnd(address, width, first + i) - from, count);
        switch (width) {
          case 2 -> target.set(JAVA_SHORT_UNALIGNED, 2L * i, (short) end);
          case 4 -> target.set(JAVA_INT_UNALIGNED, 4L * i, (int) end);
          default -> target.set(JAVA_LONG_UNALIGNED, 8L * i, end);
        }
      }
      frame.addScratchPart(place, bytes);
    }
    add(values, first, physical);
  }

  /** Returns the first run that ends after a value. */
  private static int runAt(
      RunEndEncodedVector vector, long address, int width, int runs, int value) {
    int low = 0;
    int high = runs;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (runEnd(address, width, middle) > value) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    if (low == runs) {
      throw new IllegalArgumentException(
          "column "
              + vector.getName()
              + ": its "
              + runs
              + " runs end before value "
              + value
              + " of "
              + vector.getValueCount());
    }
    return low;
  }

  private static long runEnd(long address, int width, int run) {
    long place = address + (long) width * run;
    return switch (width) {
      case 2 -> MemoryUtil.getShort(place);
      case 4 -> MemoryUtil.getInt(place);
      default -> MemoryUtil.getLong(place);
    };
  }

  private static long bitBytes(long bits) {
    return (bits + 7) >>> 3;
  }

  private static int intIndex(FieldVector vector, long value) {
    if (value > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "column "
              + vector.getName()
              + " refers to child value "
              + value
              + ", beyond the "
              + Integer.MAX_VALUE
              + " values that a vector of arrow-vector can hold");
    }
    return (int) value;
  }

  private static void checkOffsets(FieldVector vector, long first, long last) {
    if (first < 0 || last < first) {
      throw new IllegalArgumentException(
          "column " + vector.getName() + ": its offsets go from " + first + " to " + last);
    }
  }

  private static void check(FieldVector vector, String what, ArrowBuf buffer, long needed) {
    if (buffer.capacity() < needed) {
      throw new IllegalArgumentException(
          "column "
              + vector.getName()
              + ": its "
              + what
              + " buffer holds "
              + buffer.capacity()
              + " bytes, but its "
              + vector.getValueCount()
              + " values need "
              + needed
              + "; call setValueCount after the values are set");
    }
  }
}
