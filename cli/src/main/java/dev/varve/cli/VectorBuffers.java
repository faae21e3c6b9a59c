// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BaseLargeVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.complex.UnionVector;

/** Hashes the buffers of a vector and of the vectors below it, in pre-order. */
final class VectorBuffers {
  private final BufferHash hash;
  private final BatchChecksum checksum;
  private final long batch;
  private final int column;

  private long sum;
  private int vectors;

  VectorBuffers(BufferHash hash, BatchChecksum checksum, long batch, int column) {
    this.hash = hash;
    this.checksum = checksum;
    this.batch = batch;
    this.column = column;
  }

  /** Returns the sum over what was visited. */
  long sum() {
    return sum;
  }

  void visit(FieldVector vector) {
    FieldVector plain = vector;
    while (plain instanceof ExtensionTypeVector<?> extension) {
      plain = extension.getUnderlyingVector();
    }
    int n = plain.getValueCount();
    int place = vectors++;
    add(place, 0, n);
    switch (plain) {
      case NullVector v -> {}
      case BitVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        bits(place, 2, v.getDataBuffer(), n);
      }
      case BaseFixedWidthVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        bytes(place, 2, v.getDataBuffer(), (long) n * v.getTypeWidth());
      }
      case BaseVariableWidthVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        offsets(place, v.getOffsetBuffer(), 4, n);
        if (n > 0) {
          long begin = hash.intAt(v.getOffsetBuffer(), 0);
          long end = hash.intAt(v.getOffsetBuffer(), 4L * n);
          add(place, 3, hash.ofBytes(v.getDataBuffer(), begin, end - begin));
        }
      }
      case BaseLargeVariableWidthVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        offsets(place, v.getOffsetBuffer(), 8, n);
        if (n > 0) {
          long begin = hash.longAt(v.getOffsetBuffer(), 0);
          long end = hash.longAt(v.getOffsetBuffer(), 8L * n);
          add(place, 3, hash.ofBytes(v.getDataBuffer(), begin, end - begin));
        }
      }
      case BaseVariableWidthViewVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        add(place, 2, hash.ofViews(v, n));
      }
      case ListVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        offsets(place, v.getOffsetBuffer(), 4, n);
        visit(v.getDataVector());
      }
      case LargeListVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        offsets(place, v.getOffsetBuffer(), 8, n);
        visit(v.getDataVector());
      }
      case ListViewVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        bytes(place, 2, v.getOffsetBuffer(), 4L * n);
        bytes(place, 3, v.getSizeBuffer(), 4L * n);
        visit(v.getDataVector());
      }
      case LargeListViewVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        bytes(place, 2, v.getOffsetBuffer(), 8L * n);
        bytes(place, 3, v.getSizeBuffer(), 8L * n);
        visit(v.getDataVector());
      }
      case FixedSizeListVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        visit(v.getDataVector());
      }
      case StructVector v -> {
        bits(place, 1, v.getValidityBuffer(), n);
        visitAll(v.getChildrenFromFields());
      }
      case UnionVector v -> {
        bytes(place, 1, v.getTypeBuffer(), n);
        visitAll(v.getChildrenFromFields());
      }
      case DenseUnionVector v -> {
        bytes(place, 1, v.getTypeBuffer(), n);
        bytes(place, 2, v.getOffsetBuffer(), 4L * n);
        visitAll(v.getChildrenFromFields());
      }
      case RunEndEncodedVector v -> visitAll(v.getChildrenFromFields());
      default ->
          throw new IllegalStateException(
              "no checksum for the vector " + plain.getClass().getName());
    }
  }

  private void visitAll(List<FieldVector> children) {
    children.forEach(this::visit);
  }

  private void bits(int place, int buffer, ArrowBuf bits, int count) {
    add(place, buffer, hash.ofBits(bits, count));
  }

  private void bytes(int place, int buffer, ArrowBuf bytes, long length) {
    add(place, buffer, hash.ofBytes(bytes, 0, length));
  }

  private void offsets(int place, ArrowBuf offsets, int width, int count) {
    add(place, 2, hash.ofBytes(offsets, 0, count == 0 ? 0 : (count + 1L) * width));
  }

  private void add(int place, int buffer, long hash) {
    sum += checksum.mix(batch, column, place, buffer, hash);
  }
}
