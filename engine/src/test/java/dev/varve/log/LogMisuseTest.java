// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Sources, framings and storages that do what they should not. */
class LogMisuseTest {

  private final SimulatedStorage machine = SimulatedStorage.create(12);

  private static ReplayLogBuilder builder(Storage storage) {
    return ReplayLog.builder()
        .storage(storage)
        .directory(LogScript.DIR)
        .memoryCapacity(0)
        .segmentBytes(4096);
  }

  /** A batch during whose append something else is done. */
  private record Meddling(FrameSource batch, Runnable action) implements FrameSource {

    @Override
    public int kind() {
      return batch.kind();
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
      action.run();
      batch.copyTo(part, offset, target);
    }

    @Override
    public @Nullable MemorySegment direct(int part) {
      return null;
    }
  }

  @Test
  void aSourceThatUsesItsLog() {
    for (boolean memory : new boolean[] {true, false}) {
      ReplayLogBuilder builder =
          memory ? ReplayLog.builder().maxReaders(1) : builder(machine).maxReaders(1);
      try (ReplayLog log = builder.create()) {
        LogReader reader = log.reader(0);
        ReplayLogTest.fill(log, 0, 10);
        for (Runnable use :
            List.<Runnable>of(
                log::close,
                log::sync,
                log::flush,
                log::complete,
                () -> log.fail("no"),
                () -> log.prepare(1, true),
                () -> log.append(ReplayLogTest.batch(11)))) {
          assertThatThrownBy(() -> log.append(new Meddling(ReplayLogTest.batch(10), use)))
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining("must not use the log it serves");
        }
        // It may read, even as the last reader; what it is done with goes after the append.
        List<Long> first = new ArrayList<>();
        Meddling reading =
            new Meddling(
                ReplayLogTest.batch(10),
                () -> {
                  LogFrame frame = reader.poll();
                  if (frame != null) {
                    frame.close();
                  }
                  first.add(log.firstBatch());
                });
        assertThat(log.append(reading)).isEqualTo(10);
        assertThat(first).isNotEmpty().allMatch(batch -> batch == 0);
        assertThat(log.firstBatch()).isEqualTo(first.size());
        ReplayLogTest.fill(log, 11, 12);
        while (reader.lag() > 0) {
          try (LogFrame frame = reader.poll()) {
            ReplayLogTest.check(frame, reader.position() - 1);
          }
        }
      }
    }
  }

  /** The first failure of a sync is told as clearly as all later ones. */
  @Test
  void aFailedSyncPoisonsAtOnce() {
    for (Operation operation : new Operation[] {Operation.SYNC, Operation.SYNC_DIRECTORY}) {
      for (boolean explicit : new boolean[] {true, false}) {
        SimulatedStorage storage = SimulatedStorage.create(13);
        ReplayLogBuilder builder =
            builder(storage).durability(explicit ? Durability.NONE : Durability.SYNC);
        ReplayLog log = builder.kept().create();
        storage.failCall(operation, storage.calls(operation) + 1, FaultKind.SYNC_FAILURE);
        if (explicit) {
          ReplayLogTest.fill(log, 0, 2);
          assertThatThrownBy(log::sync).isInstanceOf(PoisonedException.class);
        } else {
          assertThatThrownBy(() -> log.append(ReplayLogTest.batch(0)))
              .isInstanceOf(PoisonedException.class);
        }
        assertThatThrownBy(log::sync).isInstanceOf(PoisonedException.class);
        assertThatThrownBy(() -> log.append(ReplayLogTest.batch(1)))
            .isInstanceOf(PoisonedException.class);
        assertThatThrownBy(log::complete).isInstanceOf(PoisonedException.class);
        if (explicit) {
          checkPoisoned(storage, log);
        }
        assertThatThrownBy(log::close).isInstanceOf(PoisonedException.class);
        try (ReplayLog again = builder(storage).open()) {
          assertThat(again.wasRecovered()).isTrue();
          ReplayLogTest.checkAll(again, 0, explicit ? 2 : 1);
        }
      }
    }
  }

  /** Batches can be read, but are verified: the disk may give back what it had before. */
  private static void checkPoisoned(SimulatedStorage storage, ReplayLog log) {
    byte[] lost = new byte[64];
    try (StorageFile file =
        storage.open(LogScript.DIR.resolve("segment-00000000.frames"), FileAccess.WRITE)) {
      long at = file.size() - lost.length;
      byte[] before = new byte[lost.length];
      file.read(at, MemorySegment.ofArray(before));
      file.write(at, MemorySegment.ofArray(lost));
      try (LogFrame whole = log.batch(0);
          LogFrame broken = log.batch(1)) {
        assertThat(whole.isVerified()).isFalse();
        ReplayLogTest.check(whole, 0);
        assertThat(whole.isVerified()).isTrue();
        assertThatThrownBy(broken::verify).isInstanceOf(CorruptionException.class);
      }
      file.write(at, MemorySegment.ofArray(before));
    }
  }

  /** The thread that syncs goes on after any failure. */
  @Test
  @Timeout(60)
  void aFramingThatFailsWhileTheTimerSyncs() throws InterruptedException {
    AtomicInteger failures = new AtomicInteger();
    AtomicBoolean broken = new AtomicBoolean(true);
    SegmentFraming framing =
        new SegmentFraming() {
          @Override
          public String name() {
            return "broken";
          }

          @Override
          public String suffix() {
            return ".broken";
          }

          @Override
          public MemorySegment header() {
            return MemorySegment.NULL;
          }

          @Override
          public FrameSource footer(long end, List<StoredFrame> frames, ContentReader content) {
            if (broken.get()) {
              failures.incrementAndGet();
              throw new IllegalStateException("as planned");
            }
            return FrameSource.of(0);
          }

          @Override
          public long footerBound(long frames, long contextBytes) {
            return 0;
          }
        };
    try (ReplayLog log =
        ReplayLog.builder()
            .directory(LogScript.DIR)
            .storage(machine)
            .kept()
            .framing(framing)
            .segmentBytes(4096)
            .writePolicy(WritePolicy.ON_EVICTION)
            .durability(Durability.async(Duration.ofMillis(8)))
            .create()) {
      ReplayLogTest.fill(log, 0, 20);
      machine.advance(Duration.ofSeconds(1));
      while (failures.get() < 3) {
        Thread.sleep(1);
      }
      broken.set(false);
      while (log.statistics().syncs() == 0) {
        Thread.sleep(1);
      }
      ReplayLogTest.fill(log, 20, 21);
      ReplayLogTest.checkAll(log, 0, 21);
    }
  }

  /** Nothing is left of a log that could not be created in the end. */
  @Test
  void aFramingThatFailsAtOnce() {
    for (boolean kept : new boolean[] {false, true}) {
      AtomicInteger calls = new AtomicInteger();
      TestFraming framing = new TestFraming();
      SegmentFraming failing =
          (SegmentFraming)
              java.lang.reflect.Proxy.newProxyInstance(
                  getClass().getClassLoader(),
                  new Class<?>[] {SegmentFraming.class},
                  (proxy, method, arguments) -> {
                    if (method.getName().equals("header") && calls.incrementAndGet() == 2) {
                      throw new IllegalStateException("as planned");
                    }
                    return method.invoke(framing, arguments);
                  });
      ReplayLogBuilder builder = builder(machine).framing(failing);
      ReplayLogBuilder any = kept ? builder.kept() : builder;
      assertThatThrownBy(any::create).isInstanceOf(IllegalStateException.class);
      assertThat(machine.exists(LogScript.DIR)).isFalse();
      try (ReplayLog log = any.create()) {
        ReplayLogTest.fill(log, 0, 1);
      }
    }
  }

  /** Many context frames at once are counted into the footer that is reserved. */
  @Test
  void theFooterOfManyContextFramesIsReserved() {
    long capacity = 30_000;
    try (ReplayLog log =
        builder(machine)
            .kept()
            .framing(new TestFraming())
            .diskCapacity(capacity)
            .segmentBytes(1 << 20)
            .create()) {
      List<FrameSource> contexts = new ArrayList<>();
      for (int i = 0; i < 60; i++) {
        contexts.add(new Batches.Source(9, Long.MAX_VALUE - i, new byte[0][], false, false));
      }
      for (int size = 25_000; size > 0; size -= 64) {
        try {
          boolean unused = log.prepare(1, true);
          long number =
              log.append(contexts, FrameSource.of(0, MemorySegment.ofArray(new byte[size])));
          assertThat(number).isZero();
          break;
        } catch (dev.varve.FullException e) {
          assertThat(log.count()).isZero();
        }
      }
      assertThat(log.count()).isOne();
    }
    try (ReplayLog log =
        builder(machine).framing(new TestFraming()).diskCapacity(capacity).open()) {
      assertThat(log.statistics().diskBytes()).isLessThanOrEqualTo(capacity);
    }
  }

  /** A segment that was sealed, but whose file could not be closed, gets no more batches. */
  @Test
  void aFileThatCannotBeClosed() {
    AtomicBoolean broken = new AtomicBoolean();
    Storage storage =
        Hooked.storage(
            machine,
            (target, call, arguments) -> {
              if (call.equals("close") && broken.compareAndSet(true, false)) {
                throw new StorageException("as planned");
              }
            });
    try (ReplayLog log = builder(storage).kept().segmentBytes(1 << 20).create()) {
      ReplayLogTest.fill(log, 0, 3);
      broken.set(true);
      assertThatThrownBy(() -> log.prepare(1, true)).isInstanceOf(StorageException.class);
      assertThat(log.prepare(1, false)).isTrue();
      ReplayLogTest.fill(log, 3, 6);
      ReplayLogTest.checkAll(log, 0, 6);
      assertThat(log.statistics().segments()).isEqualTo(2);
    }
  }
}
