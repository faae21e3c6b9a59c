// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.log.LogStatus;
import dev.varve.log.WritePolicy;
import java.nio.file.Path;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each call of the storage fails once: who waits is told, nothing is lost, and work goes on. */
@Timeout(180)
class StreamCacheFaultsTest {

  private static final Path DIRECTORY = Path.of("/cache");
  private static final int ROWS = 20;
  private static final int BATCHES = 6;

  private BufferAllocator allocator;

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
  }

  @AfterEach
  void close() {
    allocator.close();
  }

  private StreamCacheBuilder builder(SimulatedStorage storage, TestSource source) {
    return StreamCache.builder()
        .source(source)
        .allocator(allocator)
        .storage(storage)
        .directory(DIRECTORY)
        .segmentBytes(4096)
        .kept();
  }

  @ParameterizedTest
  @EnumSource(
      value = FaultKind.class,
      names = {"IO_ERROR", "SHORT_WRITE", "DISK_FULL"})
  void everyCallFailsOnce(FaultKind kind) throws Exception {
    for (WritePolicy policy : WritePolicy.values()) {
      for (long budget : new long[] {0, 5_000}) {
        long call = 1;
        while (failing(kind, policy, budget, call)) {
          call++;
        }
        assertThat(call).isGreaterThan(20);
      }
    }
  }

  /** Returns whether there was such a call. */
  private boolean failing(FaultKind kind, WritePolicy policy, long budget, long call)
      throws Exception {
    SimulatedStorage storage = SimulatedStorage.create(call);
    storage.mappingReserve(1 << 20);
    storage.failCall(call, kind);
    TestSource source = new TestSource(allocator, BATCHES, ROWS);
    String where = kind + " at call " + call + ", " + policy + ", budget " + budget;
    StreamCache cache;
    try {
      cache =
          builder(storage, source)
              .writePolicy(policy)
              .memoryCapacity(budget)
              .durability(policy == WritePolicy.ON_INSERTION ? Durability.SYNC : Durability.NONE)
              .create();
    } catch (VarveException e) {
      source.close();
      return true;
    }
    boolean failedAsPoison = false;
    try (StreamReader reader = cache.reader()) {
      long next = 0;
      int failures = 0;
      while (next < BATCHES && !failedAsPoison) {
        try {
          assertThat(reader.loadNextBatch()).as(where).isTrue();
          TestSource.check(reader.getVectorSchemaRoot(), next++, ROWS);
        } catch (VarveException e) {
          failures++;
          // What was ingested can still be read.
          try (StreamReader other = cache.reader(ReadOptions.ALL.range(0, next))) {
            TestSource.expect(other, 0, next, ROWS);
          }
          failedAsPoison = e instanceof dev.varve.PoisonedException;
          assertThat(failures).as(where).isLessThan(4);
        }
      }
      if (!failedAsPoison) {
        boolean more = true;
        for (int attempt = 0; more && attempt < 3; attempt++) {
          try {
            more = reader.loadNextBatch();
          } catch (VarveException e) {
            failedAsPoison = e instanceof dev.varve.PoisonedException;
          }
        }
        if (!failedAsPoison) {
          assertThat(more).as(where).isFalse();
          assertThat(cache.status()).as(where).isEqualTo(LogStatus.COMPLETE);
        }
        assertThat(source.pulls.get()).as(where).isLessThanOrEqualTo(BATCHES + 1);
      }
    } finally {
      try {
        cache.close();
      } catch (VarveException e) {
        assertThat(e.getMessage()).isNotBlank();
      }
      cache.close();
    }
    assertThat(source.closes).as(where).hasValue(1);
    long made = storage.calls();
    reopened(storage, where);
    return made >= call;
  }

  /** What is on the disk is a prefix of the stream. */
  private void reopened(SimulatedStorage storage, String where) throws Exception {
    try (StreamCache cache =
            StreamCache.builder()
                .allocator(allocator)
                .storage(storage.killed())
                .directory(DIRECTORY)
                .open();
        StreamReader reader = cache.reader(ReadOptions.ALL.range(0, cache.ingestedCount()))) {
      assertThat(cache.ingestedCount()).as(where).isLessThanOrEqualTo(BATCHES);
      TestSource.expect(reader, 0, cache.ingestedCount(), ROWS);
    }
  }
}
