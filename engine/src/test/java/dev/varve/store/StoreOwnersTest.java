// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.PoisonedException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What a store does about others that have it open: the dead, and who replaces its files. */
class StoreOwnersTest {
  private final SimulatedStorage machine = StoreLife.machine(1);
  private final SimulatedStorage other = machine.otherProcess();

  private static void put(Store store, int from, int end) {
    store.write(
        t -> {
          for (int i = from; i < end; i++) {
            store.table("t").put(t, new byte[] {(byte) (i >> 8), (byte) i}, new byte[1800]);
          }
        });
  }

  /** Returns the handle of an open store. */
  private static Handle handle(Store store) {
    try (ReadTransaction transaction = store.beginRead()) {
      return transaction.handle;
    }
  }

  private static long waiting(Store store) {
    Handle handle = handle(store);
    Meta meta = new Meta();
    assertThat(handle.shared.copyRing(handle.shared.published(), meta)).isTrue();
    FreeSpace space = new FreeSpace(handle.currentGeneration().file, "test");
    handle.currentGeneration().file.map(meta.pageCount());
    handle.currentGeneration().file.mapLog(meta);
    space.load(meta);
    return space.sets.waiting.pages();
  }

  /** A writer finds the dead by itself, if their snapshots hold back much; ten times a second. */
  @Test
  void deadReadersHoldNothingBack() {
    machine.advance(Duration.ofSeconds(1));
    try (Store store = StoreLife.open(machine)) {
      put(store, 0, 800);
      Store reader = StoreLife.open(other);
      reader.beginRead();
      put(store, 0, 800);
      store.sync();
      put(store, 0, 1);
      other.kill();
      put(store, 0, 1);
      assertThat(waiting(store)).as("it was looked just now").isGreaterThan(256);
      machine.advance(Duration.ofMillis(101));
      put(store, 0, 1);
      assertThat(waiting(store)).isLessThan(100);
    }
  }

  /**
   * A transaction that was open when the leader of a sync died is covered only by a sync that began
   * after its end: until then what is synced is stored again.
   */
  @Test
  void whatADeadLeaderCoveredIsStoredAgainUntilNoTransactionIsLeft() {
    try (Store store = StoreLife.open(machine);
        Store writer = StoreLife.open(other)) {
      SharedState shared = handle(store).shared;
      put(store, 0, 1);
      WriteTransaction transaction = writer.beginWrite();
      writer.table("t").put(transaction, new byte[] {1}, new byte[1]);
      shared.rewriting(true); // as who takes the turn of a dead leader does
      store.sync();
      assertThat(shared.isRewriting()).as("somebody writes").isTrue();
      transaction.close();

      put(store, 1, 2);
      WriteTransaction late = writer.beginWrite();
      writer.table("t").put(late, new byte[] {2}, new byte[1]);
      int[] effects = {0};
      machine.afterEachEffect(
          process -> {
            if (effects[0]++ == 0) {
              late.commit(); // behind the pin of the sync
            }
          });
      store.sync();
      assertThat(effects[0]).isPositive();
      assertThat(shared.isRewriting()).as("somebody wrote when it began").isTrue();
      store.sync();
      assertThat(shared.isRewriting()).isFalse();
      assertThat(store.check().findings()).isEmpty();
    }
  }

  /** An old copy that takes the place of the content is told by who writes, syncs, or reads. */
  @Test
  void anOldCopyInPlaceOfTheFile() {
    StoreLife.open(machine).close();
    byte[] old = new byte[3 * 4096];
    try (StorageFile file = machine.open(StoreLife.FILE, FileAccess.READ)) {
      file.read(0, MemorySegment.ofArray(old));
    }
    Store store = StoreLife.open(machine);
    put(store, 0, 1);
    store.read(t -> store.table("t").count(t));
    try (StorageFile file = machine.open(StoreLife.FILE, FileAccess.WRITE)) {
      file.write(0, MemorySegment.ofArray(old));
    }
    assertThatThrownBy(store::beginRead)
        .isInstanceOf(PoisonedException.class)
        .hasMessageContaining("its shared files were replaced while it was open");
    assertThatThrownBy(store::beginWrite).isInstanceOf(PoisonedException.class);
    assertThatThrownBy(store::close).isInstanceOf(PoisonedException.class);
  }
}
