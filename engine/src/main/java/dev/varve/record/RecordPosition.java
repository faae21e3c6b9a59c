// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * Where a record stands in its file. Stays valid as the file grows.
 *
 * @param block offset of its block in the file, in bytes, at least 0
 * @param index which record of the block it is, from 0
 */
public record RecordPosition(long block, int index) {
  /** Checks the ranges. */
  public RecordPosition {
    if (block < 0 || index < 0) {
      throw new IllegalArgumentException(
          "a position has no negative parts, unlike block " + block + ", index " + index);
    }
  }
}
