// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import net.openhft.hashing.LongHashFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HashTest {

  private static final long SANITY_SEED = 0x9E3779B185EBCA8DL;

  /** The input of the sanity test of xxHash: a generator's top bytes. */
  private static byte[] sanityInput(int length) {
    byte[] input = new byte[length];
    long state = 2654435761L;
    for (int i = 0; i < length; i++) {
      input[i] = (byte) (state >>> 56);
      state *= 0x9E3779B185EBCA8DL;
    }
    return input;
  }

  /**
   * Values published for XXH3_64bits by the xxHash project in its sanity check
   * (cli/xsum_sanity_check.c): length, hash without seed, hash with {@link #SANITY_SEED}.
   */
  @ParameterizedTest
  @CsvSource({
    "0, 2D06800538D394C2, A8A6B918B2F0364A",
    "1, C44BDFF4074EECDB, 032BE332DD766EF8",
    "6, 27B56A84CD2D7325, 84589C116AB59AB9",
    "12, A713DAF0DFBB77E7, E7303E1B2336DE0E",
    "24, A3FE70BF9D3510EB, 850E80FC35BDD690",
    "48, 397DA259ECBA1F11, ADC2CBAA44ACC616",
    "80, BCDEFBBB2C47C90A, C6DD0CB699532E73",
    "195, CD94217EE362EC3A, BA68003D370CB3D9",
    "403, CDEB804D65C6DEA4, 6259F6ECFD6443FD",
    "512, 617E49599013CB6B, 3CE457DE14C27708",
    "2048, DD59E2C3A5F038E0, 66F81670669ABABC",
    "2240, 6E73A90539CF2948, 757BA8487D1B5247",
    "2367, CB37AEB9E5D361ED, D2DB3415B942B42A",
  })
  void givesThePublishedValues(int length, String unseeded, String seeded) {
    byte[] input = sanityInput(length);
    assertThat(Hash.XXH3.hash(input)).isEqualTo(Long.parseUnsignedLong(unseeded, 16));
    assertThat(Hash.seeded(SANITY_SEED).hash(input)).isEqualTo(Long.parseUnsignedLong(seeded, 16));
  }

  /** The library is the reference here; {@link #givesTheSameHashesEverywhere} pins its verdict. */
  @Test
  @Tag("unsafe")
  void agreesWithAnIndependentImplementation() {
    byte[] input = new byte[1_100_000];
    new Random(7).nextBytes(input);
    long[] seeds = {0, 1, -1, Long.MIN_VALUE, 0x0123456789ABCDEFL};
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(input.length).copyFrom(MemorySegment.ofArray(input));
      for (long seed : seeds) {
        LongHashFunction reference =
            seed == 0 ? LongHashFunction.xx3() : LongHashFunction.xx3(seed);
        Hash hash = Hash.seeded(seed);
        for (int length = 0; length <= 4200; length++) {
          int offset = length * 31 % 61;
          assertThat(hash.hash(memory, offset, length))
              .as("seed %d, length %d", seed, length)
              .isEqualTo(reference.hashBytes(input, offset, length));
        }
        Random random = new Random(seed);
        for (int i = 0; i < 50; i++) {
          int length = random.nextInt(1_000_000);
          int offset = random.nextInt(100_000);
          assertThat(hash.hash(memory, offset, length))
              .as("seed %d, length %d", seed, length)
              .isEqualTo(reference.hashBytes(input, offset, length));
        }
      }
    }
  }

  @Test
  void givesTheSameHashesEverywhere() {
    byte[] input = sanityInput(5000);
    long folded = 0;
    for (long seed : new long[] {0, 1, -1, SANITY_SEED}) {
      Hash hash = Hash.seeded(seed);
      for (int length = 0; length <= 4200; length++) {
        folded = folded * 31 + hash.hash(input, length % 13, length);
      }
    }
    assertThat(folded).isEqualTo(0xE273CAF3BB27C183L);
  }

  @Test
  void theKindAndAlignmentOfMemoryDoNotMatter(@TempDir Path directory) throws IOException {
    byte[] input = sanityInput(2400);
    Path file = Files.write(directory.resolve("input"), input);
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file)) {
      MemorySegment mapped = channel.map(MapMode.READ_ONLY, 0, input.length, arena);
      MemorySegment memory = arena.allocate(input.length + 8);
      for (int length : new int[] {0, 2, 7, 15, 70, 130, 240, 241, 1024, 1025, 2300}) {
        long expected = Hash.XXH3.hash(Arrays.copyOfRange(input, 9, 9 + length));
        assertThat(Hash.XXH3.hash(input, 9, length)).isEqualTo(expected);
        assertThat(Hash.XXH3.hash(mapped, 9, length)).isEqualTo(expected);
        assertThat(Hash.XXH3.hash(mapped.asSlice(9, length))).isEqualTo(expected);
        for (int skew = 0; skew < 8; skew++) {
          MemorySegment.copy(mapped, 0, memory, skew, input.length);
          assertThat(Hash.XXH3.hash(memory, skew + 9, length)).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void refusesRangesOutsideOfTheData() {
    MemorySegment ten = MemorySegment.ofArray(new byte[10]);
    assertThatThrownBy(() -> Hash.XXH3.hash(ten, 1, 10))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Hash.XXH3.hash(ten, 0, -1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Hash.XXH3.hash(new byte[10], -1, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void allocatesNothing() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(2048);
      long[] sum = new long[1];
      for (int length : new int[] {2, 8, 16, 100, 200, 2000}) {
        assertThat(
                AllocationMeter.bytesPerOperation(
                    () -> sum[0] += Hash.XXH3.hash(memory, 3, length)))
            .as("length %d", length)
            .isZero();
      }
      assertThat(sum[0]).isNotZero();
    }
  }
}
