// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.DictionaryUtility;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Damaged metadata and bodies: only the named exceptions, and memory in proportion to the input.
 */
class MetadataFuzzTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int MUTATIONS = LONG ? 20_000 : 400;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  static Stream<ArrowSamples.Sample> samples() {
    return ArrowSamples.all().stream();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void schemas(ArrowSamples.Sample sample) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 0, 1, 0.3)) {
      Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
      byte[] header = SegmentBytes.header(schema);
      byte[] message =
          Arrays.copyOfRange(header, SegmentBytes.MAGIC_BYTES + IpcEncoder.PREFIX, header.length);
      assertThat(SchemaMetadata.parseSchema(MemorySegment.ofArray(message), "fuzz", 0))
          .isEqualTo(schema);
      mutate(
          sample,
          message,
          mutated -> {
            Schema parsed = SchemaMetadata.parseSchema(MemorySegment.ofArray(mutated), "fuzz", 0);
            BatchPlan.of(parsed);
            BatchPlan.dictionaries(parsed);
            return parsed;
          },
          parsed -> {
            try {
              createVectors(parsed, allocator);
            } catch (UnsupportedOperationException e) {
              // An extension type may refuse a storage type that is sound in itself.
              assertThat(e).hasMessageContaining("OpaqueType#getUnderlyingVector");
            }
          });
    }
  }

  /** What a plan accepts, vectors can be made of. */
  private static void createVectors(Schema schema, BufferAllocator allocator) {
    Map<Long, Dictionary> dictionaries = new HashMap<>();
    for (Field field : schema.getFields()) {
      DictionaryUtility.toMemoryFormat(field, allocator, dictionaries)
          .createVector(allocator)
          .close();
    }
    dictionaries.values().forEach(dictionary -> dictionary.getVector().close());
  }

  @ParameterizedTest
  @MethodSource("samples")
  void footers(ArrowSamples.Sample sample) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 0, 1, 0.3)) {
      Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
      List<ArrowBlock> blocks = List.of(new ArrowBlock(64, 128, 640), new ArrowBlock(832, 64, 0));
      byte[] end = SegmentBytes.footer(schema, blocks.subList(0, 1), blocks);
      assertThat(end.length).isLessThanOrEqualTo((int) SegmentBytes.footerBound(schema, 3));
      byte[] footer = Arrays.copyOfRange(end, IpcEncoder.PREFIX, end.length - 10);
      var parsed = SchemaMetadata.parseFooter(MemorySegment.ofArray(footer), 1000, "fuzz", 0);
      assertThat(parsed.schema()).isEqualTo(schema);
      assertThat(parsed.dictionaries()).isEqualTo(blocks.subList(0, 1));
      assertThat(parsed.batches()).isEqualTo(blocks);
      mutate(
          sample,
          footer,
          mutated -> SchemaMetadata.parseFooter(MemorySegment.ofArray(mutated), 1000, "fuzz", 0),
          result -> {});
    }
  }

  @ParameterizedTest
  @MethodSource("samples")
  void batches(ArrowSamples.Sample sample) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 20, 1, 0.3);
        IpcEncoder encoder = new IpcEncoder(false);
        Arena arena = Arena.ofShared()) {
      Frames.append(encoder, batch);
      Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
      BatchPlan plan = BatchPlan.of(schema);
      Map<Long, BatchPlan> dictionaries = BatchPlan.dictionaries(schema);
      MemorySegment bytes = Frames.store(arena, encoder.frame());
      for (int i = 0; i < encoder.frame().messageCount(); i++) {
        int length = encoder.frame().metadataLength(i);
        long begin = encoder.frame().messageOffset(i);
        long bodyLength = encoder.frame().bodyLength(i);
        byte[] message = bytes.asSlice(begin + 8, length - 8).toArray(ValueLayout.JAVA_BYTE);
        try (Reader reader = new Reader(schema, plan)) {
          mutate(
              sample,
              message,
              mutated ->
                  BatchMetadata.parse(
                      MemorySegment.ofArray(mutated), plan, dictionaries, bodyLength, "fuzz", 0),
              metadata -> reader.loadAndRead(metadata, bytes.address() + begin + length));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("samples")
  void bodies(ArrowSamples.Sample sample) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 20, 1, 0.3);
        IpcEncoder encoder = new IpcEncoder(false);
        Arena arena = Arena.ofShared()) {
      encoder.appendBatch(batch.root());
      Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
      BatchPlan plan = BatchPlan.of(schema);
      MemorySegment bytes = Frames.store(arena, encoder.frame());
      int length = encoder.frame().metadataLength(0);
      BatchMetadata metadata =
          BatchMetadata.parse(
              bytes.asSlice(8, length - 8), plan, Map.of(), bytes.byteSize(), "fuzz", 0);
      byte[] body = bytes.asSlice(length).toArray(ValueLayout.JAVA_BYTE);
      MemorySegment target = arena.allocate(Math.max(body.length, 1), 64);
      try (Reader reader = new Reader(schema, plan)) {
        mutate(
            sample,
            body,
            mutated -> {
              target.fill((byte) 0);
              MemorySegment.copy(MemorySegment.ofArray(mutated), 0, target, 0, mutated.length);
              return metadata;
            },
            parsed -> reader.loadAndRead(parsed, target.address()));
      }
    }
  }

  /** A reader of a damaged file may hand over vectors whose offsets lead anywhere. */
  @ParameterizedTest
  @MethodSource("samples")
  void unsoundVectorsAreEncodedOrRefused(ArrowSamples.Sample sample) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, 20, 1, 0.3);
        IpcEncoder encoder = new IpcEncoder(false);
        Arena arena = Arena.ofShared()) {
      encoder.appendBatch(batch.root());
      Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
      BatchPlan plan = BatchPlan.of(schema);
      MemorySegment bytes = Frames.store(arena, encoder.frame());
      int length = encoder.frame().metadataLength(0);
      BatchMetadata metadata =
          BatchMetadata.parse(
              bytes.asSlice(8, length - 8), plan, Map.of(), bytes.byteSize(), "fuzz", 0);
      byte[] body = bytes.asSlice(length).toArray(ValueLayout.JAVA_BYTE);
      MemorySegment target = arena.allocate(Math.max(body.length, 1), 64);
      try (Reader reader = new Reader(schema, plan)) {
        BatchLoader loader = BatchLoader.of(plan, reader.loaded.root, reader.allocator);
        mutate(
            sample,
            body,
            MUTATIONS / 8,
            mutated -> {
              target.fill((byte) 0);
              MemorySegment.copy(MemorySegment.ofArray(mutated), 0, target, 0, mutated.length);
              return metadata;
            },
            parsed -> {
              try {
                loader.load(parsed, target.address(), () -> {});
              } catch (RuntimeException | AssertionError e) {
                // Arrow's vectors refuse some of it already when they are given their row count.
                return;
              }
              try {
                encoder.reset();
                encoder.appendBatch(reader.loaded.root);
                encoder.appendBatch(reader.loaded.root, 3, 9);
                for (int i = 0; i < encoder.frame().messageCount(); i++) {
                  // Those that do not refuse grow their children, within their allocator's limit.
                  assertThat(encoder.frame().bodyLength(i)).isLessThan(1 << 25);
                }
                try (Arena copies = Arena.ofConfined()) {
                  Frames.store(copies, encoder.frame());
                }
              } catch (IllegalArgumentException e) {
                assertThat(e).hasMessageContaining("column ");
              }
            });
      }
    }
  }

  /** Loads as foreign data and reads every value. */
  private static final class Reader implements AutoCloseable {
    private final BufferAllocator allocator = new RootAllocator(1 << 22);
    private final IpcRoundTripTest.LoadedBatch loaded;
    private final BatchPlan plan;

    Reader(Schema schema, BatchPlan plan) {
      this.loaded = new IpcRoundTripTest.LoadedBatch(schema, allocator);
      this.plan = plan;
    }

    void loadAndRead(BatchMetadata metadata, long body) {
      List<FieldVector> vectors;
      BatchLoader loader;
      if (metadata.isDictionary()) {
        FieldVector vector = loaded.dictionaries.get(metadata.dictionaryId()).getVector();
        loader = BatchLoader.dictionary(metadata.plan(), vector, allocator);
        vectors = List.of(vector);
      } else {
        loader = BatchLoader.of(plan, loaded.root, allocator);
        vectors = loaded.root.getFieldVectors();
      }
      try {
        loader.loadForeign(metadata, body, () -> {}, "fuzz", 0);
      } catch (CorruptionException e) {
        return;
      } catch (OutOfMemoryException e) {
        // Nothing but a compressed body may ask for so much.
        assertThat(metadata.compression()).isNotEqualTo(BodyCompression.NONE);
        return;
      }
      for (FieldVector vector : vectors) {
        for (int i = 0; i < Math.min(1000, vector.getValueCount()); i++) {
          if (!vector.isNull(i)) {
            vector.getObject(i);
          }
        }
      }
    }

    @Override
    public void close() {
      loaded.close();
      allocator.close();
    }
  }

  private interface Parser<T> {
    T parse(byte[] bytes);
  }

  private interface Use<T> {
    void use(T parsed);
  }

  private static <T> void mutate(
      ArrowSamples.Sample sample, byte[] bytes, Parser<T> parser, Use<T> use) {
    mutate(sample, bytes, MUTATIONS, parser, use);
  }

  private static <T> void mutate(
      ArrowSamples.Sample sample, byte[] bytes, int mutations, Parser<T> parser, Use<T> use) {
    for (int seed = 0; seed < mutations && bytes.length > 0; seed++) {
      byte[] mutated = mutation(bytes, new Random(seed));
      long limit = 64L * bytes.length + (256 << 10);
      long before = THREADS.getCurrentThreadAllocatedBytes();
      T parsed;
      try {
        parsed = parser.parse(mutated);
      } catch (CorruptionException | FormatVersionException | IllegalArgumentException e) {
        parsed = null;
      } catch (Throwable e) {
        throw new AssertionError(sample + ", seed " + seed, e);
      }
      assertThat(THREADS.getCurrentThreadAllocatedBytes() - before)
          .as("heap bytes, %s, seed %s", sample, seed)
          .isLessThan(limit);
      if (parsed != null) {
        try {
          use.use(parsed);
        } catch (Throwable e) {
          throw new AssertionError(sample + ", seed " + seed + ", after parsing", e);
        }
      }
    }
  }

  private static byte[] mutation(byte[] bytes, Random random) {
    byte[] mutated = bytes.clone();
    if (random.nextInt(8) == 0) {
      return Arrays.copyOf(mutated, random.nextInt(mutated.length));
    }
    List<byte[]> words =
        new ArrayList<>(
            List.of(
                new byte[] {-1, -1, -1, -1},
                new byte[] {-1, -1, -1, 0x7F},
                new byte[] {0, 0, 0, 0},
                new byte[] {0, 0, 0, -128},
                new byte[] {4, 0, 0, 0}));
    for (int i = 1 + random.nextInt(3); i > 0; i--) {
      int at = random.nextInt(mutated.length);
      switch (random.nextInt(3)) {
        case 0 -> mutated[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> mutated[at] = (byte) random.nextInt();
        default -> {
          byte[] word = words.get(random.nextInt(words.size()));
          System.arraycopy(word, 0, mutated, at, Math.min(4, mutated.length - at));
        }
      }
    }
    return mutated;
  }
}
