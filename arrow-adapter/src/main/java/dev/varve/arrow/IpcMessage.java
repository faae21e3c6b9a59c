// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import java.lang.foreign.MemorySegment;
import org.apache.arrow.flatbuf.MessageHeader;

/**
 * What must be known of a message before its body is read.
 *
 * @param kind what it carries
 * @param bodyLength the bytes of its body, as it claims; never negative
 */
record IpcMessage(Kind kind, long bodyLength) {
  /** What a message carries. */
  enum Kind {
    SCHEMA,
    DICTIONARY_BATCH,
    RECORD_BATCH
  }

  /**
   * Reads the head of a message.
   *
   * @param metadata the FlatBuffers message, without the two words before it; zeros may follow
   * @param file where it is from, for error messages
   * @param offset where in the file it begins
   * @throws CorruptionException if it is damaged or carries something else
   * @throws FormatVersionException if it has a version that is not read
   */
  static IpcMessage of(MemorySegment metadata, String file, long offset) {
    FlatTables tables = new FlatTables(metadata, file, offset);
    int message = tables.root();
    tables.version(message);
    byte type = tables.getByte(message, 1, MessageHeader.NONE, "header type");
    Kind kind =
        switch (type) {
          case MessageHeader.Schema -> Kind.SCHEMA;
          case MessageHeader.DictionaryBatch -> Kind.DICTIONARY_BATCH;
          case MessageHeader.RecordBatch -> Kind.RECORD_BATCH;
          default ->
              throw tables.corrupt(
                  "header type", message, "a schema, dictionary batch or record batch", type);
        };
    long bodyLength = tables.getLong(message, 3, 0, "body length");
    if (bodyLength < 0) {
      throw tables.corrupt("body length", message, "0 or more", bodyLength);
    }
    return new IpcMessage(kind, bodyLength);
  }
}
