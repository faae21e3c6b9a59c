// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.CorruptionException;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.jspecify.annotations.Nullable;

/**
 * Loads batches from native memory into the vectors of one reader, without a copy.
 *
 * <p>All buffers of a batch share one ledger of the reader's allocator, charged with one byte; when
 * the last of them is released, by the next load, by the reader's close or by whoever the vectors
 * were transferred to, the memory's pin is dropped. Only compressed buffers are copied, into memory
 * of the allocator. The vectors must not be written to. For one thread at a time.
 */
final class BatchLoader {
  private final BatchPlan plan;
  private final BufferAllocator allocator;
  private final @Nullable VectorSchemaRoot root;

  /** The vectors to load in pre-order, each with its node in the plan. */
  private final FieldVector[] vectors;

  private final int[] nodes;

  /** How many of the vectors are columns; their positions in {@link #vectors}. */
  private final int[] columns;

  private final @Nullable ArrowFieldNode[] fieldNodes;
  private final ArrayList<ArrowBuf> buffers = new ArrayList<>();

  private BatchLoader(
      BatchPlan plan,
      BufferAllocator allocator,
      @Nullable VectorSchemaRoot root,
      List<FieldVector> targets,
      int[] selection) {
    this.plan = plan;
    this.allocator = allocator;
    this.root = root;
    List<FieldVector> flat = new ArrayList<>();
    List<Integer> flatNodes = new ArrayList<>();
    this.columns = new int[targets.size()];
    for (int i = 0; i < targets.size(); i++) {
      columns[i] = flat.size();
      flatten(plan, plan.columnNode(selection[i]), targets.get(i), flat, flatNodes);
    }
    this.vectors = flat.toArray(new FieldVector[0]);
    this.nodes = flatNodes.stream().mapToInt(Integer::intValue).toArray();
    this.fieldNodes = new ArrowFieldNode[vectors.length];
  }

  /**
   * Returns a loader of all columns into a root.
   *
   * @param plan the plan of the batches
   * @param root the target, made from the schema of the plan
   * @param allocator the allocator of the root's vectors
   */
  static BatchLoader of(BatchPlan plan, VectorSchemaRoot root, BufferAllocator allocator) {
    int[] selection = new int[plan.columnCount()];
    for (int i = 0; i < selection.length; i++) {
      selection[i] = i;
    }
    return projection(plan, root, selection, allocator);
  }

  /**
   * Returns a loader of some columns into a root.
   *
   * @param plan the plan of the batches
   * @param root the target
   * @param selection for each column of the root, which column of the batches it is
   * @param allocator the allocator of the root's vectors
   */
  static BatchLoader projection(
      BatchPlan plan, VectorSchemaRoot root, int[] selection, BufferAllocator allocator) {
    List<FieldVector> targets = root.getFieldVectors();
    if (targets.size() != selection.length) {
      throw new IllegalArgumentException(
          "the root has " + targets.size() + " columns, expected " + selection.length);
    }
    return new BatchLoader(plan, allocator, root, targets, selection);
  }

  /**
   * Returns a loader of dictionary batches.
   *
   * @param plan the plan of the dictionary
   * @param vector the target
   * @param allocator the allocator of the vector
   */
  static BatchLoader dictionary(BatchPlan plan, FieldVector vector, BufferAllocator allocator) {
    return new BatchLoader(plan, allocator, null, List.of(vector), new int[1]);
  }

  private static void flatten(
      BatchPlan plan, int node, FieldVector vector, List<FieldVector> flat, List<Integer> nodes) {
    flat.add(vector);
    nodes.add(node);
    int expected = plan.node(node).children();
    if (expected == 0) {
      return;
    }
    List<FieldVector> children = vector.getChildrenFromFields();
    if (children.size() != expected) {
      throw new IllegalArgumentException(
          "the vector of "
              + plan.node(node).path()
              + " has "
              + children.size()
              + " children, expected "
              + expected
              + "; where a struct has two children of one name, run Java with"
              + " -Darrow.struct.conflict.policy=CONFLICT_APPEND");
    }
    int child = node + 1;
    for (FieldVector childVector : children) {
      flatten(plan, child, childVector, flat, nodes);
      child = plan.endOf(child);
    }
  }

  /**
   * Loads a batch in place of the one before.
   *
   * @param batch its metadata, of this loader's plan
   * @param address where its body begins
   * @param pin what keeps the body in memory; it is run once, when no vector uses the body any
   *     more, or before this method throws
   * @throws CorruptionException if the body is compressed and cannot be decompressed
   * @throws org.apache.arrow.memory.OutOfMemoryException if the allocator's limit is reached; the
   *     vectors are then empty
   */
  void load(BatchMetadata batch, long address, Runnable pin) {
    load(batch, address, pin, null, null);
  }

  /**
   * Loads a batch that lies in its source's buffers.
   *
   * @param batch as in {@link #load(BatchMetadata, long, Runnable)}
   * @param body its metadata's part, and behind it a part for each buffer
   * @param pin as there
   */
  void load(BatchMetadata batch, TransferredBatch body, Runnable pin) {
    load(batch, body.address(0), pin, null, body);
  }

  /**
   * Loads a batch from anywhere: first checks what is inside the buffers, after decompression.
   *
   * @param batch as in {@link #load(BatchMetadata, long, Runnable)}
   * @param address as there
   * @param pin as there
   * @param file where the batch is from, for error messages
   * @param offset where in the file its body begins
   * @throws CorruptionException as there, and if {@link BodyCheck} finds something; the vectors are
   *     then empty
   */
  void loadForeign(BatchMetadata batch, long address, Runnable pin, String file, long offset) {
    BodyCheck check = new BodyCheck(batch, file, offset);
    load(batch, address, pin, check, null);
  }

  private void load(
      BatchMetadata batch,
      long address,
      Runnable pin,
      @Nullable BodyCheck check,
      @Nullable TransferredBatch body) {
    if (batch.plan() != plan) {
      pin.run();
      throw new IllegalArgumentException("the batch is of another schema than the loader");
    }
    BodyReferences references = BodyReferences.take(allocator, address, batch.bufferCount(), pin);
    try {
      if (batch.compression() == BodyCompression.NONE) {
        loadInPlace(batch, address, references, check, body);
      } else {
        loadCompressed(batch, address, references, check);
      }
      if (check != null) {
        checkNodes(check);
      }
      setCounts(batch.rowCount());
    } catch (Throwable e) {
      for (int column : columns) {
        vectors[column].clear();
      }
      throw e;
    } finally {
      buffers.clear();
      references.loaded();
    }
  }

  private void checkNodes(BodyCheck check) {
    for (int node : nodes) {
      check.check(node);
    }
  }

  private void loadInPlace(
      BatchMetadata batch,
      long address,
      BodyReferences references,
      @Nullable BodyCheck check,
      @Nullable TransferredBatch body) {
    for (int i = 0; i < vectors.length; i++) {
      int node = nodes[i];
      int first = batch.firstBuffer(node);
      int count = batch.bufferCount(node);
      buffers.clear();
      for (int j = first; j < first + count; j++) {
        long place = body == null ? address + batch.bufferOffset(j) : body.address(j + 1);
        buffers.add(references.view(place, batch.bufferLength(j)));
      }
      loadNode(i, batch, check);
    }
  }

  private void loadNode(int index, BatchMetadata batch, @Nullable BodyCheck check) {
    if (check != null) {
      int first = batch.firstBuffer(nodes[index]);
      for (int i = 0; i < buffers.size(); i++) {
        ArrowBuf buffer = buffers.get(i);
        check.place(first + i, buffer.memoryAddress(), buffer.capacity());
      }
    }
    if (plan.node(nodes[index]).shape().hasValidity() && buffers.getFirst().capacity() == 0) {
      // The vector makes the bitmap, after it let go of the one before: if that failed, it would
      // let go of that again when it is cleared.
      vectors[index].clear();
    }
    vectors[index].loadFieldBuffers(fieldNode(index, batch), buffers);
  }

  private void loadCompressed(
      BatchMetadata batch, long address, BodyReferences references, @Nullable BodyCheck check) {
    Decompressor decompressor = new Decompressor(batch, allocator, references);
    for (int i = 0; i < vectors.length; i++) {
      int node = nodes[i];
      buffers.clear();
      try {
        for (int j = 0; j < batch.bufferCount(node); j++) {
          buffers.add(decompressor.decompress(node, j, address));
        }
        loadNode(i, batch, check);
      } finally {
        buffers.forEach(ArrowBuf::close);
      }
    }
  }

  private ArrowFieldNode fieldNode(int index, BatchMetadata batch) {
    int length = batch.nodeLength(nodes[index]);
    int nullCount = batch.nodeNullCount(nodes[index]);
    ArrowFieldNode known = fieldNodes[index];
    if (known == null || known.getLength() != length || known.getNullCount() != nullCount) {
      known = new ArrowFieldNode(length, nullCount);
      fieldNodes[index] = known;
    }
    return known;
  }

  private void setCounts(int rows) {
    if (root != null) {
      root.setRowCount(rows);
    } else {
      vectors[0].setValueCount(rows);
    }
  }
}
