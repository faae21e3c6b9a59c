// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.List;

/**
 * What {@link RecordFiles#verify} found.
 *
 * @param records record numbers that are taken
 * @param readable records that can be read
 * @param parts how many files were concatenated; 1 usually
 * @param blocks whole blocks of any kind
 * @param bytes length of the file
 * @param damage what is damaged, in order; empty if the file is whole
 */
public record VerifyReport(
    long records, long readable, int parts, long blocks, long bytes, List<SkippedRegion> damage) {
  /** Copies the list. */
  public VerifyReport {
    damage = List.copyOf(damage);
  }

  /**
   * Tells whether the file is closed and nothing in it is damaged.
   *
   * @return whether there is no damage
   */
  public boolean isWhole() {
    return damage.isEmpty();
  }
}
