// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

/**
 * A snapshot of a log's counters.
 *
 * @param batches batches ever appended
 * @param firstBatch first batch that can still be read
 * @param hotBatches batches held in memory
 * @param hotBytes bytes of memory that those take
 * @param heldBytes bytes of memory in use by frames, pinned ones included
 * @param diskBytes bytes on disk: segments, side file, and deleted segments that are still mapped;
 *     of a log opened read-only without the last, and as far as it was followed
 * @param segments segments that have a file
 * @param hotReads frames handed out from memory
 * @param diskReads frames handed out from files
 * @param evictions batches that left memory to make room
 * @param releases batches released behind the slowest reader
 * @param syncs completed syncs
 * @param readersCreated readers ever created
 * @param readersOpen readers not closed
 */
public record LogStatistics(
    long batches,
    long firstBatch,
    long hotBatches,
    long hotBytes,
    long heldBytes,
    long diskBytes,
    int segments,
    long hotReads,
    long diskReads,
    long evictions,
    long releases,
    long syncs,
    int readersCreated,
    int readersOpen) {}
