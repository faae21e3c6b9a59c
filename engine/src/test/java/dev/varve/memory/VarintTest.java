// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class VarintTest {

  @Provide
  Arbitrary<Long> longs() {
    return Arbitraries.longs()
        .flatMap(any -> Arbitraries.integers().between(0, 63).map(shift -> any >>> shift));
  }

  @Property(tries = 5000)
  void readsBackWhatItWrote(@ForAll("longs") long value, @ForAll @IntRange(max = 9) int offset) {
    MemorySegment segment = MemorySegment.ofArray(new byte[32]).fill((byte) 0xFF);
    long end = Varint.put64(segment, offset, value);
    assertThat(end - offset).isEqualTo(Varint.sizeOf64(value));
    assertThat(Varint.get64(segment, offset, end)).isEqualTo(value);
    assertThat(Varint.get64(segment, offset, 32)).isEqualTo(value);
    assertCorrupt(() -> Varint.get64(segment, offset, end - 1));
    assertThat(Varint.unzigzag64(Varint.zigzag64(value))).isEqualTo(value);

    int narrow = (int) value;
    long narrowEnd = Varint.put32(segment, offset, narrow);
    assertThat(narrowEnd - offset).isEqualTo(Varint.sizeOf32(narrow));
    assertThat(Varint.get32(segment, offset, narrowEnd)).isEqualTo(narrow);
    assertThat(Varint.unzigzag32(Varint.zigzag32(narrow))).isEqualTo(narrow);
  }

  /** Whatever decodes is the one encoding of its value; everything else is an exception. */
  @Property(tries = 5000)
  void everyByteStringIsCanonicalOrCorrupt(@ForAll @Size(max = 12) byte[] bytes) {
    MemorySegment segment = MemorySegment.ofArray(bytes);
    long value;
    try {
      value = Varint.get64(segment, 0, bytes.length);
    } catch (CorruptionException e) {
      return;
    }
    byte[] again = new byte[Varint.sizeOf64(value)];
    Varint.put64(MemorySegment.ofArray(again), 0, value);
    assertThat(again).isEqualTo(Arrays.copyOf(bytes, again.length));
  }

  @Test
  void encodesAsTheStandardSays() {
    assertThat(encoded(0)).containsExactly(0);
    assertThat(encoded(127)).containsExactly(0x7F);
    assertThat(encoded(128)).containsExactly(0x80, 0x01);
    assertThat(encoded(624485)).containsExactly(0xE5, 0x8E, 0x26);
    assertThat(encoded(-1))
        .containsExactly(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01);
    assertThat(Varint.zigzag64(0)).isEqualTo(0);
    assertThat(Varint.zigzag64(-1)).isEqualTo(1);
    assertThat(Varint.zigzag64(1)).isEqualTo(2);
    assertThat(Varint.zigzag64(Long.MAX_VALUE)).isEqualTo(-2);
    assertThat(Varint.zigzag64(Long.MIN_VALUE)).isEqualTo(-1);
    assertThat(Varint.zigzag32(Integer.MIN_VALUE)).isEqualTo(-1);
    assertThat(Varint.sizeOf32(-1)).isEqualTo(Varint.MAX_BYTES_32);
    assertThat(Varint.sizeOf64(-1)).isEqualTo(Varint.MAX_BYTES_64);
  }

  private static byte[] encoded(long value) {
    byte[] bytes = new byte[Varint.sizeOf64(value)];
    assertThat(Varint.put64(MemorySegment.ofArray(bytes), 0, value)).isEqualTo(bytes.length);
    return bytes;
  }

  @Test
  void refusesOverlongTooLargeAndEndless() {
    assertCorrupt(0x80, 0x00);
    assertCorrupt(0xFF, 0x80, 0x00);
    assertCorrupt(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02);
    assertCorrupt(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01);
    assertCorrupt();
    MemorySegment tooWide = MemorySegment.ofArray(new byte[5]);
    Varint.put64(tooWide, 0, 1L << 32);
    assertThatExceptionOfType(CorruptionException.class)
        .isThrownBy(() -> Varint.get32(tooWide, 0, 5))
        .withMessageContaining("2^32")
        .withMessageContaining("4294967296");
  }

  private static void assertCorrupt(int... bytes) {
    byte[] narrow = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      narrow[i] = (byte) bytes[i];
    }
    MemorySegment segment = MemorySegment.ofArray(narrow);
    assertCorrupt(() -> Varint.get64(segment, 0, narrow.length));
  }

  private static void assertCorrupt(Runnable decoding) {
    assertThatThrownBy(decoding::run).isInstanceOf(CorruptionException.class);
  }

  @Test
  void staysWithinTheSegment() {
    MemorySegment three = MemorySegment.ofArray(new byte[] {-1, -1, -1});
    assertThatThrownBy(() -> Varint.get64(three, 0, 4))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Varint.get64(three, -1, 3))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Varint.put64(three, 2, 1000))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void allocatesNothing() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(16);
      long[] sum = new long[1];
      assertThat(
              AllocationMeter.bytesPerOperation(
                  () -> {
                    long end = Varint.put64(segment, 1, sum[0] * 0x9E3779B97F4A7C15L);
                    sum[0] += Varint.get64(segment, 1, end) & 1 | 2;
                  }))
          .isZero();
    }
  }
}
