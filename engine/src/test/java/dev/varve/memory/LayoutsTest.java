// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class LayoutsTest {

  @Test
  void everyLayoutIsLittleEndian() {
    MemorySegment bytes = MemorySegment.ofArray(new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
    assertThat(bytes.get(Layouts.LE_SHORT_UNALIGNED, 1)).isEqualTo((short) 0x0302);
    assertThat(bytes.get(Layouts.LE_INT_UNALIGNED, 1)).isEqualTo(0x05040302);
    assertThat(bytes.get(Layouts.LE_LONG_UNALIGNED, 1)).isEqualTo(0x0908070605040302L);
    assertThat(bytes.get(Layouts.LE_FLOAT_UNALIGNED, 1))
        .isEqualTo(Float.intBitsToFloat(0x05040302));
    assertThat(bytes.get(Layouts.LE_DOUBLE_UNALIGNED, 1))
        .isEqualTo(Double.longBitsToDouble(0x0908070605040302L));
    assertThat(bytes.get(Layouts.BE_LONG_UNALIGNED, 0)).isEqualTo(0x0102030405060708L);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment aligned = arena.allocate(8, 8).copyFrom(bytes.asSlice(0, 8));
      assertThat(aligned.get(Layouts.LE_SHORT, 0)).isEqualTo((short) 0x0201);
      assertThat(aligned.get(Layouts.LE_INT, 0)).isEqualTo(0x04030201);
      assertThat(aligned.get(Layouts.LE_LONG, 0)).isEqualTo(0x0807060504030201L);
      assertThat(aligned.get(Layouts.LE_FLOAT, 0)).isEqualTo(Float.intBitsToFloat(0x04030201));
      assertThat(aligned.get(Layouts.LE_DOUBLE, 0))
          .isEqualTo(Double.longBitsToDouble(0x0807060504030201L));
    }
  }

  @Test
  void thePlainLayoutsInsistOnTheirAlignment() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment aligned = arena.allocate(16, 8);
      assertThatIllegalArgumentException().isThrownBy(() -> aligned.get(Layouts.LE_SHORT, 1));
      assertThatIllegalArgumentException().isThrownBy(() -> aligned.get(Layouts.LE_INT, 2));
      assertThatIllegalArgumentException().isThrownBy(() -> aligned.get(Layouts.LE_LONG, 4));
      assertThatIllegalArgumentException().isThrownBy(() -> aligned.get(Layouts.LE_FLOAT, 2));
      assertThatIllegalArgumentException().isThrownBy(() -> aligned.get(Layouts.LE_DOUBLE, 4));
    }
  }

  @Property
  void alignsUpToTheNextMultiple(
      @ForAll @LongRange(min = 0, max = 1L << 62) long value,
      @ForAll @IntRange(max = 40) int shift) {
    long alignment = 1L << shift;
    long aligned = Layouts.alignUp(value, alignment);
    assertThat(aligned % alignment).isZero();
    assertThat(aligned - value).isBetween(0L, alignment - 1);
  }

  @Test
  void refusesWhatCannotBeAligned() {
    assertThatIllegalArgumentException().isThrownBy(() -> Layouts.alignUp(-1, 8));
    assertThatIllegalArgumentException().isThrownBy(() -> Layouts.alignUp(Long.MIN_VALUE, 8));
    assertThatIllegalArgumentException().isThrownBy(() -> Layouts.alignUp(Long.MAX_VALUE, 2));
    assertThatIllegalArgumentException().isThrownBy(() -> Layouts.alignUp(8, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> Layouts.alignUp(8, 24));
    assertThatIllegalArgumentException().isThrownBy(() -> Layouts.alignUp(8, -8));
    assertThat(Layouts.alignUp(Long.MAX_VALUE, 1)).isEqualTo(Long.MAX_VALUE);
    assertThat(Layouts.alignUp(0, 4096)).isZero();
  }
}
