// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import org.jspecify.annotations.Nullable;

/** Steps that are all taken, whichever of them fail; the first failure is thrown at the end. */
final class Teardown {

  private @Nullable Throwable failure;

  void run(Runnable step) {
    try {
      step.run();
    } catch (RuntimeException | Error e) {
      if (failure == null) {
        failure = e;
      } else if (failure != e) {
        failure.addSuppressed(e);
      }
    }
  }

  void end() {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
  }
}
