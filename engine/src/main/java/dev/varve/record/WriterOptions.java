// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.Durability;
import dev.varve.file.Storage;
import java.util.Map;

/**
 * The settings of a writer.
 *
 * @param storage where the file is
 * @param durability what flushed records survive
 * @param compression how blocks are stored
 * @param level how hard zstd compresses
 * @param blockSize frames of more bytes end a block
 * @param largeLimit records of more bytes get a block of their own
 * @param acknowledge whether each record is published at once
 * @param runBytes after how many bytes of blocks, or of published frames, a run is written whose
 *     records are acknowledged each
 * @param hugePage where in the file other writes end, at multiples of it
 * @param shared whether several threads may write
 * @param metadata what a new file says of itself
 * @param fileId the id of a new file, or 0 for a random one
 * @param setId the id of the set that a new file is of, or 0
 * @param setFirst the number in the set of its first record
 */
record WriterOptions(
    Storage storage,
    Durability durability,
    Compression compression,
    int level,
    int blockSize,
    int largeLimit,
    Acknowledge acknowledge,
    int runBytes,
    int hugePage,
    boolean shared,
    Map<String, byte[]> metadata,
    long fileId,
    long setId,
    long setFirst) {

  /** Returns the same settings with another acknowledgement, and runs of another size. */
  WriterOptions acknowledged(Acknowledge when, int newRunBytes) {
    return new WriterOptions(
        storage,
        durability,
        compression,
        level,
        blockSize,
        largeLimit,
        when,
        newRunBytes,
        hugePage,
        shared,
        metadata,
        fileId,
        setId,
        setFirst);
  }

  /** Returns the settings of a file of a set, which several threads write. */
  WriterOptions ofSet(long id, long first) {
    return new WriterOptions(
        storage,
        durability,
        compression,
        level,
        blockSize,
        largeLimit,
        acknowledge,
        runBytes,
        hugePage,
        true,
        metadata,
        fileId,
        id,
        first);
  }
}
