// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static dev.varve.arrow.CastFixture.field;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Integers, floating point and booleans. */
class CastNumbersTest {
  private static final Field BOOL = field("bool", ArrowType.Bool.INSTANCE);
  private static final Field F16 = floating(FloatingPointPrecision.HALF);
  private static final Field F32 = floating(FloatingPointPrecision.SINGLE);
  private static final Field F64 = floating(FloatingPointPrecision.DOUBLE);

  private final CastFixture fixture = new CastFixture();

  @AfterEach
  void nothingLeaks() throws Exception {
    fixture.close();
  }

  static Field integer(int bits, boolean signed) {
    return field("c", new ArrowType.Int(bits, signed));
  }

  static Field floating(FloatingPointPrecision precision) {
    return field("c", new ArrowType.FloatingPoint(precision));
  }

  private static long min(int bits, boolean signed) {
    return signed ? -1L << (bits - 1) : 0;
  }

  /** The greatest value that a long holds. */
  private static long max(int bits, boolean signed) {
    return bits == 64 ? Long.MAX_VALUE : (1L << (signed ? bits - 1 : bits)) - 1;
  }

  @Test
  void everyPairOfIntegersKeepsItsBoundsAndRefusesWhatIsBeyond() {
    int refused = 0;
    for (int s = 0; s < 8; s++) {
      for (int t = 0; t < 8; t++) {
        int from = 8 << (s >> 1);
        int to = 8 << (t >> 1);
        boolean fromSigned = (s & 1) == 0;
        boolean toSigned = (t & 1) == 0;
        Field source = integer(from, fromSigned);
        Field target = integer(to, toSigned);
        long low = Math.max(min(from, fromSigned), min(to, toSigned));
        long high = Math.min(max(from, fromSigned), max(to, toSigned));

        assertThat(fixture.cast(source, target, low, null, high, 0L, 1L))
            .containsExactly(low, null, high, 0L, 1L);
        for (long beyond : new long[] {low - 1, high + 1}) {
          boolean exists =
              beyond == low - 1
                  ? low > min(from, fromSigned)
                  : high < max(from, fromSigned)
                      || (from == 64 && !fromSigned && (to < 64 || toSigned));
          if (exists) {
            refused++;
            assertThatThrownBy(() -> fixture.cast(source, target, 1L, beyond))
                .isInstanceOfSatisfying(
                    CastException.class,
                    e -> {
                      assertThat(e.column()).isEqualTo("c");
                      assertThat(e.row()).isEqualTo(1);
                      assertThat(e.value())
                          .isEqualTo(
                              fromSigned ? Long.toString(beyond) : Long.toUnsignedString(beyond));
                      assertThat(e.sourceType()).isEqualTo(source.getType().toString());
                      assertThat(e.targetType()).isEqualTo(target.getType().toString());
                    });
          }
        }
      }
    }
    assertThat(refused).isEqualTo(50);
  }

  @Test
  void unsignedLongsKeepTheirHighBit() {
    Field u64 = integer(64, false);

    assertThat(fixture.cast(u64, u64, -1L)).containsExactly(-1L);
    assertThat(fixture.cast(u64, F64, 1L << 63, 0xFFFF_FFFF_FFFF_F800L))
        .containsExactly(0x1p63, 0x1p64 - 2048);
    assertThat(fixture.cast(F64, u64, 0x1p63, 0x1p64 - 2048, 0x1p63 + 2048))
        .containsExactly(1L << 63, 0xFFFF_FFFF_FFFF_F800L, (1L << 63) + 2048);
    assertThat(fixture.cast(u64, BOOL, -1L, 0L)).containsExactly(true, false);
    assertFails(u64, F64, -1L, "18446744073709551615");
    assertFails(F64, u64, 0x1p64, "1.8446744073709552E19");
    assertFails(F64, u64, -1.0, "-1.0");
  }

  @Test
  void integersToFloatingPointAreExact() {
    Field i64 = integer(64, true);

    assertThat(fixture.cast(i64, F64, 1L << 53, -(1L << 53), Long.MIN_VALUE, (1L << 53) + 2, null))
        .containsExactly(0x1p53, -0x1p53, -0x1p63, 0x1p53 + 2, null);
    assertThat(fixture.cast(i64, F32, 1L << 24, Long.MIN_VALUE, 3L << 40))
        .containsExactly(0x1p24, -0x1p63, 0x3p40);
    assertThat(fixture.cast(integer(32, true), F16, 2048L, -65504L, 0L))
        .containsExactly(2048.0, -65504.0, 0.0);
    assertFails(i64, F64, (1L << 53) + 1, "9007199254740993");
    assertFails(i64, F64, Long.MAX_VALUE, "9223372036854775807");
    assertFails(i64, F32, (1L << 24) + 1, "16777217");
    assertFails(i64, F16, 2049L, "2049");
    assertFails(i64, F16, 65536L, "65536");
    assertFails(i64, F16, -65536L, "-65536");
  }

  @Test
  void floatingPointToIntegersIsWholeAndInRange() {
    assertThat(fixture.cast(F64, integer(64, true), -0x1p63, 0x1p63 - 1024, -0.0, null))
        .containsExactly(Long.MIN_VALUE, Long.MAX_VALUE - 1023, 0L, null);
    assertThat(fixture.cast(F32, integer(8, true), -128.0, 127.0)).containsExactly(-128L, 127L);
    assertThat(fixture.cast(F16, integer(16, false), 65504.0)).containsExactly(65504L);
    for (double bad : new double[] {128, -129, 0.5, Double.NaN, 1 / 0.0, -1 / 0.0}) {
      assertFails(F64, integer(8, true), bad, Double.toString(bad));
    }
    assertFails(F64, integer(64, true), 0x1p63, Double.toString(0x1p63));
    assertFails(F64, integer(64, true), -0x1p63 - 2048, Double.toString(-0x1p63 - 2048));
    assertFails(F32, integer(32, true), 0x1p31, Float.toString(0x1p31f));
  }

  @Test
  void floatingPointIsRoundedButNeverToInfinity() {
    assertThat(fixture.cast(F64, F32, 0.1, -0.0, 1 / 0.0, Double.NaN, 1e-300, null))
        .containsExactly((double) 0.1f, -0.0, 1 / 0.0, Double.NaN, 0.0, null);
    assertThat(fixture.cast(F32, F64, (double) 0.1f)).containsExactly((double) 0.1f);
    assertThat(fixture.cast(F16, F32, 65504.0, Math.pow(2, -24)))
        .containsExactly(65504.0, Math.pow(2, -24));
    assertThat(fixture.cast(F64, F32, Math.nextDown(0x1.ffffffp127)))
        .containsExactly((double) Float.MAX_VALUE);
    assertThat(fixture.cast(F64, F16, Math.nextDown(65520.0), -1 / 0.0))
        .containsExactly(65504.0, -1 / 0.0);
    assertFails(F64, F32, 0x1.ffffffp127, Double.toString(0x1.ffffffp127));
    assertFails(F64, F32, -1e300, "-1.0E300");
    assertFails(F64, F16, 65520.0, "65520.0");
    assertFails(F32, F16, -65520.0, "-65520.0");
  }

  @Test
  void halfPrecisionIsRoundedOnce() {
    double tie = 1 + 0x1p-11;

    assertThat(fixture.cast(F64, F16, tie, tie + 0x1p-50, tie - 0x1p-50, -tie - 0x1p-50))
        .containsExactly(1.0, 1 + 0x1p-10, 1.0, -1 - 0x1p-10);
    assertThat(fixture.cast(F64, F16, 1 + 3 * 0x1p-11, 1 + 3 * 0x1p-11 - 0x1p-50))
        .containsExactly(1 + 0x1p-9, 1 + 0x1p-10);
  }

  @Test
  void booleansAreZeroAndOneAndEveryOtherIntegerIsTrue() {
    assertThat(fixture.cast(integer(32, true), BOOL, 0L, 1L, -7L, null))
        .containsExactly(false, true, true, null);
    assertThat(fixture.cast(BOOL, integer(8, false), true, false, null))
        .containsExactly(1L, 0L, null);
  }

  @Test
  void manyValuesCrossBlocksAndWords() {
    List<Object> numbers = new ArrayList<>();
    List<Object> flags = new ArrayList<>();
    for (long i = 0; i < 3 * CastContext.BLOCK + 77; i++) {
      numbers.add(i % 5 == 3 ? null : i);
      flags.add(i % 5 == 3 ? null : i % 3 == 0);
    }
    Field i32 = integer(32, true);

    assertThat(fixture.cast(i32, integer(16, false), numbers.toArray())).isEqualTo(numbers);
    List<Object> bits = fixture.cast(BOOL, i32, flags.toArray());
    assertThat(fixture.cast(i32, BOOL, bits.toArray())).isEqualTo(flags);
    numbers.set(2 * CastContext.BLOCK + 70, -1L);
    assertThatThrownBy(() -> fixture.cast(i32, integer(16, false), numbers.toArray()))
        .isInstanceOfSatisfying(
            CastException.class, e -> assertThat(e.row()).isEqualTo(2 * CastContext.BLOCK + 70));
  }

  @Test
  void whatLiesUnderANullIsNotLookedAt() {
    FieldVector vector = fixture.vector(integer(32, true), 1000L, 5L);
    vector.setNull(0);

    assertThat(vector.getDataBuffer().getInt(0)).isEqualTo(1000);
    assertThat(fixture.cast(vector, integer(8, true))).containsExactly(null, 5L);
  }

  @Test
  void slicesAndEmptyBatches() {
    Object[] values = {1L, null, 300L, 4L, null, 6L, 7L, 8L, 9L, 10L, 11L};
    FieldVector whole = fixture.vector(integer(32, true), values);
    for (int from = 3; from < values.length; from++) {
      TransferPair pair = whole.getTransferPair(fixture.allocator);
      pair.splitAndTransfer(from, values.length - from);
      try (FieldVector slice = (FieldVector) pair.getTo()) {
        assertThat(fixture.cast(slice, integer(8, true)))
            .isEqualTo(Arrays.asList(values).subList(from, values.length));
      }
    }
    assertThat(fixture.cast(integer(32, true), integer(8, true))).isEmpty();
    assertThat(fixture.cast(BOOL, integer(8, true))).isEmpty();
  }

  private void assertFails(Field source, Field target, Object value, String text) {
    assertThatThrownBy(() -> fixture.cast(source, target, null, value))
        .isInstanceOfSatisfying(
            CastException.class,
            e -> {
              assertThat(e.value()).isEqualTo(text);
              assertThat(e.row()).isEqualTo(1);
              assertThat(e)
                  .hasMessageContainingAll("\"c\"", "row 1", text, e.sourceType(), e.targetType());
            });
  }
}
