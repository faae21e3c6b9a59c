// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.FormatVersionException;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.NullVector;
import org.apache.arrow.vector.ValueVector;
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
        append(delta, batch.dictionaryId(), file, offset);
      }
    }
    loaded = true;
  }

  /** Appends into new memory: behind the values there may be those of other buffers. */
  private void append(FieldVector delta, long id, String file, long offset) {
    try (FieldVector joined = vector.getField().createVector(allocator)) {
      try {
        join(storage(joined), storage(vector), storage(delta));
      } catch (ClassCastException
          | UnsupportedOperationException
          | IndexOutOfBoundsException
          | ArithmeticException e) {
        throw new FormatVersionException(
            "a delta of dictionary "
                + id
                + " in "
                + file
                + " at offset "
                + offset
                + " cannot be read: arrow-vector does not append values of "
                + vector.getField().getType()
                + "; write the whole dictionary instead",
            e);
      }
      vector.clear();
      TransferPair pair = storage(joined).makeTransferPair(storage(vector));
      pair.transfer();
    }
  }

  /** Appends to an empty vector what Arrow can append, and nulls, which it does not count. */
  private static void join(ValueVector to, ValueVector first, ValueVector second) {
    if (to instanceof NullVector) {
      to.setValueCount(Math.addExact(first.getValueCount(), second.getValueCount()));
    } else {
      to.allocateNew();
      VectorBatchAppender.batchAppend(to, first, second);
    }
  }

  private static ValueVector storage(ValueVector vector) {
    return vector instanceof ExtensionTypeVector<?> extension
        ? storage(extension.getUnderlyingVector())
        : vector;
  }
}
