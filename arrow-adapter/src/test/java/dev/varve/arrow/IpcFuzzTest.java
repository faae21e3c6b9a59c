// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.ArrowWriter;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The decoders of IPC metadata and bodies against any bytes: the named exceptions and no others,
 * and memory in proportion to the input.
 *
 * <p>Guided by coverage where the environment has {@code JAZZER_FUZZ=1}; else the seeds and the
 * inputs that were found in the resources are run once.
 */
class IpcFuzzTest {

  private static final List<ArrowSamples.Sample> SAMPLES = ArrowSamples.all();
  private static final int ROWS = 20;

  /** What is read of vectors: a few bytes may stand for any number of nulls. */
  private static final int MOST_VALUES = 1000;

  static Stream<byte[]> schemas() {
    return SAMPLES.stream().map(IpcFuzzTest::schemaMessage);
  }

  @MethodSource("schemas")
  @FuzzTest
  void schema(byte[] message) {
    try (BufferAllocator allocator = new RootAllocator(1 << 20)) {
      Schema schema = SchemaMetadata.parseSchema(MemorySegment.ofArray(message), "fuzz", 0);
      BatchPlan.of(schema);
      BatchPlan.dictionaries(schema);
      Map<Long, Dictionary> dictionaries = new HashMap<>();
      try {
        for (Field field : schema.getFields()) {
          DictionaryUtility.toMemoryFormat(field, allocator, dictionaries)
              .createVector(allocator)
              .close();
        }
      } catch (UnsupportedOperationException e) {
        // An extension type may refuse a storage type that is sound in itself.
        assertThat(e).hasMessageContaining("OpaqueType#getUnderlyingVector");
      } finally {
        dictionaries.values().forEach(dictionary -> dictionary.getVector().close());
      }
    } catch (CorruptionException | FormatVersionException | IllegalArgumentException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  static Stream<byte[]> footers() {
    List<ArrowBlock> blocks = List.of(new ArrowBlock(64, 128, 640), new ArrowBlock(832, 64, 0));
    return SAMPLES.stream()
        .map(
            sample -> {
              byte[] end = SegmentBytes.footer(messageSchema(sample), blocks, blocks);
              return Arrays.copyOfRange(end, IpcEncoder.PREFIX, end.length - 10);
            });
  }

  @MethodSource("footers")
  @FuzzTest
  void footer(byte[] footer) {
    try {
      var parsed = SchemaMetadata.parseFooter(MemorySegment.ofArray(footer), 1000, "fuzz", 0);
      for (ArrowBlock block : parsed.batches()) {
        assertThat(block.getOffset() + block.getMetadataLength() + block.getBodyLength())
            .isBetween(0L, 1000L);
      }
    } catch (CorruptionException | FormatVersionException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  /** Which sample, the message, and its length in two bytes between them; the rest is the body. */
  static Stream<byte[]> batches() {
    return IntStream.range(0, SAMPLES.size()).boxed().flatMap(i -> messages(i).stream());
  }

  private static List<byte[]> messages(int index) {
    List<byte[]> messages = new ArrayList<>();
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = SAMPLES.get(index).create(allocator, ROWS, 1, 0.3);
        IpcEncoder encoder = new IpcEncoder(false);
        Arena arena = Arena.ofConfined()) {
      Frames.append(encoder, batch);
      MessageFrame frame = encoder.frame();
      MemorySegment bytes = Frames.store(arena, frame);
      for (int i = 0; i < frame.messageCount(); i++) {
        long begin = frame.messageOffset(i) + IpcEncoder.PREFIX;
        int length = frame.metadataLength(i) - IpcEncoder.PREFIX;
        byte[] message = new byte[3 + length + (int) frame.bodyLength(i)];
        message[0] = (byte) index;
        message[1] = (byte) length;
        message[2] = (byte) (length >>> 8);
        MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, begin, message, 3, message.length - 3);
        messages.add(message);
      }
    }
    return messages;
  }

  @MethodSource("batches")
  @FuzzTest
  void batch(byte[] data) {
    if (data.length < 3) {
      return;
    }
    Schema schema = messageSchema(SAMPLES.get((data[0] & 0xFF) % SAMPLES.size()));
    int length = Math.min(data.length - 3, (data[1] & 0xFF) | (data[2] & 0xFF) << 8);
    int bodyLength = data.length - 3 - length;
    // Nothing but the bitmaps that are left out may cost more than the body.
    try (BufferAllocator allocator = new RootAllocator((4 << 20) + 200L * data.length);
        IpcRoundTripTest.LoadedBatch loaded = new IpcRoundTripTest.LoadedBatch(schema, allocator);
        Arena arena = Arena.ofShared()) {
      BatchPlan plan = BatchPlan.of(schema);
      BatchMetadata metadata =
          BatchMetadata.parse(
              MemorySegment.ofArray(Arrays.copyOfRange(data, 3, 3 + length)),
              plan,
              BatchPlan.dictionaries(schema),
              bodyLength,
              "fuzz",
              0);
      MemorySegment body = arena.allocate(Math.max(1, bodyLength), 64);
      MemorySegment.copy(data, 3 + length, body, ValueLayout.JAVA_BYTE, 0, bodyLength);
      try {
        if (metadata.isDictionary()) {
          FieldVector vector = loaded.dictionaries.get(metadata.dictionaryId()).getVector();
          BatchLoader.dictionary(metadata.plan(), vector, allocator)
              .loadForeign(metadata, body.address(), () -> {}, "fuzz", 0);
          read(vector);
        } else {
          BatchLoader.of(plan, loaded.root, allocator)
              .loadForeign(metadata, body.address(), () -> {}, "fuzz", 0);
          loaded.root.getFieldVectors().forEach(IpcFuzzTest::read);
        }
      } catch (OutOfMemoryException e) {
        assertThat(metadata.compression()).isNotEqualTo(BodyCompression.NONE);
      }
    } catch (CorruptionException | FormatVersionException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  private static void read(FieldVector vector) {
    for (int i = 0; i < Math.min(MOST_VALUES, vector.getValueCount()); i++) {
      boolean unused = !vector.isNull(i) && vector.getObject(i) == null;
    }
  }

  static Stream<byte[]> streams() {
    return SAMPLES.stream()
        .flatMap(sample -> Stream.of(written(sample, true), written(sample, false)));
  }

  private static byte[] written(ArrowSamples.Sample sample, boolean file) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 5, 1, 0.3);
        ArrowWriter writer =
            file
                ? new ArrowFileWriter(batch.root(), batch.dictionaries(), Channels.newChannel(out))
                : new ArrowStreamWriter(
                    batch.root(), batch.dictionaries(), Channels.newChannel(out))) {
      writer.start();
      writer.writeBatch();
      writer.end();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return out.toByteArray();
  }

  @MethodSource("streams")
  @FuzzTest
  void stream(byte[] bytes) throws IOException {
    try (BufferAllocator allocator = new RootAllocator((8 << 20) + 200L * bytes.length);
        IpcReader reader =
            IpcReader.open(
                Channels.newChannel(new ByteArrayInputStream(bytes)), "fuzz", allocator)) {
      while (reader.loadNextBatch()) {
        reader.getVectorSchemaRoot().getFieldVectors().forEach(IpcFuzzTest::read);
        for (Dictionary dictionary : reader.getDictionaryVectors().values()) {
          read(dictionary.getVector());
        }
      }
    } catch (CorruptionException | FormatVersionException | OutOfMemoryException e) {
      // Compressed bodies may be expanded until the allocator is full.
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  private static Schema messageSchema(ArrowSamples.Sample sample) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 0, 1, 0)) {
      return SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
    }
  }

  private static byte[] schemaMessage(ArrowSamples.Sample sample) {
    byte[] header = SegmentBytes.header(messageSchema(sample));
    return Arrays.copyOfRange(header, SegmentBytes.MAGIC_BYTES + IpcEncoder.PREFIX, header.length);
  }
}
