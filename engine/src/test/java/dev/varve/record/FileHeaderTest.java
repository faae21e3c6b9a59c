// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.file.SimulatedStorage;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is advised where a file does not begin as a record file. */
class FileHeaderTest {
  @Test
  void whatNoRepairHelpsIsNotToBeRepaired() {
    byte[] whole = RecordSamples.plain();
    for (byte[] bytes :
        List.of(
            RecordSamples.text(1, 5000),
            new byte[1000],
            RecordSamples.bytes("x"),
            Arrays.copyOf(whole, Format.UNIT - 1))) {
      SimulatedStorage storage = RecordSamples.machine(bytes);
      for (Runnable opening :
          List.<Runnable>of(
              () -> RecordSamples.reader(storage).open(),
              () -> Follower.builder(RecordSamples.FILE).storage(storage).open(),
              () -> RecordSamples.writer(storage).append(),
              () -> RecordFiles.repair(RecordSamples.FILE, storage))) {
        assertThatThrownBy(opening::run)
            .isInstanceOf(CorruptionException.class)
            .hasMessageContaining(RecordSamples.FILE.toString())
            .hasMessageContaining("check that this is the file that was meant")
            .hasMessageContaining("restore it from a copy")
            .hasMessageNotContaining("RecordFiles.repair");
      }
    }
    assertThatThrownBy(() -> RecordSamples.reader(RecordSamples.machine(new byte[0])).open())
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("found 0 bytes");
  }

  @Test
  void whatARepairHelpsIsToBeRepaired() {
    byte[] damaged = RecordSamples.plain();
    damaged[17] ^= 1;
    SimulatedStorage storage = RecordSamples.machine(damaged);
    for (Runnable opening :
        List.<Runnable>of(
            () -> RecordSamples.reader(storage).open(),
            () -> Follower.builder(RecordSamples.FILE).storage(storage).open(),
            () -> RecordSamples.writer(storage).append())) {
      assertThatThrownBy(opening::run)
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining("RecordFiles.repair");
    }
    RecordFiles.repair(RecordSamples.FILE, storage);
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      assertThat(reader.next()).isTrue();
    }
  }
}
