// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.varve.PoisonedException;
import dev.varve.StorageException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A live file that somebody makes shorter below its writer. */
class LiveCutTest {
  /** Enough that the append is compiled, where a fault shows up late if nobody looks. */
  private static final int RECORDS = 300_000;

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
}
