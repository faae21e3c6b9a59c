// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is left of a log when its process dies or the power goes, at every effect it has. */
@Tag("once")
class LogCrashTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int STATES = LONG ? 400 : 4;

  static List<LogScript.Setting> settings() {
    return LogScript.settings();
  }

  @ParameterizedTest
  @MethodSource("settings")
  void everyEffect(LogScript.Setting setting) {
    SimulatedStorage storage = SimulatedStorage.create(1);
    LogScript script = new LogScript(setting, storage).life();
    storage.afterEachEffect(
        process -> {
          check(script, process, "killed", script.killSafe, process.killed());
          process
              .crashStates(STATES)
              .forEach(state -> check(script, process, "power loss", script.durable, state));
        });
    script.run();
    assertThat(storage.effects()).isGreaterThan(50);
  }

  /** What did not hold: thrown at the end, since the code under test may catch errors. */
  private final List<AssertionError> failures = new ArrayList<>();

  private long checked;

  @AfterEach
  void report(TestInfo test) {
    for (AssertionError failure : failures) {
      throw failure;
    }
    System.out.println(test.getDisplayName() + ": " + checked + " states");
  }

  private void check(
      LogScript script, SimulatedStorage process, String what, int least, SimulatedStorage state) {
    if (!failures.isEmpty()) {
      return;
    }
    String origin = state.toString();
    try {
      script.checkState(state, least);
      checked++;
    } catch (RuntimeException | Error e) {
      failures.add(
          new AssertionError(
              what
                  + " after effect "
                  + process.effects()
                  + " during "
                  + script.current
                  + " of "
                  + script.setting
                  + ", in state "
                  + origin,
              e));
    }
  }

  /** A process dies in the middle of a write, after any part of it. */
  @ParameterizedTest
  @MethodSource("settings")
  void insideEveryEffect(LogScript.Setting setting) {
    SimulatedStorage dry = SimulatedStorage.create(2);
    new LogScript(setting, dry).life().run();
    long[] torn = LONG ? new long[] {1, 8, 32, 63, 64, 100, 130, 300} : new long[] {1, 64};
    for (long effect = 1; effect <= dry.effects(); effect += LONG ? 1 : 3) {
      for (long bytes : torn) {
        SimulatedStorage storage = SimulatedStorage.create(2);
        LogScript script = new LogScript(setting, storage).life();
        storage.stopInsideEffect(effect, bytes);
        try {
          script.run();
        } catch (SimulatedCrash | VarveException | AssertionError e) {
          // Whatever a process says that was killed, it is not heard.
          assertThat(storage.effects()).isLessThanOrEqualTo(effect);
        }
        check(script, storage, "killed inside", script.killSafe, storage.killed());
        storage
            .crashStates(3)
            .forEach(state -> check(script, storage, "power loss inside", script.durable, state));
      }
    }
  }

  /** A log whose creator died before its name was durable: who opens it makes up for that. */
  @Test
  void openedAfterACreationThatWasCutShort() {
    LogScript.Setting setting =
        new LogScript.Setting(Durability.NONE, WritePolicy.ON_INSERTION, 0, false);
    boolean died = true;
    int opened = 0;
    for (int effect = 1; died; effect++) {
      SimulatedStorage creating = SimulatedStorage.create(4);
      creating.stopAtEffect(effect);
      try {
        setting.builder(creating).create().close();
        died = false;
      } catch (SimulatedCrash e) {
        SimulatedStorage state = creating.killed();
        if (!state.exists(LogScript.DIR.resolve(Journal.FILE))) {
          continue;
        }
        opened++;
        try (ReplayLog log = setting.builder(state).open()) {
          log.append(List.of(), Batches.source(0, LogScript.MOST));
          state.crashStates(200).forEach(lost -> setting.builder(lost).open().close());
        }
      }
    }
    assertThat(opened).isPositive();
  }

  /** The recovery from a crash is cut short itself. */
  @ParameterizedTest
  @MethodSource("settings")
  void duringRecovery(LogScript.Setting setting) {
    SimulatedStorage storage = SimulatedStorage.create(3);
    LogScript script = new LogScript(setting, storage).life();
    // Each setting begins elsewhere, so that all together look at more effects than each.
    AtomicLong turn = new AtomicLong(LONG ? 0 : 13 - 4 * settings().indexOf(setting));
    storage.afterEachEffect(
        process -> {
          if (turn.incrementAndGet() % (LONG ? 3 : 23) == 0) {
            recover(script, process, script.killSafe, process.killed(), true);
            process
                .crashStates(4)
                .forEach(state -> recover(script, process, script.durable, state, false));
          }
        });
    script.run();
  }

  private void recover(
      LogScript script, SimulatedStorage process, int least, SimulatedStorage state, boolean kill) {
    state.afterEachEffect(
        recovering -> {
          // What a kill leaves behind is as much as there was; the power takes what it did before.
          check(script, process, "killed in recovery", least, recovering.killed());
          recovering
              .crashStates(6)
              .forEach(
                  lost ->
                      check(
                          script,
                          process,
                          "power loss in recovery",
                          kill ? script.durable : least,
                          lost));
        });
    try (ReplayLog log = script.setting.builder(state).open()) {
      Batches.checkAll(log, LogScript.MOST);
    } catch (dev.varve.NotFoundException e) {
      assertThat(script.created).isFalse();
    }
  }
}
