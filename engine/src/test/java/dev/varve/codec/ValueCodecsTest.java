// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class ValueCodecsTest {

  private static <V> V roundTrip(ValueCodec<V> codec, V value) {
    MemorySegment target = MemorySegment.ofArray(new byte[codec.maxBytes(value) + 1]);
    int bytes = codec.encode(value, target, 1);
    assertThat(codec.fixedBytes()).isIn(ValueCodec.VARIABLE, bytes);
    return codec.decode(target, 1, bytes);
  }

  @Test
  void roundTrips() {
    for (long value : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, 42}) {
      assertThat(roundTrip(ValueCodecs.int64(), value)).isEqualTo(value);
      assertThat(roundTrip(ValueCodecs.int32(), (int) value)).isEqualTo((int) value);
      double real = Double.longBitsToDouble(value);
      assertThat(Double.doubleToRawLongBits(roundTrip(ValueCodecs.float64(), real)))
          .isEqualTo(value);
    }
    assertThat(roundTrip(ValueCodecs.text(), "a\u00e9\ud83d\ude00\ufffd"))
        .isEqualTo("a\u00e9\ud83d\ude00\ufffd");
    assertThat(roundTrip(ValueCodecs.bytes(), new byte[] {1, 0, -1})).containsExactly(1, 0, -1);
    assertThat(roundTrip(ValueCodecs.bytes(2), new byte[] {1, 0})).containsExactly(1, 0);
  }

  @Test
  void refusesOtherBytes() {
    MemorySegment bytes = MemorySegment.ofArray(new byte[] {-1, -1, -1, -1, -1, 0, 0, 0, 0});
    assertThatThrownBy(() -> ValueCodecs.int64().decode(bytes, 0, 7))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("8 bytes");
    assertThatThrownBy(() -> ValueCodecs.int32().decode(bytes, 0, 8))
        .isInstanceOf(CorruptionException.class);
    assertThatThrownBy(() -> ValueCodecs.text().decode(bytes, 0, 1))
        .isInstanceOf(CorruptionException.class);
    assertThatThrownBy(() -> ValueCodecs.text().decode(bytes, 8, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> ValueCodecs.bytes(3).decode(bytes, 0, 2))
        .isInstanceOf(CorruptionException.class);
  }

  @Test
  void refusesOtherSizes() {
    assertThatThrownBy(() -> ValueCodecs.bytes(3).maxBytes(new byte[2]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> ValueCodecs.bytes(-1)).isInstanceOf(IllegalArgumentException.class);
  }
}
