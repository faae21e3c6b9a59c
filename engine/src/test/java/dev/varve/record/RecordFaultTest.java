// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Each call to the storage fails once: who is told, and that the same process goes on afterwards,
 * with nothing left open or locked.
 */
@Tag("once")
@Timeout(value = 900, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RecordFaultTest {
  private static final int THREADS = 3;
  private static final int RECORDS = 6;

  /** Does something that may fail once. */
  private static <T> T again(Supplier<T> action) {
    try {
      return action.get();
    } catch (VarveException e) {
      assertThat(e).isNotInstanceOf(PoisonedException.class);
      return action.get();
    }
  }

  private static void ignoring(Runnable action) {
    try {
      action.run();
    } catch (VarveException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  /** What threads that share a writer have been told. */
  private static final class Told {
    final Set<String> flushed = Collections.synchronizedSet(new TreeSet<>());
    final Set<String> refused = Collections.synchronizedSet(new TreeSet<>());
    final Set<String> all = Collections.synchronizedSet(new TreeSet<>());
  }

  private static RecordWriterBuilder shared(SimulatedStorage storage, boolean sync) {
    return RecordSamples.writer(storage)
        .durability(sync ? Durability.SYNC : Durability.async(Duration.ofDays(1)))
        .blockSize(4096)
        .shared();
  }

  private static void share(RecordWriter writer, int thread, boolean sync, Told told) {
    Set<String> mine = new TreeSet<>();
    for (int i = 0; i < RECORDS; i++) {
      byte[] record = RecordSamples.random(1000L * thread + i, 1500 + i);
      String name = RecordSamples.show(record);
      told.all.add(name);
      try {
        writer.append(record);
        mine.add(name);
      } catch (VarveException e) {
        told.refused.add(name);
      }
      try {
        if (sync) {
          writer.sync();
        } else {
          writer.flush();
        }
        told.flushed.addAll(mine);
      } catch (VarveException e) {
        assertThat(e.getMessage()).isNotBlank();
      }
    }
  }

  /** What a thread was told to be flushed or synced is, whichever thread's call has failed. */
  @ParameterizedTest
  @EnumSource(FaultKind.class)
  void threadsThatShareAWriter(FaultKind kind) {
    boolean reached = true;
    for (int n = 1; reached; n++) {
      for (boolean sync : new boolean[] {true, false}) {
        SimulatedStorage storage = RecordSamples.storage();
        Told told = new Told();
        RecordWriter writer = shared(storage, sync).append();
        long planned = storage.calls() + n;
        storage.failCall(planned, kind);
        ShardedWriterTest.inThreads(THREADS, thread -> share(writer, thread, sync, told));
        SimulatedStorage killed = storage.killed();
        reached = storage.calls() >= planned;
        ignoring(writer::close);
        List<SimulatedStorage> states = new ArrayList<>(List.of(killed));
        if (sync) {
          storage.crashStates(4).forEach(states::add);
        }
        states.add(storage);
        for (SimulatedStorage state : states) {
          check(state, told, kind + " at " + n);
        }
      }
    }
  }

  private static void check(SimulatedStorage state, Told told, String where) {
    shared(state, false).append().close();
    List<String> found = RecordDamageTest.strictly(state);
    assertThat(found).as(where).doesNotHaveDuplicates().containsAll(told.flushed);
    assertThat(told.all).as(where).containsAll(found);
    assertThat(found).as(where).noneMatch(told.refused::contains);
    assertThat(RecordFiles.verify(RecordSamples.FILE, state).damage()).isEmpty();
  }

  /**
   * Whatever has failed while a file was new, what was synced later has a name after power loss.
   */
  @ParameterizedTest
  @EnumSource(FaultKind.class)
  void newFiles(FaultKind kind) {
    boolean reached = true;
    for (int n = 1; reached; n++) {
      SimulatedStorage storage = RecordSamples.storage();
      long planned = storage.calls() + n;
      storage.failCall(planned, kind);
      int synced = 0;
      for (int session = 0; session < 2; session++) {
        try (RecordWriter writer = RecordSamples.writer(storage).append()) {
          writer.append(RecordSamples.bytes("kept"));
          writer.sync();
          synced++;
        } catch (VarveException e) {
          assertThat(storage.calls()).isGreaterThanOrEqualTo(planned);
        }
      }
      assertThat(synced).isPositive();
      int least = synced;
      storage
          .crashStates(8)
          .forEach(
              state -> {
                RecordSamples.writer(state).append().close();
                assertThat(RecordDamageTest.strictly(state)).hasSizeGreaterThanOrEqualTo(least);
              });
      reached = storage.calls() >= planned;
    }
  }

  /** A run is cut off over what a large record that failed has left: that is a torn end. */
  @Test
  void tornEndOverALargeRecordThatFailed() {
    SimulatedStorage machine = RecordSamples.storage();
    SimulatedStorage process = machine.otherProcess();
    RecordWriter writer = RecordSamples.writer(process).largeLimit(3000).create();
    writer.append(RecordSamples.bytes("kept"));
    writer.flush();
    long writes = process.calls(Operation.WRITE);
    process.failCall(Operation.WRITE, writes + 4, FaultKind.IO_ERROR);
    assertThatThrownBy(() -> writer.append(RecordSamples.random(1, 5000)))
        .isInstanceOf(StorageException.class);
    writer.append(RecordSamples.random(2, 900));
    writer.append(RecordSamples.random(3, 900));
    process.failCall(Operation.WRITE, writes + 5, FaultKind.SHORT_WRITE);
    assertThatThrownBy(writer::flush).isInstanceOf(StorageException.class);
    process.kill();
    try (RecordReader reader = RecordSamples.reader(machine).acceptUnclosed().open()) {
      assertThat(reader.count()).isOne();
      assertThat(RecordSamples.readAll(reader)).hasSize(1);
    }
    SimulatedStorage repaired = machine.killed();
    assertThat(RecordFiles.repair(RecordSamples.FILE, repaired).records()).isOne();
    assertThat(RecordDamageTest.strictly(repaired)).hasSize(1);
    try (RecordWriter next = RecordSamples.writer(machine).append()) {
      assertThat(next.count()).isOne();
    }
  }

  /** A large record that only lacks its header does not take the number of one that was kept. */
  @Test
  void acknowledgedAfterALargeRecordThatFailed() {
    SimulatedStorage machine = RecordSamples.storage();
    SimulatedStorage process = machine.otherProcess();
    RecordWriter writer = LiveCrashTest.writer(process).create();
    writer.append(RecordSamples.random(0, 100));
    writer.flush();
    process.failCall(Operation.WRITE, process.calls(Operation.WRITE) + 4, FaultKind.IO_ERROR);
    assertThatThrownBy(() -> writer.append(RecordSamples.random(1, 5000)))
        .isInstanceOf(StorageException.class);
    assertThat(writer.append(RecordSamples.random(2, 200))).isOne();
    process.kill();
    assertThat(RecordFiles.repair(RecordSamples.FILE, machine).records()).isEqualTo(2);
    assertThat(RecordDamageTest.strictly(machine))
        .containsExactly(
            RecordSamples.show(RecordSamples.random(0, 100)),
            RecordSamples.show(RecordSamples.random(2, 200)));
  }

  /**
   * A position that was committed is never lost; every follower that failed can be opened again.
   */
  @ParameterizedTest
  @EnumSource(FaultKind.class)
  void followersWithACursor(FaultKind kind) {
    boolean reached = true;
    for (int n = 1; reached; n++) {
      SimulatedStorage storage = RecordSamples.storage();
      List<String> all = new ArrayList<>();
      try (RecordWriter writer = RecordSamples.writer(storage).create()) {
        for (int i = 0; i < RECORDS; i++) {
          all.add(RecordSamples.show(RecordSamples.random(i, 50)));
          writer.append(RecordSamples.random(i, 50));
          writer.flush();
        }
        writer.sync();
      }
      long planned = storage.calls() + n;
      storage.failCall(planned, kind);
      long committed = 0;
      long read = 0;
      while (committed < RECORDS) {
        try (Follower follower = again(() -> cursor(storage).open())) {
          assertThat(follower.nextNumber()).isBetween(committed, read);
          read = follower.nextNumber();
          while (committed < RECORDS) {
            if (read < RECORDS) {
              boolean there = again(follower::poll);
              assertThat(there).as("%s at %d", kind, n).isTrue();
              assertThat(follower.number()).isEqualTo(read);
              assertThat(RecordSamples.show(follower.toArray())).isEqualTo(all.get((int) read));
              read++;
            }
            follower.commit();
            committed = read;
            long least = committed;
            storage
                .crashStates(4)
                .forEach(
                    state -> {
                      try (Follower other = cursor(state).open()) {
                        assertThat(other.nextNumber()).isEqualTo(least);
                      }
                    });
          }
        } catch (VarveException e) {
          assertThat(storage.calls()).isGreaterThanOrEqualTo(planned);
        }
      }
      reached = storage.calls() >= planned;
    }
  }

  private static FollowerBuilder cursor(SimulatedStorage storage) {
    return Follower.builder(RecordSamples.FILE).storage(storage).cursor("c");
  }

  /** A set that failed anywhere goes on in the same process, without a gap. */
  @ParameterizedTest
  @EnumSource(FaultKind.class)
  void sets(FaultKind kind) {
    boolean reached = true;
    for (int n = 1; reached; n++) {
      SimulatedStorage storage = RecordSamples.storage();
      long planned = storage.calls() + n;
      storage.failCall(planned, kind);
      long flushed = 0;
      long count = 0;
      for (int session = 0; session < 3; session++) {
        try (RecordSetWriter writer = again(() -> set(storage).append())) {
          assertThat(writer.count()).as("%s at %d", kind, n).isBetween(flushed, count);
          count = writer.count();
          flushed = count;
          for (int i = 0; i < 10; i++) {
            byte[] record = RecordSamples.random(count, 900);
            long number = again(() -> writer.append(record));
            assertThat(number).isEqualTo(count);
            count++;
          }
          again(
              () -> {
                writer.flush();
                return true;
              });
          flushed = count;
        } catch (VarveException e) {
          assertThat(storage.calls()).isGreaterThanOrEqualTo(planned);
        }
      }
      reached = storage.calls() >= planned;
      if (!reached) {
        return;
      }
      set(storage).append().close();
      try (RecordSetReader reader =
          RecordSetReader.builder(RecordSamples.DIR, "s").storage(storage).open()) {
        long number = 0;
        for (; reader.next(); number++) {
          assertThat(reader.toArray()).isEqualTo(RecordSamples.random(number, 900));
        }
        assertThat(number).as("%s at %d", kind, n).isBetween(flushed, count);
      }
      assertThat(names(storage)).noneMatch(name -> name.endsWith(".lock"));
    }
  }

  private static RecordSetWriterBuilder set(SimulatedStorage storage) {
    return RecordSetWriter.builder(RecordSamples.DIR, "s")
        .storage(storage)
        .blockSize(4096)
        .maxFileBytes(4096);
  }

  private static List<String> names(SimulatedStorage storage) {
    return storage.list(RecordSamples.DIR).stream().map(Path::toString).toList();
  }

  /** Whatever has failed, no shard stays locked or open. */
  @Test
  void shards() {
    boolean reached = true;
    for (int n = 1; reached; n += 1 + n / 30) {
      for (FaultKind kind : FaultKind.values()) {
        SimulatedStorage storage = RecordSamples.storage();
        long planned = storage.calls() + n;
        storage.failCall(planned, kind);
        ignoring(
            () -> {
              try (ShardedWriter writer =
                  ShardedWriter.builder(RecordSamples.DIR)
                      .storage(storage)
                      .shards(2)
                      .workers(1)
                      .batchBytes(500)
                      .blockSize(4096)
                      .maxShardBytes(4096)
                      .append()) {
                for (int i = 0; i < 30; i++) {
                  writer.append(RecordSamples.random(i, 300));
                }
              }
            });
        reached = storage.calls() >= planned;
        if (!reached) {
          break;
        }
        for (Path path : ShardNames.list(storage, RecordSamples.DIR, "shard")) {
          RecordWriter.builder(path).storage(storage).append().close();
          assertThat(RecordFiles.verify(path, storage).damage()).isEmpty();
        }
        assertThat(names(storage)).noneMatch(name -> name.endsWith(".lock"));
      }
    }
  }
}
