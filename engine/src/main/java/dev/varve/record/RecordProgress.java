// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/** Is told how far work on a whole file is. What it throws ends the work. */
@FunctionalInterface
public interface RecordProgress {
  /**
   * Called after each block, by the thread that does the work, and with both the same when all is
   * read.
   *
   * @param done how many bytes of the file were read, which never gets less
   * @param all how many there are to read
   */
  void update(long done, long all);
}
