// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

/** When a batch of a log with a directory reaches its file. */
public enum WritePolicy {
  /** At its append; memory only keeps a copy of recent batches. */
  ON_INSERTION,
  /**
   * When memory needs its room, or on flush, sync or close. While everything fits in memory, no
   * segment is written, and a process death loses what was not flushed.
   */
  ON_EVICTION
}
