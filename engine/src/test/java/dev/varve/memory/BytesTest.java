// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class BytesTest {

  @Property
  void ordersAsUnsignedBytes(
      @ForAll @Size(max = 80) byte[] a,
      @ForAll @Size(max = 80) byte[] b,
      @ForAll @IntRange(max = 80) int common) {
    byte[] shared = Arrays.copyOf(b, b.length);
    System.arraycopy(a, 0, shared, 0, Math.min(common, Math.min(a.length, b.length)));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment first = nativeCopy(arena, a, 3);
      MemorySegment second = nativeCopy(arena, shared, 5);
      int expected = Integer.signum(Arrays.compareUnsigned(a, shared));
      assertThat(Integer.signum(Bytes.compareUnsigned(first, second))).isEqualTo(expected);
      assertThat(Integer.signum(Bytes.compareUnsigned(first, MemorySegment.ofArray(shared))))
          .isEqualTo(expected);
      assertThat(Bytes.equal(first, 0, a.length, second, 0, shared.length))
          .isEqualTo(Arrays.equals(a, shared));
    }
  }

  private static MemorySegment nativeCopy(Arena arena, byte[] bytes, long skew) {
    return arena
        .allocate(bytes.length + skew, 8)
        .asSlice(skew, bytes.length)
        .copyFrom(MemorySegment.ofArray(bytes));
  }

  @Test
  void comparesOnlyTheRanges() {
    MemorySegment a = MemorySegment.ofArray(new byte[] {9, 1, 2, 9});
    MemorySegment b = MemorySegment.ofArray(new byte[] {1, 2, 8});
    assertThat(Bytes.compareUnsigned(a, 1, 2, b, 0, 2)).isZero();
    assertThat(Bytes.equal(a, 1, 2, b, 0, 2)).isTrue();
    assertThat(Bytes.compareUnsigned(a, 1, 2, b, 0, 3)).isNegative();
    assertThat(Bytes.compareUnsigned(a, 1, 3, b, 0, 3)).isPositive();
    assertThat(Bytes.equal(a, 1, 2, b, 0, 1)).isFalse();
    assertThat(Bytes.compareUnsigned(a, 4, 0, b, 3, 0)).isZero();
  }

  @Test
  void highBytesComeLast() {
    MemorySegment low = MemorySegment.ofArray(new byte[] {0x7F});
    MemorySegment high = MemorySegment.ofArray(new byte[] {(byte) 0x80});
    assertThat(Bytes.compareUnsigned(low, high)).isNegative();
    assertThat(Bytes.compareUnsigned(high, low)).isPositive();
  }

  @Test
  void refusesRangesOutsideOfTheSegment() {
    MemorySegment four = MemorySegment.ofArray(new byte[4]);
    assertThatThrownBy(() -> Bytes.compareUnsigned(four, 1, 4, four, 0, 4))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Bytes.equal(four, 0, 4, four, -1, 4))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void allocatesNothing() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocate(64);
      MemorySegment b = arena.allocate(64);
      b.set(Layouts.BYTE, 40, (byte) 1);
      int[] sum = new int[1];
      assertThat(
              AllocationMeter.bytesPerOperation(
                  () -> sum[0] += Bytes.compareUnsigned(a, 8, 48, b, 8, 48)))
          .isZero();
      assertThat(sum[0]).isNegative();
    }
  }
}
