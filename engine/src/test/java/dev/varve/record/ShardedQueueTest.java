// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The hand-over of records between threads where few processors run many of them. */
@Tag("once")
@Timeout(value = 3600, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ShardedQueueTest {
  private static final int ROUNDS = Boolean.getBoolean("varve.long") ? 20_000 : 60;
  private static final Path TASKSET = Path.of("/usr/bin/taskset");

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void nothingIsStuckOrLost(int processors) throws IOException, InterruptedException {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("ShardedQueueTest: seed " + seed);
    List<String> command = new ArrayList<>();
    if (processors == 1 && Files.isExecutable(TASKSET)) {
      command.addAll(List.of(TASKSET.toString(), "-c", "0"));
    }
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-XX:ActiveProcessorCount=" + processors,
            "-cp",
            System.getProperty("java.class.path"),
            ShardedQueueProcess.class.getName(),
            String.valueOf(seed),
            String.valueOf(ROUNDS)));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    assertThat(said).contains(ROUNDS + " rounds on " + processors + " processors");
  }
}
