// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.VarveException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A damaged cache gives an error or the data as it was, never other data, a hang or a crash. */
@Timeout(1800)
class StreamCacheCorruptionTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");

  /** Which bits are tried: each in the long run, else one in so many. */
  private static final int STRIDE = Integer.getInteger("varve.stride", LONG ? 1 : 29);

  /** The same of lengths. */
  private static final int LENGTH_STRIDE = Integer.getInteger("varve.stride", LONG ? 1 : 5);

  @TempDir Path home;
  private BufferAllocator allocator;
  private final List<ArrowSamples.Batch> batches = new ArrayList<>();
  private Path directory;

  @BeforeEach
  void open() throws IOException {
    allocator = new RootAllocator();
    directory = home.resolve("cache");
    ArrowSamples.Sample sample =
        ArrowSamples.all().stream()
            .filter(each -> each.name().equals("dictionaries of several types"))
            .findFirst()
            .orElseThrow();
    for (int i = 0; i < 2; i++) {
      batches.add(sample.create(allocator, 6, 1, 0.2));
    }
    try (StreamCache cache =
        StreamCache.builder()
            .source(new SampleProducer(sample, batches, allocator))
            .allocator(allocator)
            .directory(directory)
            .memoryCapacity(0)
            .kept()
            .create()) {
      cache.ingestAll();
    }
  }

  @AfterEach
  void close() {
    batches.forEach(ArrowSamples.Batch::close);
    allocator.close();
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      return all.filter(each -> each.toFile().length() > 0).sorted().toList();
    }
  }

  /** What came of an attempt to read a damaged cache. */
  private enum Outcome {
    /** All data was there, as it should be. */
    WHOLE,
    /** An error named the damage. */
    TOLD,
    /** The rest of the stream was said to be missing. */
    INTERRUPTED
  }

  /**
   * Opens and reads.
   *
   * @param owner whether to open it for writing, which repairs what a crash may have left
   */
  private Outcome read(boolean owner) throws IOException {
    StreamCacheBuilder builder =
        StreamCache.builder().allocator(allocator).directory(directory).memoryCapacity(0);
    try (StreamCache cache = owner ? builder.open() : builder.openReadOnly();
        StreamReader reader = cache.reader()) {
      for (ArrowSamples.Batch expected : batches) {
        if (!reader.loadNextBatch()) {
          throw new AssertionError("a damaged cache looks shorter and complete");
        }
        RootAssert.assertSameValues(reader.getVectorSchemaRoot(), expected.root());
        for (long id : expected.dictionaries().getDictionaryIds()) {
          RootAssert.assertSame(
              reader.lookup(id).getVector(), expected.dictionaries().lookup(id).getVector());
        }
      }
      assertThat(reader.loadNextBatch()).isFalse();
      return Outcome.WHOLE;
    } catch (VarveException e) {
      assertThat(e.getMessage()).isNotBlank();
      return Outcome.TOLD;
    } catch (UpstreamException e) {
      assertThat(e).hasMessageContaining("interrupted");
      return Outcome.INTERRUPTED;
    }
  }

  /** The cache as it was written. */
  private Map<Path, byte[]> contents() throws IOException {
    Map<Path, byte[]> contents = new TreeMap<>();
    try (Stream<Path> all = Files.list(directory)) {
      for (Path file : all.toList()) {
        contents.put(file, Files.readAllBytes(file));
      }
    }
    return contents;
  }

  /** Makes good what a repair has changed. */
  private void restore(Map<Path, byte[]> contents) throws IOException {
    try (Stream<Path> all = Files.list(directory)) {
      for (Path file : all.toList()) {
        if (!contents.containsKey(file)) {
          Files.delete(file);
        }
      }
    }
    for (Map.Entry<Path, byte[]> each : contents.entrySet()) {
      Files.write(each.getKey(), each.getValue());
    }
  }

  /** Puts damaged bytes in place of a file's and tells what a reader makes of them. */
  private Outcome damaged(Map<Path, byte[]> good, Path file, byte[] bad, boolean owner, String what)
      throws IOException {
    Files.write(file, bad);
    try {
      return read(owner);
    } catch (Throwable e) {
      throw new AssertionError(what + " of " + file.getFileName() + ", owner " + owner, e);
    } finally {
      if (owner) {
        restore(good);
      } else {
        Files.write(file, good.get(file));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everySingleBitFlip(boolean owner) throws Exception {
    assertThat(read(owner)).isEqualTo(Outcome.WHOLE);
    Map<Path, byte[]> good = contents();
    Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);
    for (Path file : files()) {
      byte[] bad = good.get(file).clone();
      for (int bit = 0; bit < 8 * bad.length; bit += STRIDE) {
        bad[bit / 8] ^= (byte) (1 << (bit % 8));
        outcomes.merge(damaged(good, file, bad, owner, "bit " + bit), 1, Integer::sum);
        bad[bit / 8] ^= (byte) (1 << (bit % 8));
      }
    }
    System.out.println("StreamCacheCorruptionTest: bits " + outcomes + ", owner " + owner);
    assertThat(outcomes).doesNotContainKey(Outcome.INTERRUPTED);
    assertThat(outcomes.get(Outcome.TOLD)).isGreaterThan(outcomes.get(Outcome.WHOLE) / 4);
    assertThat(read(owner)).isEqualTo(Outcome.WHOLE);
    assertThat(allocator.getAllocatedMemory()).isEqualTo(held());
  }

  private long held() {
    return batches.stream()
        .mapToLong(
            batch ->
                batch.root().getFieldVectors().stream()
                        .mapToLong(StreamCacheCorruptionTest::bytes)
                        .sum()
                    + batch.dictionaries().getDictionaryIds().stream()
                        .mapToLong(id -> bytes(batch.dictionaries().lookup(id).getVector()))
                        .sum())
        .sum();
  }

  private static long bytes(org.apache.arrow.vector.FieldVector vector) {
    return Arrays.stream(vector.getBuffers(false))
        .map(buffer -> buffer.getReferenceManager())
        .distinct()
        .mapToLong(manager -> manager.getAccountedSize())
        .sum();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyTruncation(boolean owner) throws Exception {
    Map<Path, byte[]> good = contents();
    Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);
    for (Path file : files()) {
      byte[] bytes = good.get(file);
      for (int length = 0; length < bytes.length; length += LENGTH_STRIDE) {
        byte[] bad = Arrays.copyOf(bytes, length);
        outcomes.merge(damaged(good, file, bad, owner, length + " bytes"), 1, Integer::sum);
      }
    }
    System.out.println("StreamCacheCorruptionTest: lengths " + outcomes + ", owner " + owner);
    assertThat(outcomes).doesNotContainKey(Outcome.INTERRUPTED);
    assertThat(read(owner)).isEqualTo(Outcome.WHOLE);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void randomDamageInSeveralPlaces(boolean owner) throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Map<Path, byte[]> good = contents();
    for (int step = 0; step < 10_000 / STRIDE; step++) {
      Path file = files().get(random.nextInt(files().size()));
      byte[] bad = good.get(file).clone();
      int from = random.nextInt(bad.length);
      int until = Math.min(bad.length, from + 1 + random.nextInt(64));
      for (int i = from; i < until; i++) {
        bad[i] = (byte) (random.nextBoolean() ? 0xFF : random.nextInt());
      }
      Outcome unused = damaged(good, file, bad, owner, "seed " + seed + ", step " + step);
    }
  }
}
