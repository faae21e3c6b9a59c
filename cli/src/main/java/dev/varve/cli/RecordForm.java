// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

/** How records are printed. */
enum RecordForm {
  /** Each followed by a line feed. */
  LINES,
  /** One after the other, with nothing between. */
  RAW,
  /** Each behind its length, as four bytes, little-endian. */
  LENGTH_PREFIXED,
  /** In hexadecimal, one a line. */
  HEX,
  /** One JSON object a line. */
  JSON
}
