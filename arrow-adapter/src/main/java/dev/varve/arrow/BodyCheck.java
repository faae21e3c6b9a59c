// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.CorruptionException;
import java.util.List;
import org.apache.arrow.memory.util.MemoryUtil;

/**
 * Checks what is inside the buffers of a body from anywhere, so that no value leads outside them:
 * offsets, views, list views, union offsets, run ends and null counts.
 *
 * <p>It is for foreign data, once, when it is taken in; data that this package wrote is checked by
 * checksums. It costs a pass over all buffers but plain values. That text is UTF-8 is not checked,
 * nor that indices lie inside their dictionary: both are exceptions when a value is read.
 */
final class BodyCheck {
  private final BatchMetadata batch;
  private final BatchPlan plan;
  private final long[] addresses;
  private final long[] lengths;
  private final String file;
  private final long offset;

  /**
   * Creates the check of a batch, whose buffers must be placed before a node is checked.
   *
   * @param batch the metadata
   * @param file where the batch is from, for error messages
   * @param offset where in the file its body begins
   */
  BodyCheck(BatchMetadata batch, String file, long offset) {
    this.batch = batch;
    this.plan = batch.plan();
    this.addresses = new long[batch.bufferCount()];
    this.lengths = new long[batch.bufferCount()];
    this.file = file;
    this.offset = offset;
  }

  /**
   * Creates the check of a batch whose body is in one piece and not compressed.
   *
   * @param batch the metadata
   * @param address where the body begins
   * @param file where the batch is from, for error messages
   * @param offset where in the file its body begins
   */
  static BodyCheck of(BatchMetadata batch, long address, String file, long offset) {
    BodyCheck check = new BodyCheck(batch, file, offset);
    for (int i = 0; i < batch.bufferCount(); i++) {
      check.place(i, address + batch.bufferOffset(i), batch.bufferLength(i));
    }
    return check;
  }

  /**
   * Says where a buffer is.
   *
   * @param buffer which one of the batch
   * @param address where it begins, uncompressed
   * @param length its length, which {@link BatchMetadata#problemWithLength} has accepted
   */
  void place(int buffer, long address, long length) {
    addresses[buffer] = address;
    lengths[buffer] = length;
  }

  /**
   * Checks all columns.
   *
   * @throws CorruptionException if a value leads outside its buffers
   */
  void check() {
    for (int i = 0; i < plan.nodeCount(); i++) {
      check(i);
    }
  }

  /** Checks one node, not its children. */
  void check(int node) {
    Shape shape = plan.node(node).shape();
    if (shape.hasValidity()) {
      checkNullCount(node);
    }
    int first = batch.firstBuffer(node);
    switch (shape) {
      case NULL, FIXED, BITS, FIXED_LIST, STRUCT -> {}
      case VARIABLE -> checkOffsets(node, first + 1, 4, lengths[first + 2], "bytes");
      case LARGE_VARIABLE -> checkOffsets(node, first + 1, 8, lengths[first + 2], "bytes");
      case LIST -> checkOffsets(node, first + 1, 4, childLength(node), "child values");
      case LARGE_LIST -> checkOffsets(node, first + 1, 8, childLength(node), "child values");
      case LIST_VIEW -> checkListViews(node, first + 1, 4);
      case LARGE_LIST_VIEW -> checkListViews(node, first + 1, 8);
      case VIEWS -> checkViews(node, first);
      case SPARSE_UNION -> checkTypeIds(node, first, 0);
      case DENSE_UNION -> checkDenseUnion(node, first);
      case RUN_ENDS -> checkRunEnds(node);
    }
  }

  private void checkNullCount(int node) {
    int claimed = batch.nodeNullCount(node);
    int validity = batch.firstBuffer(node);
    if (claimed < 0 || lengths[validity] == 0) {
      return;
    }
    int length = batch.nodeLength(node);
    long nulls = length - Bitmaps.countOnes(addresses[validity], length);
    if (nulls != claimed) {
      throw corrupt(node, validity, "null count", claimed + " as the metadata says", nulls);
    }
  }

  private long childLength(int node) {
    return batch.nodeLength(node + 1);
  }

  private void checkOffsets(int node, int buffer, int width, long limit, String unit) {
    int length = batch.nodeLength(node);
    if (length == 0) {
      return;
    }
    long before = 0;
    for (int i = 0; i <= length; i++) {
      long value = read(buffer, i, width);
      if (value < before) {
        throw corrupt(node, buffer, "offset " + i, "at least " + before, value);
      }
      before = value;
    }
    if (before > limit) {
      throw corrupt(node, buffer, "last offset", "at most " + limit + " " + unit, before);
    }
  }

  private void checkListViews(int node, int buffer, int width) {
    long limit = childLength(node);
    for (int i = 0; i < batch.nodeLength(node); i++) {
      long begin = read(buffer, i, width);
      long size = read(buffer + 1, i, width);
      if (begin < 0 || size < 0 || begin > limit || size > limit - begin) {
        throw corrupt(
            node,
            buffer,
            "list " + i,
            "inside the " + limit + " child values",
            size + " values at " + begin);
      }
    }
  }

  private void checkViews(int node, int first) {
    int dataBuffers = batch.bufferCount(node) - 2;
    boolean hasValidity = lengths[first] > 0;
    if (!hasValidity && batch.nodeNullCount(node) != 0) {
      return;
    }
    for (int i = 0; i < batch.nodeLength(node); i++) {
      if (hasValidity && (MemoryUtil.getByte(addresses[first] + (i >>> 3)) >>> (i & 7) & 1) == 0) {
        continue;
      }
      long view = addresses[first + 1] + 16L * i;
      int size = MemoryUtil.getInt(view);
      int buffer = MemoryUtil.getInt(view + 8);
      int begin = MemoryUtil.getInt(view + 12);
      boolean outside =
          size > 12
              && (buffer < 0
                  || buffer >= dataBuffers
                  || begin < 0
                  || (long) begin + size > lengths[first + 2 + buffer]);
      if (size < 0 || outside) {
        throw corrupt(
            node,
            first + 1,
            "view " + i,
            "inside the " + dataBuffers + " data buffers",
            size + " bytes at " + begin + " of buffer " + buffer);
      }
    }
  }

  /** Arrow's Java library marks a null of a union by a type id that no child has. */
  private void checkTypeIds(int node, int buffer, int nullId) {
    List<Integer> ids = plan.node(node).typeIds();
    for (int i = 0; i < batch.nodeLength(node); i++) {
      int id = MemoryUtil.getByte(addresses[buffer] + i);
      boolean known = ids.isEmpty() ? id >= 0 : ids.contains(id);
      if (!known && id != nullId) {
        throw corrupt(node, buffer, "type id " + i, "one of " + ids, id);
      }
    }
  }

  private void checkDenseUnion(int node, int first) {
    checkTypeIds(node, first, -1);
    List<Integer> ids = plan.node(node).typeIds();
    long[] limits = new long[128];
    int child = node + 1;
    for (int i = 0; i < plan.node(node).children(); i++) {
      limits[ids.isEmpty() ? i : ids.get(i)] = batch.nodeLength(child);
      child = plan.endOf(child);
    }
    for (int i = 0; i < batch.nodeLength(node); i++) {
      int id = MemoryUtil.getByte(addresses[first] + i);
      int value = MemoryUtil.getInt(addresses[first + 1] + 4L * i);
      if (id >= 0 && (value < 0 || value >= limits[id])) {
        throw corrupt(
            node,
            first + 1,
            "offset " + i,
            "inside the " + limits[id] + " values of the child of type id " + id,
            value);
      }
    }
  }

  private void checkRunEnds(int node) {
    int ends = node + 1;
    int runs = batch.nodeLength(ends);
    int buffer = batch.firstBuffer(ends) + 1;
    int values = batch.nodeLength(plan.endOf(ends));
    if (values < runs) {
      throw corrupt(node, buffer, "values", "at least " + runs + ", one a run", values);
    }
    long before = 0;
    for (int i = 0; i < runs; i++) {
      long end = read(buffer, i, plan.node(ends).width());
      if (end <= before) {
        throw corrupt(node, buffer, "end of run " + i, "more than " + before, end);
      }
      before = end;
    }
    if (before < batch.nodeLength(node)) {
      throw corrupt(
          node, buffer, "end of the last run", "at least " + batch.nodeLength(node), before);
    }
  }

  private long read(int buffer, int index, int width) {
    long address = addresses[buffer] + (long) width * index;
    return switch (width) {
      case 2 -> MemoryUtil.getShort(address);
      case 4 -> MemoryUtil.getInt(address);
      default -> MemoryUtil.getLong(address);
    };
  }

  private CorruptionException corrupt(
      int node, int buffer, String what, String expected, Object actual) {
    return new CorruptionException(
        "Arrow column " + plan.node(node).path() + " (" + what + ")",
        file,
        offset + batch.bufferOffset(buffer),
        expected,
        String.valueOf(actual),
        "get the data again from its source");
  }
}
