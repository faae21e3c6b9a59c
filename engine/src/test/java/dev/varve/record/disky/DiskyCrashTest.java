// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import dev.varve.record.OnDamage;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is left of a file when calls fail, the disk is full, a process dies or the power goes. */
@Tag("once")
class DiskyCrashTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");

  /** What did not hold: thrown at the end, since the code under test may catch errors. */
  private final List<AssertionError> failed = new ArrayList<>();

  private long states;

  private void checked(String what, SimulatedStorage state, Runnable check) {
    try {
      states++;
      check.run();
    } catch (RuntimeException | AssertionError e) {
      failed.add(new AssertionError(what + ", in state " + state, e));
    }
  }

  private void checkStates(String when, DiskyScript script, SimulatedStorage storage, int limit) {
    if (!failed.isEmpty()) {
      return;
    }
    SimulatedStorage killed = storage.killed();
    checked("killed " + when, killed, () -> script.checkKilled(killed));
    storage
        .crashStates(limit)
        .forEach(state -> checked("power loss " + when, state, () -> script.checkPowerLoss(state)));
  }

  private void report() {
    for (AssertionError error : failed) {
      throw error;
    }
  }

  @Test
  void everyEffect() {
    SimulatedStorage storage = Disky.disk();
    DiskyScript script = new DiskyScript(storage);
    storage.afterEachEffect(
        process ->
            checkStates("after effect " + process.effects(), script, process, LONG ? 400 : 20));
    script.run();
    report();
    assertThat(script.failures()).isEmpty();
    assertThat(storage.effects()).isGreaterThan(30);
    assertThat(states).isGreaterThan(200);
  }

  @Test
  void insideEveryEffect() {
    SimulatedStorage dry = Disky.disk();
    long before = dry.effects();
    new DiskyScript(dry).run();
    for (long effect = before + 1; effect <= dry.effects(); effect++) {
      for (long bytes : new long[] {1, 20, 24, 50, 64, 100, 436, 460}) {
        SimulatedStorage storage = Disky.disk();
        DiskyScript script = new DiskyScript(storage);
        storage.stopInsideEffect(effect, bytes);
        try {
          script.run();
        } catch (SimulatedCrash e) {
          assertThat(storage.effects()).isLessThanOrEqualTo(effect);
        }
        checkStates("inside effect " + effect + " by " + bytes, script, storage, LONG ? 50 : 4);
      }
    }
    report();
  }

  /** The repair is cut short itself, or the power goes in it. */
  @Test
  void duringRepair() {
    byte[] whole =
        Disky.file(
            builder -> builder.chunkBytes(1),
            writer -> {
              writer.write(new byte[100]);
              writer.write(new byte[65_300]);
              writer.write(new byte[200_000]);
            });
    for (int cut : new int[] {70, 150, 65_520, 65_540, 65_800, 200_000}) {
      byte[] torn = java.util.Arrays.copyOf(whole, cut);
      List<byte[]> expected = Disky.read(torn, OnDamage.SKIP);
      SimulatedStorage storage = Disky.disk(torn);
      storage.afterEachEffect(
          process -> {
            List<SimulatedStorage> outcomes = new ArrayList<>(List.of(process.killed()));
            process.crashStates(LONG ? 300 : 30).forEach(outcomes::add);
            for (SimulatedStorage state : outcomes) {
              checked(
                  "repair of a cut at " + cut + ", effect " + process.effects(),
                  state,
                  () -> repairAgain(state, expected));
            }
          });
      try (var file = storage.open(Disky.FILE, dev.varve.file.FileAccess.WRITE)) {
        file.sync();
      }
      storage.syncDirectory(Disky.FILE.getParent());
      DiskyWriter.builder(Disky.FILE).storage(storage).append().close();
    }
    report();
    assertThat(states).isGreaterThan(50);
  }

  private static void repairAgain(SimulatedStorage state, List<byte[]> before) {
    if (!state.exists(Disky.FILE)) {
      return;
    }
    List<byte[]> read = Disky.read(state, OnDamage.SKIP);
    assertThat(read.size()).isLessThanOrEqualTo(before.size());
    try (DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(state).append()) {
      writer.write(new byte[7]);
    }
    read.add(new byte[7]);
    assertThat(Disky.same(Disky.read(state, OnDamage.FAIL), read)).isTrue();
  }

  @ParameterizedTest
  @EnumSource(FaultKind.class)
  void everyCallFails(FaultKind kind) {
    SimulatedStorage dry = Disky.disk();
    long before = dry.calls();
    new DiskyScript(dry).run();
    long calls = dry.calls();
    assertThat(calls).isGreaterThan(before + 45);
    for (long call = before + 1; call <= calls; call++) {
      SimulatedStorage storage = Disky.disk();
      DiskyScript script = new DiskyScript(storage);
      storage.failCall(call, kind);
      script.run();
      assertThat(script.failures()).as("%s in call %d", kind, call).isNotEmpty();
      checkStates(kind + " in call " + call, script, storage, 4);
    }
    report();
  }

  /** A call fails, and everything goes on: nothing that was taken is missing in the end. */
  @ParameterizedTest
  @EnumSource(
      value = FaultKind.class,
      names = {"IO_ERROR", "SHORT_WRITE", "DISK_FULL"})
  void writingGoesOnAfterAFailure(FaultKind kind) {
    for (int write = 2; write < 40; write++) {
      SimulatedStorage storage = Disky.disk();
      List<byte[]> expected = new ArrayList<>();
      int failures = 0;
      DiskyWriter writer =
          DiskyWriter.builder(Disky.FILE).storage(storage).chunkBytes(100).create();
      storage.failCall(Operation.WRITE, write, kind);
      storage.failCall(Operation.WRITE, write + 1, kind);
      for (int i = 0; i < 60; i++) {
        byte[] record = new byte[1 + 37 * i % 3000];
        try {
          writer.write(record);
          expected.add(record);
          if (i % 3 == 0) {
            writer.flush();
          }
        } catch (FullException | StorageException e) {
          failures++;
        }
      }
      writer.close();
      assertThat(failures).isBetween(1, 2);
      assertThat(Disky.same(Disky.read(storage, OnDamage.FAIL), expected)).isTrue();
    }
  }

  @Test
  void aFullDiskIsAnErrorAndWorkGoesOn() {
    SimulatedStorage storage = Disky.disk();
    storage.capacity(100_000);
    List<byte[]> expected = new ArrayList<>();
    DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(storage).chunkBytes(5000).create();
    boolean full = false;
    for (int i = 0; i < 200; i++) {
      byte[] record = new byte[1000 + i];
      try {
        writer.write(record);
        expected.add(record);
      } catch (FullException e) {
        full = true;
        assertThatExceptionOfType(FullException.class).isThrownBy(writer::flush);
        assertThatExceptionOfType(FullException.class).isThrownBy(writer::sync);
        assertThat(Disky.read(storage, OnDamage.SKIP)).isNotEmpty();
        storage.capacity(1 << 20);
      }
    }
    assertThat(full).isTrue();
    writer.sync();
    assertThat(Disky.same(Disky.read(storage, OnDamage.FAIL), expected)).isTrue();
    storage.capacity(0);
    writer.write(new byte[50]);
    assertThatExceptionOfType(FullException.class).isThrownBy(writer::close);
    writer.close();
    assertThatExceptionOfType(FullException.class)
        .isThrownBy(() -> DiskyWriter.builder(Disky.FILE).storage(storage).truncate());
  }

  @Test
  void afterAFailedSyncTheWriterIsPoisoned() {
    SimulatedStorage storage = Disky.disk();
    DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(storage).create();
    writer.write(new byte[] {1});
    writer.sync();
    writer.write(new byte[] {2});
    storage.failCall(Operation.SYNC, storage.calls(Operation.SYNC) + 1, FaultKind.SYNC_FAILURE);
    assertThatExceptionOfType(StorageException.class).isThrownBy(writer::sync);
    assertThatExceptionOfType(PoisonedException.class).isThrownBy(writer::sync);
    writer.write(new byte[] {3});
    assertThatExceptionOfType(PoisonedException.class).isThrownBy(writer::flush);
    assertThatExceptionOfType(PoisonedException.class).isThrownBy(writer::close);
    try (DiskyWriter again = DiskyWriter.builder(Disky.FILE).storage(storage).append()) {
      again.write(new byte[] {4});
    }
    assertThat(Disky.read(storage, OnDamage.FAIL)).endsWith(new byte[] {4});
  }
}
