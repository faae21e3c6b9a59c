// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.varve.PoisonedException;
import dev.varve.StorageException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A live file that somebody makes shorter below its writer. */
class LiveCutTest {
  /** Enough that the append is compiled, where a fault shows up late if nobody looks. */
  private static final int RECORDS = 300_000;

  private static final int ROUNDS = Integer.getInteger("varve.rounds", 700);

  @TempDir Path directory;

  @Test
  void anAppendToWhatWasCutOffThrowsAndAllBeforeIsKept() throws IOException {
    Path path = directory.resolve("records");
    byte[] record = new byte[64];
    RecordWriter writer = RecordWriter.builder(path).acknowledge(Acknowledge.EACH).create();
    try (writer) {
      for (int i = 0; i < RECORDS; i++) {
        record[i & 63] = (byte) i;
        assertEquals(i, writer.append(record));
      }
      try (FileChannel live = FileChannel.open(LiveFile.path(path), StandardOpenOption.WRITE)) {
        live.truncate(LiveLayout.PAGE);
      }
      assertThrows(StorageException.class, () -> writer.append(record));
      assertThrows(PoisonedException.class, () -> writer.append(record));
      assertEquals(RECORDS, writer.count());
    }
    try (RecordReader reader = RecordReader.open(path)) {
      assertEquals(RECORDS, reader.count());
    }
  }

  /** Also between the last look of an append and its last store, which few of the cuts meet. */
  @Tag("once")
  @Test
  void aCutAtAnyInstantIsToldByNameAndAllThatWasAcknowledgedIsKept() throws Exception {
    Path path = directory.resolve("records");
    for (int round = 0; round < ROUNDS; round++) {
      byte[] record = new byte[8 + round % 3 * 20];
      long acknowledged = 0;
      CountDownLatch running = new CountDownLatch(1);
      try (RecordWriter writer =
              RecordWriter.builder(path).acknowledge(Acknowledge.EACH).replace();
          FileChannel live = FileChannel.open(LiveFile.path(path), StandardOpenOption.WRITE)) {
        Thread cutter =
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        running.await();
                        live.truncate(LiveLayout.PAGE);
                      } catch (IOException | InterruptedException e) {
                        throw new IllegalStateException(e);
                      }
                    });
        try {
          while (true) {
            writer.append(record);
            if (++acknowledged == 1000) {
              running.countDown();
            }
          }
        } catch (StorageException | PoisonedException e) {
          // The latter where the end of a run met the cut.
          assertTrue(e instanceof PoisonedException || e.getMessage().contains(".live"));
        } finally {
          cutter.join();
        }
        assertThrows(PoisonedException.class, () -> writer.append(record));
        assertEquals(acknowledged, writer.count());
      }
      try (RecordReader reader = RecordReader.open(path)) {
        assertEquals(acknowledged, reader.count());
      }
    }
  }
}
