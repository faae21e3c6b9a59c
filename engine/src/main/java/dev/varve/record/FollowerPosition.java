// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * How far a follower has come, as its cursor keeps it.
 *
 * @param setId the id of the set, or 0 if a file is followed that is looked at alone
 * @param fileId the id of the file whose record it has seen last; 0 if nothing was ever committed
 * @param number the number of the next record, in the set or in the file
 * @param epoch of what published the record before that; 0 if it has seen none
 */
record FollowerPosition(long setId, long fileId, long number, long epoch) {
  static final FollowerPosition NONE = new FollowerPosition(0, 0, 0, 0);

  /** Whether anything was committed. */
  boolean isSet() {
    return fileId != 0;
  }

  /** Returns the same position with another number. */
  FollowerPosition at(long newNumber) {
    return new FollowerPosition(setId, fileId, newNumber, epoch);
  }
}
