// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of the guide to many record files. */
class ManyFilesGuideTest {
  private static final int RECORDS = 100;
  private static final int PASSES = 5;

  @TempDir Path directory;

  private final Map<Byte, Integer> seen = new HashMap<>();
  private int steps;

  private static final class Trained extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private void train(MemorySegment memory, long offset, long length) {
    assertThat(length).isEqualTo(1);
    seen.merge(memory.get(ValueLayout.JAVA_BYTE, offset), 1, Integer::sum);
    if (++steps == PASSES * RECORDS) {
      throw new Trained();
    }
  }

  private void shuffled(long seed) {
    try (RecordCursor cursor =
        Shuffler.builder(ShardedReader.builder(directory).shards(8).endless().shuffled(seed).open())
            .records(100_000)
            .seed(seed)
            .open()) {
      while (cursor.next()) {
        train(cursor.memory(), cursor.offset(), cursor.length());
      }
    }
  }

  private void use(MemorySegment record) {
    seen.merge(record.get(ValueLayout.JAVA_BYTE, 0), 1, Integer::sum);
  }

  @Test
  void followsASet() {
    try (RecordSetWriter writer =
        RecordSetWriter.builder(directory, "events").acknowledge(Acknowledge.EACH).append()) {
      for (int part = 0; part < 2; part++) {
        for (int i = 0; i < RECORDS; i++) {
          writer.append(new byte[] {(byte) i});
        }
        writer.rotate();
        follow();
        for (int i = 0; i < RECORDS; i++) {
          assertThat(seen).containsEntry((byte) i, part + 1);
        }
      }
    }
  }

  private void follow() {
    try (RecordSetFollower follower =
        RecordSetFollower.builder(directory, "events").cursor("billing").open()) {
      while (follower.poll(Duration.ofMillis(100))) {
        use(follower.segment());
      }
      follower.commit(); // the next follower of this name goes on behind
    }
  }

  @Test
  void shufflesEndlessly() {
    try (ShardedWriter writer = ShardedWriter.builder(directory).shards(3).create()) {
      for (int i = 0; i < RECORDS; i++) {
        writer.append(new byte[] {(byte) i});
      }
    }
    assertThatThrownBy(() -> shuffled(7)).isInstanceOf(Trained.class);
    assertThat(seen)
        .hasSizeBetween(RECORDS * 9 / 10, RECORDS); // Each of a thousand passes in the reservoir.
    assertThat(steps).isEqualTo(PASSES * RECORDS);
  }
}
