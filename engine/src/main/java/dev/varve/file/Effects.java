// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Counts the effects of a simulated process, and stops the process at one of them. */
final class Effects {
  private final SimulatedStorage process;
  private long effects;
  private long stopAt = Long.MAX_VALUE;
  private long stopAfterBytes;
  private @Nullable Consumer<SimulatedStorage> hook;
  private boolean inHook;

  Effects(SimulatedStorage process) {
    this.process = process;
  }

  long count() {
    return effects;
  }

  void stopAt(long effect, long bytes) {
    stopAt = effect;
    stopAfterBytes = bytes;
  }

  void afterEach(Consumer<SimulatedStorage> action) {
    hook = action;
  }

  /** Does something that the disk does whole or not at all. */
  void perform(SimulatedStorage.Operation operation, Path path, Runnable action) {
    effects++;
    if (effects < stopAt) {
      action.run();
    }
    finish(operation, path);
  }

  /**
   * Begins to write; {@link #finish} follows.
   *
   * @return how many of the bytes to write
   */
  long begin(long bytes) {
    effects++;
    return effects < stopAt ? bytes : Math.min(bytes, stopAfterBytes);
  }

  void finish(SimulatedStorage.Operation operation, Path path) {
    if (effects >= stopAt) {
      process.die();
      throw new SimulatedCrash(
          "simulated process stopped at effect " + effects + ", " + operation + " of " + path);
    }
    if (hook != null && !inHook) {
      inHook = true;
      try {
        hook.accept(process);
      } finally {
        inHook = false;
      }
    }
  }
}
