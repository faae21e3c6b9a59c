// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.file.Durability;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Interrupts end waiting for a batch, and disturb nothing else. */
@Timeout(120)
class LogInterruptTest {

  private static final Duration LONG = Duration.ofSeconds(100);

  @TempDir Path home;

  private ReplayLogBuilder builder() {
    return ReplayLog.builder().directory(home.resolve("log")).segmentBytes(1 << 16);
  }

  interface Work {
    void run() throws Exception;
  }

  /** Runs work in a thread; what it fails by is thrown by {@link Running#end}. */
  private static final class Running {
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    final Thread thread;

    Running(Work work) {
      thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      work.run();
                    } catch (Throwable e) {
                      failure.set(e);
                    }
                  });
    }

    void awaitState(Thread.State state) {
      while (thread.getState() != state && thread.isAlive()) {
        Thread.onSpinWait();
      }
    }

    void end() throws InterruptedException {
      thread.join();
      assertThat(failure.get()).isNull();
    }
  }

  /** Waits by {@code waiting}, is interrupted, and finds the batch that comes afterwards. */
  private static void checkWait(ReplayLog owner, LogReader reader, Work waiting) throws Exception {
    long position = reader.position();
    Running waiter =
        new Running(
            () -> {
              assertThatThrownBy(waiting::run).isInstanceOf(InterruptedException.class);
              assertThat(Thread.currentThread().isInterrupted()).isFalse();
              Thread.currentThread().interrupt();
              assertThatThrownBy(waiting::run).isInstanceOf(InterruptedException.class);
            });
    waiter.awaitState(Thread.State.TIMED_WAITING);
    waiter.thread.interrupt();
    waiter.end();
    assertThat(reader.position()).isEqualTo(position);
    ReplayLogTest.fill(owner, position, position + 1);
    try (LogFrame frame = reader.next(LONG)) {
      ReplayLogTest.check(frame, position);
    }
  }

  @Test
  void waitingReaders() throws Exception {
    try (ReplayLog log = builder().kept().create();
        LogReader reader = log.reader(0);
        ReplayLog other = builder().openReadOnly();
        LogReader follower = other.reader(0)) {
      checkWait(log, reader, () -> reader.next(LONG));
      checkWait(log, reader, () -> log.awaitMoreThan(1, LONG));
      for (int i = 0; i < 2; i++) {
        follower.next(LONG).close();
      }
      checkWait(log, follower, () -> follower.next(LONG));
      checkWait(log, follower, () -> other.awaitMoreThan(3, LONG));
    }
  }

  /** What is there is taken, however often the thread was interrupted. */
  @Test
  void interruptedReaderTakesWhatIsThere() throws Exception {
    try (ReplayLog log = builder().memoryCapacity(0).create();
        LogReader reader = log.reader(0)) {
      ReplayLogTest.fill(log, 0, 50);
      for (long n = 0; n < 50; n++) {
        Thread.currentThread().interrupt();
        try (LogFrame frame = reader.next(LONG)) {
          ReplayLogTest.check(frame, n);
        }
        assertThat(Thread.interrupted()).isTrue();
      }
    }
  }

  /** A thread that is interrupted without a pause appends, syncs, reads, rotates and releases. */
  @Test
  void everythingUnderInterrupts() throws Exception {
    AtomicBoolean seen = new AtomicBoolean();
    AtomicBoolean done = new AtomicBoolean();
    Running worker =
        new Running(
            () -> {
              try {
                for (int life = 0; life < 4; life++) {
                  ReplayLogBuilder builder =
                      builder()
                          .memoryCapacity(20_000)
                          .maxReaders(1)
                          .durability(life % 2 == 0 ? Durability.SYNC : Durability.NONE);
                  try (ReplayLog log = life == 0 ? builder.kept().create() : builder.open();
                      LogReader reader = log.reader(log.firstBatch())) {
                    long from = log.count();
                    ReplayLogTest.fill(log, from, from + 150);
                    while (reader.lag() > 20) {
                      try (LogFrame frame = reader.poll()) {
                        ReplayLogTest.check(frame, reader.position() - 1);
                      }
                    }
                    log.sync();
                    try (ReplayLog other = builder().openReadOnly()) {
                      ReplayLogTest.checkAll(other, other.firstBatch(), other.count());
                    }
                    assertThat(ReplayLog.inspect(home.resolve("log"), Inspection.VERIFY).findings())
                        .isEmpty();
                    if (life == 3) {
                      log.complete();
                    }
                  }
                  if (Thread.interrupted()) {
                    seen.set(true);
                  }
                }
                ReplayLog.delete(home.resolve("log"));
              } finally {
                done.set(true);
              }
            });
    while (!done.get()) {
      worker.thread.interrupt();
      Thread.onSpinWait();
    }
    worker.end();
    assertThat(seen).isTrue();
    assertThat(home.resolve("log")).doesNotExist();
  }

  /** Who waits for the append of another thread is not disturbed, and keeps its interrupt. */
  @Test
  void waitingAppend() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    try (ReplayLog log = builder().kept().durability(Durability.SYNC).create()) {
      Running slow =
          new Running(
              () -> {
                FrameSource batch = ReplayLogTest.batch(0);
                log.append(
                    new FrameSource() {
                      @Override
                      public int kind() {
                        return 0;
                      }

                      @Override
                      public long tag() {
                        return batch.tag();
                      }

                      @Override
                      public int partCount() {
                        return batch.partCount();
                      }

                      @Override
                      public long partLength(int part) {
                        return batch.partLength(part);
                      }

                      @Override
                      public void copyTo(int part, long offset, MemorySegment target) {
                        try {
                          go.await();
                        } catch (InterruptedException e) {
                          throw new IllegalStateException(e);
                        }
                        batch.copyTo(part, offset, target);
                      }

                      @Override
                      public @Nullable MemorySegment direct(int part) {
                        return null;
                      }
                    });
              });
      slow.awaitState(Thread.State.WAITING);
      Running waiter =
          new Running(
              () -> {
                ReplayLogTest.fill(log, 1, 2);
                assertThat(Thread.currentThread().isInterrupted()).isTrue();
              });
      waiter.awaitState(Thread.State.WAITING);
      for (int i = 0; i < 5; i++) {
        waiter.thread.interrupt();
      }
      go.countDown();
      slow.end();
      waiter.end();
      ReplayLogTest.checkAll(log, 0, 2);
    }
  }
}
