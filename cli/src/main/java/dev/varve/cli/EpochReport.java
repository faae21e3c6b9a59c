// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

/**
 * What the readers of one epoch have read, all together.
 *
 * @param rows rows
 * @param batches batches
 * @param bytes bytes of the columns' buffers, without padding and dictionaries
 * @param nanos the time from the first reader's start to the last one's end
 * @param hot batches that came from memory
 * @param disk batches that came from files
 * @param checksum the checksum of what each of them has read
 */
record EpochReport(
    long rows, long batches, long bytes, long nanos, long hot, long disk, long checksum) {
  double seconds() {
    return nanos / 1e9;
  }

  double rowsPerSecond() {
    return rows / Math.max(1e-9, seconds());
  }

  /** Returns the rate in units of 10^9 bytes a second. */
  double gigabytesPerSecond() {
    return bytes / 1e9 / Math.max(1e-9, seconds());
  }

  String checksumText() {
    return String.format("%016x", checksum);
  }
}
