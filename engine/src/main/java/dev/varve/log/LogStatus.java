// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

/** How far the stream in a log has come. */
public enum LogStatus {
  /** More batches may follow. A log found so when opened was interrupted. */
  OPEN,
  /** The end of the stream was seen. */
  COMPLETE,
  /**
   * The stream's source failed; {@link ReplayLog#failure} has its message. More batches may follow
   * after a repair.
   */
  FAILED
}
