// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

/** The alignment of everything this package writes: buffers begin at multiples of 64 bytes. */
final class Alignment {
  static final int BYTES = 64;

  private Alignment() {}

  /** Returns the least multiple of 64 that is not below a length. */
  static long up(long length) {
    return (length + (BYTES - 1)) & -BYTES;
  }
}
