// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.arrow.CacheStatistics;
import dev.varve.arrow.StreamCache;
import dev.varve.log.LogStatistics;
import dev.varve.log.LogStatus;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a replay left in its cache.
 *
 * @param directory where it is, unless it is in memory alone
 * @param kept whether it stays
 * @param status how far the stream came
 * @param failure why the source failed, if it did
 * @param batches batches that were ingested
 * @param rows rows that were ingested
 * @param log counters
 */
record CacheSummary(
    Optional<Path> directory,
    boolean kept,
    LogStatus status,
    Optional<String> failure,
    long batches,
    long rows,
    LogStatistics log) {
  static CacheSummary of(StreamCache cache, ReplayCommand command) {
    CacheStatistics statistics = cache.statistics();
    Path directory = command.isDirectory() ? Path.of(command.source) : command.cache;
    return new CacheSummary(
        Optional.ofNullable(directory),
        command.keep || command.isDirectory(),
        cache.status(),
        cache.failure(),
        cache.ingestedCount(),
        statistics.rows(),
        statistics.log());
  }

  boolean isComplete() {
    return status == LogStatus.COMPLETE;
  }
}
