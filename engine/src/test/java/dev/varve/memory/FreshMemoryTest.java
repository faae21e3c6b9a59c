// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class FreshMemoryTest {

  private static final long TAIL = 3 * 64 * 1024;
  private static final long SIZE = 2 * FreshMemory.HUGE_BYTES + TAIL;

  @Test
  void isZeroWhateverWasThereBefore() {
    for (long size : new long[] {64, 1 << 20, FreshMemory.HUGE_BYTES, SIZE}) {
      for (int round = 0; round < 3; round++) {
        try (Arena arena = Arena.ofShared()) {
          MemorySegment memory = FreshMemory.allocate(arena, size);
          assertThat(memory.byteSize()).isEqualTo(size);
          assertThat(memory.address() % 4096).isZero();
          assertThat(memory.mismatch(MemorySegment.ofArray(new byte[(int) size]))).isEqualTo(-1);
          memory.fill((byte) 7);
        }
      }
    }
  }

  @Test
  void belongsToItsArena() {
    Arena arena = Arena.ofShared();
    MemorySegment memory = FreshMemory.allocate(arena, SIZE);
    arena.close();
    assertThatIllegalStateException().isThrownBy(() -> memory.get(Layouts.BYTE, 0));
    assertThatIllegalStateException().isThrownBy(() -> FreshMemory.allocate(arena, SIZE));
  }

  @Test
  void manyPiecesLieApartAndAreGivenBack() {
    long before = mappedBytes();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment[] pieces = new MemorySegment[40];
      for (int i = 0; i < pieces.length; i++) {
        pieces[i] = FreshMemory.allocate(arena, SIZE);
        pieces[i].fill((byte) i);
      }
      for (int i = 0; i < pieces.length; i++) {
        assertThat(pieces[i].get(Layouts.BYTE, 0)).isEqualTo((byte) i);
        assertThat(pieces[i].get(Layouts.BYTE, SIZE - 1)).isEqualTo((byte) i);
      }
      assumeTrue(FreshMemory.isHuge());
      assertThat(mappedBytes() - before).isGreaterThanOrEqualTo(40 * SIZE);
    }
    assertThat(mappedBytes() - before).isLessThan(20 * SIZE);
  }

  @Test
  void isAdvisedToBeHugeInWholePagesOnly() throws IOException {
    assumeTrue(FreshMemory.isHuge());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = FreshMemory.allocate(arena, SIZE);
      assertThat(memory.address() % FreshMemory.HUGE_BYTES).isZero();
      assertThat(isAdvised(memory.address())).isTrue();
      assertThat(isAdvised(memory.address() + 2 * FreshMemory.HUGE_BYTES - 1)).isTrue();
      assertThat(isAdvised(memory.address() + 2 * FreshMemory.HUGE_BYTES)).isFalse();
    }
  }

  @Test
  void isNotHugeWithoutNativeAccess() {
    assumeTrue(!FreshMemory.class.getModule().isNativeAccessEnabled());
    assertThat(FreshMemory.isHuge()).isFalse();
  }

  /** What is mapped privately without a file, from /proc/self/maps; 0 on other systems. */
  private static long mappedBytes() {
    try {
      return Files.readAllLines(Path.of("/proc/self/maps")).stream()
          .filter(line -> line.contains(" rw-p 00000000 00:00 0") && !line.contains("["))
          .mapToLong(line -> end(line) - begin(line))
          .sum();
    } catch (IOException e) {
      return 0;
    }
  }

  private static boolean isAdvised(long address) throws IOException {
    boolean inside = false;
    List<String> lines = Files.readAllLines(Path.of("/proc/self/smaps"));
    for (String line : lines) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        inside = begin(line) <= address && address < end(line);
      } else if (inside && line.startsWith("VmFlags:")) {
        return line.contains(" hg");
      }
    }
    throw new AssertionError("No mapping at 0x" + Long.toHexString(address));
  }

  private static long begin(String line) {
    return Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16);
  }

  private static long end(String line) {
    return Long.parseUnsignedLong(line.substring(line.indexOf('-') + 1, line.indexOf(' ')), 16);
  }
}
