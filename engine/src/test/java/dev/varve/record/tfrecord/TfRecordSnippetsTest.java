// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.record.OnDamage;
import dev.varve.record.SkippedRegion;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of the documentation, which compile and run as they stand there. */
class TfRecordSnippetsTest {

  @TempDir Path home;
  private long seen;

  private void use(MemorySegment record) {
    seen += record.byteSize();
  }

  @Test
  void writeAndRead() {
    Path path = home.resolve("words.tfrecord");
    // @start region="write"
    try (TfRecordWriter writer = TfRecordWriter.append(path)) {
      writer.write("a record of anything".getBytes(StandardCharsets.UTF_8));
      writer.sync();
    }
    // @end
    // @start region="read"
    try (TfRecordReader reader = TfRecordReader.open(path, OnDamage.SKIP)) {
      while (reader.next()) {
        use(reader.record());
      }
      for (SkippedRegion region : reader.skipped()) {
        System.err.println(region.length() + " bytes lost: " + region.reason());
      }
    }
    // @end
    assertThat(seen).isEqualTo(20);
  }
}
