// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.compression.CompressionCodec;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.message.IpcOption;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Streams by Arrow's own writer, whose bodies are aligned to 8 bytes, read by this package. */
class ForeignMessageTest {
  static Stream<ArrowSamples.Sample> samples() {
    return ArrowSamples.all().stream();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void loadsWhatArrowWrites(ArrowSamples.Sample sample) throws Exception {
    for (CodecType codec : new CodecType[] {CodecType.NO_COMPRESSION, CodecType.ZSTD}) {
      for (int rows : new int[] {0, 1, 100}) {
        try (BufferAllocator allocator = new RootAllocator();
            ArrowSamples.Batch batch = sample.create(allocator, rows, rows, 0.3)) {
          loadStream(batch, allocator, write(batch, codec));
        }
      }
    }
  }

  private static byte[] write(ArrowSamples.Batch batch, CodecType codec) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ArrowStreamWriter writer =
        new ArrowStreamWriter(
            batch.root(),
            batch.dictionaries(),
            Channels.newChannel(bytes),
            IpcOption.DEFAULT,
            CompressionCodec.Factory.INSTANCE,
            codec)) {
      writer.writeBatch();
      writer.end();
    }
    return bytes.toByteArray();
  }

  private static void loadStream(
      ArrowSamples.Batch batch, BufferAllocator allocator, byte[] stream) {
    AtomicInteger released = new AtomicInteger();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment bytes = arena.allocate(stream.length, 8);
      MemorySegment.copy(stream, 0, bytes, ValueLayout.JAVA_BYTE, 0, stream.length);
      Schema schema = SchemaMetadata.parseSchema(metadata(bytes, 0), "test", 8);
      BatchPlan plan = BatchPlan.of(schema);
      Map<Long, BatchPlan> dictionaries = BatchPlan.dictionaries(schema);
      int batches = 0;
      try (IpcRoundTripTest.LoadedBatch loaded =
          new IpcRoundTripTest.LoadedBatch(schema, allocator)) {
        long offset = next(bytes, 0);
        for (; bytes.get(ValueLayout.JAVA_INT, offset + 4) != 0; offset = next(bytes, offset)) {
          MemorySegment message = metadata(bytes, offset);
          long body = offset + 8 + message.byteSize();
          long left = bytes.byteSize() - body;
          BatchMetadata parsed =
              BatchMetadata.parse(message, plan, dictionaries, left, "test", offset);
          BatchLoader loader;
          if (parsed.isDictionary()) {
            FieldVector vector = loaded.dictionaries.get(parsed.dictionaryId()).getVector();
            loader = BatchLoader.dictionary(parsed.plan(), vector, allocator);
          } else {
            loader = BatchLoader.of(plan, loaded.root, allocator);
          }
          loader.loadForeign(
              parsed, bytes.address() + body, released::incrementAndGet, "test", body);
          batches++;
        }
        RootAssert.assertSame(loaded.root, batch.root());
        loaded.dictionaries.forEach(
            (id, dictionary) ->
                RootAssert.assertSame(
                    dictionary.getVector(), batch.dictionaries().lookup(id).getVector()));
      }
      assertThat(batches).isEqualTo(1 + batch.dictionaries().getDictionaryIds().size());
      assertThat(released).hasValue(batches);
    }
  }

  private static MemorySegment metadata(MemorySegment bytes, long offset) {
    assertThat(bytes.get(ValueLayout.JAVA_INT, offset)).isEqualTo(IpcEncoder.CONTINUATION);
    return bytes.asSlice(offset + 8, bytes.get(ValueLayout.JAVA_INT, offset + 4));
  }

  private static long next(MemorySegment bytes, long offset) {
    MemorySegment message = metadata(bytes, offset);
    return offset + 8 + message.byteSize() + IpcMessage.of(message, "test", offset).bodyLength();
  }
}
