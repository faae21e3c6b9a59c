// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.Set;

/**
 * What an {@link IpcReader} has read.
 *
 * @param batches record batches
 * @param dictionaryBatches dictionary batches, deltas included
 * @param deltas dictionary batches that add to a dictionary
 * @param bodyBytes bytes of the bodies of all batches, as they are stored
 * @param compressions how these are compressed; empty if there were none
 */
public record IpcStatistics(
    long batches,
    long dictionaryBatches,
    long deltas,
    long bodyBytes,
    Set<Compression> compressions) {
  /**
   * Copies the set.
   *
   * @param batches record batches
   * @param dictionaryBatches dictionary batches, deltas included
   * @param deltas dictionary batches that add to a dictionary
   * @param bodyBytes bytes of the bodies of all batches, as they are stored
   * @param compressions how these are compressed
   */
  public IpcStatistics {
    compressions = Set.copyOf(compressions);
  }
}
