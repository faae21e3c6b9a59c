// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.ByteArrayReadableSeekableByteChannel;
import org.apache.arrow.vector.util.DictionaryUtility;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every type, encoded and loaded again by this package and by Arrow's own readers. */
class IpcRoundTripTest {
  static Stream<ArrowSamples.Sample> samples() {
    return ArrowSamples.all().stream();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void loadsWhatWasEncoded(ArrowSamples.Sample sample) {
    for (int rows : new int[] {0, 1, 8, 100}) {
      for (double nullRate : new double[] {0, 0.3, 1}) {
        try (BufferAllocator allocator = new RootAllocator();
            ArrowSamples.Batch batch = sample.create(allocator, rows, rows, nullRate);
            IpcEncoder encoder = new IpcEncoder(true)) {
          Frames.append(encoder, batch);
          checkLoad(allocator, batch, encoder.frame());
        }
      }
    }
  }

  private static void checkLoad(
      BufferAllocator allocator, ArrowSamples.Batch batch, MessageFrame frame) {
    Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
    AtomicInteger released = new AtomicInteger();
    try (Arena arena = Arena.ofShared();
        BufferAllocator readers = allocator.newChildAllocator("reader", 0, 1 << 20);
        LoadedBatch loaded = new LoadedBatch(schema, readers)) {
      MemorySegment bytes = Frames.store(arena, frame);
      for (int i = 0; i < frame.messageCount(); i++) {
        loaded.load(bytes.asSlice(frame.messageOffset(i)), frame, i, released::incrementAndGet);
      }
      RootAssert.assertSame(loaded.root, batch.root());
      checkArrowCanWrite(loaded.root, loaded.dictionaries, batch, allocator);
      assertThat(loaded.dictionaries.keySet()).isEqualTo(batch.dictionaries().getDictionaryIds());
      loaded.dictionaries.forEach(
          (id, dictionary) ->
              RootAssert.assertSame(
                  dictionary.getVector(), batch.dictionaries().lookup(id).getVector()));
      assertThat(readers.getAllocatedMemory()).isLessThanOrEqualTo(frame.messageCount());
      loaded.close();
      assertThat(released).hasValue(frame.messageCount());
    }
  }

  /** The buffers of loaded vectors say how long they are, which Arrow's writer goes by. */
  private static void checkArrowCanWrite(
      VectorSchemaRoot root,
      Map<Long, Dictionary> dictionaries,
      ArrowSamples.Batch batch,
      BufferAllocator allocator) {
    MapDictionaryProvider provider = new MapDictionaryProvider();
    dictionaries.values().forEach(provider::put);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ArrowStreamWriter writer = new ArrowStreamWriter(root, provider, bytes)) {
      writer.writeBatch();
      writer.end();
      ByteArrayInputStream stream = new ByteArrayInputStream(bytes.toByteArray());
      try (ArrowReader reader = new ArrowStreamReader(stream, allocator)) {
        checkReader(reader, batch);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("samples")
  void arrowReadsTheFileAndTheStream(ArrowSamples.Sample sample) throws Exception {
    for (int rows : new int[] {0, 1, 100}) {
      try (BufferAllocator allocator = new RootAllocator();
          ArrowSamples.Batch batch = sample.create(allocator, rows, rows, 0.3);
          IpcEncoder encoder = new IpcEncoder(false)) {
        Frames.append(encoder, batch);
        Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
        byte[] file = Frames.file(schema, encoder.frame());
        try (ArrowReader reader =
            new ArrowFileReader(new ByteArrayReadableSeekableByteChannel(file), allocator)) {
          checkReader(reader, batch);
        }
        ByteArrayInputStream stream = new ByteArrayInputStream(file);
        stream.skip(SegmentBytes.MAGIC_BYTES);
        try (ArrowReader reader = new ArrowStreamReader(stream, allocator)) {
          checkReader(reader, batch);
        }
      }
    }
  }

  private static final int[][] RANGES = {
    {0, 0}, {0, 50}, {8, 64}, {3, 60}, {17, 1}, {99, 1}, {1, 99}
  };

  @ParameterizedTest
  @MethodSource("samples")
  void encodesRangesOfRows(ArrowSamples.Sample sample) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 100, 7, 0.3);
        IpcEncoder encoder = new IpcEncoder(false)) {
      for (int[] range : RANGES) {
        encoder.reset();
        encoder.appendBatch(batch.root(), range[0], range[1]);
        checkRange(allocator, encoder.frame(), batch, range[0], range[1]);
      }
    }
  }

  /** Samples that Arrow can slice: it fails on a dense union whose ids are not positions. */
  static Stream<ArrowSamples.Sample> sliceableSamples() {
    return samples()
        .filter(sample -> !sample.name().equals(OWN_IDS) && !sample.name().equals("everything"));
  }

  private static final String OWN_IDS = "dense union of own ids";

  @Test
  void arrowStillCannotSliceADenseUnionOfOwnIds() {
    ArrowSamples.Sample sample =
        samples().filter(s -> s.name().equals(OWN_IDS)).findFirst().orElseThrow();
    // Not closed, for Arrow leaks what it had split before it failed.
    BufferAllocator allocator = new RootAllocator();
    try (ArrowSamples.Batch batch = sample.create(allocator, 100, 7, 0.3)) {
      assertThatThrownBy(() -> slice(batch.root(), 0, 10))
          .isInstanceOf(ArrayIndexOutOfBoundsException.class);
    }
  }

  @ParameterizedTest
  @MethodSource("sliceableSamples")
  void encodesSlicesThatArrowMakes(ArrowSamples.Sample sample) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 100, 7, 0.3);
        IpcEncoder encoder = new IpcEncoder(false)) {
      for (int[] range : RANGES) {
        try (VectorSchemaRoot slice = slice(batch.root(), range[0], range[1])) {
          encoder.reset();
          encoder.appendBatch(slice);
          checkRange(allocator, encoder.frame(), batch, range[0], range[1]);
        }
      }
    }
  }

  private static VectorSchemaRoot slice(VectorSchemaRoot root, int from, int rows) {
    List<FieldVector> vectors = new ArrayList<>();
    for (FieldVector vector : root.getFieldVectors()) {
      TransferPair pair = vector.getTransferPair(vector.getAllocator());
      pair.splitAndTransfer(from, rows);
      vectors.add((FieldVector) pair.getTo());
    }
    return new VectorSchemaRoot(root.getSchema(), vectors, rows);
  }

  private static void checkRange(
      BufferAllocator allocator, MessageFrame frame, ArrowSamples.Batch batch, int from, int rows) {
    Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
    try (Arena arena = Arena.ofShared();
        LoadedBatch loaded = new LoadedBatch(schema, allocator)) {
      loaded.load(Frames.store(arena, frame), frame, 0, () -> {});
      assertThat(loaded.root.getRowCount()).isEqualTo(rows);
      for (int i = 0; i < batch.root().getFieldVectors().size(); i++) {
        RootAssert.assertRange(loaded.root.getVector(i), batch.root().getVector(i), from, rows);
      }
    }
  }

  private static void checkReader(ArrowReader reader, ArrowSamples.Batch batch) throws IOException {
    assertThat(reader.loadNextBatch()).isTrue();
    RootAssert.assertSame(reader.getVectorSchemaRoot(), batch.root());
    for (Map.Entry<Long, Dictionary> entry : reader.getDictionaryVectors().entrySet()) {
      RootAssert.assertSame(
          entry.getValue().getVector(), batch.dictionaries().lookup(entry.getKey()).getVector());
    }
    assertThat(reader.loadNextBatch()).isFalse();
  }

  /** A root with dictionaries made from a message schema, as a reader would have it. */
  static final class LoadedBatch implements AutoCloseable {
    final VectorSchemaRoot root;
    final Map<Long, Dictionary> dictionaries = new HashMap<>();
    private final BatchPlan plan;
    private final Map<Long, BatchPlan> dictionaryPlans;
    private final BufferAllocator allocator;

    LoadedBatch(Schema schema, BufferAllocator allocator) {
      this.allocator = allocator;
      plan = BatchPlan.of(schema);
      dictionaryPlans = BatchPlan.dictionaries(schema);
      List<Field> fields = new ArrayList<>();
      for (Field field : schema.getFields()) {
        fields.add(DictionaryUtility.toMemoryFormat(field, allocator, dictionaries));
      }
      root = VectorSchemaRoot.create(new Schema(fields, schema.getCustomMetadata()), allocator);
    }

    void load(MemorySegment message, MessageFrame frame, int index, Runnable pin) {
      int metadataLength = frame.metadataLength(index);
      BatchMetadata metadata =
          BatchMetadata.parse(
              message.asSlice(IpcEncoder.PREFIX, metadataLength - IpcEncoder.PREFIX),
              plan,
              dictionaryPlans,
              frame.bodyLength(index),
              "test",
              0);
      BatchLoader loader;
      if (metadata.isDictionary()) {
        FieldVector vector = dictionaries.get(metadata.dictionaryId()).getVector();
        loader = BatchLoader.dictionary(metadata.plan(), vector, allocator);
      } else {
        loader = BatchLoader.of(plan, root, allocator);
      }
      loader.load(metadata, message.address() + metadataLength, pin);
    }

    @Override
    public void close() {
      root.close();
      dictionaries.values().forEach(dictionary -> dictionary.getVector().close());
    }
  }
}
