// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SizeClassesTest {

  @Test
  void everySizeGetsTheSmallestClassThatHoldsIt() {
    for (int size = 0; size <= SizeClasses.MAX_BYTES; size++) {
      int index = SizeClasses.indexOf(size);
      assertThat(SizeClasses.bytesOf(index)).isGreaterThanOrEqualTo(size);
      if (index > 0) {
        assertThat(SizeClasses.bytesOf(index - 1)).isLessThan(size);
      }
    }
    assertThat(SizeClasses.indexOf(SizeClasses.MAX_BYTES)).isEqualTo(SizeClasses.COUNT - 1);
  }

  @Test
  void classesAreAlignedAndWasteLittle() {
    for (int index = 0; index < SizeClasses.COUNT; index++) {
      int bytes = SizeClasses.bytesOf(index);
      assertThat(bytes % SizeClasses.GRANULE).isZero();
      int previous = index == 0 ? 0 : SizeClasses.bytesOf(index - 1);
      assertThat(bytes - previous).isLessThanOrEqualTo(Math.max(64, bytes / 5));
    }
  }

  @Test
  void runsHoldEnoughBlocksAndFitIntoTheSmallestSlab() {
    for (int index = 0; index < SizeClasses.COUNT; index++) {
      int runBytes = SizeClasses.runPagesOf(index) * Chunk.PAGE_BYTES;
      int bytes = SizeClasses.bytesOf(index);
      assertThat(runBytes / bytes).isGreaterThanOrEqualTo(8);
      assertThat(runBytes % bytes).isLessThanOrEqualTo(runBytes / 16);
      assertThat((long) runBytes).isLessThanOrEqualTo(BlockAllocator.MIN_SLAB_BYTES);
    }
  }
}
