// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.List;

/**
 * What {@link RecordFiles#repair} did.
 *
 * @param records record numbers that are taken now
 * @param lost how many records were found lost, as far as that can be told: their numbers are
 *     covered now, or, at a torn end, given anew; not those lost before
 * @param repaired what was damaged, in order; empty if the file was whole
 */
public record RepairReport(long records, long lost, List<SkippedRegion> repaired) {
  /** Copies the list. */
  public RepairReport {
    repaired = List.copyOf(repaired);
  }
}
