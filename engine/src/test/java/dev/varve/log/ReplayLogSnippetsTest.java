// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of the documentation, which compile and run as they stand there. */
class ReplayLogSnippetsTest {

  @TempDir Path home;
  private long seen;

  private void use(MemorySegment part) {
    seen += part.byteSize();
  }

  @Test
  void replay() {
    Path dir = home.resolve("log");
    byte[] bytes = "a batch of anything".getBytes(StandardCharsets.UTF_8);
    // @start region="replay"
    try (ReplayLog log = ReplayLog.builder().directory(dir).create()) {
      log.append(FrameSource.of(0, MemorySegment.ofArray(bytes)));
      log.complete();
      for (int epoch = 0; epoch < 3; epoch++) {
        try (LogReader reader = log.reader(0)) {
          for (LogFrame frame = reader.poll(); frame != null; frame = reader.poll()) {
            use(frame.part(0));
            frame.close();
          }
        }
      }
    }
    // @end
    assertThat(seen).isEqualTo(3L * bytes.length);
  }
}
