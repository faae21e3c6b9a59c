// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static dev.varve.arrow.CastFixture.field;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.apache.arrow.vector.types.DateUnit;
import org.apache.arrow.vector.types.TimeUnit;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Dates, times, timestamps and durations. */
class CastTemporalTest {
  private static final long DAY_MILLIS = 86_400_000;
  private static final Field DAY = field("d", new ArrowType.Date(DateUnit.DAY));
  private static final Field MILLI = field("d", new ArrowType.Date(DateUnit.MILLISECOND));
  private static final Map<TimeUnit, Long> PER_SECOND =
      Map.of(
          TimeUnit.SECOND, 1L,
          TimeUnit.MILLISECOND, 1_000L,
          TimeUnit.MICROSECOND, 1_000_000L,
          TimeUnit.NANOSECOND, 1_000_000_000L);

  private final CastFixture fixture = new CastFixture();

  @AfterEach
  void nothingLeaks() throws Exception {
    fixture.close();
  }

  private static Field time(TimeUnit unit) {
    boolean small = unit == TimeUnit.SECOND || unit == TimeUnit.MILLISECOND;
    return field("t", new ArrowType.Time(unit, small ? 32 : 64));
  }

  private static Field timestamp(TimeUnit unit, String zone) {
    return field("t", new ArrowType.Timestamp(unit, zone));
  }

  private static Field duration(TimeUnit unit) {
    return field("t", new ArrowType.Duration(unit));
  }

  @Test
  void everyPairOfUnitsMultipliesOrDividesExactly() {
    for (TimeUnit from : TimeUnit.values()) {
      for (TimeUnit to : TimeUnit.values()) {
        checkUnits(time(from), time(to), from, to);
        checkUnits(timestamp(from, null), timestamp(to, null), from, to);
        checkUnits(timestamp(from, "UTC"), timestamp(to, "Europe/Paris"), from, to);
        checkUnits(duration(from), duration(to), from, to);
      }
    }
  }

  private void checkUnits(Field source, Field target, TimeUnit from, TimeUnit to) {
    long one = PER_SECOND.get(from);
    long other = PER_SECOND.get(to);

    assertThat(fixture.cast(source, target, one, null, -2 * one, 0L, 3600 * one))
        .containsExactly(other, null, -2 * other, 0L, 3600 * other);
    if (one > other) {
      assertFails(source, target, one + 1);
      assertFails(source, target, -1L);
    }
    boolean isLong = !(source.getType() instanceof ArrowType.Time) || one > 1000;
    if (one < other && isLong) {
      long factor = other / one;
      assertThat(fixture.cast(source, target, Long.MAX_VALUE / factor, Long.MIN_VALUE / factor))
          .containsExactly(Long.MAX_VALUE / factor * factor, Long.MIN_VALUE / factor * factor);
      assertFails(source, target, Long.MAX_VALUE / factor + 1);
      assertFails(source, target, Long.MIN_VALUE / factor - 1);
    }
  }

  @Test
  void timesOf32BitsAreRangeChecked() {
    assertThat(fixture.cast(time(TimeUnit.MICROSECOND), time(TimeUnit.MILLISECOND), 2147483647000L))
        .containsExactly(2147483647L);
    assertFails(time(TimeUnit.MICROSECOND), time(TimeUnit.MILLISECOND), 2147483648000L);
    assertFails(time(TimeUnit.SECOND), time(TimeUnit.MILLISECOND), 2147484L);
  }

  @Test
  void timeZonesChangeWithoutTouchingTheInstant() {
    for (TimeUnit unit : TimeUnit.values()) {
      assertThat(
              fixture.cast(timestamp(unit, "UTC"), timestamp(unit, "America/Lima"), 7L, null, -1L))
          .containsExactly(7L, null, -1L);
    }
  }

  @Test
  void naiveAndZonedAreNotMixed() {
    for (TimeUnit unit : TimeUnit.values()) {
      for (Field[] pair :
          new Field[][] {
            {timestamp(unit, null), timestamp(unit, "UTC")},
            {timestamp(unit, "UTC"), timestamp(TimeUnit.SECOND, null)},
            {timestamp(unit, "UTC"), DAY},
            {DAY, timestamp(unit, "UTC")},
          }) {
        assertThatThrownBy(() -> fixture.plan(pair[0], pair[1]))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("time zone");
      }
    }
  }

  @Test
  void datesOfDaysAndMilliseconds() {
    assertThat(fixture.cast(DAY, MILLI, 1L, null, -3L, (long) Integer.MIN_VALUE))
        .containsExactly(DAY_MILLIS, null, -3 * DAY_MILLIS, Integer.MIN_VALUE * DAY_MILLIS);
    assertThat(fixture.cast(MILLI, DAY, DAY_MILLIS, null, -3 * DAY_MILLIS))
        .containsExactly(1L, null, -3L);
    assertFails(MILLI, DAY, 1L);
    assertFails(MILLI, DAY, -1L);
    assertFails(MILLI, DAY, (Integer.MAX_VALUE + 1L) * DAY_MILLIS);
  }

  @Test
  void datesAndTimestampsAreMidnights() {
    for (TimeUnit unit : TimeUnit.values()) {
      long day = 86_400 * PER_SECOND.get(unit);
      Field timestamp = timestamp(unit, null);
      assertThat(fixture.cast(DAY, timestamp, 2L, null, -1L)).containsExactly(2 * day, null, -day);
      assertThat(fixture.cast(timestamp, DAY, 2 * day, null, -day)).containsExactly(2L, null, -1L);
      assertThat(fixture.cast(MILLI, timestamp, DAY_MILLIS)).containsExactly(day);
      assertThat(fixture.cast(timestamp, MILLI, 5 * day, -day))
          .containsExactly(5 * DAY_MILLIS, -DAY_MILLIS);
      assertFails(timestamp, DAY, day + 1);
      assertFails(timestamp, MILLI, day / 2);
    }
    assertFails(DAY, timestamp(TimeUnit.NANOSECOND, null), 106752L);
    assertFails(timestamp(TimeUnit.SECOND, null), DAY, 86_400L * (Integer.MAX_VALUE + 1L));
    assertFails(timestamp(TimeUnit.SECOND, null), MILLI, Long.MAX_VALUE / 86_400 * 86_400);
  }

  private void assertFails(Field source, Field target, long value) {
    assertThatThrownBy(() -> fixture.cast(source, target, 0L, value))
        .isInstanceOfSatisfying(
            CastException.class,
            e -> {
              assertThat(e.row()).isEqualTo(1);
              assertThat(e.value()).isEqualTo(Long.toString(value));
            });
  }
}
