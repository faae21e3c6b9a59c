// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/** What came of an attempt to move on without waiting. */
public enum ShardPoll {
  /** The cursor stands on the next record. */
  RECORD,
  /** The next record has not been read yet. */
  NOT_YET,
  /** There is none. */
  END
}
