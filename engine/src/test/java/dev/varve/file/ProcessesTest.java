// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProcessesTest {
  private static final String TAIL =
      " 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 8812345 100 200 1 1\n";

  @Test
  void theNameOfAProgramMayHoldAnything() {
    assertThat(Processes.parse("7 (java) S" + TAIL)).hasValue(8812345);
    assertThat(Processes.parse("7 (a) Z 1 (b) R" + TAIL)).hasValue(8812345);
  }

  @Test
  void aZombieIsDead() {
    assertThat(Processes.parse("7 (java) Z" + TAIL)).isEmpty();
    assertThat(Processes.parse("7 (java) X" + TAIL)).isEmpty();
  }

  /** A killed process lets go of its locks before it becomes a zombie. */
  @Test
  void anEndingProcessIsDead() {
    assertThat(Processes.parse("7 (java) R" + TAIL.replace("4194560", "4194564"))).isEmpty();
  }

  @Test
  void anEndedProcessIsDead() throws Exception {
    Process process =
        new ProcessBuilder(ProcessHandle.current().info().command().orElseThrow(), "-version")
            .redirectErrorStream(true)
            .start();
    process.getInputStream().readAllBytes();
    process.waitFor();
    assertThat(Storage.real().processStart(process.pid())).isEmpty();
  }
}
