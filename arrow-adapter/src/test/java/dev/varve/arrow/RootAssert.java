// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.compare.VectorEqualsVisitor;

/** Compares roots and vectors value for value, by objects and by Arrow's own visitor. */
public final class RootAssert {
  private RootAssert() {}

  /** Asserts that two roots have the same schema, row count and values. */
  public static void assertSame(VectorSchemaRoot actual, VectorSchemaRoot expected) {
    assertThat(actual.getSchema()).isEqualTo(expected.getSchema());
    assertSameValues(actual, expected);
  }

  /** Asserts that two roots have the same row count and values. */
  public static void assertSameValues(VectorSchemaRoot actual, VectorSchemaRoot expected) {
    assertThat(actual.getRowCount()).as("rows").isEqualTo(expected.getRowCount());
    assertThat(actual.getFieldVectors()).hasSameSizeAs(expected.getFieldVectors());
    for (int i = 0; i < expected.getFieldVectors().size(); i++) {
      assertSame(actual.getVector(i), expected.getVector(i));
    }
  }

  /** Asserts that two vectors have the same values. */
  public static void assertSame(FieldVector actual, FieldVector expected) {
    assertRange(actual, expected, 0, expected.getValueCount());
    assertThat(VectorEqualsVisitor.vectorEquals(expected, actual, (a, b) -> true))
        .as("%s by Arrow's visitor", expected.getName())
        .isTrue();
  }

  /** Asserts that a vector has the values {@code from .. from + count - 1} of another. */
  public static void assertRange(FieldVector actual, FieldVector expected, int from, int count) {
    assertThat(actual.getValueCount()).as("values of %s", expected.getName()).isEqualTo(count);
    for (int i = 0; i < count; i++) {
      Object left = value(actual, i);
      Object right = value(expected, from + i);
      if (!sameObject(left, right)) {
        throw new AssertionError(
            expected.getField()
                + " value "
                + i
                + ": expected "
                + show(right)
                + ", found "
                + show(left));
      }
    }
  }

  private static Object value(FieldVector vector, int index) {
    return vector.isNull(index) ? null : vector.getObject(index);
  }

  private static String show(Object value) {
    return value instanceof byte[] bytes ? Arrays.toString(bytes) : String.valueOf(value);
  }

  private static boolean sameObject(Object left, Object right) {
    if (left instanceof byte[] a && right instanceof byte[] b) {
      return Arrays.equals(a, b);
    }
    if (left instanceof List<?> a && right instanceof List<?> b) {
      return a.size() == b.size() && sameElements(a.iterator(), b.iterator());
    }
    if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
      return a.keySet().equals(b.keySet())
          && a.keySet().stream().allMatch(key -> sameObject(a.get(key), b.get(key)));
    }
    return Objects.equals(left, right);
  }

  private static boolean sameElements(Iterator<?> left, Iterator<?> right) {
    while (left.hasNext()) {
      if (!sameObject(left.next(), right.next())) {
        return false;
      }
    }
    return true;
  }
}
