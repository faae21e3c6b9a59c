// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.jspecify.annotations.Nullable;

/**
 * The metadata of one record or dictionary batch, checked and in a compact form: what loading the
 * batch needs, without FlatBuffers. Immutable.
 *
 * <p>What was checked: everything that can be known without the body. The counts of nodes, buffers
 * and variadic buffers are the schema's; every buffer lies inside the body; every buffer is long
 * enough for the values its node claims, except in compressed bodies, where that is checked when
 * they are decompressed. {@link BodyCheck} checks what is inside the buffers.
 */
final class BatchMetadata {
  private static final String NO_DICTIONARY = "it is a record batch";

  /** Enough for a struct without children of eight million rows. */
  private static final long MOST_BITMAPS_OF_NOTHING = 1 << 20;

  private final BatchPlan plan;
  private final boolean dictionary;
  private final boolean delta;
  private final long dictionaryId;
  private final long bodyLength;
  private final BodyCompression compression;
  private final int buffers;

  /**
   * The row count; length and null count of each node; offset and length of each buffer; the
   * variadic counts.
   */
  private final long[] values;

  private BatchMetadata(
      BatchPlan plan,
      @Nullable Long dictionaryId,
      boolean delta,
      long bodyLength,
      BodyCompression compression,
      int buffers,
      long[] values) {
    this.plan = plan;
    this.dictionary = dictionaryId != null;
    this.dictionaryId = dictionaryId == null ? 0 : dictionaryId;
    this.delta = delta;
    this.bodyLength = bodyLength;
    this.compression = compression;
    this.buffers = buffers;
    this.values = values;
  }

  /**
   * Parses and checks the metadata of a record or dictionary batch.
   *
   * @param metadata the FlatBuffers message, without the two words before it; zeros may follow
   * @param batches the plan of record batches
   * @param dictionaries the plans of dictionary batches by id
   * @param bodyLength the bytes that there are for the body
   * @param file where the message is from, for error messages
   * @param offset where in the file the message begins
   * @throws CorruptionException if the message is not one of a batch, contradicts itself or does
   *     not fit the plan or the body
   * @throws FormatVersionException if it has a metadata version that is not read
   */
  static BatchMetadata parse(
      MemorySegment metadata,
      BatchPlan batches,
      Map<Long, BatchPlan> dictionaries,
      long bodyLength,
      String file,
      long offset) {
    FlatTables tables = new FlatTables(metadata, file, offset);
    int message = tables.root();
    short version = tables.version(message);
    long claimedBody = tables.getLong(message, 3, 0, "body length");
    if (claimedBody < 0 || claimedBody > bodyLength) {
      throw tables.corrupt("body length", message, "at most " + bodyLength, claimedBody);
    }
    byte type = tables.getByte(message, 1, MessageHeader.NONE, "header type");
    int header = tables.getTable(message, 2, "header");
    if (header == 0) {
      throw tables.corrupt("header", message, "a header", "none");
    }
    if (type == MessageHeader.RecordBatch) {
      checkUnions(tables, version, batches);
      return parseBatch(tables, header, batches, null, false, claimedBody);
    }
    if (type != MessageHeader.DictionaryBatch) {
      throw tables.corrupt(
          "header type", message, "a record batch (3) or dictionary batch (2)", type);
    }
    long id = tables.getLong(header, 0, 0, "dictionary id");
    BatchPlan plan = dictionaries.get(id);
    if (plan == null) {
      throw tables.corrupt("dictionary id", header, "an id of the schema", id);
    }
    checkUnions(tables, version, plan);
    int data = tables.getTable(header, 1, "dictionary data");
    if (data == 0) {
      throw tables.corrupt("dictionary data", header, "a record batch", "none");
    }
    boolean delta = tables.getByte(header, 2, 0, "dictionary delta") != 0;
    return parseBatch(tables, data, plan, id, delta, claimedBody);
  }

  private static void checkUnions(FlatTables tables, short version, BatchPlan plan) {
    if (version == MetadataVersion.V4 && plan.hasUnions()) {
      throw new FormatVersionException(
          "the Arrow message in "
              + tables.place()
              + " has a union in metadata version V4, whose layout differs, expected V5; write the"
              + " data again with a current Arrow library");
    }
  }

  private static BatchMetadata parseBatch(
      FlatTables tables,
      int batch,
      BatchPlan plan,
      @Nullable Long dictionaryId,
      boolean delta,
      long bodyLength) {
    int nodeVector = tables.getVector(batch, 1, 16, "nodes");
    int bufferVector = tables.getVector(batch, 2, 16, "buffers");
    int variadicVector = tables.getVector(batch, 4, 8, "variadic buffer counts");
    BodyCompression compression = compression(tables, batch);
    int nodes = tables.length(nodeVector);
    int buffers = tables.length(bufferVector);
    int variadics = tables.length(variadicVector);
    if (nodes != plan.nodeCount()) {
      throw tables.corrupt("nodes", nodeVector, plan.nodeCount() + " of the schema", nodes);
    }
    if (variadics != plan.viewNodes()) {
      throw tables.corrupt(
          "variadic buffer counts", variadicVector, plan.viewNodes() + " of the schema", variadics);
    }
    long[] values = new long[1 + 2 * nodes + 2 * buffers + variadics];
    values[0] = tables.getLong(batch, 0, 0, "row count");
    int next = 1;
    for (int i = 0; i < 2 * nodes; i++) {
      values[next++] = tables.longAt(nodeVector, 8L * i);
    }
    for (int i = 0; i < 2 * buffers; i++) {
      values[next++] = tables.longAt(bufferVector, 8L * i);
    }
    long dataBuffers = 0;
    for (int i = 0; i < variadics; i++) {
      long count = tables.longAt(variadicVector, 8L * i);
      if (count < 0 || count > buffers) {
        throw tables.corrupt(
            "variadic buffer counts", variadicVector, "0 to " + buffers + " buffers", count);
      }
      dataBuffers += count;
      values[next++] = count;
    }
    if (plan.fixedBuffers() + dataBuffers != buffers) {
      throw tables.corrupt(
          "buffers", bufferVector, plan.fixedBuffers() + dataBuffers + " of the schema", buffers);
    }
    BatchMetadata metadata =
        new BatchMetadata(plan, dictionaryId, delta, bodyLength, compression, buffers, values);
    metadata.check(tables, nodeVector, bufferVector);
    return metadata;
  }

  private static BodyCompression compression(FlatTables tables, int batch) {
    int table = tables.getTable(batch, 3, "compression");
    if (table == 0) {
      return BodyCompression.NONE;
    }
    byte codec = tables.getByte(table, 0, 0, "compression codec");
    byte method = tables.getByte(table, 1, 0, "compression method");
    if (method != 0) {
      throw tables.corrupt("compression method", table, "0 (each buffer)", method);
    }
    for (BodyCompression compression : BodyCompression.values()) {
      if (compression.id() == codec && compression != BodyCompression.NONE) {
        return compression;
      }
    }
    throw tables.corrupt("compression codec", table, "0 (LZ4 frame) or 1 (zstd)", codec);
  }

  private void check(FlatTables tables, int nodeVector, int bufferVector) {
    long rows = values[0];
    if (rows < 0 || rows > Integer.MAX_VALUE) {
      throw tables.corrupt("row count", 0, "0 to " + Integer.MAX_VALUE, rows);
    }
    for (int i = 0; i < buffers; i++) {
      long offset = bufferOffset(i);
      long length = bufferLength(i);
      if (offset < 0 || length < 0 || offset > bodyLength || length > bodyLength - offset) {
        throw tables.corrupt(
            "buffer " + i,
            bufferVector,
            "a range inside the body of " + bodyLength + " bytes",
            length + " bytes at " + offset);
      }
    }
    long implied = 0;
    for (int i = 0; i < plan.nodeCount(); i++) {
      checkNode(tables, nodeVector, bufferVector, i);
      implied += impliedBytes(i, bufferCount(i) == 0 ? 0 : bufferLength(firstBuffer(i)));
    }
    if (compression == BodyCompression.NONE && implied > mostImplied(bodyLength)) {
      throw tables.corrupt(
          "bitmaps that are left out",
          nodeVector,
          "at most " + mostImplied(bodyLength) + " bytes for a body of " + bodyLength,
          implied);
    }
  }

  /**
   * Returns the bytes that loading a node takes for a validity bitmap that the body leaves out.
   *
   * @param node the node
   * @param bytes the length of its first buffer, uncompressed
   */
  long impliedBytes(int node, long bytes) {
    return bytes == 0 && plan.node(node).shape().hasValidity() ? bits(nodeLength(node)) : 0;
  }

  /**
   * Returns how many bytes of bitmaps may be left out. Nodes with values have at least as many
   * themselves, and structs and fixed-size lists have them in a child or deeper; what has no bytes
   * anywhere is limited, since a few bytes of metadata could claim any number of it.
   *
   * @param bodyBytes the bytes of the body, uncompressed
   */
  static long mostImplied(long bodyBytes) {
    return MOST_BITMAPS_OF_NOTHING + (BatchPlan.MAX_DEPTH + 1) * bodyBytes;
  }

  private static long bits(long length) {
    return (length + 7) >>> 3;
  }

  private void checkNode(FlatTables tables, int nodeVector, int bufferVector, int index) {
    BatchPlan.Node node = plan.node(index);
    long length = values[1 + 2 * index];
    long nullCount = values[2 + 2 * index];
    long least = 0;
    long most = Integer.MAX_VALUE;
    if (node.parent() < 0) {
      least = values[0];
      most = least;
    } else {
      BatchPlan.Node parent = plan.node(node.parent());
      long parentLength = nodeLength(node.parent());
      switch (parent.shape()) {
        case STRUCT, SPARSE_UNION -> least = parentLength;
        case FIXED_LIST -> least = parentLength * parent.width();
        case RUN_ENDS -> least = parentLength == 0 ? 0 : 1;
        default -> {}
      }
    }
    if (length < least || length > most) {
      throw tables.corrupt(
          "length of " + node.path(), nodeVector, least + " to " + most + " values", length);
    }
    if (nullCount < -1 || nullCount > length) {
      throw tables.corrupt("null count of " + node.path(), nodeVector, "0 to " + length, nullCount);
    }
    if (compression != BodyCompression.NONE) {
      return;
    }
    int first = firstBuffer(index);
    for (int i = 0; i < node.shape().buffers(); i++) {
      String problem = problemWithLength(index, i, bufferLength(first + i));
      if (problem != null) {
        throw tables.corrupt(
            "buffer " + i + " of " + node.path(),
            bufferVector,
            problem,
            bufferLength(first + i) + " bytes");
      }
    }
  }

  /**
   * Returns what a buffer's length should be where it does not suffice, or null.
   *
   * @param index the node
   * @param buffer which of the node's own buffers, data buffers of views not counted
   * @param bytes its length, uncompressed
   */
  @Nullable String problemWithLength(int index, int buffer, long bytes) {
    BatchPlan.Node node = plan.node(index);
    long length = nodeLength(index);
    if (buffer == 0 && node.shape().hasValidity() && bytes == 0) {
      long nullCount = nodeNullCount(index);
      return nullCount == 0 || nullCount == length
          ? null
          : "a validity bitmap, for " + nullCount + " of " + length + " values are null";
    }
    long needed = neededBytes(node, buffer, length);
    return bytes >= needed ? null : "at least " + needed + " bytes for " + length + " values";
  }

  private static long neededBytes(BatchPlan.Node node, int buffer, long length) {
    long bits = bits(length);
    return switch (node.shape()) {
      case NULL, RUN_ENDS -> 0;
      case FIXED -> buffer == 0 ? bits : length * node.width();
      case BITS -> bits;
      case VARIABLE, LIST -> {
        if (buffer == 0) {
          yield bits;
        }
        yield buffer == 1 && length > 0 ? 4 * (length + 1) : 0;
      }
      case LARGE_VARIABLE, LARGE_LIST -> {
        if (buffer == 0) {
          yield bits;
        }
        yield buffer == 1 && length > 0 ? 8 * (length + 1) : 0;
      }
      case VIEWS -> buffer == 0 ? bits : 16 * length;
      case LIST_VIEW -> buffer == 0 ? bits : 4 * length;
      case LARGE_LIST_VIEW -> buffer == 0 ? bits : 8 * length;
      case FIXED_LIST, STRUCT -> bits;
      case SPARSE_UNION -> length;
      case DENSE_UNION -> buffer == 0 ? length : 4 * length;
    };
  }

  /** Returns the plan that the batch follows. */
  BatchPlan plan() {
    return plan;
  }

  /** Returns whether it is a dictionary batch. */
  boolean isDictionary() {
    return dictionary;
  }

  /** Returns the id of the dictionary. */
  long dictionaryId() {
    if (!dictionary) {
      throw new IllegalStateException(NO_DICTIONARY);
    }
    return dictionaryId;
  }

  /** Returns whether the values follow those of the dictionary's earlier batches. */
  boolean isDelta() {
    return delta;
  }

  /** Returns the number of rows, or of a dictionary's values. */
  int rowCount() {
    return (int) values[0];
  }

  /** Returns the length of the body in bytes. */
  long bodyLength() {
    return bodyLength;
  }

  /** Returns how the body is compressed. */
  BodyCompression compression() {
    return compression;
  }

  int bufferCount() {
    return buffers;
  }

  /** Returns where a buffer begins in the body. */
  long bufferOffset(int buffer) {
    return values[1 + 2 * plan.nodeCount() + 2 * buffer];
  }

  /** Returns the length of a buffer in bytes as it is in the body, so perhaps compressed. */
  long bufferLength(int buffer) {
    return values[2 + 2 * plan.nodeCount() + 2 * buffer];
  }

  /** Returns the length of a node in values. */
  int nodeLength(int node) {
    return (int) values[1 + 2 * node];
  }

  /** Returns the number of nulls of a node, or -1 where the writer did not count them. */
  int nodeNullCount(int node) {
    return (int) values[2 + 2 * node];
  }

  /** Returns the first buffer of a node. */
  int firstBuffer(int node) {
    BatchPlan.Node planned = plan.node(node);
    int first = planned.firstBuffer();
    int counts = 1 + 2 * plan.nodeCount() + 2 * buffers;
    for (int i = 0; i < planned.viewsBefore(); i++) {
      first += (int) values[counts + i];
    }
    return first;
  }

  /** Returns the number of buffers of a node, the data buffers of views counted. */
  int bufferCount(int node) {
    BatchPlan.Node planned = plan.node(node);
    int count = planned.shape().buffers();
    if (planned.shape() == Shape.VIEWS) {
      count += (int) values[1 + 2 * plan.nodeCount() + 2 * buffers + planned.viewsBefore()];
    }
    return count;
  }
}
