// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The memory taken for frames stays near what the frames have. */
class HotTierTest {

  private static final long CAPACITY = 64L << 20;

  @Test
  void takesLittleMoreThanItsFramesWhateverTheirSize() {
    for (long most : new long[] {1000, 100_000, 5_300_000, 9_000_000}) {
      HotTier tier = new HotTier(CAPACITY);
      Deque<HotFrame> frames = new ArrayDeque<>();
      Random random = new Random(most);
      for (int i = 0; i < 1000 && tier.heldBytes() < CAPACITY / 2; i++) {
        frames.add(tier.allocate(most / 2 + random.nextLong(most / 2)));
      }
      for (int i = 0; i < 100; i++) {
        frames.removeFirst().release();
        frames.add(tier.allocate(most / 2 + random.nextLong(most / 2)));
        assertThat(tier.allocatedBytes())
            .as("frames of at most %d bytes", most)
            .isLessThan(tier.heldBytes() * 5 / 4 + (20L << 20));
      }
      frames.forEach(HotFrame::release);
      assertThat(tier.heldBytes()).isZero();
      tier.close();
      assertThat(tier.allocatedBytes()).isZero();
    }
  }
}
