// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * What a {@link RecordWriter} has done.
 *
 * @param records records that it was given
 * @param recordBytes their bytes
 * @param blocks data blocks that it has built
 * @param written records of the whole file that are in the file, and not in memory only
 * @param fileBytes length of the file as far as it is written
 */
public record RecordWriterStatistics(
    long records, long recordBytes, long blocks, long written, long fileBytes) {}
