// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.time.Duration;

/** Points in {@link System#nanoTime}. */
final class Deadline {

  private static final long FAR = Long.MAX_VALUE / 4;

  private Deadline() {}

  /** The point at which a timeout from now ends; a negative timeout has ended. */
  static long after(Duration timeout) {
    long nanos;
    try {
      nanos = Math.min(FAR, Math.max(0, timeout.toNanos()));
    } catch (ArithmeticException e) {
      nanos = timeout.isNegative() ? 0 : FAR;
    }
    return System.nanoTime() + nanos;
  }
}
