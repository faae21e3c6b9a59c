// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.BaseLargeVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthVector;
import org.apache.arrow.vector.BaseVariableWidthViewVector;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.BitVectorHelper;
import org.apache.arrow.vector.DateMilliVector;
import org.apache.arrow.vector.Decimal256Vector;
import org.apache.arrow.vector.DecimalVector;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.LargeVarCharVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.TimeMicroVector;
import org.apache.arrow.vector.TimeMilliVector;
import org.apache.arrow.vector.TimeNanoVector;
import org.apache.arrow.vector.TimeSecVector;
import org.apache.arrow.vector.TimeStampVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.complex.LargeListVector;
import org.apache.arrow.vector.complex.LargeListViewVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.ListViewVector;
import org.apache.arrow.vector.complex.RunEndEncodedVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.complex.UnionVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/** Fills vectors of any type with random values, nested ones with everything below them. */
final class VectorFiller {
  private static final String LETTERS = "abcdefgh 0123äöß€漢";

  private final Random random;
  private final double nullRate;
  private final int dictionarySize;

  /**
   * Creates a filler.
   *
   * @param random the source of values
   * @param nullRate how many of the values that may be null are, from 0 to 1
   * @param dictionarySize the values of each dictionary
   */
  VectorFiller(Random random, double nullRate, int dictionarySize) {
    this.random = random;
    this.nullRate = nullRate;
    this.dictionarySize = dictionarySize;
  }

  /**
   * Fills a vector; where its field is not nullable, without nulls.
   *
   * @param vector the vector
   * @param field the field it was made from, since unions forget their type ids
   * @param rows how many values
   */
  void fill(FieldVector vector, Field field, int rows) {
    boolean nullable = field.isNullable();
    if (field.getDictionary() != null) {
      fillIndices(vector, nullable, rows);
      return;
    }
    switch (vector) {
      case ExtensionTypeVector<?> v -> {
        ArrowType storage = ((ArrowType.ExtensionType) field.getType()).storageType();
        FieldType type = new FieldType(nullable, storage, null);
        Field storageField = new Field(field.getName(), type, field.getChildren());
        fill((FieldVector) v.getUnderlyingVector(), storageField, rows);
      }
      case NullVector v -> v.setValueCount(rows);
      case BaseFixedWidthVector v -> fillFixed(v, rows, nullable);
      case BaseVariableWidthVector v -> {
        v.allocateNew();
        for (int i = 0; i < rows; i++) {
          if (isNull(nullable)) {
            v.setNull(i);
          } else {
            v.setSafe(i, bytes(v instanceof VarCharVector, 20));
          }
        }
        v.setValueCount(rows);
      }
      case BaseLargeVariableWidthVector v -> {
        v.allocateNew();
        for (int i = 0; i < rows; i++) {
          if (isNull(nullable)) {
            v.setNull(i);
          } else {
            v.setSafe(i, bytes(v instanceof LargeVarCharVector, 20));
          }
        }
        v.setValueCount(rows);
      }
      case BaseVariableWidthViewVector v -> {
        v.allocateNew();
        for (int i = 0; i < rows; i++) {
          if (isNull(nullable)) {
            v.setNull(i);
          } else {
            v.setSafe(i, bytes(v instanceof ViewVarCharVector, 40));
          }
        }
        v.setValueCount(rows);
      }
      case ListVector v -> {
        v.allocateNew();
        int total = 0;
        for (int i = 0; i < rows; i++) {
          if (isNull(nullable)) {
            v.setNull(i);
          } else {
            int size = random.nextInt(4);
            v.startNewValue(i);
            v.endValue(i, size);
            total += size;
          }
        }
        fill(v.getDataVector(), child(field, 0), total);
        v.setValueCount(rows);
      }
      case LargeListVector v -> {
        v.allocateNew();
        int total = 0;
        for (int i = 0; i < rows; i++) {
          if (isNull(nullable)) {
            v.setNull(i);
          } else {
            int size = random.nextInt(4);
            v.startNewValue(i);
            v.endValue(i, size);
            total += size;
          }
        }
        fill(v.getDataVector(), child(field, 0), total);
        v.setValueCount(rows);
      }
      case FixedSizeListVector v -> {
        v.allocateNew();
        for (int i = 0; i < rows; i++) {
          if (isNull(nullable)) {
            v.setNull(i);
          } else {
            v.setNotNull(i);
          }
        }
        fill(v.getDataVector(), child(field, 0), rows * v.getListSize());
        v.setValueCount(rows);
      }
      case ListViewVector v -> {
        v.setInitialCapacity(rows + 1);
        v.allocateNew();
        int total = rows == 0 ? 0 : rows + 3;
        fill(v.getDataVector(), child(field, 0), total);
        for (int i = 0; i < rows; i++) {
          int offset = random.nextInt(total);
          int size = Math.min(random.nextInt(4), total - offset);
          boolean isNull = isNull(nullable);
          v.setOffset(i, isNull ? 0 : offset);
          v.setSize(i, isNull ? 0 : size);
          v.setValidity(i, isNull ? 0 : 1);
        }
        v.setValueCount(rows);
      }
      case LargeListViewVector v -> {
        v.setInitialCapacity(rows + 1);
        v.allocateNew();
        int total = rows == 0 ? 0 : rows + 3;
        fill(v.getDataVector(), child(field, 0), total);
        for (int i = 0; i < rows; i++) {
          int offset = random.nextInt(total);
          int size = Math.min(random.nextInt(4), total - offset);
          boolean isNull = isNull(nullable);
          v.setOffset(i, isNull ? 0 : offset);
          v.setSize(i, isNull ? 0 : size);
          v.setValidity(i, isNull ? 0 : 1);
        }
        v.setValueCount(rows);
      }
      case StructVector v -> {
        v.setInitialCapacity(rows);
        v.allocateNew();
        for (int i = 0; i < rows; i++) {
          if (isNull(nullable)) {
            v.setNull(i);
          } else {
            v.setIndexDefined(i);
          }
        }
        fillChildren(v.getChildrenFromFields(), field, rows);
        v.setValueCount(rows);
      }
      case UnionVector v -> fillSparse(v, field, rows);
      case DenseUnionVector v -> fillDense(v, field, rows);
      case RunEndEncodedVector v -> fillRuns(v, field, rows);
      default -> throw new IllegalArgumentException(vector.getClass().getName());
    }
  }

  private void fillFixed(BaseFixedWidthVector vector, int rows, boolean nullable) {
    vector.allocateNew(rows);
    int width = vector instanceof BitVector ? 1 : vector.getTypeWidth();
    byte[] value = new byte[width];
    for (int i = 0; i < rows; i++) {
      switch (vector) {
        case BitVector v -> v.set(i, random.nextInt(2));
        case DecimalVector v -> v.set(i, decimal(v.getPrecision(), v.getScale()));
        case Decimal256Vector v -> v.set(i, decimal(v.getPrecision(), v.getScale()));
        case TimeSecVector v -> v.set(i, random.nextInt(86_400));
        case TimeMilliVector v -> v.set(i, random.nextInt(86_400_000));
        case TimeMicroVector v -> v.set(i, random.nextLong(86_400_000_000L));
        case TimeNanoVector v -> v.set(i, random.nextLong(86_400_000_000_000L));
        case DateMilliVector v -> v.set(i, 86_400_000L * random.nextInt(-50_000, 50_000));
        case TimeStampVector v -> v.set(i, random.nextLong(-1L << 50, 1L << 50));
        default -> {
          random.nextBytes(value);
          vector.getDataBuffer().setBytes((long) i * width, value);
        }
      }
      if (isNull(nullable)) {
        vector.setNull(i);
      } else {
        BitVectorHelper.setBit(vector.getValidityBuffer(), i);
      }
    }
    vector.setValueCount(rows);
  }

  private void fillSparse(UnionVector vector, Field field, int rows) {
    vector.setInitialCapacity(rows);
    vector.allocateNew();
    fillChildren(vector.getChildrenFromFields(), field, rows);
    vector.setValueCount(rows);
    int[] ids = ((ArrowType.Union) field.getType()).getTypeIds();
    for (int i = 0; i < rows; i++) {
      vector.getTypeBuffer().setByte(i, (byte) ids[random.nextInt(ids.length)]);
    }
    vector.setValueCount(rows);
  }

  private void fillDense(DenseUnionVector vector, Field field, int rows) {
    vector.setInitialCapacity(rows);
    vector.allocateNew();
    while (vector.getTypeBuffer().capacity() < rows
        || vector.getOffsetBuffer().capacity() < 4L * rows) {
      vector.reAlloc();
    }
    int[] ids = ((ArrowType.Union) field.getType()).getTypeIds();
    int[] counts = new int[128];
    for (int i = 0; i < rows; i++) {
      int id = ids[random.nextInt(ids.length)];
      vector.setTypeId(i, (byte) id);
      vector.getOffsetBuffer().setInt(4L * i, counts[id]++);
    }
    for (int i = 0; i < ids.length; i++) {
      FieldVector child = (FieldVector) vector.getVectorByType((byte) ids[i]);
      fill(child, child(field, i), counts[ids[i]]);
    }
    vector.setValueCount(rows);
  }

  private void fillRuns(RunEndEncodedVector vector, Field field, int rows) {
    int[] ends = new int[rows];
    int runs = 0;
    for (int end = 0; end < rows; runs++) {
      end = Math.min(rows, end + 1 + random.nextInt(4));
      ends[runs] = end;
    }
    vector.allocateNew();
    for (int i = 0; i < runs; i++) {
      switch (vector.getRunEndsVector()) {
        case SmallIntVector v -> v.setSafe(i, ends[i]);
        case IntVector v -> v.setSafe(i, ends[i]);
        case BigIntVector v -> v.setSafe(i, ends[i]);
        default -> throw new IllegalArgumentException();
      }
    }
    vector.getRunEndsVector().setValueCount(runs);
    fill(vector.getValuesVector(), child(field, 1), runs);
    vector.setValueCount(rows);
  }

  private void fillChildren(List<FieldVector> vectors, Field field, int rows) {
    for (int i = 0; i < vectors.size(); i++) {
      fill(vectors.get(i), child(field, i), rows);
    }
  }

  private static Field child(Field field, int index) {
    return field.getChildren().get(index);
  }

  private void fillIndices(FieldVector vector, boolean nullable, int rows) {
    BaseFixedWidthVector indices = (BaseFixedWidthVector) vector;
    indices.allocateNew(rows);
    int width = indices.getTypeWidth();
    for (int i = 0; i < rows; i++) {
      long index = dictionarySize == 0 ? 0 : random.nextInt(dictionarySize);
      byte[] value = new byte[width];
      for (int j = 0; j < width; j++) {
        value[j] = (byte) (index >>> (8 * j));
      }
      indices.getDataBuffer().setBytes((long) i * width, value);
      if (dictionarySize == 0 || isNull(nullable)) {
        indices.setNull(i);
      } else {
        BitVectorHelper.setBit(indices.getValidityBuffer(), i);
      }
    }
    indices.setValueCount(rows);
  }

  private boolean isNull(boolean nullable) {
    return nullable && random.nextDouble() < nullRate;
  }

  private BigDecimal decimal(int precision, int scale) {
    BigInteger bound = BigInteger.TEN.pow(precision);
    BigInteger value = new BigInteger(bound.bitLength() + 8, random).mod(bound);
    return new BigDecimal(random.nextBoolean() ? value : value.negate(), scale);
  }

  private byte[] bytes(boolean isText, int bound) {
    int length = random.nextInt(bound);
    if (!isText) {
      byte[] bytes = new byte[length];
      random.nextBytes(bytes);
      return bytes;
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
    }
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }
}
