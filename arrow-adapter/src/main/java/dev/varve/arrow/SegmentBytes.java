// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.varve.CorruptionException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.ipc.message.ArrowFooter;
import org.apache.arrow.vector.ipc.message.IpcOption;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;

/**
 * The bytes before and after the messages of a segment, which make it an Arrow IPC file.
 *
 * <pre>
 *  0              8                        64 n
 *  | ARROW1 0 0   | schema message, padded | messages ... | end of stream | footer | length | ARROW1 |
 * </pre>
 */
final class SegmentBytes {
  /** The length of the magic at the beginning with its padding. */
  static final int MAGIC_BYTES = 8;

  /** The length of a block in a footer. */
  static final int BLOCK_BYTES = 24;

  private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private SegmentBytes() {}

  /**
   * Returns the schema as messages carry it, where a field encoded with a dictionary has the type
   * of the dictionary's values.
   *
   * @param schema the schema of a root
   * @param dictionaries the dictionaries that it names
   * @throws IllegalArgumentException if one is missing
   */
  static Schema messageSchema(Schema schema, DictionaryProvider dictionaries) {
    List<Field> fields = new ArrayList<>(schema.getFields().size());
    for (Field field : schema.getFields()) {
      fields.add(DictionaryUtility.toMessageFormat(field, dictionaries, new HashSet<>()));
    }
    return new Schema(fields, schema.getCustomMetadata());
  }

  /**
   * Returns the beginning of a segment: the magic and the schema message. Its length is a multiple
   * of 64.
   *
   * @param schema the schema in message format
   */
  static byte[] header(Schema schema) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    ByteBuffer message =
        MessageSerializer.serializeMessage(
            builder, MessageHeader.Schema, schema.getSchema(builder), 0, IpcOption.DEFAULT);
    long length = Alignment.up(MAGIC_BYTES + (long) IpcEncoder.PREFIX + message.remaining());
    byte[] header = new byte[Math.toIntExact(length)];
    System.arraycopy(MAGIC, 0, header, 0, MAGIC.length);
    IpcEncoder.encapsulate(message, MemorySegment.ofArray(header).asSlice(MAGIC_BYTES));
    return header;
  }

  /**
   * Returns the schema message alone, as it stands in a {@link #header}. Arrow's own serialization
   * goes through a channel, which fails in a thread that was interrupted.
   *
   * @param schema the schema in message format
   */
  static byte[] schemaMessage(Schema schema) {
    byte[] header = header(schema);
    return Arrays.copyOfRange(header, MAGIC_BYTES, header.length);
  }

  /**
   * Parses what {@link #schemaMessage} gave.
   *
   * @param message the message
   * @param file where it is from, for error messages
   * @throws CorruptionException if it is none
   */
  static Schema parseSchemaMessage(byte[] message, String file) {
    if (message.length < IpcEncoder.PREFIX) {
      throw new CorruptionException(
          "Arrow schema message",
          file,
          0,
          "at least " + IpcEncoder.PREFIX + " bytes",
          message.length + " bytes",
          "get the data again from its source");
    }
    MemorySegment metadata = MemorySegment.ofArray(message).asSlice(IpcEncoder.PREFIX);
    return SchemaMetadata.parseSchema(metadata, file, IpcEncoder.PREFIX);
  }

  /**
   * Returns the end of a segment: the end-of-stream marker and the footer.
   *
   * @param schema the schema in message format
   * @param dictionaries where the dictionary batches are, at most one for an id, since Arrow's Java
   *     reader takes as many as there are ids
   * @param batches where the record batches are, in order
   */
  static byte[] footer(Schema schema, List<ArrowBlock> dictionaries, List<ArrowBlock> batches) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    builder.finish(new ArrowFooter(schema, dictionaries, batches).writeTo(builder));
    ByteBuffer footer = builder.dataBuffer();
    int size = footer.remaining();
    byte[] end = new byte[Math.addExact(IpcEncoder.PREFIX + Integer.BYTES + MAGIC.length, size)];
    MemorySegment target = MemorySegment.ofArray(end);
    target.set(INT, 0, IpcEncoder.CONTINUATION);
    target.set(INT, 4, 0);
    MemorySegment.copy(MemorySegment.ofBuffer(footer), 0, target, IpcEncoder.PREFIX, size);
    target.set(INT, IpcEncoder.PREFIX + (long) size, size);
    System.arraycopy(MAGIC, 0, end, end.length - MAGIC.length, MAGIC.length);
    return end;
  }

  /**
   * Returns an upper bound of the length of a {@link #footer}.
   *
   * @param schema the schema in message format
   * @param blocks how many blocks it lists, of dictionaries and batches together
   */
  static long footerBound(Schema schema, long blocks) {
    // The header has the same schema; what else a footer has fits in 128 bytes beside its blocks.
    return header(schema).length + 128 + BLOCK_BYTES * blocks;
  }
}
