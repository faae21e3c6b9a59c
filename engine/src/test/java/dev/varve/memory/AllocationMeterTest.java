// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AllocationMeterTest {

  private static volatile Object sink = "";

  @Test
  void seesOneSmallObject() {
    assertThat(AllocationMeter.bytesPerOperation(() -> sink = new int[1])).isBetween(16.0, 24.0);
  }

  @Test
  void seesNothingWhereThereIsNothing() {
    assertThat(AllocationMeter.bytesPerOperation(() -> sink = "")).isZero();
    assertThat(sink).isEqualTo("");
  }
}
