// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;

class CastBitsTest {
  @Test
  void wordsHoldTheRowsThereAreAndNoMore() {
    try (RootAllocator allocator = new RootAllocator();
        ArrowBuf whole = allocator.buffer(16)) {
      whole.setOne(0, 16);
      ArrowBuf bytes = whole.slice(0, 3);

      assertThat(CastBits.word(whole, 0, 200)).isEqualTo(-1L);
      assertThat(CastBits.word(whole, 1, 65)).isEqualTo(1);
      assertThat(CastBits.word(bytes, 0, 19)).isEqualTo((1 << 19) - 1);
      assertThat(CastBits.word(null, 0, 19)).isEqualTo((1 << 19) - 1);
      assertThat(CastBits.word(null, 1, 128)).isEqualTo(-1L);
      assertThatThrownBy(() -> CastBits.word(bytes, 0, 25))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> CastBits.word(whole, 2, 129))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void rangesAreSetBitByBitAndByteByByte() {
    try (RootAllocator allocator = new RootAllocator();
        ArrowBuf bits = allocator.buffer(16)) {
      for (int from = 0; from < 40; from++) {
        for (int length = 0; length < 40; length++) {
          bits.setZero(0, 16);
          CastBits.set(bits, from, length);
          for (int row = 0; row < 100; row++) {
            assertThat(CastBits.get(bits, row)).isEqualTo(row >= from && row < from + length);
          }
        }
      }
    }
  }
}
