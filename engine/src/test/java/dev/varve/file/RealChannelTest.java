// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RealChannelTest {
  @TempDir Path dir;

  /** What takes over when interrupts come too often, or the file cannot be opened anew. */
  @Test
  void theAnchorReadsWritesAndMapsAsWell() throws Exception {
    try (RealChannel channel = RealChannel.open(dir.resolve("a"), FileAccess.CREATE_NEW);
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(300_000);
      for (long i = 0; i < bytes.byteSize(); i++) {
        bytes.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 >> 3));
      }
      channel.write(0, bytes.asSlice(0, 10));
      ByteBuffer source = bytes.asByteBuffer().position(5);
      channel.writeByAnchor(5, source);
      assertThat(source.hasRemaining()).isFalse();
      MemorySegment read = arena.allocate(bytes.byteSize() + 1);
      ByteBuffer target = read.asByteBuffer().position(3);
      channel.readByAnchor(3, target);
      assertThat(target.remaining()).isEqualTo(1);
      assertThat(read.asSlice(3).mismatch(bytes.asSlice(3))).isEqualTo(bytes.byteSize() - 3);
      assertThat(channel.size()).isEqualTo(bytes.byteSize());
      try (Arena shared = Arena.ofShared()) {
        MemorySegment mapped =
            Uninterrupted.call(() -> channel.mapAlone(MapMode.READ_ONLY, 7, 100_000, shared));
        assertThat(mapped.mismatch(bytes.asSlice(7, 100_000))).isEqualTo(-1);
      }
    }
  }
}
