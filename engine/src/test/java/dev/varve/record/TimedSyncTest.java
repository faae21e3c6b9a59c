// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.SnapshotLostException;
import dev.varve.StorageException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a durability of an age promises, by either way to acknowledge. The age is a day, so that the
 * writer's own thread sleeps, and the test does what it would do, by a clock that it moves.
 */
@Tag("once")
class TimedSyncTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final Duration AGE = Duration.ofDays(1);

  private final SimulatedStorage storage = RecordSamples.storage();
  private final List<String> appended = new ArrayList<>();
  private final List<Long> times = new ArrayList<>();

  /** How many records were acknowledged, and are safe from a kill. */
  private int acknowledged;

  private RecordWriterBuilder builder(Acknowledge acknowledge) {
    return LiveCrashTest.writer(storage).acknowledge(acknowledge).durability(Durability.async(AGE));
  }

  private void append(RecordWriter writer, byte[] record, Acknowledge acknowledge) {
    appended.add(RecordSamples.show(record));
    times.add(storage.nanoTime());
    writer.append(record);
    if (acknowledge == Acknowledge.EACH) {
      acknowledged = appended.size();
    }
  }

  /** Does what the writer's thread does four times in an age. */
  private static void tick(RecordWriter writer) {
    writer.syncOlderThan(AGE.toNanos() / 2);
  }

  /** How many records are older than the age, and so safe from power loss. */
  private int old() {
    long now = storage.nanoTime();
    int count = 0;
    while (count < times.size() && now - times.get(count) >= AGE.toNanos()) {
      count++;
    }
    return count;
  }

  /** What is left is a prefix, of at least so many records. */
  private void check(SimulatedStorage state, int least) {
    long count;
    try (RecordWriter writer = RecordSamples.writer(state).append()) {
      count = writer.count();
    }
    assertThat(count).isBetween((long) least, (long) appended.size());
    assertThat(RecordDamageTest.strictly(state)).isEqualTo(appended.subList(0, (int) count));
  }

  @ParameterizedTest
  @EnumSource(Acknowledge.class)
  void whatIsOldSurvivesPowerLossAndWhatIsAcknowledgedAKill(Acknowledge acknowledge) {
    Random random = new Random(11);
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    storage.afterEachEffect(
        process -> {
          try {
            if (failure.get() == null && process.exists(RecordSamples.FILE)) {
              int least = old();
              process.crashStates(LONG ? 40 : 6).forEach(state -> check(state, least));
              check(process.killed(), acknowledged);
            }
          } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
          }
        });
    int synced = 0;
    try (RecordWriter writer = builder(acknowledge).create()) {
      Duration untilTick = AGE.dividedBy(4);
      for (int i = 0; i < (LONG ? 400 : 90); i++) {
        append(writer, RecordSamples.random(i, i % 17 == 16 ? 3500 : i * 31 % 900), acknowledge);
        Duration step = AGE.multipliedBy(random.nextInt(100)).dividedBy(800);
        while (step.compareTo(untilTick) >= 0) {
          storage.advance(untilTick);
          step = step.minus(untilTick);
          untilTick = AGE.dividedBy(4);
          long before = storage.calls(SimulatedStorage.Operation.SYNC);
          tick(writer);
          synced += storage.calls(SimulatedStorage.Operation.SYNC) > before ? 1 : 0;
        }
        storage.advance(step);
        untilTick = untilTick.minus(step);
        int least = old();
        storage.crashStates(3).forEach(state -> check(state, least));
        check(storage.killed(), acknowledged);
      }
    }
    assertThat(failure.get()).isNull();
    assertThat(synced).isPositive();
    assertThat(times.getLast() - times.getFirst()).isGreaterThan(3 * AGE.toNanos());
    storage.crashStates(20).forEach(state -> check(state, appended.size()));
  }

  /** Nothing is synced before it is half as old as it may get. */
  @Test
  void aSyncWaitsForHalfTheAge() {
    try (RecordWriter writer = builder(Acknowledge.EACH).create()) {
      long before = storage.calls(SimulatedStorage.Operation.SYNC);
      tick(writer);
      append(writer, new byte[1], Acknowledge.EACH);
      storage.advance(AGE.dividedBy(2).minusNanos(1));
      append(writer, new byte[2], Acknowledge.EACH);
      tick(writer);
      assertThat(storage.calls(SimulatedStorage.Operation.SYNC)).isEqualTo(before);
      storage.advance(Duration.ofNanos(1));
      tick(writer);
      assertThat(storage.calls(SimulatedStorage.Operation.SYNC)).isEqualTo(before + 1);
      storage.crashStates(10).forEach(state -> check(state, 2));
      storage.advance(AGE);
      tick(writer);
      assertThat(storage.calls(SimulatedStorage.Operation.SYNC)).isEqualTo(before + 1);
    }
  }

  /** A follower can have seen what the power takes away, and is told. */
  @Test
  void aFollowerIsToldOfWhatItSawAndIsLost() {
    RecordWriter writer = builder(Acknowledge.EACH).create();
    append(writer, new byte[1], Acknowledge.EACH);
    writer.sync();
    append(writer, new byte[2], Acknowledge.EACH);
    try (Follower follower =
        Follower.builder(RecordSamples.FILE).storage(storage).cursor("c").open()) {
      assertThat(follower.poll()).isTrue();
      assertThat(follower.poll()).isTrue();
      assertThat(follower.length()).isEqualTo(2);
      follower.commit();
    }
    int told = 0;
    for (SimulatedStorage state : storage.crashStates(20).toList()) {
      check(state, 1);
      try (Follower follower =
          Follower.builder(RecordSamples.FILE).storage(state).cursor("c").open()) {
        assertThat(follower.poll()).isFalse();
      } catch (SnapshotLostException e) {
        told++;
      }
    }
    assertThat(told).isPositive();
    writer.close();
  }

  /** While the disk is full nothing grows old unseen: appends are refused until it was written. */
  @Test
  void onAFullDiskAppendsAreRefused() {
    try (RecordWriter writer = builder(Acknowledge.EACH).create()) {
      append(writer, new byte[500], Acknowledge.EACH);
      storage.capacity(1);
      storage.advance(AGE.dividedBy(2));
      assertThatThrownBy(() -> tick(writer)).isInstanceOf(FullException.class);
      assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(FullException.class);
      SimulatedStorage killed = storage.killed();
      killed.capacity(1L << 30);
      check(killed, 1);
      storage.capacity(1L << 30);
      tick(writer);
      storage.crashStates(10).forEach(state -> check(state, 1));
      append(writer, new byte[2], Acknowledge.EACH);
    }
    check(storage.killed(), 2);
  }

  /**
   * After a failed sync all that was acknowledged survives a kill still, and appends are refused.
   */
  @ParameterizedTest
  @EnumSource(Acknowledge.class)
  void aFailedSyncIsToldToTheNextAppend(Acknowledge acknowledge) {
    RecordWriter writer = builder(acknowledge).create();
    append(writer, new byte[1], acknowledge);
    long syncs = storage.calls(SimulatedStorage.Operation.SYNC);
    storage.failCall(SimulatedStorage.Operation.SYNC, syncs + 1, FaultKind.SYNC_FAILURE);
    storage.advance(AGE.dividedBy(2));
    assertThatThrownBy(() -> tick(writer)).isInstanceOf(StorageException.class);
    assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(PoisonedException.class);
    check(storage.killed(), acknowledged);
    assertThatThrownBy(writer::close).isInstanceOf(PoisonedException.class);
    check(storage.killed(), acknowledged);
  }
}
