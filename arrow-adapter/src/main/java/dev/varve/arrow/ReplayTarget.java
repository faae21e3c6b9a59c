// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.log.LogFrame;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.jspecify.annotations.Nullable;

/**
 * The root and the dictionaries of one reader, into which batches of the log are loaded. For one
 * thread at a time.
 */
final class ReplayTarget {

  private static final long NO_SEGMENT = -1;

  private final StreamSchema schema;
  private final int[] columns;
  private final VectorSchemaRoot root;
  private final BatchLoader loader;
  private final Map<Long, DictionaryTarget> dictionaries = new HashMap<>();

  /** Segment whose dictionaries are loaded, and how many of its context frames were applied. */
  private long segment = NO_SEGMENT;

  private int applied;

  /**
   * A target.
   *
   * @param columns which columns of the stream the root has
   * @param root made from those columns
   * @param vectors the dictionaries that they use
   */
  ReplayTarget(
      StreamSchema schema,
      int[] columns,
      VectorSchemaRoot root,
      Map<Long, Dictionary> vectors,
      BufferAllocator allocator) {
    this.schema = schema;
    this.columns = columns;
    this.root = root;
    this.loader = BatchLoader.projection(schema.batches(), root, columns, allocator);
    for (Map.Entry<Long, Dictionary> each : vectors.entrySet()) {
      BatchPlan plan = Objects.requireNonNull(schema.dictionaries().get(each.getKey()));
      dictionaries.put(
          each.getKey(), new DictionaryTarget(each.getValue().getVector(), plan, allocator));
    }
  }

  /** Loads a batch in place of the one before, and takes over its pin, also when it throws. */
  void load(LogFrame frame) {
    StoredMessage message;
    @Nullable TransferredBatch transferred;
    long address;
    try {
      message = StoredMessage.of(frame, schema);
      transferred = frame.kept() instanceof TransferredBatch batch ? batch : null;
      if (transferred == null && (!frame.isVerified() || !message.isChecked())) {
        for (int column : columns) {
          int node = schema.batches().columnNode(column);
          message.verify(frame, node, schema.batches().endOf(node));
        }
      }
      loadDictionaries(frame);
      address = transferred == null ? message.bodyAddress(frame) : 0;
    } catch (Throwable e) {
      frame.close();
      throw e;
    }
    if (transferred != null) {
      loader.load(message.metadata(), transferred, frame.takePin()::release);
    } else if (message.isForeignCompressed()) {
      String place = StoredMessage.place(frame);
      Runnable pin = frame.takePin()::release;
      loader.loadForeign(message.metadata(), address, pin, place, message.bodyOffset());
    } else {
      loader.load(message.metadata(), address, frame.takePin()::release);
    }
  }

  /** Empties the root, whose row count would else outlive its values. */
  void clear() {
    root.clear();
  }

  private void loadDictionaries(LogFrame frame) {
    if (dictionaries.isEmpty()) {
      return;
    }
    if (frame.segment() != segment || frame.contexts() < applied) {
      segment = NO_SEGMENT;
      applied = 0;
    }
    int next = applied;
    segment = NO_SEGMENT; // If this fails half way, the next load begins anew.
    while (next < frame.contexts()) {
      apply(frame.context(next));
      next++;
    }
    applied = next;
    segment = frame.segment();
  }

  private void apply(LogFrame context) {
    DictionaryTarget target = dictionaries.get(context.tag());
    try {
      if (target != null) {
        StoredMessage message = StoredMessage.of(context, schema);
        context.verify();
        target.apply(context, message);
      }
    } finally {
      context.close();
    }
  }
}
