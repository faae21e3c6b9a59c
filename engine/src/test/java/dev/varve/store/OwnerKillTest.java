// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ChildJvm;
import dev.varve.file.Storage;
import dev.varve.store.Machine.Handle;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kills a real process that holds both turns and pins. */
class OwnerKillTest {
  @TempDir Path dir;

  private Process start() throws Exception {
    return new ProcessBuilder(ChildJvm.command(OwnerProcess.class, dir))
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  @Test
  void theDeadAreTakenOver() throws Exception {
    Handle handle = new Machine(Storage.real(), dir).open(Storage.real());
    for (int round = 1; round <= 2; round++) {
      long pinned = handle.shared.published();
      Process process = start();
      try {
        assertThat(process.inputReader().readLine())
            .isEqualTo("ready " + pinned + " " + process.pid());
        handle.steady(handle.commit());
        assertThat(handle.needed()).containsExactly(pinned, pinned + 1);
        assertThat(handle.slots.owners().probe(1)).isEqualTo(Owners.Life.ALIVE);
        assertThatThrownBy(() -> handle.writer.take(Duration.ofMillis(3)))
            .isInstanceOf(BusyException.class)
            .hasMessageContaining("process " + process.pid());
        assertThatThrownBy(() -> handle.leader.take(Duration.ZERO))
            .isInstanceOf(BusyException.class)
            .hasMessageContaining("process " + process.pid());
        assertThat(handle.shared.isRewriting()).isFalse();
        process.toHandle().destroyForcibly();
        handle.writer.take(Duration.ofMinutes(5));
      } finally {
        process.destroyForcibly();
        process.waitFor();
      }
      assertThat(handle.shared.isRewriting()).isTrue();
      handle.shared.rewriting(false);
      assertThat(handle.needed()).containsExactly(pinned + 1);
      handle.leader.take(Duration.ZERO);
      assertThat(handle.leader.release() && handle.writer.release()).isTrue();
      assertThat(handle.shared.processId(1)).isZero();
    }
    handle.slots.release();
    assertThat(handle.gate.isAnyoneIn()).isFalse();
  }
}
