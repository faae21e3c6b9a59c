// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an opening trusts, and whom it joins. */
class StoreOpeningTest {
  private final SimulatedStorage storage = StoreLife.machine(1);

  private static void put(Store store, int key) {
    store.write(
        transaction -> store.table("t").put(transaction, new byte[] {(byte) key}, new byte[9]));
  }

  private static long count(Store store) {
    return store.<Long>read(transaction -> store.table("t").count(transaction));
  }

  private static long count(SimulatedStorage left) {
    try (Store store = StoreLife.open(left)) {
      StoreChecks.checkPages(store);
      return count(store);
    }
  }

  /** Without boot ids the last death counts as power loss; as long as one lives, others join. */
  @Test
  void withoutBootIds() {
    storage.bootId(Optional.empty());
    try (Store store = StoreLife.open(storage)) {
      put(store, 1);
      store.sync();
      put(store, 2);
      try (Store other = StoreLife.open(storage.otherProcess())) {
        assertThat(count(other)).isEqualTo(2);
        put(other, 3);
      }
      assertThat(count(store)).isEqualTo(3);
      put(store, 4);
      assertThat(count(storage.killed())).isEqualTo(3);
    }
    assertThat(count(storage)).isEqualTo(4);
  }

  /** After a boot another process may have the id and the start of one that had the store open. */
  @Test
  void anotherProcessWithTheIdOfADeadOne() {
    Store store = StoreLife.open(storage);
    put(store, 1);
    store.sync();
    put(store, 2);
    SimulatedStorage booted = storage.killed();
    booted.bootId(Optional.of("another boot"));
    booted.processId(storage.processId());
    // The same start, too: the clock of a boot begins anew.
    assertThat(count(new SmallStorage(booted).withStarts(storage))).isEqualTo(1);
  }

  private static long count(SmallStorage left) {
    try (Store store = Store.open(left, StoreLife.FILE, StoreLife.OPTIONS)) {
      return count(store);
    }
  }

  /** What a kill leaves goes on, and is closed, killed and opened again. */
  @Test
  void aKillIsTrusted() {
    Store store = StoreLife.open(storage);
    put(store, 1);
    SimulatedStorage once = storage.killed();
    try (Store again = StoreLife.open(once)) {
      put(again, 2);
      assertThat(count(once.killed())).isEqualTo(2);
      put(again, 3);
      assertThat(count(again)).isEqualTo(3);
    }
    assertThat(count(once)).isEqualTo(3);
  }

  /** What was lost with the power had numbers that do not come again. */
  @Test
  void numbersDoNotComeAgain() {
    Store store = StoreLife.open(storage);
    put(store, 1);
    store.sync();
    for (int i = 0; i < 9; i++) {
      put(store, i);
    }
    long last = store.<Long>read(Transaction::snapshot);
    storage
        .crashStates(10)
        .forEach(
            left -> {
              try (Store again = StoreLife.open(left)) {
                assertThat(again.<Long>read(Transaction::snapshot)).isGreaterThan(last);
              }
            });
  }

  /** Two handles write in turn, each what the other one has left. */
  @Test
  void twoHandlesCount() throws InterruptedException {
    StoreOptions waiting = StoreLife.OPTIONS.withTimeout(Duration.ofSeconds(9));
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread[] threads = new Thread[2];
    for (int i = 0; i < 2; i++) {
      Store store = Store.open(new SmallStorage(storage.otherProcess()), StoreLife.FILE, waiting);
      threads[i] =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (store) {
                      for (int k = 0; k < 2000; k++) {
                        store.write(
                            t -> {
                              byte[] old = store.table("n").get(t, new byte[0]);
                              BigInteger n = new BigInteger(old == null ? new byte[1] : old);
                              byte[] next = n.add(BigInteger.ONE).toByteArray();
                              store.table("n").put(t, new byte[0], next);
                            });
                      }
                    } catch (RuntimeException | Error e) {
                      failure.set(e);
                    }
                  });
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
    try (Store store = StoreLife.open(storage)) {
      byte[] count = store.read(t -> store.table("n").get(t, new byte[0]));
      assertThat(new BigInteger(count).intValue()).isEqualTo(4000);
    }
  }

  /** A lock file could not be deleted again: others may be opening it. */
  @Test
  void leavesNothingBesideWhatIsNoStore() {
    try (StorageFile file = storage.open(StoreLife.FILE, FileAccess.CREATE_NEW)) {
      file.write(0, MemorySegment.ofArray(new byte[5000]));
    }
    for (StoreOptions each : List.of(StoreLife.OPTIONS, StoreLife.OPTIONS.readOnly())) {
      assertThatThrownBy(() -> Store.open(new SmallStorage(storage), StoreLife.FILE, each))
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining("no store of Varve");
      assertThat(storage.list(StoreLife.DIR)).containsExactly(StoreLife.FILE);
    }
  }

  /** Somebody put another store at the path while a compaction went on. */
  @Test
  void aCompactionReplacesNoOtherStore() {
    Path other = StoreLife.DIR.resolve("other");
    try (Store made = Store.open(new SmallStorage(storage), other, StoreLife.OPTIONS)) {
      put(made, 7);
      put(made, 8);
    }
    Store store = StoreLife.open(storage);
    put(store, 1);
    assertThatThrownBy(() -> store.compact((pages, total) -> replace(other)))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("was replaced by another file");
    store.close();
    assertThat(count(storage)).isEqualTo(2);
  }

  /** Somebody deleted the store before a compaction, or while it went on: handles have it still. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aCompactionOfADeletedStoreIsToldByName(boolean before) {
    Path backup = StoreLife.DIR.resolve("backup");
    try (Store store = StoreLife.open(storage)) {
      put(store, 1);
      if (before) {
        storage.delete(StoreLife.FILE);
      }
      assertThatThrownBy(
              () ->
                  store.compact(
                      (pages, total) -> {
                        if (storage.exists(StoreLife.FILE)) {
                          storage.delete(StoreLife.FILE);
                        }
                      }))
          .isInstanceOf(NotFoundException.class)
          .hasMessageContaining("store " + StoreLife.FILE + " was deleted")
          .hasMessageContaining("back it up");
      assertThat(storage.exists(StoreLife.DIR.resolve("s-new"))).isFalse();
      put(store, 2);
      store.backup(backup);
    }
    storage.rename(backup, StoreLife.FILE);
    assertThat(count(storage)).isEqualTo(2);
  }

  private void replace(Path other) {
    if (storage.exists(other)) {
      for (String each : List.of("s", "s-shm", "s-lock")) {
        storage.delete(StoreLife.DIR.resolve(each));
      }
      storage.rename(other, StoreLife.FILE);
    }
  }
}
