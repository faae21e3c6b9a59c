// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Crc32cTest {

  private final Crc32c crc = new Crc32c();

  @Test
  void computesTheCheckValueOfTheCatalogue() {
    crc.update(MemorySegment.ofArray("123456789".getBytes(StandardCharsets.US_ASCII)));
    assertThat(crc.value()).isEqualTo(0xE3069283);
    crc.reset();
    assertThat(crc.value()).isZero();
  }

  @Test
  void agreesOverEveryKindOfMemoryAndAnySplit() {
    Random random = new Random(1);
    byte[] bytes = new byte[20_000];
    random.nextBytes(bytes);
    MemorySegment heap = MemorySegment.ofArray(bytes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(bytes.length).copyFrom(heap);
      MemorySegment scratch = arena.allocate(1000);
      for (int step = 0; step < 500; step++) {
        int offset = random.nextInt(bytes.length);
        int length = random.nextInt(bytes.length - offset + 1);
        int expected = expected(bytes, offset, length);
        int first = random.nextInt(length + 1);
        crc.reset();
        crc.update(memory, offset, first);
        crc.update(heap.asReadOnly(), offset + first, length - first);
        assertThat(crc.value()).as("step %d of seed 1", step).isEqualTo(expected);
        crc.reset();
        crc.updateCopying(memory, offset, first, scratch);
        crc.updateCopying(heap, offset + first, length - first, scratch);
        assertThat(crc.value()).as("step %d of seed 1", step).isEqualTo(expected);
        crc.reset();
        crc.updateInViews(memory.asSlice(offset, length), 1 + random.nextInt(length + 1));
        assertThat(crc.value()).as("step %d of seed 1", step).isEqualTo(expected);
      }
    }
  }

  private static int expected(byte[] bytes, int offset, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, offset, length);
    return (int) crc.getValue();
  }

  @Test
  void takesMappedMemoryByCopyOnly(@TempDir Path directory) throws IOException {
    byte[] bytes = new byte[Crc32c.COPY_BYTES + 4097];
    new Random(2).nextBytes(bytes);
    Path file = Files.write(directory.resolve("bytes"), bytes);
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file)) {
      MemorySegment mapped = channel.map(MapMode.READ_ONLY, 0, bytes.length, arena);
      crc.updateCopying(mapped, arena.allocate(Crc32c.COPY_BYTES * 2));
      assertThat(crc.value()).isEqualTo(expected(bytes, 0, bytes.length));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> crc.update(mapped))
          .withMessageContaining("updateCopying");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> crc.updateCopying(mapped, mapped))
          .withMessageContaining("mapped");
    }
  }

  @Test
  void aFaultIsAnErrorAndNotTheEndOfTheProcess(@TempDir Path directory) throws IOException {
    Path file = Files.write(directory.resolve("bytes"), new byte[64 * 1024]);
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file)) {
      MemorySegment mapped = channel.map(MapMode.READ_ONLY, 0, 64 * 1024, arena);
      MemorySegment scratch = arena.allocate(Crc32c.COPY_BYTES);
      Files.write(file, new byte[4096]);
      assertThatThrownBy(() -> crc.updateCopying(mapped, scratch))
          .isInstanceOf(InternalError.class);
      crc.reset();
      crc.updateCopying(mapped, 0, 4096, scratch);
      assertThat(crc.value()).isEqualTo(expected(new byte[4096], 0, 4096));
    }
  }

  @Test
  void refusesScratchAndRangesThatAreNone() {
    MemorySegment bytes = MemorySegment.ofArray(new byte[10]);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> crc.updateCopying(bytes, MemorySegment.ofArray(new byte[0])))
        .withMessageContaining("0 bytes");
    assertThatThrownBy(() -> crc.update(bytes, 5, 6)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> crc.updateCopying(bytes, 5, 6, MemorySegment.ofArray(new byte[9])))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void allocatesAtMostTheView() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(4096);
      MemorySegment scratch = arena.allocate(256);
      assertThat(AllocationMeter.bytesPerOperation(() -> crc.update(memory, 64, 1024)))
          .isLessThanOrEqualTo(200);
      assertThat(
              AllocationMeter.bytesPerOperation(() -> crc.updateCopying(memory, 64, 1024, scratch)))
          .isLessThanOrEqualTo(300);
    }
  }

  @Test
  void keptViewsGiveTheSame() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment kept = arena.allocate(1000);
      for (long i = 0; i < 1000; i++) {
        kept.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31));
      }
      MemorySegment other = arena.allocate(1000).copyFrom(kept);
      Crc32c viewing = new Crc32c();
      viewing.keepView(kept);
      for (int[] range : new int[][] {{900, 100}, {0, 1000}, {3, 0}, {10, 5}, {1000, 0}}) {
        Crc32c plain = new Crc32c();
        plain.update(other, range[0], range[1]);
        for (MemorySegment each : new MemorySegment[] {kept, other}) {
          viewing.reset();
          viewing.update(each, range[0], range[1]);
          assertThat(viewing.value()).isEqualTo(plain.value());
        }
      }
      assertThatThrownBy(() -> viewing.update(kept, 990, 11))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> viewing.update(kept, -1, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThat(AllocationMeter.bytesPerOperation(() -> viewing.update(kept, 8, 40)))
          .isLessThan(1.0);
    }
  }
}
