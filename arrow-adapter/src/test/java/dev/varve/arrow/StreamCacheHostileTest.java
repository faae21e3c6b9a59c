// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.VarveException;
import dev.varve.log.FrameSource;
import dev.varve.log.ReplayLog;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A cache whose checksums are right and whose messages are not: reading it ends by an exception,
 * without a crash and without more memory than the files account for.
 */
@Timeout(1800)
class StreamCacheHostileTest {

  private static final long LIMIT = 64 << 20;

  @TempDir Path home;

  /** The parts of one frame, to be changed. */
  private record Forged(int kind, long tag, List<byte[]> parts) implements FrameSource {

    static Forged of(int kind, long tag, MessageFrame frame) {
      List<byte[]> parts = new ArrayList<>();
      try (Arena arena = Arena.ofConfined()) {
        for (int i = 0; i < frame.partCount(); i++) {
          MemorySegment copy = arena.allocate(Math.max(1, frame.partLength(i)));
          copy = copy.asSlice(0, frame.partLength(i));
          frame.copyTo(i, 0, copy);
          parts.add(copy.toArray(ValueLayout.JAVA_BYTE));
        }
      }
      return new Forged(kind, tag, parts);
    }

    Forged changed(Random random) {
      List<byte[]> changed = new ArrayList<>();
      parts.forEach(part -> changed.add(part.clone()));
      boolean metadata = random.nextInt(3) > 0;
      byte[] part = changed.get(metadata ? 0 : random.nextInt(changed.size()));
      int[] values = {0, 1, -1, 127, -128, 64, random.nextInt(256)};
      int changes = part.length == 0 ? 0 : 1 + random.nextInt(4);
      for (int i = 0; i < changes; i++) {
        int at = random.nextInt(part.length);
        byte value = (byte) values[random.nextInt(values.length)];
        for (int j = at; j < Math.min(part.length, at + 1 + random.nextInt(8)); j++) {
          part[j] = value;
        }
      }
      return new Forged(kind, tag, changed);
    }

    @Override
    public int partCount() {
      return parts.size();
    }

    @Override
    public long partLength(int part) {
      return parts.get(part).length;
    }

    @Override
    public void copyTo(int part, long offset, MemorySegment target) {
      MemorySegment.copy(
          MemorySegment.ofArray(parts.get(part)), offset, target, 0, target.byteSize());
    }

    @Override
    public @Nullable MemorySegment direct(int part) {
      return null;
    }
  }

  @Test
  void forgedMessagesAreRefused() throws Exception {
    Long fixed = Long.getLong("varve.seed");
    long first = fixed != null ? fixed : System.nanoTime();
    int rounds = fixed != null ? 1 : Boolean.getBoolean("varve.long") ? 20_000 : 80;
    int refused = 0;
    for (int round = 0; round < rounds; round++) {
      long seed = first + round;
      try {
        refused += run(new Random(seed), home.resolve("r" + round)) ? 1 : 0;
      } catch (Throwable e) {
        throw new AssertionError("-Dvarve.seed=" + seed, e);
      }
    }
    assertThat(fixed != null || refused > rounds / 4).isTrue();
  }

  /** Returns whether something was refused. */
  private boolean run(Random random, Path directory) throws IOException {
    List<ArrowSamples.Sample> samples = ArrowSamples.all();
    ArrowSamples.Sample sample = samples.get(random.nextInt(samples.size()));
    try (BufferAllocator allocator = new RootAllocator(LIMIT)) {
      BodyCompression compression =
          random.nextInt(4) == 0 ? BodyCompression.ZSTD : BodyCompression.NONE;
      try (ArrowSamples.Batch batch = sample.create(allocator, 20, 1, 0.2);
          IpcEncoder encoder = new IpcEncoder(false, compression, allocator)) {
        Schema message = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
        StreamSchema schema = new StreamSchema(message);
        List<Forged> contexts = new ArrayList<>();
        for (long id : schema.dictionaryIds()) {
          for (int delta = 0; delta < 2; delta++) {
            Dictionary dictionary = batch.dictionaries().lookup(id);
            FieldVector vector = dictionary.getVector();
            encoder.reset();
            encoder.appendDictionary(id, vector, 0, vector.getValueCount(), delta > 0);
            contexts.add(Forged.of(1 + delta, id, encoder.frame()).changed(random));
          }
        }
        encoder.reset();
        encoder.appendBatch(batch.root());
        Forged good = Forged.of(LogMessage.BATCH, batch.root().getRowCount(), encoder.frame());
        // Merging hostile dictionaries into a footer is refused by itself; not sealed, they are
        // left to readers.
        try (ReplayLog log =
            ReplayLog.builder()
                .directory(directory)
                .kept()
                .memoryCapacity(0)
                .framing(new ArrowFraming(schema, compression, allocator))
                .descriptor(message.serializeAsMessage())
                .create()) {
          log.append(contexts, good.changed(random));
          log.append(List.of(), good.changed(random));
          log.complete();
        } catch (VarveException | IllegalArgumentException | OutOfMemoryException e) {
          assertThat(e.getMessage()).isNotBlank();
        }
      }
      return read(directory, allocator);
    }
  }

  private static boolean read(Path directory, BufferAllocator allocator) throws IOException {
    boolean refused = false;
    try (StreamCache cache =
            StreamCache.builder().allocator(allocator).directory(directory).openReadOnly();
        StreamReader reader = cache.reader()) {
      for (int batch = 0; batch < 2; batch++) {
        reader.seek(batch);
        try {
          if (reader.loadNextBatch()) {
            for (FieldVector vector : reader.getVectorSchemaRoot().getFieldVectors()) {
              readValues(vector);
            }
            for (Dictionary dictionary : reader.getDictionaryVectors().values()) {
              readValues(dictionary.getVector());
            }
          }
        } catch (VarveException | OutOfMemoryException | UpstreamException e) {
          refused = true;
        }
      }
    } catch (VarveException | IllegalArgumentException | UpstreamException e) {
      refused = true;
    }
    return refused;
  }

  /** A value may be refused by Arrow's own checks. */
  private static void readValues(FieldVector vector) {
    for (int i = 0; i < Math.min(100, vector.getValueCount()); i++) {
      try {
        boolean unused = !vector.isNull(i) && vector.getObject(i) == null;
      } catch (RuntimeException e) {
        assertThat(e).isNotInstanceOf(VarveException.class);
      }
    }
  }
}
