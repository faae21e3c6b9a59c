// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryEncoder;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.ByteArrayReadableSeekableByteChannel;
import org.junit.jupiter.api.Test;

class SegmentBytesTest {
  @Test
  void headersAndMessagesAreAligned() {
    for (ArrowSamples.Sample sample : ArrowSamples.all()) {
      try (BufferAllocator allocator = new RootAllocator();
          ArrowSamples.Batch batch = sample.create(allocator, 3, 1, 0.5);
          IpcEncoder encoder = new IpcEncoder(false)) {
        Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
        assertThat(SegmentBytes.header(schema).length % 64).isZero();
        Frames.append(encoder, batch);
        for (int i = 0; i < encoder.frame().messageCount(); i++) {
          assertThat(encoder.frame().metadataLength(i) % 64).isZero();
          assertThat(encoder.frame().bodyLength(i) % 64).isZero();
        }
        for (long blocks : new long[] {0, 1, 1000}) {
          List<ArrowBlock> list = new ArrayList<>();
          for (long i = 0; i < blocks; i++) {
            list.add(new ArrowBlock(64 * i, 64, 64));
          }
          assertThat((long) SegmentBytes.footer(schema, List.of(), list).length)
              .isLessThanOrEqualTo(SegmentBytes.footerBound(schema, blocks));
        }
      }
    }
  }

  @Test
  void aSchemaOfManyFieldsSurvives() {
    List<Field> fields = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      fields.add(ArrowSamples.nullable("column " + i, new ArrowType.Int(32, true)));
    }
    Schema schema = new Schema(fields);
    byte[] header = SegmentBytes.header(schema);
    assertThat(SchemaMetadata.parseSchema(MemorySegment.ofArray(header).asSlice(16), "test", 16))
        .isEqualTo(schema);
  }

  @Test
  void refusesASchemaWhoseDictionaryIsMissing() {
    Field field = new Field("c", encoded(), List.of());
    assertThatThrownBy(
            () ->
                SegmentBytes.messageSchema(new Schema(List.of(field)), new MapDictionaryProvider()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("7");
  }

  /**
   * Base and deltas stand in the order of the stream; the footer lists one merged dictionary, since
   * Arrow's file reader takes one a dictionary.
   */
  @Test
  void deltasAreReadAsAStreamAndMergedAsAFile() throws Exception {
    try (BufferAllocator allocator = new RootAllocator();
        VarCharVector words = words(allocator, 6);
        IpcEncoder encoder = new IpcEncoder(false);
        IntVector indices = new IntVector("c", encoded(), allocator)) {
      MapDictionaryProvider dictionaries = new MapDictionaryProvider();
      dictionaries.put(new Dictionary(words, new DictionaryEncoding(7, false, null)));
      VectorSchemaRoot root = VectorSchemaRoot.of(indices);
      Schema schema = SegmentBytes.messageSchema(root.getSchema(), dictionaries);

      encoder.appendDictionary(7, words, 0, 2, false);
      fill(indices, 0, 1);
      encoder.appendBatch(new VectorSchemaRoot(List.of(indices.getField()), List.of(indices), 2));
      encoder.appendDictionary(7, words, 2, 4, true);
      fill(indices, 5, 1, 4);
      encoder.appendBatch(new VectorSchemaRoot(List.of(indices.getField()), List.of(indices), 3));
      encoder.appendDictionary(7, words, 0, 6, false);

      byte[] file = segment(schema, encoder.frame(), List.of(4), List.of(1, 3));
      try (ArrowReader reader =
          new ArrowFileReader(new ByteArrayReadableSeekableByteChannel(file), allocator)) {
        assertThat(decodeNext(reader)).containsExactly("word 0", "word 1");
        assertThat(decodeNext(reader)).containsExactly("word 5", "word 1", "word 4");
        assertThat(reader.loadNextBatch()).isFalse();
      }
      ByteArrayInputStream stream = new ByteArrayInputStream(file);
      stream.skip(SegmentBytes.MAGIC_BYTES);
      try (ArrowReader reader = new ArrowStreamReader(stream, allocator)) {
        assertThat(decodeNext(reader)).containsExactly("word 0", "word 1");
        assertThat(reader.getDictionaryVectors().get(7L).getVector().getValueCount()).isEqualTo(2);
        assertThat(decodeNext(reader)).containsExactly("word 5", "word 1", "word 4");
        assertThat(reader.getDictionaryVectors().get(7L).getVector().getValueCount()).isEqualTo(6);
        assertThat(reader.loadNextBatch()).isFalse();
      }
    }
  }

  /** A file whose footer lists the given messages. */
  private static byte[] segment(
      Schema schema, MessageFrame frame, List<Integer> dictionaries, List<Integer> batches) {
    byte[] header = SegmentBytes.header(schema);
    List<ArrowBlock> dictionaryBlocks = new ArrayList<>();
    List<ArrowBlock> batchBlocks = new ArrayList<>();
    for (int i = 0; i < frame.messageCount(); i++) {
      ArrowBlock block =
          new ArrowBlock(
              header.length + frame.messageOffset(i), frame.metadataLength(i), frame.bodyLength(i));
      if (dictionaries.contains(i)) {
        dictionaryBlocks.add(block);
      } else if (batches.contains(i)) {
        batchBlocks.add(block);
      }
    }
    byte[] footer = SegmentBytes.footer(schema, dictionaryBlocks, batchBlocks);
    try (Arena arena = Arena.ofConfined()) {
      return Frames.file(header, Frames.store(arena, frame).toArray(ValueLayout.JAVA_BYTE), footer);
    }
  }

  private static List<String> decodeNext(ArrowReader reader) throws Exception {
    assertThat(reader.loadNextBatch()).isTrue();
    FieldVector vector = reader.getVectorSchemaRoot().getVector(0);
    List<String> values = new ArrayList<>();
    try (var decoded = DictionaryEncoder.decode(vector, reader.getDictionaryVectors().get(7L))) {
      for (int i = 0; i < decoded.getValueCount(); i++) {
        values.add(decoded.getObject(i).toString());
      }
    }
    return values;
  }

  private static FieldType encoded() {
    DictionaryEncoding encoding = new DictionaryEncoding(7, false, null);
    return new FieldType(true, encoding.getIndexType(), encoding);
  }

  private static void fill(IntVector vector, int... values) {
    vector.allocateNew(values.length);
    for (int i = 0; i < values.length; i++) {
      vector.set(i, values[i]);
    }
    vector.setValueCount(values.length);
  }

  private static VarCharVector words(BufferAllocator allocator, int count) {
    VarCharVector vector = new VarCharVector("words", allocator);
    for (int i = 0; i < count; i++) {
      vector.setSafe(i, ("word " + i).getBytes(StandardCharsets.UTF_8));
    }
    vector.setValueCount(count);
    return vector;
  }
}
