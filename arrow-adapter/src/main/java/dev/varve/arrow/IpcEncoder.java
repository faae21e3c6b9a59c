// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Objects;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.ReferenceManager;
import org.apache.arrow.memory.util.MemoryUtil;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.compression.CompressionCodec;
import org.jspecify.annotations.Nullable;

/**
 * Encodes record batches and dictionaries as Arrow IPC messages with metadata version V5 and bodies
 * aligned to 64 bytes.
 *
 * <p>Messages are appended to {@link #frame()} until {@link #reset()}. Differences from Arrow's own
 * writer: validity bitmaps are always written out, so that loading never allocates them; offsets
 * always begin at zero and exist for empty vectors; only values inside the range are written, also
 * of children and of view data; bodies are aligned to 64 bytes instead of 8. For one thread at a
 * time.
 */
final class IpcEncoder implements AutoCloseable {
  /** The two words before the metadata: continuation marker and length. */
  static final int PREFIX = 8;

  static final int CONTINUATION = 0xFFFFFFFF;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MessageFrame frame;
  private final BodyWriter body;
  private final BodyCompression compression;
  private final @Nullable CompressionCodec codec;
  private final @Nullable BufferAllocator allocator;
  private final FlatBufferBuilder builder = new FlatBufferBuilder(1024);

  /**
   * Creates an encoder that does not compress.
   *
   * @param inPlace whether the vectors' memory is private to the process, so that parts of it may
   *     be handed out in place where {@link NativeViews} has a way to it
   */
  IpcEncoder(boolean inPlace) {
    this(inPlace, BodyCompression.NONE, null);
  }

  /**
   * Creates an encoder.
   *
   * @param inPlace as in the other constructor
   * @param compression how bodies are compressed
   * @param allocator where compressed buffers are made; null only without compression
   * @throws IllegalStateException if there is no codec for the compression
   */
  IpcEncoder(boolean inPlace, BodyCompression compression, @Nullable BufferAllocator allocator) {
    if (compression != BodyCompression.NONE && allocator == null) {
      throw new IllegalArgumentException("compression needs an allocator");
    }
    this.compression = compression;
    this.codec = compression == BodyCompression.NONE ? null : compression.codec();
    this.allocator = allocator;
    this.frame = new MessageFrame(inPlace);
    this.body = new BodyWriter(frame);
  }

  /** Returns the frame with the messages since the last reset; always the same object. */
  MessageFrame frame() {
    return frame;
  }

  /** Forgets the messages. */
  void reset() {
    frame.reset();
  }

  /** Appends a record batch with all rows of a root. */
  void appendBatch(VectorSchemaRoot root) {
    appendBatch(root, 0, root.getRowCount());
  }

  /**
   * Appends a record batch with some rows of a root.
   *
   * @param root the columns
   * @param from the first row
   * @param rows how many
   */
  void appendBatch(VectorSchemaRoot root, int from, int rows) {
    if (from < 0 || rows < 0 || rows > root.getRowCount() - from) {
      throw new IllegalArgumentException(
          "rows " + from + " to " + ((long) from + rows) + " of " + root.getRowCount());
    }
    begin();
    try {
      List<FieldVector> vectors = root.getFieldVectors();
      for (int i = 0; i < vectors.size(); i++) {
        body.add(vectors.get(i), from, rows);
      }
      end(rows, null, false);
    } catch (Throwable e) {
      frame.abandonMessage();
      throw e;
    }
  }

  /**
   * Appends a dictionary batch with some values of a dictionary's vector.
   *
   * @param id the dictionary's id
   * @param vector the dictionary
   * @param from the first value
   * @param count how many
   * @param delta whether the values follow those of earlier batches with the id, or replace them
   */
  void appendDictionary(long id, FieldVector vector, int from, int count, boolean delta) {
    if (from < 0 || count < 0 || count > vector.getValueCount() - from) {
      throw new IllegalArgumentException(
          "values " + from + " to " + ((long) from + count) + " of " + vector.getValueCount());
    }
    begin();
    try {
      body.add(vector, from, count);
      end(count, id, delta);
    } catch (Throwable e) {
      frame.abandonMessage();
      throw e;
    }
  }

  @Override
  public void close() {
    frame.close();
  }

  private void begin() {
    body.reset();
    frame.beginMessage();
  }

  private void end(long rows, @Nullable Long dictionary, boolean delta) {
    int message = frame.messageCount() - 1;
    int first = frame.firstPart(message) + 1;
    int buffers = frame.partCount() - first;
    if (codec != null) {
      compress(first, buffers);
    }
    builder.clear();
    int variadics = variadicCounts();
    int codecTable =
        codec == null
            ? 0
            : org.apache.arrow.flatbuf.BodyCompression.createBodyCompression(
                builder, compression.id(), org.apache.arrow.flatbuf.BodyCompressionMethod.BUFFER);
    long bodyLength = 0;
    for (int i = 0; i < buffers; i++) {
      bodyLength += Alignment.up(frame.partLength(first + i));
    }
    RecordBatch.startBuffersVector(builder, buffers);
    long offset = bodyLength;
    for (int i = buffers - 1; i >= 0; i--) {
      long length = frame.partLength(first + i);
      offset -= Alignment.up(length);
      Buffer.createBuffer(builder, offset, length);
    }
    int bufferVector = builder.endVector();
    RecordBatch.startNodesVector(builder, body.nodeCount());
    for (int i = body.nodeCount() - 1; i >= 0; i--) {
      FieldNode.createFieldNode(builder, body.nodeLength(i), body.nodeNullCount(i));
    }
    int nodeVector = builder.endVector();
    RecordBatch.startRecordBatch(builder);
    RecordBatch.addLength(builder, rows);
    RecordBatch.addNodes(builder, nodeVector);
    RecordBatch.addBuffers(builder, bufferVector);
    if (codecTable != 0) {
      RecordBatch.addCompression(builder, codecTable);
    }
    if (variadics != 0) {
      RecordBatch.addVariadicBufferCounts(builder, variadics);
    }
    int header = RecordBatch.endRecordBatch(builder);
    byte type = MessageHeader.RecordBatch;
    if (dictionary != null) {
      header = DictionaryBatch.createDictionaryBatch(builder, dictionary, header, delta);
      type = MessageHeader.DictionaryBatch;
    }
    builder.finish(Message.createMessage(builder, MetadataVersion.V5, type, header, bodyLength, 0));
    writeMetadata(builder.dataBuffer(), bodyLength);
  }

  private int variadicCounts() {
    int count = body.variadicCount();
    if (count == 0) {
      return 0;
    }
    RecordBatch.startVariadicBufferCountsVector(builder, count);
    for (int i = count - 1; i >= 0; i--) {
      builder.addLong(body.variadicCount(i));
    }
    return builder.endVector();
  }

  private void writeMetadata(ByteBuffer flatbuffer, long bodyLength) {
    long length = Alignment.up(PREFIX + (long) flatbuffer.remaining());
    long place = frame.scratch().reserve(length);
    MemorySegment target = frame.scratch().slice(place, length);
    encapsulate(flatbuffer, target);
    frame.endMessage(place, length, bodyLength);
  }

  /** Writes prefix, flatbuffer and zero padding so that they fill a segment. */
  static void encapsulate(ByteBuffer flatbuffer, MemorySegment target) {
    int size = flatbuffer.remaining();
    target.set(INT, 0, CONTINUATION);
    target.set(INT, 4, Math.toIntExact(target.byteSize() - PREFIX));
    MemorySegment.copy(MemorySegment.ofBuffer(flatbuffer), 0, target, PREFIX, size);
    target.asSlice(PREFIX + (long) size).fill((byte) 0);
  }

  private void compress(int first, int buffers) {
    CompressionCodec codec = Objects.requireNonNull(this.codec);
    BufferAllocator allocator = Objects.requireNonNull(this.allocator);
    for (int part = first; part < first + buffers; part++) {
      long length = frame.partLength(part);
      if (length == 0) {
        continue;
      }
      ArrowBuf plain = new ArrowBuf(ReferenceManager.NO_OP, null, length, frame.address(part));
      plain.writerIndex(length);
      try (ArrowBuf compressed = codec.compress(allocator, plain)) {
        long size = compressed.writerIndex();
        long place = frame.scratch().reserve(size);
        MemoryUtil.copyMemory(
            compressed.memoryAddress(), frame.scratch().slice(place, size).address(), size);
        frame.replace(part, place, size);
      }
    }
  }
}
