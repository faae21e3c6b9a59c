// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * A part of a file that a reader passed over because it is damaged or cut off.
 *
 * @param from offset in the file of its first byte
 * @param to offset in the file of the byte after its last one
 * @param reason what was expected there and what was found
 */
public record SkippedRegion(long from, long to, String reason) {
  /**
   * Returns how long it is.
   *
   * @return the number of bytes passed over
   */
  public long bytes() {
    return to - from;
  }
}
