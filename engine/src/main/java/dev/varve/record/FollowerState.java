// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/** What a {@link Follower} that has no record to deliver is waiting for. */
public enum FollowerState {
  /**
   * A writer publishes each record. Also after it was killed, until another one opens the file and
   * takes over what it has published.
   */
  LIVE,

  /**
   * As {@link #LIVE}; but the last write of the writer failed, as a rule because of a full disk.
   */
  FULL,

  /**
   * As {@link #LIVE}; but the writer failed and can do no more. Another one has to open the file.
   */
  FAILED,

  /**
   * Nobody publishes each record: there is no writer, or it acknowledges on flush. What is written
   * to the file is found by looking.
   */
  POLLED,

  /** As {@link #POLLED}; the file was closed behind the last record. A writer can open it again. */
  CLOSED,

  /**
   * Another file, or none, has the name now. The follower stays with the one that it was opened on,
   * which hardly grows any more.
   */
  REPLACED
}
