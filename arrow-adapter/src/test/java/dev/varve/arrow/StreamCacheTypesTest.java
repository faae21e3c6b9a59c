// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.log.LogStatus;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.FieldVector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every Arrow type goes through a cache in memory, on disk and reopened, value for value. */
class StreamCacheTypesTest {

  @TempDir Path home;
  private BufferAllocator allocator;
  private final List<ArrowSamples.Batch> batches = new ArrayList<>();

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
  }

  @AfterEach
  void close() {
    batches.forEach(ArrowSamples.Batch::close);
    allocator.close();
  }

  static Stream<ArrowSamples.Sample> samples() {
    return ArrowSamples.all().stream();
  }

  private void make(ArrowSamples.Sample sample) {
    int[] rows = {100, 0, 1, 333, 64};
    for (int i = 0; i < rows.length; i++) {
      batches.add(sample.create(allocator, rows[i], i, i == 4 ? 0 : 0.2));
    }
  }

  private void check(StreamCache cache) throws Exception {
    try (StreamReader reader = cache.reader(ReadOptions.ALL.allocator(allocator))) {
      for (ArrowSamples.Batch expected : batches) {
        assertThat(reader.loadNextBatch()).isTrue();
        RootAssert.assertSame(reader.getVectorSchemaRoot(), expected.root());
        for (long id : expected.dictionaries().getDictionaryIds()) {
          RootAssert.assertSame(
              reader.lookup(id).getVector(), expected.dictionaries().lookup(id).getVector());
        }
      }
      assertThat(reader.loadNextBatch()).isFalse();
    }
  }

  @ParameterizedTest
  @MethodSource("samples")
  void inMemory(ArrowSamples.Sample sample) throws Exception {
    make(sample);
    SampleProducer source = new SampleProducer(sample, batches, allocator);
    try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create()) {
      check(cache);
      check(cache);
      assertThat(cache.upstreamExhausted()).isTrue();
    }
    assertThat(source.closes).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("samples")
  void inMemoryInTheBuffersOfTheSource(ArrowSamples.Sample sample) throws Exception {
    make(sample);
    SampleProducer source = new SampleProducer(sample, batches, allocator);
    try (StreamCache cache =
        StreamCache.builder().source(source).allocator(allocator).transferBuffers().create()) {
      check(cache);
      check(cache);
      List<FieldVector> columns = batches.getFirst().root().getFieldVectors();
      if (columns.size() == 1 && columns.getFirst() instanceof BaseFixedWidthVector) {
        // Others may keep too much memory for so few rows.
        assertThat(cache.statistics().transfers()).isPositive();
      }
    }
    assertThat(source.closes).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("samples")
  void onDiskAndReopened(ArrowSamples.Sample sample) throws Exception {
    make(sample);
    SampleProducer source = new SampleProducer(sample, batches, allocator);
    try (StreamCache cache =
        StreamCache.builder()
            .source(source)
            .allocator(allocator)
            .directory(home.resolve("cache"))
            .memoryCapacity(0)
            .kept()
            .create()) {
      check(cache);
      check(cache);
    }
    assertThat(source.closes).isEqualTo(1);
    try (StreamCache cache =
        StreamCache.builder().allocator(allocator).directory(home.resolve("cache")).open()) {
      assertThat(cache.status()).isEqualTo(LogStatus.COMPLETE);
      check(cache);
      check(cache);
    }
  }
}
