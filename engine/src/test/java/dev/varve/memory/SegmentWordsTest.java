// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class SegmentWordsTest extends WordsContract {

  @Override
  Words words(int size) {
    return Words.over(Arena.ofAuto().allocate(8L * size, 8));
  }

  @Test
  void wordsAreLittleEndianInPlace() {
    MemorySegment segment = Arena.ofAuto().allocate(16, 8);
    Words.over(segment).setRelease(1, 0x0102030405060708L);
    assertThat(segment.get(Layouts.BYTE, 8)).isEqualTo((byte) 8);
    assertThat(segment.get(Layouts.BYTE, 15)).isEqualTo((byte) 1);
    assertThat(Words.over(MemorySegment.ofArray(new long[] {5})).getVolatile(0)).isEqualTo(5);
  }

  @Test
  void refusesMemoryThatIsNotAligned() {
    MemorySegment segment = Arena.ofAuto().allocate(32, 8);
    assertThatIllegalArgumentException().isThrownBy(() -> Words.over(segment.asSlice(4, 16)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Words.over(segment.asSlice(0, 20)))
        .withMessageContaining("20");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Words.over(MemorySegment.ofArray(new byte[16])))
        .withMessageContaining("long[]");
  }
}
