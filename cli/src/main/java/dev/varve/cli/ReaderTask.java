// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.arrow.StreamReader;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.LongAdder;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.jspecify.annotations.Nullable;

/** Reads every value of one epoch with one reader. */
final class ReaderTask implements Callable<ReaderTask.Result> {
  /**
   * What was read.
   *
   * @param rows rows
   * @param batches batches
   * @param bytes bytes of the columns' buffers
   * @param hot batches that came from memory
   * @param checksum the checksum of all
   */
  record Result(long rows, long batches, long bytes, long hot, long checksum) {}

  /** Where batches are written, if they are. */
  interface OutputFactory {
    /** Begins the output of a reader's batches; null where there is none. */
    @Nullable Output open(StreamReader reader) throws IOException;
  }

  private final StreamReader reader;
  private final int[] columns;
  private final LongAdder progress;
  private final OutputFactory outputs;

  /**
   * Creates the task.
   *
   * @param reader the reader, which the task closes
   * @param columns for each of its columns, which one of the stream it is
   * @param progress counts batches
   */
  ReaderTask(StreamReader reader, int[] columns, LongAdder progress, OutputFactory outputs) {
    this.reader = reader;
    this.columns = columns;
    this.progress = progress;
    this.outputs = outputs;
  }

  @Override
  public Result call() throws IOException {
    try (reader;
        BatchChecksum checksum = new BatchChecksum();
        @Nullable Output output = outputs.open(reader)) {
      VectorSchemaRoot root = reader.getVectorSchemaRoot();
      long rows = 0;
      long batches = 0;
      long hot = 0;
      while (reader.loadNextBatch()) {
        checksum.add(root, reader, reader.lastBatch(), columns);
        if (output != null) {
          output.write();
        }
        rows += root.getRowCount();
        batches++;
        hot += reader.lastBatchHot() ? 1 : 0;
        progress.increment();
      }
      if (output != null) {
        output.finish();
      }
      return new Result(rows, batches, checksum.bytes(), hot, checksum.sum());
    }
  }
}
