// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.NotFoundException;
import dev.varve.file.Durability;
import dev.varve.file.SimulatedStorage;
import dev.varve.log.LogStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A kept cache of dictionaries that change, when its process dies or the power goes, at every
 * effect it has: what was acknowledged is there with its dictionaries, and the stream goes on.
 */
@Timeout(600)
class StreamCacheCrashTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int STATES = LONG ? 60 : 3;
  private static final int BATCHES = 9;
  private static final Path DIRECTORY = Path.of("/cache");

  private BufferAllocator allocator;
  private ArrowSamples.Sample sample;
  private final List<ArrowSamples.Batch> batches = new ArrayList<>();
  private final List<Throwable> failures = new ArrayList<>();
  private volatile boolean created;
  private volatile long acknowledged;
  private long checked;

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
    sample =
        ArrowSamples.all().stream()
            .filter(each -> each.name().equals("dictionary of a list of dictionary encoded"))
            .findFirst()
            .orElseThrow();
    for (int i = 0; i < BATCHES; i++) {
      batches.add(sample.create(allocator, 10 * (i % 3), i / 2, 0.2));
    }
  }

  @AfterEach
  void close() {
    batches.forEach(ArrowSamples.Batch::close);
    allocator.close();
  }

  private StreamCacheBuilder builder(SimulatedStorage storage) {
    return StreamCache.builder()
        .allocator(allocator)
        .storage(storage)
        .directory(DIRECTORY)
        .memoryCapacity(0)
        .segmentBytes(4096);
  }

  private SampleProducer source(int from) {
    return new SampleProducer(sample, batches, allocator).from(from);
  }

  @ParameterizedTest
  @EnumSource(names = {"NONE", "SYNC"})
  void everyEffect(Durability.Level level) throws Exception {
    boolean sync = level == Durability.Level.SYNC;
    SimulatedStorage storage = SimulatedStorage.create(1);
    storage.mappingReserve(1 << 18);
    storage.afterEachEffect(
        process -> {
          check(process.killed(), acknowledged);
          process.crashStates(STATES).forEach(state -> check(state, sync ? acknowledged : 0));
        });
    try (StreamCache cache =
            builder(storage)
                .source(source(0))
                .durability(sync ? Durability.SYNC : Durability.NONE)
                .kept()
                .create();
        StreamReader reader = cache.reader()) {
      created = true;
      while (reader.loadNextBatch()) {
        acknowledged = reader.position();
      }
    }
    for (Throwable failure : failures) {
      throw new AssertionError(failure);
    }
    System.out.println("StreamCacheCrashTest: " + level + ", " + checked + " states");
    assertThat(checked).isGreaterThan(100);
  }

  private synchronized void check(SimulatedStorage state, long least) {
    if (failures.isEmpty()) {
      String origin = state.toString();
      try {
        state.mappingReserve(1 << 18);
        checkState(state, least);
        checked++;
      } catch (Throwable e) {
        failures.add(new AssertionError(origin + ", acknowledged " + least, e));
      }
    }
  }

  private void checkState(SimulatedStorage state, long least) throws IOException {
    long count;
    boolean complete;
    try (StreamCache cache = builder(state).open();
        StreamReader reader =
            cache.reader(ReadOptions.ALL.range(0, Math.max(1, cache.ingestedCount())))) {
      count = cache.ingestedCount();
      complete = cache.status() == LogStatus.COMPLETE;
      assertThat(count).isBetween(least, (long) BATCHES);
      expect(reader, 0, count);
    } catch (NotFoundException e) {
      if (created) {
        throw e;
      }
      return;
    }
    assertThat(complete ? count : BATCHES).isEqualTo(BATCHES);
    if (!complete) {
      try (StreamCache cache = builder(state).source(source((int) count)).open();
          StreamReader reader = cache.reader()) {
        expect(reader, 0, BATCHES);
        assertThat(reader.loadNextBatch()).isFalse();
      }
    }
  }

  private void expect(StreamReader reader, long from, long to) throws IOException {
    for (long batch = from; batch < to; batch++) {
      assertThat(reader.loadNextBatch()).isTrue();
      ArrowSamples.Batch expected = batches.get((int) batch);
      RootAssert.assertSameValues(reader.getVectorSchemaRoot(), expected.root());
      for (long id : expected.dictionaries().getDictionaryIds()) {
        FieldVector known = expected.dictionaries().lookup(id).getVector();
        RootAssert.assertRange(reader.lookup(id).getVector(), known, 0, known.getValueCount());
      }
    }
  }
}
