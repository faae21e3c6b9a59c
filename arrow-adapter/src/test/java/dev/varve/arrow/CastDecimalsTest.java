// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static dev.varve.arrow.CastFixture.field;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Decimals of 128 and 256 bits, from and to each other, integers and floating point. */
class CastDecimalsTest {
  private static final int[] WIDTHS = {128, 256};
  private static final Field I64 = CastNumbersTest.integer(64, true);
  private static final Field U64 = CastNumbersTest.integer(64, false);
  private static final Field F32 = CastNumbersTest.floating(FloatingPointPrecision.SINGLE);
  private static final Field F64 = CastNumbersTest.floating(FloatingPointPrecision.DOUBLE);

  private final CastFixture fixture = new CastFixture();

  @AfterEach
  void nothingLeaks() throws Exception {
    fixture.close();
  }

  private static Field decimal(int precision, int scale, int width) {
    return field("c", new ArrowType.Decimal(precision, scale, width));
  }

  private static BigDecimal big(String value) {
    return new BigDecimal(value);
  }

  @Test
  void scalesChangeExactly() {
    for (int from : WIDTHS) {
      for (int to : WIDTHS) {
        assertThat(
                fixture.cast(
                    decimal(10, 2, from),
                    decimal(12, 4, to),
                    big("1.23"),
                    null,
                    big("-99999999.99"),
                    big("0.00")))
            .containsExactly(big("1.2300"), null, big("-99999999.9900"), big("0.0000"));
        assertThat(fixture.cast(decimal(10, 2, from), decimal(9, 0, to), big("-7.00")))
            .containsExactly(big("-7"));
        assertFails(decimal(10, 2, from), decimal(9, 1, to), big("7.01"), "7.01", "digits after");
        assertFails(decimal(10, 2, from), decimal(4, 2, to), big("100.00"), "100.00", "too many");
        assertThat(fixture.cast(decimal(10, 2, from), decimal(4, 2, to), big("-99.99")))
            .containsExactly(big("-99.99"));
        assertThat(fixture.cast(decimal(5, 0, from), decimal(5, -2, to), big("1200")))
            .containsExactly(big("12E+2"));
      }
    }
  }

  @Test
  void wideValuesAreExactToo() {
    BigDecimal wide = big("12345678901234567890123456789012345678");
    BigDecimal wider = big("-" + "9".repeat(76));

    assertThat(fixture.cast(decimal(38, 0, 128), decimal(76, 30, 256), wide, null, wide.negate()))
        .containsExactly(wide.setScale(30), null, wide.negate().setScale(30));
    assertThat(fixture.cast(decimal(76, 30, 256), decimal(38, 0, 128), wide.setScale(30)))
        .containsExactly(wide);
    assertThat(fixture.cast(decimal(76, 0, 256), decimal(76, 0, 256), wider))
        .containsExactly(wider);
    assertFails(decimal(76, 0, 256), decimal(38, 0, 128), wider, wider.toString(), "too many");
    assertFails(decimal(38, 0, 128), decimal(38, 1, 128), wide, wide.toString(), "too many");
  }

  @Test
  void blocksThatMixNarrowAndWideValues() {
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < 2 * CastContext.BLOCK + 3; i++) {
      values.add(
          i % 7 == 1 ? null : i == 1500 ? big("1" + "0".repeat(30)) : BigDecimal.valueOf(i - 900));
    }

    List<Object> scaled = fixture.cast(decimal(38, 0, 128), decimal(40, 3, 256), values.toArray());
    assertThat(fixture.cast(decimal(40, 3, 256), decimal(38, 0, 128), scaled.toArray()))
        .isEqualTo(values);
  }

  @Test
  void integersBecomeDecimalsAndBack() {
    for (int width : WIDTHS) {
      Field wide = decimal(38, 5, width);
      assertThat(fixture.cast(I64, wide, Long.MIN_VALUE, null, Long.MAX_VALUE, 0L))
          .containsExactly(
              BigDecimal.valueOf(Long.MIN_VALUE).setScale(5),
              null,
              BigDecimal.valueOf(Long.MAX_VALUE).setScale(5),
              big("0.00000"));
      assertThat(
              fixture.cast(
                  wide,
                  I64,
                  BigDecimal.valueOf(Long.MIN_VALUE).setScale(5),
                  null,
                  BigDecimal.valueOf(Long.MAX_VALUE).setScale(5)))
          .containsExactly(Long.MIN_VALUE, null, Long.MAX_VALUE);
      assertThat(fixture.cast(U64, wide, -1L)).containsExactly(big("18446744073709551615.00000"));
      assertThat(fixture.cast(wide, U64, big("18446744073709551615.00000"))).containsExactly(-1L);
      assertFails(wide, I64, big("0.50000"), "0.50000", "digits after");
      assertFails(
          wide, I64, big("9223372036854775808.00000"), "9223372036854775808.00000", "range");
      assertFails(wide, U64, big("-1.00000"), "-1.00000", "range");
      assertFails(
          wide, U64, big("18446744073709551616.00000"), "18446744073709551616.00000", "range");
      assertFails(wide, CastNumbersTest.integer(8, true), big("128.00000"), "128.00000", "range");
      assertFails(I64, decimal(3, 0, width), 1000L, "1000", "too many");
      assertFails(I64, decimal(5, 2, width), -1000L, "-1000", "too many");
      assertFails(I64, decimal(5, -2, width), 150L, "150", "digits after");
    }
  }

  @Test
  void decimalsAreRoundedToFloatingPoint() {
    for (int width : WIDTHS) {
      assertThat(fixture.cast(decimal(20, 2, width), F64, big("0.10"), null, big("-123456789.01")))
          .containsExactly(0.1, null, -123456789.01);
      assertThat(fixture.cast(decimal(30, 20, width), F64, big("1234567890.12345678901234567890")))
          .containsExactly(1234567890.12345678901234567890);
      assertThat(fixture.cast(decimal(38, 38, width), F64, big("1E-38"))).containsExactly(1e-38);
      assertThat(fixture.cast(decimal(20, 2, width), F32, big("0.10")))
          .containsExactly((double) 0.1f);
      assertThat(fixture.cast(decimal(38, -22, width), F64, big("9007199254740993E+22")))
          .containsExactly(9007199254740993e22);
    }
    assertThat(
            fixture.cast(
                decimal(38, 0, 128), F64, big("9007199254740993"), big("9007199254740992")))
        .containsExactly(0x1p53, 0x1p53);
    assertFails(decimal(40, 0, 256), F32, big("4" + "0".repeat(38)), "4" + "0".repeat(38), "range");
  }

  @Test
  void everyDecimalRoundsToTheNearestDouble() {
    Random random = new Random(11);
    List<Object> values = new ArrayList<>();
    List<Object> expected = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      BigDecimal value = BigDecimal.valueOf(random.nextLong() >> (i / 1024 * 5), 5);
      values.add(value);
      expected.add(value.doubleValue());
    }

    assertThat(fixture.cast(decimal(38, 5, 128), F64, values.toArray())).isEqualTo(expected);
  }

  @Test
  void everyDoubleRoundsToTheNearestDecimal() {
    Random random = new Random(13);
    for (int scale : new int[] {0, 1, 2, 5, 10, 22}) {
      List<Object> values = new ArrayList<>();
      List<Object> expected = new ArrayList<>();
      for (int i = 0; i < 30_000; i++) {
        double unit = Math.pow(10, -scale);
        long count = random.nextLong() >> (12 + random.nextInt(50));
        double value =
            switch (i % 4) {
              case 0 -> (count + 0.5) * unit;
              case 1 -> Math.nextUp((count + 0.5) * unit);
              case 2 -> count / (double) (1 << random.nextInt(12)) * unit;
              default -> random.nextGaussian() * Math.pow(10, random.nextInt(40) - 25);
            };
        values.add(value);
        expected.add(new BigDecimal(value).setScale(scale, RoundingMode.HALF_EVEN));
      }

      assertThat(fixture.cast(F64, decimal(76, scale, 256), values.toArray())).isEqualTo(expected);
    }
  }

  @Test
  void decimalsRoundOnceToSinglePrecision() {
    // A double would round this up to the tie between two floats, which then goes the wrong way.
    BigDecimal nearTie = big("16777217.00000000000000000001");

    assertThat(fixture.cast(decimal(38, 20, 128), F32, nearTie)).containsExactly(16777218.0);
  }

  @Test
  void floatingPointIsRoundedToDecimals() {
    for (int width : WIDTHS) {
      assertThat(fixture.cast(F64, decimal(10, 2, width), 0.1, null, -2.675, 0.125, 0.375, -0.0))
          .containsExactly(big("0.10"), null, big("-2.67"), big("0.12"), big("0.38"), big("0.00"));
      assertThat(fixture.cast(F32, decimal(10, 1, width), 16777216.0))
          .containsExactly(big("16777216.0"));
      assertFails(F64, decimal(3, 1, width), 99.96, "99.96", "too many");
      assertFails(F64, decimal(10, 1, width), Double.NaN, "NaN", "not a number");
      assertFails(F64, decimal(10, 1, width), -1 / 0.0, "-Infinity", "not a number");
      assertFails(F64, decimal(38, 0, width), 1e300, "1.0E300", "too many");
    }
    Field half = CastNumbersTest.floating(FloatingPointPrecision.HALF);
    assertThat(fixture.cast(half, decimal(5, 1, 128), 2.5)).containsExactly(big("2.5"));
  }

  @Test
  void whatLiesUnderANullIsNotLookedAt() {
    FieldVector vector = fixture.vector(decimal(10, 1, 128), big("0.5"), big("3.0"));
    vector.setNull(0);

    assertThat(fixture.cast(vector, I64)).containsExactly(null, 3L);
  }

  private void assertFails(Field source, Field target, Object value, String text, String reason) {
    assertThatThrownBy(() -> fixture.cast(source, target, null, value))
        .isInstanceOfSatisfying(
            CastException.class,
            e -> {
              assertThat(e.value()).isEqualTo(text);
              assertThat(e.row()).isEqualTo(1);
              assertThat(e).hasMessageContaining(reason);
            });
  }
}
