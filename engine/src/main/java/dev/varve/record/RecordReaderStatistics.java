// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * What a {@link RecordReader} has done.
 *
 * @param records records that it stood on
 * @param recordBytes their bytes
 * @param blocksVerified data blocks that it read and verified
 * @param blocksMapped data blocks that it had verified before, and showed from the mapped file
 * @param regionsSkipped damaged regions that it came past
 * @param recordsSkipped records that were lost in these, as far as they can be told
 */
public record RecordReaderStatistics(
    long records,
    long recordBytes,
    long blocksVerified,
    long blocksMapped,
    long regionsSkipped,
    long recordsSkipped) {}
