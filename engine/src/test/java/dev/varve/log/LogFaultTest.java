// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.VarveException;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Call;
import dev.varve.file.SimulatedStorage.Operation;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** One call to the storage fails, any of them and in every way, and the log goes on. */
class LogFaultTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");

  /** What fails with a full disk rather than with an error when there is no room. */
  private static final Set<Operation> ALLOCATING =
      EnumSet.of(
          Operation.WRITE,
          Operation.CREATE,
          Operation.RENAME,
          Operation.CREATE_DIRECTORIES,
          Operation.LOCK);

  private static final Logger LOGGER = Logger.getLogger("dev.varve.log");

  @BeforeAll
  static void beQuiet() {
    LOGGER.setLevel(Level.OFF);
  }

  @AfterAll
  static void beLoud() {
    LOGGER.setLevel(null);
  }

  static List<LogScript.Setting> settings() {
    return LogScript.settings();
  }

  @ParameterizedTest
  @MethodSource("settings")
  void everyCall(LogScript.Setting setting) {
    SimulatedStorage dry = SimulatedStorage.create(7);
    dry.recordCalls();
    new LogScript(setting, dry).life().run();
    List<Call> calls = dry.recordedCalls();
    assertThat(calls.size()).isGreaterThan(150);
    int stride = LONG ? 1 : 67;
    for (FaultKind kind : FaultKind.values()) {
      for (int i = kind.ordinal() * 17 % stride; i < calls.size(); i += stride) {
        run(setting, calls.get(i), kind);
      }
    }
  }

  private static void run(LogScript.Setting setting, Call call, FaultKind kind) {
    SimulatedStorage storage = SimulatedStorage.create(7);
    LogScript script = new LogScript(setting, storage).life();
    storage.failCall(call.number(), kind);
    try {
      for (LogScript.Step step : script.steps) {
        script.current = step.name();
        try {
          step.action().run();
        } catch (VarveException e) {
          if (kind == FaultKind.DISK_FULL && ALLOCATING.contains(call.operation())) {
            Throwable reason = e instanceof PoisonedException ? e.getCause() : e;
            assertThat(reason).isInstanceOf(FullException.class);
          }
          afterFailure(script, storage);
          goOn(script, step);
        }
      }
      afterFailure(script, storage);
    } catch (RuntimeException | AssertionError e) {
      fail(kind + " of " + call + " during " + script.current + " of " + setting, e);
    }
  }

  /** Nothing acknowledged is lost, whether the process dies now or the power goes. */
  private static void afterFailure(LogScript script, SimulatedStorage storage) {
    script.checkOpen();
    script.checkState(storage.killed(), script.killSafe);
    storage.crashStates(2).forEach(state -> script.checkState(state, script.durable));
  }

  /** Does a step again that failed, in a log opened again if that is needed. */
  static void goOn(LogScript script, LogScript.Step step) {
    int before = script.acknowledged;
    boolean reopened = script.needsReopening();
    if (reopened) {
      script.reopen();
    }
    boolean opens = step.name().equals("open") || step.name().equals("create");
    boolean closes = step.name().equals("close");
    if (closes || !reopened || (!opens && script.acknowledged == before)) {
      step.action().run();
    }
  }
}
