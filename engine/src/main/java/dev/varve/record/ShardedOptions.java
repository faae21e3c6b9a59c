// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.Durability;
import dev.varve.file.Storage;
import java.nio.file.Path;

/**
 * The settings of a sharded writer.
 *
 * @param directory where the shards are
 * @param prefix how their names begin
 * @param storage where the directory is
 * @param durability what flushed records survive
 * @param compression how blocks are stored
 * @param blockSize frames of more bytes end a block
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
    Storage storage,
    Durability durability,
    Compression compression,
    int blockSize,
    int shards,
    int workers,
    int queuedTasks,
    long queuedBytes,
    int batchBytes,
    long maxShardBytes,
    boolean autoSharding) {

  RecordWriterBuilder builder(Path file) {
    return RecordWriter.builder(file)
        .storage(storage)
        .durability(durability)
        .compression(compression)
        .blockSize(blockSize);
  }
}
