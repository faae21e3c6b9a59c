// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a process that appends, again and again: what it acknowledged is there, and the log goes
 * on. {@code varve.kills} says how often, {@code varve.seed} from which seed.
 */
@Tag("once")
class LogKillTest {

  private static final int KILLS =
      Integer.getInteger("varve.kills", Boolean.getBoolean("varve.long") ? 1000 : 25);

  /** Kills of one log before a new one is begun. */
  private static final int KILLS_A_LOG = 10;

  @TempDir Path home;

  @Test
  void whatWasAcknowledgedSurvivesEveryKill() throws Exception {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("LogKillTest: seed " + seed);
    Random random = new Random(seed);
    ChildJvm jvm = ChildJvm.sharing(home);
    // The first one ends in order, for the archive of the classes.
    runAndKill(jvm, home.resolve("in-order"), 100, false);
    long acknowledged = -1;
    long total = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      if (kill % KILLS_A_LOG == 0) {
        total += acknowledged + 1;
        acknowledged = -1;
      }
      Path directory = home.resolve("log-" + kill / KILLS_A_LOG);
      acknowledged =
          Math.max(
              acknowledged,
              runAndKill(jvm, directory, random.nextInt(1 + random.nextInt(200)), true));
      // Every other time the next victim has to repair what this one left.
      if (kill % 2 == 1 && Files.exists(directory.resolve(Journal.FILE))) {
        check(directory, acknowledged, kill);
      }
    }
    total += acknowledged + 1;
    System.out.println("LogKillTest: " + KILLS + " kills, " + total + " batches acknowledged");
    assertThat(total).isPositive();
  }

  /**
   * Lets a process acknowledge so many batches more, kills it, and answers the last it
   * acknowledged.
   */
  private static long runAndKill(ChildJvm jvm, Path directory, int batches, boolean forcibly)
      throws Exception {
    Process victim =
        new ProcessBuilder(jvm.run(KillVictim.class, directory))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    long last = -1;
    try (BufferedReader said = victim.inputReader()) {
      for (int i = 0; i < batches; i++) {
        String line = said.readLine();
        assertThat(line).as("the victim ended by itself after batch %d", last).isNotNull();
        last = Long.parseLong(line);
      }
      // By its handle: Process.destroyForcibly would close what the victim said.
      boolean unused = forcibly ? victim.toHandle().destroyForcibly() : victim.toHandle().destroy();
      last = Math.max(last, lastWholeLine(said));
    } finally {
      victim.destroyForcibly();
      victim.waitFor();
    }
    return last;
  }

  /** What was said before the end; a kill may cut a line short. */
  private static long lastWholeLine(BufferedReader said) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int c = said.read(); c >= 0; c = said.read()) {
      text.append((char) c);
    }
    long last = -1;
    int end = text.lastIndexOf("\n");
    for (String line : text.substring(0, Math.max(0, end)).split("\n")) {
      last = line.isEmpty() ? last : Long.parseLong(line);
    }
    return last;
  }

  private static void check(Path directory, long acknowledged, int kill) {
    try (ReplayLog log = KillVictim.builder(directory).open()) {
      assertThat(log.count()).as("batches after kill %d", kill).isGreaterThan(acknowledged);
      ReplayLogTest.checkAll(log, 0, log.count());
      assertThat(log.append(ReplayLogTest.batch(log.count()))).isGreaterThan(acknowledged);
    }
  }
}
