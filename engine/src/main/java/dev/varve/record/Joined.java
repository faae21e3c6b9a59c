// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.List;

/** Waits for the end of threads. */
final class Joined {
  private Joined() {}

  /** Waits until all have ended, however often this thread is interrupted. */
  static void all(List<Thread> threads) {
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
