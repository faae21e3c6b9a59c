// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class DurabilityTest {
  @Test
  void isAValue() {
    assertThat(Durability.async(Duration.ofSeconds(1)))
        .isEqualTo(Durability.async(Duration.ofMillis(1000)))
        .hasSameHashCodeAs(Durability.async(Duration.ofMillis(1000)))
        .isNotEqualTo(Durability.async(Duration.ofSeconds(2)))
        .isNotEqualTo(Durability.SYNC)
        .hasToString("ASYNC(PT1S)");
    assertThat(Durability.NONE).isNotEqualTo(Durability.SYNC).hasToString("NONE");
  }

  @Test
  void onlyAsyncHasAnAge() {
    assertThat(Durability.async(Duration.ofDays(1)).maxAge()).isEqualTo(Duration.ofDays(1));
    assertThatThrownBy(Durability.SYNC::maxAge)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("SYNC");
  }

  @Test
  void anAgeOutOfRangeIsRefused() {
    for (Duration age :
        new Duration[] {
          Duration.ZERO, Duration.ofMillis(-1), Duration.ofNanos(999_999), Duration.ofHours(25)
        }) {
      assertThatThrownBy(() -> Durability.async(age))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(age.toString());
    }
  }
}
