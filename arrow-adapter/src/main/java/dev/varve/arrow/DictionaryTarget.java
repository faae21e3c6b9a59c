// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.log.LogFrame;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.util.TransferPair;
import org.apache.arrow.vector.util.VectorBatchAppender;

/**
 * One reader's vector of one dictionary.
 *
 * <p>A base is loaded in place. The first delta moves the vector into memory of its own, since
 * appending to a loaded one would write behind its values into shared memory; further deltas are
 * appended there. For one thread at a time.
 */
final class DictionaryTarget {

  private final FieldVector vector;
  private final BatchLoader loader;
  private final BatchPlan plan;
  private final BufferAllocator allocator;
  private boolean owned;

  DictionaryTarget(FieldVector vector, BatchPlan plan, BufferAllocator allocator) {
    this.vector = vector;
    this.plan = plan;
    this.allocator = allocator;
    this.loader = BatchLoader.dictionary(plan, vector, allocator);
  }

  /** Takes over a frame's pin and applies its message. */
  void apply(LogFrame frame, StoredMessage message) {
    if (message.metadata().isDelta()) {
      append(frame, message);
    } else {
      vector.clear();
      owned = false;
      load(loader, frame, message);
    }
  }

  /** Checks what is inside: appending copies by what the offsets say, without further checks. */
  private static void load(BatchLoader loader, LogFrame frame, StoredMessage message) {
    long address = message.bodyAddress(frame);
    loader.loadForeign(
        message.metadata(),
        address,
        frame.takePin()::release,
        "segment " + frame.segment() + ", dictionary " + frame.tag(),
        message.bodyOffset());
  }

  private void append(LogFrame frame, StoredMessage message) {
    try (FieldVector delta = vector.getField().createVector(allocator)) {
      load(BatchLoader.dictionary(plan, delta, allocator), frame, message);
      if (!owned) {
        try (FieldVector copy = vector.getField().createVector(allocator)) {
          copy.allocateNew();
          VectorBatchAppender.batchAppend(copy, vector);
          vector.clear();
          TransferPair pair = copy.makeTransferPair(vector);
          pair.transfer();
        }
        owned = true;
      }
      VectorBatchAppender.batchAppend(vector, delta);
    }
  }
}
