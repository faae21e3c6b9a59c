// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/** Streams of a dictionary-encoded column whose dictionary changes. */
final class DictionaryStream {
  private DictionaryStream() {}

  /**
   * Returns a stream.
   *
   * @param states the dictionary at each batch; a batch has each of its values once
   */
  static byte[] of(List<List<String>> states) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DictionaryEncoding encoding = new DictionaryEncoding(5, false, null);
    FieldType type = new FieldType(true, new ArrowType.Int(32, true), encoding);
    try (BufferAllocator allocator = new RootAllocator();
        VarCharVector values = new VarCharVector("values", allocator);
        VectorSchemaRoot root =
            VectorSchemaRoot.create(
                new Schema(
                    List.of(
                        new Field("word", type, null),
                        Field.nullable("number", new ArrowType.Int(32, true)))),
                allocator);
        ArrowStreamWriter writer =
            new ArrowStreamWriter(
                root,
                new MapDictionaryProvider(new Dictionary(values, encoding)),
                Channels.newChannel(bytes))) {
      for (List<String> state : states) {
        values.clear();
        for (int i = 0; i < state.size(); i++) {
          values.setSafe(i, state.get(i).getBytes(StandardCharsets.UTF_8));
          ((IntVector) root.getVector(0)).setSafe(i, i);
          ((IntVector) root.getVector(1)).setSafe(i, 7 * i);
        }
        values.setValueCount(state.size());
        root.setRowCount(state.size());
        writer.writeBatch();
      }
      writer.end();
    }
    return bytes.toByteArray();
  }
}
