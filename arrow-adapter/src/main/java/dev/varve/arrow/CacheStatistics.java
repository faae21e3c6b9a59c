// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.log.LogStatistics;
import java.util.List;

/**
 * A snapshot of a stream cache's counters.
 *
 * @param rows rows ingested
 * @param lags for each open reader, the ingested batches it has not read yet
 * @param transfers batches that were taken over from the source without a copy; see {@link
 *     StreamCacheBuilder#transferBuffers}
 * @param log counters of the log below: hits hot and from disk, bytes, evictions, readers
 */
public record CacheStatistics(long rows, List<Long> lags, long transfers, LogStatistics log) {

  /**
   * Copies the list.
   *
   * @param rows rows ingested
   * @param lags for each open reader, the ingested batches it has not read yet
   * @param transfers batches that were taken over from the source without a copy
   * @param log counters of the log below
   */
  public CacheStatistics {
    lags = List.copyOf(lags);
  }
}
