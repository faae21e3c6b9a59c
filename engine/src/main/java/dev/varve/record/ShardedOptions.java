// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.nio.file.Path;

/**
 * The settings of a sharded writer.
 *
 * @param directory where the shards are
 * @param prefix how their names begin
 * @param file how each file is written
 * @param shards how many are written to at a time
 * @param workers how many threads write
 * @param queuedTasks how many batches wait at most
 * @param queuedBytes how many bytes wait at most, if more than one batch waits
 * @param batchBytes how large a batch is
 * @param maxShardBytes how long a file may get
 * @param autoSharding whether a full file is followed by another one
 */
record ShardedOptions(
    Path directory,
    String prefix,
    WriterOptions file,
    int shards,
    int workers,
    int queuedTasks,
    long queuedBytes,
    int batchBytes,
    long maxShardBytes,
    boolean autoSharding) {}
