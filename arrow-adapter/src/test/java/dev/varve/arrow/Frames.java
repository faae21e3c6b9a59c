// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.types.pojo.Schema;

/** Puts encoded frames where a log would: into native memory or a file. */
final class Frames {
  private Frames() {}

  /** Returns the bytes of a frame, each part padded with zeros to 64 bytes, in native memory. */
  static MemorySegment store(Arena arena, MessageFrame frame) {
    long length = 0;
    for (int i = 0; i < frame.partCount(); i++) {
      length += Alignment.up(frame.partLength(i));
    }
    MemorySegment bytes = arena.allocate(Math.max(length, 1), Alignment.BYTES);
    long offset = 0;
    for (int i = 0; i < frame.partCount(); i++) {
      frame.copyTo(i, 0, bytes.asSlice(offset, frame.partLength(i)));
      offset += Alignment.up(frame.partLength(i));
    }
    return bytes.asSlice(0, length);
  }

  /** Appends the dictionaries of a batch, then its rows, to an encoder. */
  static void append(IpcEncoder encoder, ArrowSamples.Batch batch) {
    batch.dictionaries().getDictionaryIds().stream()
        .sorted()
        .map(id -> batch.dictionaries().lookup(id))
        .forEach(dictionary -> append(encoder, dictionary));
    encoder.appendBatch(batch.root());
  }

  private static void append(IpcEncoder encoder, Dictionary dictionary) {
    FieldVector vector = dictionary.getVector();
    encoder.appendDictionary(
        dictionary.getEncoding().getId(), vector, 0, vector.getValueCount(), false);
  }

  /**
   * Returns an IPC file with the messages of a frame.
   *
   * @param schema the schema in message format
   * @param frame the messages
   */
  static byte[] file(Schema schema, MessageFrame frame) {
    byte[] header = SegmentBytes.header(schema);
    List<ArrowBlock> dictionaries = new ArrayList<>();
    List<ArrowBlock> batches = new ArrayList<>();
    byte[] body;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = store(arena, frame);
      body = bytes.toArray(ValueLayout.JAVA_BYTE);
      for (int i = 0; i < frame.messageCount(); i++) {
        ArrowBlock block =
            new ArrowBlock(
                header.length + frame.messageOffset(i),
                frame.metadataLength(i),
                frame.bodyLength(i));
        boolean dictionary = isDictionary(bytes.asSlice(frame.messageOffset(i)));
        (dictionary ? dictionaries : batches).add(block);
      }
    }
    return file(header, body, SegmentBytes.footer(schema, dictionaries, batches));
  }

  /** Returns what is given, one after the other. */
  static byte[] file(byte[] header, byte[] body, byte[] footer) {
    byte[] file = new byte[header.length + body.length + footer.length];
    System.arraycopy(header, 0, file, 0, header.length);
    System.arraycopy(body, 0, file, header.length, body.length);
    System.arraycopy(footer, 0, file, header.length + body.length, footer.length);
    return file;
  }

  private static boolean isDictionary(MemorySegment message) {
    FlatTables tables = new FlatTables(message.asSlice(IpcEncoder.PREFIX), "test", 0);
    return tables.getByte(tables.root(), 1, 0, "header type") == 2;
  }
}
