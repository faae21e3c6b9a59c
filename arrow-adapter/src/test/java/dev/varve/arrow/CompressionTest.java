// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.ByteArrayReadableSeekableByteChannel;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

class CompressionTest {
  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
  void everyTypeComesBack(BodyCompression compression) throws Exception {
    for (ArrowSamples.Sample sample : ArrowSamples.all()) {
      AtomicInteger released = new AtomicInteger();
      try (BufferAllocator allocator = new RootAllocator();
          ArrowSamples.Batch batch = sample.create(allocator, 100, 3, 0.3);
          IpcEncoder encoder = new IpcEncoder(false, compression, allocator);
          Arena arena = Arena.ofShared()) {
        Frames.append(encoder, batch);
        MessageFrame frame = encoder.frame();
        Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
        try (IpcRoundTripTest.LoadedBatch loaded =
            new IpcRoundTripTest.LoadedBatch(schema, allocator)) {
          MemorySegment bytes = Frames.store(arena, frame);
          for (int i = 0; i < frame.messageCount(); i++) {
            loaded.load(bytes.asSlice(frame.messageOffset(i)), frame, i, released::incrementAndGet);
          }
          RootAssert.assertSame(loaded.root, batch.root());
        }
        assertThat(released).hasValue(frame.messageCount());
        try (ArrowFileReader reader =
            new ArrowFileReader(
                new ByteArrayReadableSeekableByteChannel(Frames.file(schema, frame)),
                allocator,
                CommonsCompressionFactory.INSTANCE)) {
          assertThat(reader.loadNextBatch()).isTrue();
          RootAssert.assertSame(reader.getVectorSchemaRoot(), batch.root());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
  void compresses(BodyCompression compression) {
    try (BufferAllocator allocator = new RootAllocator();
        VarCharVector vector = text(allocator, 1000);
        IpcEncoder plain = new IpcEncoder(false);
        IpcEncoder compressing = new IpcEncoder(false, compression, allocator)) {
      plain.appendBatch(VectorSchemaRoot.of(vector));
      compressing.appendBatch(VectorSchemaRoot.of(vector));
      assertThat(compressing.frame().length()).isLessThan(plain.frame().length() / 3);
    }
  }

  /** The prefix of a compressed buffer claims a length that its bytes cannot expand to. */
  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
  void doesNotBelieveALengthThatTheCodecCannotReach(BodyCompression compression) {
    for (long claim : new long[] {Long.MAX_VALUE, 1L << 40, -2, Long.MIN_VALUE}) {
      damage(compression, (body, offset) -> body.set(ValueLayout.JAVA_LONG, offset, claim));
    }
  }

  /** Eight bytes stand for an empty bitmap, and that for one of any length that has to be made. */
  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
  void doesNotMakeBitmapsOfAnyLengthOutOfNothing(BodyCompression compression) throws Exception {
    Field column = ArrowSamples.nullable("c", ArrowType.Struct.INSTANCE);
    Schema schema = new Schema(List.of(column));
    BatchPlan plan = BatchPlan.of(schema);
    try (BufferAllocator allocator = new RootAllocator(1 << 26);
        StructVector vector = (StructVector) column.createVector(allocator);
        VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
        IpcEncoder encoder = new IpcEncoder(false, compression, allocator);
        Arena arena = Arena.ofShared()) {
      int rows = 200_000_000;
      vector.setInitialCapacity(rows);
      vector.allocateNew();
      vector.setValueCount(rows);
      encoder.appendBatch(new VectorSchemaRoot(List.of(column), List.of(vector), rows));
      vector.clear();
      MemorySegment bytes = Frames.store(arena, encoder.frame());
      int length = encoder.frame().metadataLength(0);
      // A body that is much shorter than what the bitmap took.
      MemorySegment body = arena.allocate(64);
      byte[] message = bytes.asSlice(8, length - 8).toArray(ValueLayout.JAVA_BYTE);
      BatchMetadata whole =
          BatchMetadata.parse(
              MemorySegment.ofArray(message), plan, Map.of(), bytes.byteSize(), "test", 0);
      replace(message, whole.bufferLength(0), 8);
      replace(message, whole.bodyLength(), 8);
      BatchMetadata cut =
          BatchMetadata.parse(MemorySegment.ofArray(message), plan, Map.of(), 64, "test", 0);
      assertThat(cut.bufferLength(0)).isEqualTo(8);
      BatchLoader loader = BatchLoader.of(plan, root, allocator);
      long before = allocator.getPeakMemoryAllocation();
      assertThatThrownBy(() -> loader.loadForeign(cut, body.address(), () -> {}, "test", 0))
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining("bitmaps that are left out");
      assertThat(allocator.getPeakMemoryAllocation()).isEqualTo(before);
    }
  }

  /** Replaces a number that stands once in a message. */
  private static void replace(byte[] message, long from, long to) {
    MemorySegment segment = MemorySegment.ofArray(message);
    int found = 0;
    for (int at = 0; at <= message.length - 8; at++) {
      if (segment.get(ValueLayout.JAVA_LONG_UNALIGNED, at) == from) {
        segment.set(ValueLayout.JAVA_LONG_UNALIGNED, at, to);
        found++;
      }
    }
    assertThat(found).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
  void namesDamagedCompressedBytes(BodyCompression compression) {
    damage(compression, (body, offset) -> body.asSlice(offset + 8, 4).fill((byte) 0x55));
  }

  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
  void namesABufferThatExpandsToLessThanItClaims(BodyCompression compression) {
    damage(compression, (body, offset) -> body.set(ValueLayout.JAVA_LONG, offset, 4008));
  }

  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
  void namesABufferThatIsTooShortUncompressed(BodyCompression compression) {
    damage(
        compression,
        (body, offset) -> {
          // Not compressed, as the prefix now says: so too few bytes for the values.
          body.set(ValueLayout.JAVA_LONG, offset, -1);
        });
  }

  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "NONE")
  void randomDamageIsAnErrorOrHarmless(BodyCompression compression) {
    try (BufferAllocator allocator = new RootAllocator(1 << 24);
        VarCharVector vector = text(allocator, 200);
        IpcEncoder encoder = new IpcEncoder(false, compression, allocator);
        Arena arena = Arena.ofShared()) {
      Encoded encoded = new Encoded(encoder, vector, arena);
      byte[] body = encoded.body.toArray(ValueLayout.JAVA_BYTE);
      try (VectorSchemaRoot root =
          VectorSchemaRoot.create(VectorSchemaRoot.of(vector).getSchema(), allocator)) {
        BatchLoader loader = BatchLoader.of(encoded.plan, root, allocator);
        for (int seed = 0; seed < 500; seed++) {
          Random random = new Random(seed);
          MemorySegment.copy(body, 0, encoded.body, ValueLayout.JAVA_BYTE, 0, body.length);
          encoded.body.set(
              ValueLayout.JAVA_BYTE, random.nextInt(body.length), (byte) random.nextInt());
          try {
            loader.loadForeign(encoded.metadata, encoded.body.address(), () -> {}, "test", 0);
          } catch (CorruptionException | OutOfMemoryException e) {
            continue;
          }
          for (int i = 0; i < root.getRowCount(); i++) {
            root.getVector(0).getObject(i);
          }
        }
      }
    }
  }

  private interface Damage {
    void apply(MemorySegment body, long offset);
  }

  private static void damage(BodyCompression compression, Damage damage) {
    AtomicInteger released = new AtomicInteger();
    try (BufferAllocator allocator = new RootAllocator();
        IntVector vector = new IntVector("c", allocator);
        IpcEncoder encoder = new IpcEncoder(false, compression, allocator);
        Arena arena = Arena.ofShared();
        VectorSchemaRoot root =
            VectorSchemaRoot.create(VectorSchemaRoot.of(vector).getSchema(), allocator)) {
      vector.allocateNew(1000);
      for (int i = 0; i < 1000; i++) {
        vector.set(i, 7);
      }
      vector.setValueCount(1000);
      Encoded encoded = new Encoded(encoder, vector, arena);
      damage.apply(encoded.body, encoded.metadata.bufferOffset(1));
      BatchLoader loader = BatchLoader.of(encoded.plan, root, allocator);
      assertThatThrownBy(
              () ->
                  loader.load(encoded.metadata, encoded.body.address(), released::incrementAndGet))
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining("compressed Arrow buffer 1");
      assertThat(root.getVector(0).getValueCount()).isZero();
      assertThat(released).hasValue(1);
    }
  }

  /** One batch of one column in native memory. */
  private static final class Encoded {
    final BatchPlan plan;
    final BatchMetadata metadata;
    final MemorySegment body;

    Encoded(IpcEncoder encoder, FieldVector vector, Arena arena) {
      VectorSchemaRoot root = VectorSchemaRoot.of(vector);
      encoder.appendBatch(root);
      plan = BatchPlan.of(root.getSchema());
      MemorySegment bytes = Frames.store(arena, encoder.frame());
      int length = encoder.frame().metadataLength(0);
      metadata =
          BatchMetadata.parse(
              bytes.asSlice(8, length - 8), plan, Map.of(), bytes.byteSize(), "test", 0);
      body = bytes.asSlice(length);
    }
  }

  private static VarCharVector text(BufferAllocator allocator, int count) {
    VarCharVector vector = new VarCharVector("c", allocator);
    vector.allocateNew();
    for (int i = 0; i < count; i++) {
      vector.setSafe(i, "the same text again and again".getBytes(StandardCharsets.UTF_8));
    }
    vector.setValueCount(count);
    return vector;
  }
}
