// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.log.LogFrame;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;

/**
 * One batch of a {@link StreamCache} with a root of its own, valid until it is closed.
 *
 * <p>The vectors lie over the cache's memory or mapped files and must not be written to; what was
 * transferred out of them outlives the lease. A lease is for one thread at a time, any thread.
 */
public final class BatchLease implements AutoCloseable {

  private final long index;
  private final boolean hot;
  private final VectorSchemaRoot root;
  private final DictionaryProvider.MapDictionaryProvider dictionaries =
      new DictionaryProvider.MapDictionaryProvider();
  private final List<FieldVector> dictionaryVectors = new ArrayList<>();

  /** Takes over the frame's pin, also when it throws. */
  BatchLease(StreamSchema schema, int[] columns, BufferAllocator allocator, LogFrame frame) {
    this.index = frame.batch();
    this.hot = frame.isHot();
    Map<Long, Dictionary> vectors = new HashMap<>();
    try {
      Schema projected = schema.project(columns);
      List<Field> fields = new ArrayList<>(columns.length);
      for (Field field : projected.getFields()) {
        fields.add(DictionaryUtility.toMemoryFormat(field, allocator, vectors));
      }
      this.root =
          VectorSchemaRoot.create(new Schema(fields, projected.getCustomMetadata()), allocator);
    } catch (Throwable e) {
      frame.close();
      throw e;
    }
    for (Dictionary dictionary : vectors.values()) {
      dictionaries.put(dictionary);
      dictionaryVectors.add(dictionary.getVector());
    }
    try {
      new ReplayTarget(schema, columns, root, vectors, allocator).load(frame);
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /**
   * Returns the batch's number.
   *
   * @return the number, from 0
   */
  public long index() {
    return index;
  }

  /**
   * Returns whether the batch came from memory rather than from a file.
   *
   * @return whether it was hot
   */
  public boolean isHot() {
    return hot;
  }

  /**
   * Returns the batch.
   *
   * @return the root, empty once the lease is closed
   */
  public VectorSchemaRoot root() {
    return root;
  }

  /**
   * Returns the dictionaries of the batch's columns, as they were when it came.
   *
   * @return the dictionaries, empty once the lease is closed
   */
  public DictionaryProvider dictionaries() {
    return dictionaries;
  }

  /** Releases the batch. Idempotent, from any thread. */
  @Override
  public synchronized void close() {
    root.clear();
    for (FieldVector vector : dictionaryVectors) {
      vector.clear();
    }
  }
}
