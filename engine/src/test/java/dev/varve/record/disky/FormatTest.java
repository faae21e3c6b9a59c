// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The arithmetic of the format, against counting byte by byte. */
class FormatTest {
  private static final int BLOCK = 65536;

  /** Lays bytes down one after the other, with 24 more at the beginning of each block. */
  private static long endByCounting(long begin, long bytes) {
    long at = begin;
    for (long i = 0; i < bytes; i++) {
      at += at % BLOCK == 0 ? 25 : 1;
    }
    return at;
  }

  @Test
  void endOfChunk() {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 3000; i++) {
      long begin = random.nextInt(4) * BLOCK + 24 * random.nextInt(2) + random.nextInt(80);
      begin -= random.nextBoolean() ? 90 : 0;
      if (begin < 0 || (begin % BLOCK > 0 && begin % BLOCK <= 24)) {
        continue;
      }
      long bytes = 1 + random.nextInt(random.nextBoolean() ? 100 : 3 * BLOCK);
      long end = BlockLayout.end(begin, bytes);
      assertThat(end)
          .as("seed %d: %d from %d", seed, bytes, begin)
          .isEqualTo(endByCounting(begin, bytes));
      assertThat(BlockLayout.bytesBetween(begin, end)).isEqualTo(bytes);
    }
    for (long bytes = BLOCK - 200; bytes < BLOCK + 200; bytes++) {
      assertThat(BlockLayout.end(0, bytes)).isEqualTo(endByCounting(0, bytes));
      assertThat(BlockLayout.end(64, bytes)).isEqualTo(endByCounting(64, bytes));
    }
    long far = 5L << 40;
    assertThat(BlockLayout.end(far, 100)).isEqualTo(far + 124);
  }

  @Test
  void signature() {
    byte[] signature = ChunkLayout.signature().toArray(ValueLayout.JAVA_BYTE);
    assertThat(signature).isEqualTo(Samples.get("01_empty.disky").content());
  }

  private static String encoded(long value) {
    MemorySegment segment = Arena.ofAuto().allocate(16);
    long end = Varints.put(segment, 0, value);
    assertThat(Varints.get(segment, 0, end)).isEqualTo(value);
    assertThat(Varints.get(segment, 0, 16)).isEqualTo(value);
    assertThat(Varints.get(segment, 0, end - 1)).isEqualTo(Varints.NONE);
    assertThat(Varints.skip(segment, 0)).isEqualTo(end);
    return HexFormat.of().formatHex(segment.asSlice(0, end).toArray(ValueLayout.JAVA_BYTE));
  }

  @Test
  void varintsAsDiskyWritesThem() {
    assertThat(encoded(0)).isEqualTo("00");
    assertThat(encoded(126)).isEqualTo("7e");
    assertThat(encoded(127)).isEqualTo("ff00");
    assertThat(encoded(128)).isEqualTo("8001");
    assertThat(encoded(127 << 7)).isEqualTo("80ff00");
    assertThat(encoded((126 << 7) + 127)).isEqualTo("ff7e");
    assertThat(encoded(Long.MAX_VALUE)).isEqualTo("ffffffffffffffffff00");
  }

  private static long decoded(String hex) {
    MemorySegment segment = Arena.ofAuto().allocate(20);
    byte[] bytes = HexFormat.of().parseHex(hex);
    MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return Varints.get(segment, 0, bytes.length);
  }

  @Test
  void varintsAsTheyMayBe() {
    assertThat(decoded("7f")).isEqualTo(127);
    assertThat(decoded("85808000")).isEqualTo(5);
    assertThat(decoded("81" + "80".repeat(8) + "00")).isEqualTo(1);
    assertThat(decoded("81" + "80".repeat(9) + "00")).isEqualTo(Varints.NONE);
    assertThat(decoded("ff".repeat(9) + "01")).isEqualTo(Varints.NONE);
    assertThat(decoded("ff".repeat(8) + "7f")).isEqualTo(Long.MAX_VALUE);
    assertThat(decoded("8080")).isEqualTo(Varints.NONE);
    assertThat(decoded("")).isEqualTo(Varints.NONE);
  }

  @Test
  void blocksAreWrittenAcrossManyGatheringWrites() {
    byte[] record = new byte[200 * BLOCK];
    new SplittableRandom(7).nextBytes(record);
    byte[] file = Disky.file(Arrays.asList(record, new byte[10]));
    assertThat(Disky.chunks(file)).hasSize(3);
    for (int block = 0; block < file.length; block += BLOCK) {
      MemorySegment header = Arena.ofAuto().allocate(24, 8);
      MemorySegment.copy(file, block, header, ValueLayout.JAVA_BYTE, 0, 24);
      assertThat(BlockLayout.isIntact(header, BlockLayout.newHash())).isTrue();
      long at = block;
      Disky.ChunkAt chunk =
          Disky.chunks(file).stream().filter(c -> c.contains(at)).findAny().orElseThrow();
      assertThat(BlockLayout.previous(header)).isEqualTo(at - chunk.begin());
      assertThat(BlockLayout.next(header)).isEqualTo(chunk.end() - at);
    }
    assertThat(Disky.read(file, dev.varve.record.OnDamage.FAIL))
        .containsExactly(record, new byte[10]);
  }
}
