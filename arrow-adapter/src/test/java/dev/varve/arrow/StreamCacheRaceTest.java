// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
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
        builder.transferBuffers();
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

  /** The cache's own allocator, and what it holds in memory, go with it at that moment. */
  @Test
  void closingRacesTheLoadOfASingleBatch() throws Exception {
    int rounds = Boolean.getBoolean("varve.long") ? 20_000 : 500;
    SplittableRandom random = new SplittableRandom(1);
    try (Threads threads = new Threads()) {
      for (int round = 0; round < rounds; round++) {
        StreamCache cache =
            StreamCache.builder().source(new TestSource(allocator, 4, ROWS)).create();
        cache.ingestAll();
        boolean shares = random.nextBoolean();
        SharedReader shared = cache.shared(Start.BEGINNING);
        if (!shares) {
          shared.close();
        }
        CyclicBarrier start = new CyclicBarrier(2);
        int pause = random.nextInt(1_000);
        threads.run(
            () -> {
              start.await();
              untilClosed(
                  () -> {
                    for (int i = 0; shares ? i < 4 : true; i = shares ? i + 1 : (i + 1) % 4) {
                      BatchLease lease = shares ? shared.next().orElseThrow() : cache.batch(i);
                      TestSource.check(lease.root(), i, ROWS);
                      lease.close();
                    }
                  });
            });
        start.await();
        for (int i = 0; i < pause; i++) {
          Thread.onSpinWait();
        }
        cache.close();
        shared.close();
        threads.join();
      }
    }
  }

  /** What did not fit before the reader made room is no error of the reader. */
  @Test
  void aFullReadAheadRacesTheReaderThatMakesRoom() throws Exception {
    int rounds = Boolean.getBoolean("varve.long") ? 5_000 : 200;
    for (int round = 0; round < rounds; round++) {
      try (StreamCache cache =
              StreamCache.builder()
                  .source(new TestSource(allocator, 40, ROWS))
                  .memoryCapacity(4_000)
                  .maxReaders(1)
                  .readAhead(8)
                  .create();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 40, ROWS);
        assertThat(reader.loadNextBatch()).isFalse();
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
        ArrowReader cast = cache.cast(TestSource.SCHEMA).reader();
        Threads threads = new Threads()) {
      TestSource.expect(reader, 0, 1, ROWS);
      assertThat(cast.loadNextBatch()).isTrue();
      Iterator<BatchLease> iterator = cache.iterator();
      iterator.next().close();
      Threads.Task[] waits = {
        reader::loadNextBatch,
        () -> reader.loadNextBatch(Duration.ofHours(1)),
        shuffled::loadNextBatch,
        shared::next,
        () -> shared.next(Duration.ofHours(1)),
        cast::loadNextBatch,
        () -> unwrapped(iterator),
        () -> reader.seek(4),
        () -> shuffled.seek(1),
        cache::ingestAll
      };
      for (Threads.Task wait : waits) {
        threads.run(() -> interrupted(wait));
        threads.join();
      }
      entered.await();
      assertThat(cache.ingestedCount()).isEqualTo(1);
      release.countDown();
      TestSource.expect(reader, 1, 4, ROWS);
      assertThat(shared.next().map(lease -> closed(lease))).contains(1L);
      assertThat(closed(iterator.next())).isEqualTo(1);
      assertThat(cast.loadNextBatch()).isTrue();
      TestSource.check(cast.getVectorSchemaRoot(), 1, ROWS);
    }
  }

  /** Interrupted before and while it waits: the same answer. */
  private static void interrupted(Threads.Task wait) throws InterruptedException {
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
  }

  private static void unwrapped(Iterator<BatchLease> iterator) throws IOException {
    try {
      boolean unused = iterator.hasNext();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /**
   * Who follows another process waits by looking again and again, and is interrupted all the same.
   */
  @Test
  void anInterruptedFollowerTakesNothing() throws Exception {
    Path directory = home.resolve("cache");
    try (StreamCache owner =
            StreamCache.builder()
                .source(new TestSource(allocator, 4, ROWS))
                .allocator(allocator)
                .directory(directory)
                .kept()
                .create();
        StreamReader reader = owner.reader()) {
      TestSource.expect(reader, 0, 2, ROWS);
      try (StreamCache follower =
              StreamCache.builder().allocator(allocator).directory(directory).openReadOnly();
          StreamReader tail = follower.reader();
          SharedReader shared = follower.shared(Start.at(2));
          Threads threads = new Threads()) {
        TestSource.expect(tail, 0, 2, ROWS);
        threads.run(() -> interrupted(() -> tail.loadNextBatch(Duration.ofHours(1))));
        threads.run(() -> interrupted(() -> shared.next(Duration.ofHours(1))));
        threads.join();
        TestSource.expect(reader, 2, 4, ROWS);
        assertThat(tail.loadNextBatch(Duration.ofHours(1))).isEqualTo(ReadResult.LOADED);
        TestSource.check(tail.getVectorSchemaRoot(), 2, ROWS);
        assertThat(shared.next(Duration.ofHours(1)).map(lease -> closed(lease))).contains(2L);
      }
    }
  }

  /** What works on files and does not wait is not stopped by an interrupt, and keeps it. */
  @Test
  void anInterruptedThreadCreatesOpensSyncsClosesAndDeletes() throws Exception {
    Path directory = home.resolve("cache");
    Thread.currentThread().interrupt();
    try {
      StreamCache cache =
          StreamCache.builder()
              .source(new TestSource(allocator, 40, ROWS))
              .allocator(allocator)
              .directory(directory)
              .segmentBytes(4096)
              .readAhead(30)
              .kept()
              .create();
      StreamReader reader = cache.reader();
      while (cache.ingestedCount() < 30) {
        boolean unused = Thread.interrupted();
        assertThat(reader.loadNextBatch()).isTrue();
        Thread.currentThread().interrupt();
        cache.flush();
        cache.sync();
      }
      reader.close();
      cache.close();
      try (StreamCache again =
              StreamCache.builder().allocator(allocator).directory(directory).open();
          StreamCache follower =
              StreamCache.builder().allocator(allocator).directory(directory).openReadOnly();
          StreamReader first = again.reader();
          StreamReader second = follower.reader()) {
        assertThat(again.wasRecovered()).isFalse();
        TestSource.expect(first, 0, 30, ROWS);
        TestSource.expect(second, 0, 30, ROWS);
      }
      StreamCache.delete(directory);
      assertThat(Thread.currentThread().isInterrupted()).isTrue();
      assertThat(directory).doesNotExist();
    } finally {
      boolean unused = Thread.interrupted();
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
