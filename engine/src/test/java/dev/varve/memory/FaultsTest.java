// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static dev.varve.memory.Layouts.LE_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Faults of mapped memory whose file was cut, in code that was compiled. */
class FaultsTest {
  private static final int PAGE = 16 << 10;
  private static final int WARM = 50_000;
  private static final int FAULTS = 2_000;

  private @TempDir Path directory;
  private long published;

  @Test
  void errorsComeInsideTheTry() throws IOException {
    try (FileChannel channel =
            FileChannel.open(
                directory.resolve("f"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        Arena arena = Arena.ofConfined()) {
      int unused = channel.write(ByteBuffer.allocate(2 * PAGE));
      MemorySegment memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, 2 * PAGE, arena);
      MemorySegment copy = arena.allocate(PAGE);
      for (int i = 0; i < WARM; i++) {
        assertThat(faults(memory, (i * 8) & (PAGE - 1), copy)).isZero();
      }
      channel.truncate(PAGE);
      long before = published;
      for (int i = 0; i < FAULTS; i++) {
        assertThat(faults(memory, PAGE + ((i * 8) & (PAGE - 256)), copy)).isEqualTo(3);
        assertThat(published).isEqualTo(before);
      }
    }
  }

  private int faults(MemorySegment memory, long at, MemorySegment copy) {
    return store(memory, at) + load(memory, at) + copy(memory, at & -256, copy);
  }

  private int store(MemorySegment memory, long at) {
    try {
      memory.set(LE_LONG, at, 42);
      Faults.surface();
      published++;
      return 0;
    } catch (InternalError e) {
      return 1;
    }
  }

  private int load(MemorySegment memory, long at) {
    try {
      long value = (long) LE_LONG.varHandle().getAcquire(memory, at);
      Faults.surface();
      return value < 0 ? 2 : 0;
    } catch (InternalError e) {
      return 1;
    }
  }

  private static int copy(MemorySegment memory, long at, MemorySegment to) {
    try {
      MemorySegment.copy(memory, at, to, 0, 256);
      Faults.surface();
      return 0;
    } catch (InternalError e) {
      return 1;
    }
  }
}
