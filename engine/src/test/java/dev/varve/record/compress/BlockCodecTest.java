// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.CorruptionException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("unsafe")
class BlockCodecTest {
  private static final Arena ARENA = Arena.ofAuto();

  private static MemorySegment native_(byte[] bytes) {
    MemorySegment segment = ARENA.allocate(Math.max(1, bytes.length)).asSlice(0, bytes.length);
    return segment.copyFrom(MemorySegment.ofArray(bytes));
  }

  private static byte[] text(SplittableRandom random, int length) {
    byte[] text = new byte[length];
    for (int i = 0; i < length; i++) {
      text[i] = (byte) (random.nextInt(4) == 0 ? random.nextInt(256) : 'a' + i % 7);
    }
    return text;
  }

  private static MemorySegment compressed(BlockCodec codec, byte[] content) {
    MemorySegment target = ARENA.allocate(codec.compressBound(content.length));
    return target.asSlice(0, codec.compress(native_(content), target));
  }

  private static byte[] decompressed(BlockCodec codec, MemorySegment block, long length) {
    // Room behind the target, to see that nothing is put there.
    MemorySegment room = ARENA.allocate(length + 64).fill((byte) 0x5A);
    codec.decompress(block, room.asSlice(0, length));
    for (long i = length; i < length + 64; i++) {
      assertThat(room.get(ValueLayout.JAVA_BYTE, i)).isEqualTo((byte) 0x5A);
    }
    return room.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
  }

  private static List<BlockCodec> codecs() {
    return List.of(BlockCodec.lz4(), BlockCodec.zstd(1), BlockCodec.zstd(3), BlockCodec.zstd(19));
  }

  @Test
  void givesBackWhatItTook() {
    SplittableRandom random = new SplittableRandom(1);
    for (BlockCodec codec : codecs()) {
      for (int length : new int[] {0, 1, 2, 63, 1000, 65_536, 131_072, 131_073, 1_000_000}) {
        byte[] content = text(random, length);
        MemorySegment block = compressed(codec, content);
        assertThat(codec.decompressBound(block)).isGreaterThanOrEqualTo(length);
        assertThat(decompressed(codec, block, length)).isEqualTo(content);
      }
      assertThat(compressed(codec, new byte[1_000_000]).byteSize()).isLessThan(5000);
    }
  }

  @Test
  void moreOrFewerBytesAreCorrupt() {
    byte[] content = text(new SplittableRandom(2), 5000);
    for (BlockCodec codec : codecs()) {
      MemorySegment block = compressed(codec, content);
      for (long length : new long[] {0, 1, 4999, 5001, 1L << 20}) {
        assertThatExceptionOfType(CorruptionException.class)
            .isThrownBy(() -> decompressed(codec, block, length));
      }
    }
  }

  /** A block of anybody's never costs more memory than its bound says, nor writes beyond it. */
  @Test
  void damagedBlocksAreCorruptOrOtherwiseRead() {
    SplittableRandom random = new SplittableRandom(3);
    byte[] content = text(random, 3000);
    for (BlockCodec codec : codecs()) {
      byte[] block = compressed(codec, content).toArray(ValueLayout.JAVA_BYTE);
      int read = 0;
      for (int i = 0; i < 4 * block.length; i++) {
        byte[] damaged = block.clone();
        damaged[i % block.length] ^= (byte) (1 + random.nextInt(255));
        try {
          decompressed(codec, native_(damaged), content.length);
          read++;
        } catch (CorruptionException e) {
          assertThat(e).hasMessageContaining("compressed block");
        }
      }
      assertThat(read).isLessThan(4 * block.length);
      for (int cut = 0; cut < block.length; cut++) {
        MemorySegment part = native_(java.util.Arrays.copyOf(block, cut));
        assertThatExceptionOfType(CorruptionException.class)
            .isThrownBy(() -> decompressed(codec, part, content.length));
      }
    }
  }

  @Test
  void boundOfAFrameIsThatOfItsBlocks() {
    BlockCodec codec = BlockCodec.zstd(3);
    MemorySegment zeros = compressed(codec, new byte[10_000_000]);
    assertThat(codec.decompressBound(zeros)).isBetween(10_000_000L, 10_000_000L + (128 << 10));
    MemorySegment two = ARENA.allocate(2 * zeros.byteSize());
    MemorySegment.copy(zeros, 0, two, 0, zeros.byteSize());
    MemorySegment.copy(zeros, 0, two, zeros.byteSize(), zeros.byteSize());
    assertThatExceptionOfType(CorruptionException.class)
        .isThrownBy(() -> codec.decompressBound(two))
        .withMessageContaining("one frame");
  }
}
