// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.Arrays;

/**
 * How many rows stand before each batch. One writer; readers look only at batches that they found
 * in the log, whose frontier publishes what was written here before.
 */
final class RowIndex {

  private final long firstBatch;
  private volatile long[] ends = new long[64];
  private long noted;

  /** An index in which rows are counted from a batch on. */
  RowIndex(long firstBatch) {
    this.firstBatch = firstBatch;
    this.noted = firstBatch;
  }

  /** Notes the rows of a batch that is about to be appended; noting it again replaces them. */
  void expect(long batch, long rows) {
    int index = Math.toIntExact(batch - firstBatch);
    long[] known = ends;
    if (index >= known.length) {
      known = Arrays.copyOf(known, 2 * index);
    }
    known[index] = (index == 0 ? 0 : known[index - 1]) + rows;
    noted = batch + 1;
    ends = known;
  }

  /** The batch whose rows were not noted yet; for the writer. */
  long noted() {
    return noted;
  }

  /** Rows before {@code count} batches' end. */
  long rows(long count) {
    return count <= firstBatch ? 0 : ends[Math.toIntExact(count - firstBatch - 1)];
  }

  /** The batch that holds a row, or -1 when the first {@code count} batches do not. */
  long batchOf(long row, long count) {
    int length = (int) Math.max(0, count - firstBatch);
    int low = 0;
    int high = length;
    long[] known = ends;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (known[middle] > row) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low == length ? -1 : firstBatch + low;
  }
}
