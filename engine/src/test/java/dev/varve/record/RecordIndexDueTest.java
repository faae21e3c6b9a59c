// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.SimulatedStorage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is appended just when an index in the middle of a file is due stands behind that. */
class RecordIndexDueTest {
  private static final Path PATH = RecordSamples.DIR.resolve("due.vrec");
  private static final int SMALL = 4 << 10;
  private static final int LARGE = 9 << 10;
  private static final int BLOCKS = Format.INDEX_EVERY + 40;

  private final SimulatedStorage storage = RecordSamples.storage();

  private RecordWriterBuilder builder(Acknowledge acknowledge) {
    return RecordWriter.builder(PATH)
        .storage(storage)
        .acknowledge(acknowledge)
        .blockSize(SMALL)
        .largeLimit(2 * SMALL);
  }

  /** Small and large records in turn, so that a large one comes when the index is due. */
  @ParameterizedTest
  @EnumSource
  void aLargeRecord(Acknowledge acknowledge) {
    RecordWriter abandoned = builder(acknowledge).create();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(LARGE, 8);
      for (long number = 0; number < BLOCKS; number++) {
        memory.set(ValueLayout.JAVA_LONG, 0, number);
        int length = number >= BLOCKS / 2 && number % 2 == 0 ? LARGE : SMALL;
        assertThat(abandoned.append(memory, 0, length)).isEqualTo(number);
      }
    }
    abandoned.flush();
    check(storage.killed());
    abandoned.close();
    VerifyReport report = RecordFiles.verify(PATH, storage);
    assertThat(report.damage()).isEmpty();
    assertThat(report.records()).isEqualTo(BLOCKS);
    check(storage);
  }

  private static void check(SimulatedStorage machine) {
    try (RecordWriter writer = RecordWriter.builder(PATH).storage(machine).append()) {
      assertThat(writer.append(MemorySegment.ofArray(new byte[8]), 0, 8)).isEqualTo(BLOCKS);
    }
    try (RecordReader reader = RecordReader.builder(PATH).storage(machine).open()) {
      for (long number = 0; number < BLOCKS; number++) {
        assertThat(reader.next()).isTrue();
        assertThat(reader.memory().get(ValueLayout.JAVA_LONG_UNALIGNED, reader.offset()))
            .isEqualTo(number);
      }
      assertThat(reader.next()).isTrue();
      assertThat(reader.next()).isFalse();
    }
  }
}
