// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.util.TransferPair;
import org.apache.arrow.vector.util.VectorBatchAppender;

/** One dictionary of an Arrow file or stream from anywhere. For one thread. */
final class IpcDictionary {
  private final FieldVector vector;
  private final BatchPlan plan;
  private final BufferAllocator allocator;
  private final BatchLoader loader;
  private boolean loaded;

  IpcDictionary(FieldVector vector, BatchPlan plan, BufferAllocator allocator) {
    this.vector = vector;
    this.plan = plan;
    this.allocator = allocator;
    this.loader = BatchLoader.dictionary(plan, vector, allocator);
  }

  /** Returns whether it has values. */
  boolean isLoaded() {
    return loaded;
  }

  /**
   * Replaces the values, or adds to them.
   *
   * @param batch the metadata
   * @param address where the body begins
   * @param pin run once, when the body is no longer used, or before this method throws
   * @param file where the batch is from, for error messages
   * @param offset where in the file its body begins
   */
  void load(BatchMetadata batch, long address, Runnable pin, String file, long offset) {
    if (!batch.isDelta()) {
      loader.loadForeign(batch, address, pin, file, offset);
    } else {
      try (FieldVector delta = vector.getField().createVector(allocator)) {
        BatchLoader.dictionary(plan, delta, allocator)
            .loadForeign(batch, address, pin, file, offset);
        append(delta);
      }
    }
    loaded = true;
  }

  /** Appends into new memory: behind the values there may be those of other buffers. */
  private void append(FieldVector delta) {
    try (FieldVector joined = vector.getField().createVector(allocator)) {
      joined.allocateNew();
      VectorBatchAppender.batchAppend(joined, vector, delta);
      vector.clear();
      TransferPair pair = joined.makeTransferPair(vector);
      pair.transfer();
    }
  }
}
