// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.memory.AllocationMeter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writing and reading leave no garbage. */
class TfRecordAllocationTest {
  /** More than are read. */
  private static final int RECORDS = 1_250_000;

  @TempDir Path home;

  @Test
  void recordsAreWrittenAndReadWithoutGarbage() {
    Path path = home.resolve("many.tfrecord");
    try (Arena arena = Arena.ofConfined();
        TfRecordWriter writer = TfRecordWriter.create(path)) {
      MemorySegment record = arena.allocate(64);
      assertThat(AllocationMeter.bytesPerOperation(() -> writer.write(record, 8, 40)))
          .isLessThan(1);
      for (long i = writer.records(); i < RECORDS; i++) {
        writer.write(record, 8, 40);
      }
    }
    try (TfRecordReader reader = TfRecordReader.open(path)) {
      assertThat(AllocationMeter.bytesPerOperation(reader::next)).isLessThan(1);
      assertThat(reader.length()).isEqualTo(40);
    }
  }
}
