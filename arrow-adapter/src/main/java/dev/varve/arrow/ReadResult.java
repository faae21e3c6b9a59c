// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

/** What came of an attempt to read the next batch within a time. */
public enum ReadResult {
  /** The batch is in the reader's root. */
  LOADED,
  /** There is no further batch. */
  END,
  /** The time is over; the batch may still come. */
  TIMEOUT
}
