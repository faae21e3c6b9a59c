// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.VarveException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A damaged cache gives an error or the data as it was, never other data, a hang or a crash. */
@Timeout(1800)
class StreamCacheCorruptionTest {

  /** Which bits and lengths are tried: each in the long run, else one in so many. */
  private static final int STRIDE = Boolean.getBoolean("varve.long") ? 1 : 29;

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

  /** Opens and reads; whether all data was there. */
  private boolean read() throws IOException {
    StreamCacheBuilder builder =
        StreamCache.builder().allocator(allocator).directory(directory).memoryCapacity(0);
    try (StreamCache cache = builder.openReadOnly();
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
      return !reader.loadNextBatch();
    } catch (VarveException | UpstreamException e) {
      assertThat(e.getMessage()).isNotBlank();
      return false;
    }
  }

  @Test
  void everySingleBitFlip() throws Exception {
    assertThat(read()).isTrue();
    int harmless = 0;
    int told = 0;
    for (Path file : files()) {
      byte[] good = Files.readAllBytes(file);
      byte[] bad = good.clone();
      for (int bit = 0; bit < 8 * good.length; bit += STRIDE) {
        bad[bit / 8] ^= (byte) (1 << (bit % 8));
        Files.write(file, bad);
        try {
          if (read()) {
            harmless++;
          } else {
            told++;
          }
        } catch (Throwable e) {
          throw new AssertionError("bit " + bit + " of " + file.getFileName(), e);
        }
        bad[bit / 8] = good[bit / 8];
      }
      Files.write(file, good);
    }
    assertThat(told).isGreaterThan(harmless / 4);
    assertThat(read()).isTrue();
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

  @Test
  void everyTruncation() throws Exception {
    for (Path file : files()) {
      byte[] good = Files.readAllBytes(file);
      for (int length = 0; length < good.length; length += STRIDE) {
        Files.write(file, Arrays.copyOf(good, length));
        try {
          boolean unused = read();
        } catch (Throwable e) {
          throw new AssertionError(length + " bytes of " + file.getFileName(), e);
        }
      }
      Files.write(file, good);
    }
    assertThat(read()).isTrue();
  }

  @Test
  void randomDamageInSeveralPlaces() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int step = 0; step < 10_000 / STRIDE; step++) {
      Path file = files().get(random.nextInt(files().size()));
      byte[] good = Files.readAllBytes(file);
      byte[] bad = good.clone();
      int from = random.nextInt(bad.length);
      int until = Math.min(bad.length, from + 1 + random.nextInt(64));
      for (int i = from; i < until; i++) {
        bad[i] = (byte) (random.nextBoolean() ? 0xFF : random.nextInt());
      }
      Files.write(file, bad);
      try {
        boolean unused = read();
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + ", step " + step + ", " + file, e);
      }
      Files.write(file, good);
    }
  }
}
