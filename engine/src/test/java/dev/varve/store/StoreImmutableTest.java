// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.varve.NotFoundException;
import dev.varve.RecoveryNeededException;
import dev.varve.StorageException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import dev.varve.file.StorageFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store that nobody changes is read where nothing can be locked or written. */
class StoreImmutableTest {
  private static final StoreOptions IMMUTABLE = StoreLife.OPTIONS.immutable();
  private static final Path SHARED = StoreLife.DIR.resolve("s-shm");

  private final SimulatedStorage machine = StoreLife.machine(1);

  private Store open(SimulatedStorage storage) {
    return Store.open(new SmallStorage(storage), StoreLife.FILE, IMMUTABLE);
  }

  private static void put(Store store, int key) {
    store.write(tx -> store.table("t").put(tx, new byte[] {(byte) key}, new byte[20_000]));
  }

  private static void assertHas(Store store, long entries) {
    assertThat(store.<Long>read(tx -> store.table("t").count(tx))).isEqualTo(entries);
    assertThat(store.check().findings()).isEmpty();
  }

  private void assertRefused(SimulatedStorage storage) {
    long effects = storage.effects();
    assertThatThrownBy(() -> open(storage))
        .isInstanceOf(RecoveryNeededException.class)
        .hasMessageContaining("store /data/s is open, or was not closed by all who had it open");
    assertThat(storage.effects()).isEqualTo(effects);
  }

  /** Nothing is written, made or locked, whether the files beside it are there or not. */
  @Test
  void isReadWithoutATrace() {
    try (Store store = StoreLife.open(machine)) {
      put(store, 1);
    }
    for (Path missing : List.of(StoreLife.DIR.resolve("none"), SHARED)) {
      if (machine.exists(missing)) {
        machine.delete(missing);
        machine.delete(StoreLife.DIR.resolve("s-lock"));
      }
      SimulatedStorage reader = machine.otherProcess();
      List<Path> files = machine.list(StoreLife.DIR);
      try (Store store = open(reader);
          Store another = open(reader)) {
        assertHas(store, 1);
        assertHas(another, 1);
        try (ReadTransaction tx = store.beginReadDurable()) {
          assertThat(store.table("t").get(tx, new byte[] {1})).hasSize(20_000);
        }
        store.sync();
        assertThat(store.statistics().entries()).isEqualTo(1);
        assertThat(store.processes()).containsExactly(reader.processId());
        assertThatThrownBy(store::beginWrite)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("was opened for reading only");
        assertThatThrownBy(store::compact).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(store::stage).isInstanceOf(IllegalStateException.class);
      }
      assertThat(reader.effects()).isZero();
      assertThat(reader.calls(Operation.LOCK)).isZero();
      assertThat(machine.list(StoreLife.DIR)).isEqualTo(files);
    }
  }

  @Test
  void canBeBackedUp() {
    try (Store store = StoreLife.open(machine)) {
      put(store, 1);
    }
    Path target = StoreLife.DIR.resolve("b");
    try (Store store = open(machine)) {
      store.backup(target);
    }
    try (Store copy = Store.open(new SmallStorage(machine), target, IMMUTABLE)) {
      assertHas(copy, 1);
    }
  }

  /** While others have it open, and after they died, it is refused: they may know more. */
  @Test
  void isRefusedUnlessAllHaveClosedIt() {
    Store store = StoreLife.open(machine);
    put(store, 1);
    assertRefused(machine);
    assertRefused(machine.killed());
    store.sync();
    assertRefused(machine.killed());
    for (int key = 2; key < 4; key++) { // the first one makes the log, the second is in it
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        store.table("t").put(tx, new byte[] {(byte) key}, new byte[10]);
        tx.commit();
      }
    }
    SimulatedStorage copy = machine.killed();
    copy.delete(SHARED); // the log alone tells
    assertRefused(copy);
    StoreLife.open(copy).close();
    try (Store recovered = open(copy)) {
      assertHas(recovered, 3);
    }
    store.close();
    try (Store closed = open(machine)) {
      assertHas(closed, 3);
    }
  }

  /** Each power failure leaves a store that is refused, or all that had been synced. */
  @Test
  void isWholeAfterAPowerFailure() {
    Store store = StoreLife.open(machine);
    put(store, 1);
    store.sync();
    put(store, 2);
    int[] refused = {0};
    machine
        .crashStates(20)
        .forEach(
            state -> {
              try (Store left = open(state)) {
                assertHas(left, 1);
              } catch (RecoveryNeededException e) {
                refused[0]++;
              }
              StoreLife.open(state).close();
              open(state).close();
            });
    assertThat(refused[0]).isPositive();
  }

  /** Rather than the state before the last, whose meta is damaged, there is none. */
  @Test
  void isRefusedWithoutItsNewestMeta() {
    try (Store store = StoreLife.open(machine)) {
      put(store, 1);
      store.sync();
      put(store, 2);
    }
    try (StorageFile file = machine.open(StoreLife.FILE, FileAccess.WRITE)) {
      SteadyMetas metas = new SteadyMetas(file, 12);
      long newest = metas.newest().txn();
      Meta first = new Meta();
      file.read(4096, first.segment);
      file.write(first.txn() == newest ? 4096 : 8192, MemorySegment.ofArray(new byte[64]));
      assertThat(metas.newest().txn()).isLessThan(newest);
    }
    assertRefused(machine);
  }

  /** A file of that name beside it that is of another store, or of none, tells nothing. */
  @Test
  void sharedStateOfAnotherStoreTellsNothing() {
    try (Store store = StoreLife.open(machine)) {
      put(store, 1);
    }
    Path other = StoreLife.DIR.resolve("other");
    Store.open(new SmallStorage(machine), other, StoreLife.OPTIONS); // stays open
    machine.rename(StoreLife.DIR.resolve("other-shm"), SHARED);
    try (Store store = open(machine)) {
      assertHas(store, 1);
    }
    try (StorageFile file = machine.open(SHARED, FileAccess.WRITE)) {
      file.truncate(77);
    }
    try (Store store = open(machine)) {
      assertHas(store, 1);
    }
  }

  @Test
  void mustExist() {
    assertThatThrownBy(() -> open(machine)).isInstanceOf(NotFoundException.class);
    assertThatThrownBy(
            () ->
                new StoreOptions(
                    Durability.NONE,
                    Duration.ZERO,
                    4096,
                    true,
                    false,
                    Duration.ZERO,
                    false,
                    true,
                    true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("an immutable store is opened for reading only, and must exist");
    assertThat(machine.list(StoreLife.DIR)).isEmpty();
  }

  /** Who cannot have the files beside a store is told of this. */
  @Test
  void isNamedAsTheRemedy() {
    try (Store store = StoreLife.open(machine)) {
      put(store, 1);
    }
    for (StoreOptions options : List.of(StoreLife.OPTIONS, StoreLife.OPTIONS.readOnly())) {
      for (Operation call : List.of(Operation.LOCK, Operation.OPEN)) {
        SimulatedStorage each = machine.killed();
        each.failCall(call, call == Operation.LOCK ? 1 : 2, FaultKind.IO_ERROR);
        assertThatThrownBy(() -> Store.open(new SmallStorage(each), StoreLife.FILE, options))
            .isInstanceOf(StorageException.class)
            .hasMessageContaining(call == Operation.LOCK ? "/data/s-lock" : "/data/s-shm")
            .hasMessageContaining("open it with StoreOptions.immutable()");
      }
    }
  }

  /** On a file system that is mounted for reading only. Only root can mount one. */
  @Test
  @Tag("long")
  void onReadOnlyMedia(@TempDir Path home) throws Exception {
    Path disk = Files.createDirectory(home.resolve("disk"));
    String answer = run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk.toString());
    assumeTrue(answer.isEmpty(), () -> "a file system can only be mounted by root: " + answer);
    try {
      Path file = disk.resolve("s");
      try (Store store = Store.open(file)) {
        put(store, 1);
      }
      assertThat(run("mount", "-o", "remount,ro", disk.toString())).isEmpty();
      for (boolean alone : new boolean[] {false, true}) {
        if (alone) {
          assertThat(run("mount", "-o", "remount,rw", disk.toString())).isEmpty();
          Files.delete(disk.resolve("s-lock"));
          Files.delete(disk.resolve("s-shm"));
          assertThat(run("mount", "-o", "remount,ro", disk.toString())).isEmpty();
        }
        for (StoreOptions options :
            List.of(StoreOptions.DEFAULT, StoreOptions.DEFAULT.readOnly())) {
          assertThatThrownBy(() -> Store.open(file, options))
              .isInstanceOf(StorageException.class)
              .hasMessageContaining("s-lock")
              .hasMessageContaining("ead-only")
              .hasMessageContaining("StoreOptions.immutable()");
        }
        try (Store store = Store.open(file, StoreOptions.DEFAULT.immutable())) {
          assertHas(store, 1);
        }
      }
    } finally {
      assertThat(run("umount", disk.toString())).isEmpty();
    }
  }

  private static String run(String... command) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(List.of(command));
    Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
    String answer =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    int code = process.waitFor();
    return code == 0 ? answer : answer + " (exit code " + code + ")";
  }
}
