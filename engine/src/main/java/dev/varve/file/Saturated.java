// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

/** Arithmetic on counts that stops at the largest one. */
final class Saturated {
  private Saturated() {}

  static long add(long a, long b) {
    return a > Long.MAX_VALUE - b ? Long.MAX_VALUE : a + b;
  }

  static long multiply(long a, long b) {
    return b != 0 && a > Long.MAX_VALUE / b ? Long.MAX_VALUE : a * b;
  }
}
