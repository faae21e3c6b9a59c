// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

/** How thoroughly {@link ReplayLog#inspect} looks at a log. */
public enum Inspection {
  /** Reads the side file, and looks at the lengths of segment files. */
  SUMMARY,
  /**
   * Also reads every segment file once, and compares every part of every batch and context frame,
   * headers and footers with their checksums, and gaps with zeros.
   */
  VERIFY
}
