// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * A part of a record file that is damaged or cut off.
 *
 * @param offset where in the file it begins, in bytes
 * @param length its length in bytes; 0 if something is missing there
 * @param records how many records are lost by it, 0 if none, or {@link #UNKNOWN}
 * @param reason what is wrong
 */
public record SkippedRegion(long offset, long length, long records, String reason) {
  /** Stands for a number of records that nobody can tell. */
  public static final long UNKNOWN = -1;

  /**
   * Returns where it ends.
   *
   * @return the offset in the file of the byte after its last one
   */
  public long end() {
    return offset + length;
  }
}
