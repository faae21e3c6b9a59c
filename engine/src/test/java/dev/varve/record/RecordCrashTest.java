// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is left when the process dies, the power goes, the disk is full, or a call fails. */
class RecordCrashTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");

  /** A short life of a file, and what it has promised so far. */
  private static final class Life {
    final SimulatedStorage storage;
    final Durability durability;
    final List<String> appended = new ArrayList<>();

    /** How many records survive a kill, and power loss. */
    int flushed;

    int synced;

    Life(SimulatedStorage storage, Durability durability) {
      this.storage = storage;
      this.durability = durability;
    }

    void run() {
      session(false);
      session(true);
      session(false);
    }

    private void session(boolean abandoned) {
      RecordWriter writer =
          RecordSamples.writer(storage).durability(durability).largeLimit(2000).append();
      for (int i = 0; i < 4; i++) {
        byte[] record = RecordSamples.random(appended.size(), i == 2 ? 2500 : 300);
        appended.add(RecordSamples.show(record));
        writer.append(record);
        if (i == 1) {
          writer.flush();
          flushed = appended.size();
          synced = durability == Durability.SYNC ? flushed : synced;
        } else if (i == 2 && !abandoned) {
          writer.sync();
          flushed = appended.size();
          synced = flushed;
        }
      }
      writer.close();
      flushed = appended.size();
      synced = durability == Durability.SYNC ? flushed : synced;
    }
  }

  /** Opens what is left and appends; what was promised is there, a prefix, and nothing else. */
  private static void check(SimulatedStorage state, Life life, int least) {
    List<String> expected = new ArrayList<>();
    try (RecordWriter writer = RecordSamples.writer(state).append()) {
      assertThat(writer.count()).isBetween((long) least, (long) life.appended.size());
      expected.addAll(life.appended.subList(0, (int) writer.count()));
      writer.append(RecordSamples.bytes("after"));
      expected.add(RecordSamples.show(RecordSamples.bytes("after")));
    }
    assertThat(RecordDamageTest.strictly(state)).isEqualTo(expected);
    assertThat(RecordFiles.verify(RecordSamples.FILE, state).damage()).isEmpty();
    assertThat(state.list(RecordSamples.DIR)).containsExactly(RecordSamples.FILE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"NONE", "SYNC"})
  void everyEffect(String level) {
    Durability durability = level.equals("NONE") ? Durability.NONE : Durability.SYNC;
    SimulatedStorage storage = RecordSamples.storage();
    Life life = new Life(storage, durability);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    storage.afterEachEffect(
        process -> {
          try {
            if (failure.get() == null) {
              check(process.killed(), life, life.flushed);
              process
                  .crashStates(LONG ? 300 : 12)
                  .forEach(state -> check(state, life, life.synced));
            }
          } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
          }
        });
    life.run();
    if (failure.get() != null) {
      throw new AssertionError(failure.get());
    }
    assertThat(storage.effects()).isGreaterThan(20);
  }

  /** The process dies in the middle of a write; so does the one that recovers. */
  @Test
  void insideEveryEffect() {
    SimulatedStorage dry = RecordSamples.storage();
    new Life(dry, Durability.NONE).run();
    for (long effect = 4; effect <= dry.effects(); effect++) {
      for (long bytes : LONG ? new long[] {1, 64, 65, 300, 700} : new long[] {64, 301}) {
        SimulatedStorage storage = RecordSamples.storage();
        Life life = new Life(storage, Durability.NONE);
        storage.stopInsideEffect(effect, bytes);
        try {
          life.run();
        } catch (SimulatedCrash e) {
          assertThat(storage.effects()).isLessThanOrEqualTo(effect);
        }
        check(storage.killed(), life, life.flushed);
        for (long again = 1; again <= 6; again++) {
          SimulatedStorage second = storage.killed();
          second.stopInsideEffect(again, bytes);
          try {
            RecordSamples.writer(second).append().close();
          } catch (SimulatedCrash e) {
            assertThat(second.effects()).isLessThanOrEqualTo(again);
          }
          check(second.killed(), life, life.flushed);
        }
      }
    }
  }

  /** Each call fails once: its caller is told, and nothing that was promised is lost. */
  @ParameterizedTest
  @EnumSource(FaultKind.class)
  void everyCallFails(FaultKind kind) {
    SimulatedStorage dry = RecordSamples.storage();
    new Life(dry, Durability.SYNC).run();
    for (long call = dry.calls(); call > 0; call--) {
      SimulatedStorage storage = RecordSamples.storage();
      Life life = new Life(storage, Durability.SYNC);
      storage.failCall(call, kind);
      try {
        life.run();
      } catch (VarveException e) {
        assertThat(e).hasMessageNotContaining("null");
      }
      check(storage.killed(), life, life.flushed);
      int synced = life.synced;
      storage.crashStates(4).forEach(state -> check(state, life, synced));
    }
  }

  /** The call whose data finds no room throws; when there is room, nothing is missing. */
  @Test
  void fullDisk() {
    SimulatedStorage storage = RecordSamples.storage();
    List<String> expected = new ArrayList<>();
    storage.capacity(3_000_000);
    try (RecordWriter writer = RecordSamples.writer(storage).create()) {
      int refused = 0;
      for (int i = 0; i < 90; i++) {
        byte[] record = RecordSamples.random(i, i % 20 == 19 ? 400_000 : 50_000);
        try {
          writer.append(record);
          expected.add(RecordSamples.show(record));
        } catch (dev.varve.FullException e) {
          refused++;
        }
        if (i == 60) {
          assertThat(refused).isPositive();
          org.assertj.core.api.Assertions.assertThatThrownBy(writer::flush)
              .isInstanceOf(dev.varve.FullException.class);
          try (RecordReader reader = RecordSamples.reader(storage).acceptUnclosed().open()) {
            List<String> read = RecordSamples.show(RecordSamples.readAll(reader));
            assertThat(read).isNotEmpty().isEqualTo(expected.subList(0, read.size()));
          }
          storage.capacity(1L << 30);
        }
      }
    }
    assertThat(RecordDamageTest.strictly(storage)).isEqualTo(expected);
  }

  /** After a failed sync nothing is acknowledged any more, and the file has no root. */
  @Test
  void failedSyncPoisons() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = RecordSamples.writer(storage).create();
    writer.append(RecordSamples.bytes("one"));
    writer.sync();
    writer.append(RecordSamples.bytes("two"));
    long syncs = storage.calls(SimulatedStorage.Operation.SYNC);
    storage.failCall(SimulatedStorage.Operation.SYNC, syncs + 1, FaultKind.SYNC_FAILURE);
    org.assertj.core.api.Assertions.assertThatThrownBy(writer::sync)
        .isInstanceOf(dev.varve.StorageException.class);
    for (Runnable call :
        List.<Runnable>of(writer::flush, () -> writer.append(new byte[1]), writer::close)) {
      org.assertj.core.api.Assertions.assertThatThrownBy(call::run)
          .isInstanceOf(dev.varve.PoisonedException.class);
    }
    writer.close();
    // What the failed sync left in the page cache only is written again before it is promised.
    try (RecordWriter next = RecordSamples.writer(storage).append()) {
      assertThat(next.count()).isEqualTo(2);
      next.sync();
      storage
          .crashStates(50)
          .forEach(
              state -> {
                try (RecordWriter last = RecordSamples.writer(state).append()) {
                  assertThat(last.count()).isEqualTo(2);
                }
              });
    }
  }

  /** Writes that race with close complete or fail. */
  @Test
  void closeRaces() throws InterruptedException {
    for (int round = 0; round < 20; round++) {
      SimulatedStorage storage = RecordSamples.storage();
      RecordWriter writer = RecordSamples.writer(storage).shared().create();
      java.util.concurrent.atomic.AtomicInteger done =
          new java.util.concurrent.atomic.AtomicInteger();
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 3; t++) {
        Thread thread =
            new Thread(
                () -> {
                  try {
                    while (true) {
                      writer.append(new byte[10]);
                      done.incrementAndGet();
                    }
                  } catch (dev.varve.ClosedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
        threads.add(thread);
        thread.start();
      }
      while (done.get() < 100 * round) {
        Thread.onSpinWait();
      }
      writer.close();
      for (Thread thread : threads) {
        thread.join();
      }
      try (RecordReader reader = RecordSamples.reader(storage).open()) {
        assertThat(reader.count()).isEqualTo(done.get());
      }
    }
  }
}
