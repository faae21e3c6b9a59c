// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

/** Lets work that does not wait be interrupted. */
final class Interrupts {
  private Interrupts() {}

  /** Throws if this thread was interrupted. */
  static void check() throws InterruptedException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedException();
    }
  }
}
