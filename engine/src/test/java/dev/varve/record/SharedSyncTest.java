// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Threads that wait for the same writer share its syncs, and each is told what became of its own.
 */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SharedSyncTest {
  private final SimulatedStorage machine = RecordSamples.storage();
  private final GatedStorage gated = new GatedStorage(machine);

  /** A thread that does one thing, and keeps what it threw. */
  private static final class Caller {
    private final AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    private volatile boolean interruptedAfter;
    final Thread thread;

    Caller(Runnable action) {
      thread =
          Thread.ofPlatform()
              .daemon()
              .start(
                  () -> {
                    try {
                      action.run();
                    } catch (Throwable e) {
                      thrown.set(e);
                    }
                    interruptedAfter = Thread.currentThread().isInterrupted();
                  });
    }

    /** Waits until the thread waits for another one to tell it something, not just for a lock. */
    Caller parked() {
      ShardedWriterTest.await(
          () ->
              thread.getState() == Thread.State.WAITING
                  && Arrays.stream(thread.getStackTrace())
                      .anyMatch(frame -> frame.getMethodName().equals("awaitUninterruptibly")));
      return this;
    }

    @Nullable Throwable ended() {
      Joined.all(List.of(thread));
      return thrown.get();
    }
  }

  private RecordWriterBuilder builder(Storage storage) {
    return RecordWriter.builder(RecordSamples.FILE).storage(storage).shared();
  }

  private RecordWriter syncing() {
    return builder(gated.storage()).durability(Durability.SYNC).create();
  }

  private static void reached(GatedStorage.Gate gate) {
    ShardedWriterTest.await(() -> gate.reached.getCount() == 0);
  }

  private static Caller appending(RecordWriter writer, String record) {
    return new Caller(
        () -> {
          writer.append(RecordSamples.bytes(record));
          writer.flush();
        });
  }

  private static Set<String> content(SimulatedStorage state) {
    RecordSamples.writer(state).append().close();
    Set<String> found = new HashSet<>();
    try (RecordReader reader = RecordSamples.reader(state).open()) {
      RecordSamples.readAll(reader).forEach(record -> found.add(new String(record)));
    }
    return found;
  }

  @Test
  void manyThatWaitShareOneSync() {
    RecordWriter writer = syncing();
    shareOneSync(writer, 12);
    machine
        .crashStates(20)
        .forEach(state -> assertThat(content(state)).hasSize(13).contains("first", "r0", "r11"));
    writer.close();
  }

  /** One thread is in a sync; others append and wait meanwhile, and share the next one. */
  private void shareOneSync(RecordWriter writer, int others) {
    int before = gated.syncs.get();
    GatedStorage.Gate gate = gated.holdNext(false);
    Caller first = appending(writer, "first");
    reached(gate);
    List<Caller> callers = new ArrayList<>();
    for (int i = 0; i < others; i++) {
      callers.add(appending(writer, "r" + i));
    }
    callers.forEach(Caller::parked);
    assertThat(writer.count()).isEqualTo(others + 1L);
    assertThat(gated.syncs.get()).isEqualTo(before + 1);
    gate.opened.countDown();
    assertThat(first.ended()).isNull();
    callers.forEach(caller -> assertThat(caller.ended()).isNull());
    assertThat(gated.syncs.get()).isEqualTo(before + 2);
  }

  @Test
  void onRealFilesToo(@TempDir Path dir) {
    GatedStorage real = new GatedStorage(Storage.real());
    Path file = dir.resolve("f.vrec");
    int threads = 6;
    int each = 40;
    try (RecordWriter writer =
        RecordWriter.builder(file)
            .storage(real.storage())
            .durability(Durability.SYNC)
            .shared()
            .create()) {
      ShardedWriterTest.inThreads(
          threads,
          t -> {
            for (int i = 0; i < each; i++) {
              writer.append(RecordSamples.bytes(t + "-" + i));
              writer.flush();
            }
          });
      assertThat(real.syncs.get()).isPositive().isLessThanOrEqualTo(threads * each + 2);
      int before = real.syncs.get();
      GatedStorage.Gate gate = real.holdNext(true);
      Caller first = appending(writer, "first");
      reached(gate);
      List<Caller> callers = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        callers.add(appending(writer, "r" + i).parked());
      }
      gate.opened.countDown();
      assertThat(first.ended()).isNull();
      callers.forEach(caller -> assertThat(caller.ended()).isNull());
      assertThat(real.syncs.get()).isEqualTo(before + 2);
    }
    try (RecordReader reader = RecordReader.open(file)) {
      assertThat(RecordSamples.readAll(reader)).hasSize(threads * each + 1 + threads);
    }
  }

  /** What was acknowledged is in every state that power loss can leave, at every moment. */
  @ParameterizedTest
  @EnumSource(Acknowledge.class)
  void crashStatesHaveWhatWasAcknowledged(Acknowledge acknowledge) {
    Set<String> acknowledged = ConcurrentHashMap.newKeySet();
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    machine.afterEachEffect(
        process -> {
          try {
            if (failure.get() == null && process.exists(RecordSamples.FILE)) {
              Set<String> before = Set.copyOf(acknowledged);
              process
                  .crashStates(6)
                  .forEach(state -> assertThat(content(state)).containsAll(before));
            }
          } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
          }
        });
    try (RecordWriter writer =
        builder(machine).durability(Durability.SYNC).acknowledge(acknowledge).create()) {
      ShardedWriterTest.inThreads(
          4,
          t -> {
            for (int i = 0; i < 12; i++) {
              String record = t + "-" + i + "x".repeat(40 * i);
              writer.append(RecordSamples.bytes(record));
              writer.flush();
              acknowledged.add(record);
            }
          });
    }
    assertThat(failure.get()).isNull();
    assertThat(acknowledged).hasSize(48).isEqualTo(content(machine.killed()));
  }

  /** What others write during a sync is not said to be durable by its end. */
  @Test
  void theDurableEndIsFromBeforeTheSync() {
    RecordWriter writer = builder(gated.storage()).create();
    GatedStorage.Gate gate = gated.holdNext(true);
    writer.append(RecordSamples.bytes("first"));
    Caller first = new Caller(writer::sync);
    reached(gate);
    writer.append(RecordSamples.random(1, 3000));
    writer.flush();
    gate.opened.countDown();
    assertThat(first.ended()).isNull();
    writer.append(RecordSamples.bytes("third"));
    writer.flush();
    machine.crashStates(200).forEach(state -> assertThat(content(state)).contains("first"));
    writer.close();
  }

  /** Who waits while a sync fails is told; whose records an earlier one covered is not. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aFailedSyncReachesWhomItConcerns(boolean closing) {
    RecordWriter writer = syncing();
    GatedStorage.Gate gate = gated.holdNext(true);
    Caller first = appending(writer, "first");
    reached(gate);
    Caller covered = new Caller(writer::flush).parked();
    List<Caller> concerned = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      concerned.add(appending(writer, "r" + i).parked());
    }
    Caller closer = closing ? new Caller(writer::close).parked() : covered;
    long syncs = machine.calls(SimulatedStorage.Operation.SYNC);
    machine.failCall(SimulatedStorage.Operation.SYNC, syncs + 1, FaultKind.SYNC_FAILURE);
    gate.opened.countDown();
    assertThat(first.ended()).isNull();
    assertThat(covered.ended()).isNull();
    int leaders = 0;
    for (Caller caller : concerned) {
      if (caller.ended() instanceof PoisonedException e) {
        assertThat(e).hasCauseInstanceOf(StorageException.class);
      } else {
        assertThat(caller.ended()).isInstanceOf(StorageException.class);
        leaders++;
      }
    }
    assertThat(leaders).isEqualTo(1);
    assertThat(machine.calls(SimulatedStorage.Operation.SYNC)).isEqualTo(syncs + 1);
    if (closing) {
      assertThat(closer.ended()).isInstanceOf(PoisonedException.class);
    } else {
      assertThatThrownBy(writer::flush).isInstanceOf(PoisonedException.class);
      assertThatThrownBy(writer::close).isInstanceOf(PoisonedException.class);
    }
    machine.crashStates(20).forEach(state -> assertThat(content(state)).contains("first"));
  }

  @Test
  void aFullDiskIsToldToEachAndTriedAgain() {
    RecordWriter writer = syncing();
    GatedStorage.Gate gate = gated.holdNext(true);
    Caller first = appending(writer, "first");
    reached(gate);
    List<Caller> callers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      callers.add(appending(writer, "r" + i + "x".repeat(5000)).parked());
    }
    machine.capacity(1000);
    gate.opened.countDown();
    assertThat(first.ended()).isNull();
    callers.forEach(caller -> assertThat(caller.ended()).isInstanceOf(FullException.class));
    machine.capacity(1 << 20);
    writer.flush();
    machine.crashStates(10).forEach(state -> assertThat(content(state)).hasSize(4));
    writer.close();
  }

  @Test
  void interruptsDisturbNobody() {
    RecordWriter writer = syncing();
    GatedStorage.Gate gate = gated.holdNext(false);
    Caller first = appending(writer, "first");
    reached(gate);
    Caller second =
        new Caller(
            () -> {
              writer.append(RecordSamples.bytes("second"));
              writer.flush();
              machine
                  .crashStates(10)
                  .forEach(state -> assertThat(content(state)).contains("second"));
            });
    second.parked();
    first.thread.interrupt();
    second.thread.interrupt();
    // The second one goes on waiting: it is still there when a third has come to wait.
    Caller third = appending(writer, "third").parked();
    assertThat(second.thread.isAlive()).isTrue();
    GatedStorage.Gate again = gated.holdNext(false);
    gate.opened.countDown();
    reached(again);
    again.opened.countDown();
    for (Caller caller : List.of(first, second, third)) {
      assertThat(caller.ended()).isNull();
    }
    assertThat(first.interruptedAfter).isTrue();
    assertThat(second.interruptedAfter).isTrue();
    writer.close();
  }

  /** Close lets those who wait end first, also where it would not sync itself. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void closeWaitsForThoseWhoWait(boolean sync) {
    RecordWriter writer = sync ? syncing() : builder(gated.storage()).create();
    GatedStorage.Gate gate = gated.holdNext(false);
    writer.append(RecordSamples.bytes("first"));
    Caller first = new Caller(writer::sync);
    reached(gate);
    writer.append(RecordSamples.bytes("second"));
    Caller second = new Caller(writer::sync).parked();
    Caller closer = new Caller(writer::close).parked();
    Caller another = new Caller(writer::close).parked();
    assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(ClosedException.class);
    assertThatThrownBy(writer::sync).isInstanceOf(ClosedException.class);
    gate.opened.countDown();
    for (Caller caller : List.of(first, second, closer, another)) {
      assertThat(caller.ended()).isNull();
    }
    assertThat(RecordDamageTest.strictly(machine)).hasSize(2);
    machine
        .crashStates(10)
        .forEach(state -> assertThat(content(state)).containsExactlyInAnyOrder("first", "second"));
  }

  /** A record that is appended during a timed sync has its own age. */
  @Test
  void theTimerComesAgainForWhatWasAppendedDuringASync() {
    RecordWriter writer =
        builder(gated.storage()).durability(Durability.async(Duration.ofMillis(20))).create();
    writer.append(RecordSamples.bytes("first"));
    GatedStorage.Gate gate = gated.holdNext(true);
    machine.advance(Duration.ofMillis(20));
    reached(gate);
    writer.append(RecordSamples.bytes("second"));
    gate.opened.countDown();
    machine.advance(Duration.ofMillis(20));
    ShardedWriterTest.await(() -> gated.syncs.get() >= 3);
    ShardedWriterTest.await(
        () -> machine.crashStates(10).allMatch(state -> content(state).contains("second")));
    writer.close();
  }

  @Test
  void aSetSharesThemToo() {
    int others = 7;
    try (RecordSetWriter writer =
        RecordSetWriter.builder(RecordSamples.DIR, "set")
            .storage(gated.storage())
            .durability(Durability.SYNC)
            .append()) {
      GatedStorage.Gate gate = gated.holdNext(false);
      List<Caller> callers = new ArrayList<>();
      for (int i = 0; i <= others; i++) {
        String record = "r" + i;
        Caller caller =
            new Caller(
                () -> {
                  writer.append(RecordSamples.bytes(record));
                  writer.flush();
                });
        reached(gate);
        callers.add(i == 0 ? caller : caller.parked());
      }
      int before = gated.syncs.get();
      gate.opened.countDown();
      callers.forEach(caller -> assertThat(caller.ended()).isNull());
      assertThat(gated.syncs.get()).isEqualTo(before + 1);
    }
  }

  /** Flushing and going on to the next file at once, nobody is told that the writer is closed. */
  @Test
  void flushesOfASetRaceWithRotation() {
    int each = 4000;
    try (RecordSetWriter writer =
        RecordSetWriter.builder(RecordSamples.DIR, "set").storage(machine).keepFiles(2).append()) {
      AtomicInteger running = new AtomicInteger(3);
      ShardedWriterTest.inThreads(
          4,
          t -> {
            if (t == 3) {
              while (running.get() > 0) {
                writer.rotate();
              }
            } else {
              try {
                for (int i = 0; i < each; i++) {
                  writer.append(new byte[1]);
                  writer.flush();
                }
              } finally {
                running.decrementAndGet();
              }
            }
          });
      assertThat(writer.count()).isEqualTo(3 * each);
    }
  }

  @Test
  void callersOfAShardedWriterShareARound() {
    shards(false);
  }

  /** Each caller of a sync that failed is told. */
  @Test
  void aFailedSyncOfShardsReachesEachCaller() {
    shards(true);
  }

  private void shards(boolean failing) {
    ShardedWriter writer =
        ShardedWriter.builder(RecordSamples.DIR).storage(gated.storage()).shards(1).create();
    int others = 7;
    GatedStorage.Gate gate = gated.holdNext(true);
    writer.append(RecordSamples.bytes("first"));
    Caller first = new Caller(writer::sync);
    reached(gate);
    List<Caller> callers = new ArrayList<>();
    for (int i = 0; i < others; i++) {
      writer.append(RecordSamples.bytes("r" + i));
      callers.add(new Caller(writer::sync).parked());
    }
    int before = gated.syncs.get();
    if (failing) {
      machine.failCall(
          SimulatedStorage.Operation.SYNC,
          machine.calls(SimulatedStorage.Operation.SYNC) + 1,
          FaultKind.SYNC_FAILURE);
    }
    gate.opened.countDown();
    assertThat(first.ended()).isNull();
    for (Caller caller : callers) {
      if (failing) {
        assertThat(caller.ended()).isInstanceOf(StorageException.class);
      } else {
        assertThat(caller.ended()).isNull();
      }
    }
    if (!failing) {
      assertThat(gated.syncs.get()).isEqualTo(before + 1);
    }
    writer.close();
  }
}
