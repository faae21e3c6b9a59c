// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Frames whose bytes are written from where they are. */
class FrameWriterTest {

  @TempDir Path home;

  /** Large parts in place may belong to one thread alone. */
  @Test
  void aSourceInMemoryOfOneThread() {
    try (ReplayLog log =
            ReplayLog.builder().directory(home.resolve("log")).memoryCapacity(0).create();
        Arena arena = Arena.ofConfined()) {
      MemorySegment large = arena.allocate(2 << 20, 64);
      large.fill((byte) 7);
      for (int i = 0; i < 3; i++) {
        assertThat(log.append(new InPlace(large))).isEqualTo(i);
        try (LogFrame frame = log.batch(i)) {
          assertThat(frame.part(0).mismatch(large)).isEqualTo(-1);
        }
      }
    }
  }

  /** One part in place. */
  private record InPlace(MemorySegment part) implements FrameSource {

    @Override
    public int kind() {
      return 0;
    }

    @Override
    public long tag() {
      return 0;
    }

    @Override
    public int partCount() {
      return 1;
    }

    @Override
    public long partLength(int index) {
      return part.byteSize();
    }

    @Override
    public void copyTo(int index, long offset, MemorySegment target) {
      target.copyFrom(part.asSlice(offset, target.byteSize()));
    }

    @Override
    public MemorySegment direct(int index) {
      return part;
    }
  }

  /** Appends of large batches by threads of the common pool, which the log uses itself. */
  @Test
  @Timeout(60)
  void appendsInTheCommonPool() {
    MemorySegment large = Arena.ofAuto().allocate(1 << 20, 64);
    try (ReplayLog log =
        ReplayLog.builder().directory(home.resolve("log")).memoryCapacity(0).create()) {
      IntStream.range(0, 200).parallel().forEach(i -> log.append(new InPlace(large)));
      assertThat(log.count()).isEqualTo(200);
    }
  }
}
