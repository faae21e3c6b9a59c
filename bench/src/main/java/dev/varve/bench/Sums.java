// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.io.IOException;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;

/** What benchmarks do with a batch; the same code for every way a batch can come. */
public enum Sums {
  /** Nothing but to look at the number of rows. */
  TOUCH {
    @Override
    long sum(VectorSchemaRoot root) {
      return root.getRowCount();
    }
  },

  /** Adds up every value by the vectors' own getters, of texts their lengths and their bytes. */
  GETTERS {
    @Override
    long sum(VectorSchemaRoot root) {
      long sum = 0;
      for (FieldVector vector : root.getFieldVectors()) {
        sum +=
            switch (vector) {
              case BigIntVector v -> longs(v);
              case Float8Vector v -> doubles(v);
              case VarCharVector v -> lengths(v) + buffer(v.getDataBuffer());
              default -> buffers(vector);
            };
      }
      return sum;
    }
  },

  /** Adds up every buffer, the bitmaps too, by {@link ArrowBuf#getLong}. */
  BUFFERS {
    @Override
    long sum(VectorSchemaRoot root) {
      long sum = 0;
      for (FieldVector vector : root.getFieldVectors()) {
        sum += buffers(vector);
      }
      return sum;
    }
  };

  /** Does it to one batch. */
  abstract long sum(VectorSchemaRoot root);

  /** Does it to every batch of a reader. */
  long sum(ArrowReader reader) throws IOException {
    VectorSchemaRoot root = reader.getVectorSchemaRoot();
    long sum = 0;
    while (reader.loadNextBatch()) {
      sum += sum(root);
    }
    return sum;
  }

  private static long longs(BigIntVector vector) {
    long sum = 0;
    int count = vector.getValueCount();
    if (vector.getNullCount() == 0) {
      for (int i = 0; i < count; i++) {
        sum += vector.get(i);
      }
    } else {
      for (int i = 0; i < count; i++) {
        sum += vector.isNull(i) ? 0 : vector.get(i);
      }
    }
    return sum;
  }

  private static long doubles(Float8Vector vector) {
    double sum = 0;
    int count = vector.getValueCount();
    if (vector.getNullCount() == 0) {
      for (int i = 0; i < count; i++) {
        sum += vector.get(i);
      }
    } else {
      for (int i = 0; i < count; i++) {
        sum += vector.isNull(i) ? 0 : vector.get(i);
      }
    }
    return Double.doubleToRawLongBits(sum);
  }

  private static long lengths(VarCharVector vector) {
    long sum = 0;
    int count = vector.getValueCount();
    for (int i = 0; i < count; i++) {
      sum += vector.getValueLength(i);
    }
    return sum;
  }

  private static long buffers(FieldVector vector) {
    long sum = 0;
    for (ArrowBuf buffer : vector.getFieldBuffers()) {
      sum += buffer(buffer);
    }
    for (FieldVector child : vector.getChildrenFromFields()) {
      sum += buffers(child);
    }
    return sum;
  }

  private static long buffer(ArrowBuf buffer) {
    long sum = 0;
    long bytes = buffer.writerIndex();
    long whole = bytes & -8;
    for (long at = 0; at < whole; at += 8) {
      sum += buffer.getLong(at);
    }
    for (long at = whole; at < bytes; at++) {
      sum += buffer.getByte(at);
    }
    return sum;
  }
}
