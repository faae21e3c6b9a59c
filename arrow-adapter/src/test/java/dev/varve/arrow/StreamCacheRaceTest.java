// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Closing and interrupting at any moment ends by an exception or not at all, and leaks nothing. */
@Timeout(180)
class StreamCacheRaceTest {

  private static final int ROWS = 20;

  @TempDir Path home;
  private BufferAllocator allocator;

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
  }

  @AfterEach
  void close() throws InterruptedException {
    // A pull that was under way when its cache was closed closes the source when it returns.
    for (int i = 0; i < 1000 && allocator.getAllocatedMemory() > 0; i++) {
      Thread.sleep(10);
    }
    allocator.close();
  }

  /** Closed is an answer; wrong data, another exception or a crash is not. */
  private static void untilClosed(Threads.Task task) throws Exception {
    try {
      task.run();
    } catch (ClosedException e) {
      assertThat(e).hasMessageContaining("closed");
    }
  }

  @Test
  void closingRacesReading() throws Exception {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    int rounds = Boolean.getBoolean("varve.long") ? 3_000 : 150;
    for (int round = 0; round < rounds; round++) {
      boolean disk = random.nextBoolean();
      int batches = 30;
      TestSource source = new TestSource(allocator, batches, ROWS);
      StreamCacheBuilder builder =
          StreamCache.builder().source(source).allocator(allocator).readAhead(random.nextInt(3));
      if (disk) {
        builder.directory(home.resolve("r" + round)).memoryCapacity(random.nextInt(3) * 3000L);
      }
      if (random.nextBoolean()) {
        builder.maxReaders(3);
      }
      StreamCache cache = builder.create();
      StreamReader plain = cache.reader();
      SharedReader shared = cache.shared(Start.BEGINNING);
      ArrowReader cast = cache.cast(TestSource.SCHEMA).reader();
      int pause = random.nextInt(2_000);
      int order = random.nextInt(4);
      CyclicBarrier start = new CyclicBarrier(5);
      try (Threads threads = new Threads()) {
        threads.run(
            () -> {
              start.await();
              untilClosed(() -> TestSource.expect(plain, 0, batches, ROWS));
            });
        for (int i = 0; i < 2; i++) {
          threads.run(
              () -> {
                start.await();
                untilClosed(
                    () -> {
                      while (true) {
                        try (BatchLease lease = shared.next().orElse(null)) {
                          if (lease == null) {
                            return;
                          }
                          TestSource.check(lease.root(), lease.index(), ROWS);
                        }
                      }
                    });
              });
        }
        threads.run(
            () -> {
              start.await();
              untilClosed(
                  () -> {
                    for (int i = 0; cast.loadNextBatch(); i++) {
                      TestSource.check(cast.getVectorSchemaRoot(), i, ROWS);
                    }
                  });
            });
        start.await();
        for (int i = 0; i < pause; i++) {
          Thread.onSpinWait();
        }
        for (int i = 0; i < 4; i++) {
          switch ((order + i) % 4) {
            case 0 -> cache.close();
            case 1 -> shared.close();
            default -> Thread.onSpinWait();
          }
        }
        threads.join();
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed + ", round " + round, e);
      }
      plain.close();
      cast.close();
      shared.close();
      cache.close();
      while (source.closes.get() == 0) {
        Thread.onSpinWait();
      }
    }
  }

  /** A plain reader may be closed by another thread in the middle of a load. */
  @Test
  void closingAReaderRacesItsLoads() throws Exception {
    int rounds = Boolean.getBoolean("varve.long") ? 10_000 : 500;
    try (StreamCache cache =
        StreamCache.builder()
            .source(new TestSource(allocator, 10, ROWS))
            .allocator(allocator)
            .create()) {
      cache.ingestAll();
      long before = allocator.getAllocatedMemory();
      SplittableRandom random = new SplittableRandom(1);
      for (int round = 0; round < rounds; round++) {
        ArrowReader reader =
            round % 2 == 0 ? cache.reader() : cache.cast(TestSource.SCHEMA).reader();
        CyclicBarrier start = new CyclicBarrier(2);
        int pause = random.nextInt(3_000);
        try (Threads threads = new Threads()) {
          threads.run(
              () -> {
                start.await();
                untilClosed(
                    () -> {
                      while (reader.loadNextBatch()) {
                        Thread.onSpinWait();
                      }
                    });
              });
          start.await();
          for (int i = 0; i < pause; i++) {
            Thread.onSpinWait();
          }
          reader.close();
          threads.join();
        }
        assertThat(allocator.getAllocatedMemory()).isEqualTo(before);
      }
    }
  }

  @Test
  void anInterruptedWaitTakesNothingAndKeepsTheFlag() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    TestSource source = new TestSource(allocator, 4, ROWS).blockAt(1, entered, release);
    try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create();
        StreamReader reader = cache.reader();
        StreamReader shuffled = cache.reader(ReadOptions.ALL.shuffled(1));
        SharedReader shared = cache.shared(Start.at(1));
        Threads threads = new Threads()) {
      TestSource.expect(reader, 0, 1, ROWS);
      Threads.Task[] waits = {
        reader::loadNextBatch,
        () -> reader.loadNextBatch(Duration.ofHours(1)),
        shuffled::loadNextBatch,
        shared::next,
        () -> reader.seek(4),
        cache::ingestAll
      };
      for (Threads.Task wait : waits) {
        threads.run(
            () -> {
              // Interrupted before and while it waits: the same answer.
              Thread.currentThread().interrupt();
              assertThatThrownBy(wait::run).isInstanceOf(InterruptedIOException.class);
              assertThat(Thread.interrupted()).isTrue();
              Thread self = Thread.currentThread();
              Thread other =
                  new Thread(
                      () -> {
                        while (self.getState() != Thread.State.TIMED_WAITING) {
                          Thread.onSpinWait();
                        }
                        self.interrupt();
                      });
              other.start();
              assertThatThrownBy(wait::run).isInstanceOf(InterruptedIOException.class);
              assertThat(Thread.interrupted()).isTrue();
              other.join();
            });
        threads.join();
      }
      entered.await();
      assertThat(cache.ingestedCount()).isEqualTo(1);
      release.countDown();
      TestSource.expect(reader, 1, 4, ROWS);
      assertThat(shared.next().map(lease -> closed(lease))).contains(1L);
    }
  }

  private static long closed(BatchLease lease) {
    lease.close();
    return lease.index();
  }

  @Test
  void anInterruptedThreadReadsWhatIsCached() throws Exception {
    try (StreamCache cache =
            StreamCache.builder()
                .source(new TestSource(allocator, 5, ROWS))
                .allocator(allocator)
                .directory(home.resolve("cache"))
                .memoryCapacity(0)
                .create();
        StreamReader reader = cache.reader()) {
      cache.ingestAll();
      Thread.currentThread().interrupt();
      try {
        TestSource.expect(reader, 0, 5, ROWS);
        cache.sync();
        cache.batch(2).close();
        assertThat(Thread.currentThread().isInterrupted()).isTrue();
      } finally {
        boolean unused = Thread.interrupted();
      }
    }
  }

  /** A source that interrupts the thread it runs in harms neither itself nor the files. */
  @Test
  void aSourceMayInterruptItsThread() throws Exception {
    TestSource source = new TestSource(allocator, 30, ROWS);
    for (int i = 0; i <= 30; i++) {
      source.at(i, () -> Thread.currentThread().interrupt());
    }
    try (StreamCache cache =
            StreamCache.builder()
                .source(source)
                .allocator(allocator)
                .directory(home.resolve("cache"))
                .memoryCapacity(0)
                .segmentBytes(4096)
                .create();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 30, ROWS);
      assertThat(reader.loadNextBatch()).isFalse();
    }
  }

  /** Interrupts rain on readers and closers of a cache on disk; every byte is there. */
  @Test
  void aRainOfInterrupts() throws Exception {
    int batches = 300;
    AtomicBoolean over = new AtomicBoolean();
    try (StreamCache cache =
            StreamCache.builder()
                .source(new TestSource(allocator, batches, ROWS))
                .allocator(allocator)
                .directory(home.resolve("cache"))
                .memoryCapacity(0)
                .segmentBytes(4096)
                .create();
        Threads threads = new Threads()) {
      Thread reading =
          new Thread(
              () -> {
                try (StreamReader reader = cache.reader()) {
                  while (true) {
                    try {
                      if (!reader.loadNextBatch()) {
                        return;
                      }
                      TestSource.check(reader.getVectorSchemaRoot(), reader.lastBatch(), ROWS);
                      assertThat(reader.position()).isEqualTo(reader.lastBatch() + 1);
                    } catch (InterruptedIOException e) {
                      boolean unused = Thread.interrupted();
                    }
                  }
                } catch (IOException e) {
                  throw new java.io.UncheckedIOException(e);
                } finally {
                  over.set(true);
                }
              });
      Throwable[] failure = new Throwable[1];
      reading.setUncaughtExceptionHandler((thread, e) -> failure[0] = e);
      reading.start();
      threads.run(
          () -> {
            while (!over.get()) {
              reading.interrupt();
              Thread.sleep(0, 200_000);
            }
          });
      threads.join();
      reading.join();
      assertThat(failure[0]).isNull();
      assertThat(cache.ingestedCount()).isEqualTo(batches);
    }
  }
}
