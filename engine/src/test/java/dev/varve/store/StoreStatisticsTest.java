// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.PoisonedException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What a store says of itself, beside what a check counts and what was done. */
class StoreStatisticsTest {
  private final SimulatedStorage storage = StoreLife.machine(1);

  private static byte[] key(int number) {
    return ByteBuffer.allocate(4).putInt(number).array();
  }

  private static void put(Store store, String table, int from, int to) {
    store.write(
        tx -> {
          for (int i = from; i < to; i++) {
            store.table(table).put(tx, key(i), new byte[i % 300]);
          }
        });
  }

  /** Asserts that the figures of the last commit are what a check counts. */
  private StoreStatistics assertCounted(Store store) {
    StoreStatistics seen = store.statistics();
    StoreCheck check = store.check();
    assertThat(check.findings()).isEmpty();
    assertThat(seen.snapshot()).isEqualTo(check.snapshot());
    assertThat(seen.pages()).isEqualTo(check.pages());
    assertThat(seen.freePages()).isEqualTo(check.freePages());
    assertThat(seen.waitingPages()).isEqualTo(check.waitingPages());
    assertThat(seen.freeLogPages()).isEqualTo(check.freeLogPages());
    assertThat(seen.usedPages())
        .isEqualTo(
            3 + check.leaves() + check.branches() + check.valueRunPages() + check.keyRunPages());
    assertThat(seen.tables()).isEqualTo(check.tables());
    assertThat(seen.entries()).isEqualTo(check.entries());
    assertThat(seen.contentBytes()).isEqualTo(check.contentBytes());
    try (StorageFile file = storage.open(StoreLife.FILE, FileAccess.READ)) {
      assertThat(seen.fileBytes()).isEqualTo(file.size());
    }
    assertThat(seen.mappedBytes()).isGreaterThanOrEqualTo(seen.pages() * seen.pageSize());
    assertThat(seen.pageSize()).isEqualTo(4096);
    return seen;
  }

  @Test
  void aStateIsWhatACheckCounts() {
    try (Store store = StoreLife.open(storage)) {
      StoreStatistics empty = assertCounted(store);
      assertThat(empty.pages()).isEqualTo(3);
      assertThat(empty.tables()).isZero();
      for (int table = 0; table < 9; table++) {
        put(store, "t" + table, 0, 40 * table);
        assertCounted(store);
      }
      put(store, "t1", 10, 300); // its record comes to the meta, and another one goes
      store.write(tx -> store.table("big").put(tx, key(1), new byte[100_000]));
      store.write(tx -> store.table("t5").clear(tx));
      StoreStatistics mine = assertCounted(store);
      assertThat(mine.waitingPages()).isPositive();
      assertThat(mine.freePages()).isPositive();
      assertThat(mine.freeLogPages()).isPositive();
      SimulatedStorage another = storage.otherProcess();
      try (Store other = Store.open(new SmallStorage(another), StoreLife.FILE, READ_ONLY)) {
        StoreStatistics theirs = assertCounted(other);
        assertThat(theirs.freePages()).isEqualTo(mine.freePages());
        assertThat(theirs.commits()).isZero();
        assertThat(theirs.pagesWritten()).isZero();
        assertThat(theirs.processes()).isEqualTo(2);
      }
      assertThat(store.statistics().processes()).isEqualTo(1);
    }
  }

  private static final StoreOptions READ_ONLY = StoreLife.OPTIONS.readOnly();

  @Test
  void whatThisHandleDid() {
    try (Store store = StoreLife.open(storage)) {
      put(store, "t", 0, 2000); // a root and its leaves
      assertThat(store.check().branches()).isEqualTo(1);
      StoreStatistics before = store.statistics();
      assertThat(before.commits()).isEqualTo(1);
      assertThat(before.pagesWritten()).isEqualTo(before.usedPages() - 3);
      assertThat(before.pagesCopied()).isZero();
      put(store, "t", 500, 510); // in one leaf
      StoreStatistics after = store.statistics();
      assertThat(after.commits()).isEqualTo(2);
      assertThat(after.pagesWritten() - before.pagesWritten()).isEqualTo(2);
      assertThat(after.pagesCopied()).isEqualTo(2);
      // What is rolled back was copied, but is in no commit.
      store.write(
          tx -> {
            try (WriteTransaction inner = store.beginWrite()) {
              store.table("t").put(inner, key(9000), new byte[5]);
            }
            store.table("u").create(tx);
          });
      StoreStatistics rolledBack = store.statistics();
      assertThat(rolledBack.commits()).isEqualTo(3);
      assertThat(rolledBack.pagesWritten() - after.pagesWritten()).isEqualTo(1);
      assertThat(rolledBack.pagesCopied() - after.pagesCopied()).isEqualTo(3);
      try (WriteTransaction aborted = store.beginWrite()) {
        store.table("t").put(aborted, key(1), new byte[5]);
      }
      store.write(tx -> {});
      assertThat(store.statistics().commits()).isEqualTo(3);
      assertThat(store.statistics().pagesWritten()).isEqualTo(rolledBack.pagesWritten());
      assertThat(store.statistics().pagesCopied()).isEqualTo(rolledBack.pagesCopied() + 2);
    }
  }

  /** What a load gives back of the pages that it has taken together counts as not written. */
  @Test
  void whatALoadWrites() {
    try (Store store = StoreLife.open(storage)) {
      StoreStatistics before = store.statistics();
      int[] next = {0};
      store.write(
          tx ->
              store
                  .table("t")
                  .load(
                      tx,
                      entry -> {
                        if (next[0] == 3000) {
                          return false;
                        }
                        entry.key(MemorySegment.ofArray(key(next[0]++)), 0, 4);
                        entry.value(MemorySegment.ofArray(new byte[20]), 0, 20);
                        return true;
                      }));
      StoreStatistics after = assertCounted(store);
      assertThat(after.pagesWritten()).isEqualTo(after.usedPages() - before.usedPages());
    }
  }

  @Test
  void syncsAndNumbers() {
    try (Store store = StoreLife.open(storage)) {
      assertThat(store.statistics().sinceSync()).isEmpty();
      assertThat(store.statistics().redoLogBytes()).isZero();
      put(store, "t", 0, 10);
      StoreStatistics weak = store.statistics();
      assertThat(weak.snapshot()).isGreaterThan(weak.durableSnapshot());
      assertThat(weak.durableSnapshot()).isEqualTo(weak.steadySnapshot());
      assertThat(weak.steadySyncs()).isZero();
      store.sync();
      storage.advance(Duration.ofSeconds(5));
      StoreStatistics synced = store.statistics();
      assertThat(synced.snapshot())
          .isEqualTo(synced.durableSnapshot())
          .isEqualTo(synced.steadySnapshot());
      assertThat(synced.steadySyncs()).isEqualTo(1);
      assertThat(synced.redoSyncs()).isZero();
      assertThat(synced.sinceSync()).contains(Duration.ofSeconds(5));
      store.sync(); // nothing to do
      assertThat(store.statistics().steadySyncs()).isEqualTo(1);
      for (int i = 0; i < 3; i++) {
        try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
          store.table("t").put(tx, key(i), new byte[1]);
          tx.commit();
        }
      }
      StoreStatistics redone = store.statistics();
      assertThat(redone.redoLogBytes()).isEqualTo(SmallStorage.LOG);
      assertThat(redone.steadySyncs()).isEqualTo(2); // before there was a log
      assertThat(redone.redoSyncs()).isEqualTo(2);
      assertThat(redone.sinceSync()).contains(Duration.ZERO);
      assertThat(redone.durableSnapshot()).isEqualTo(redone.snapshot());
      assertThat(redone.steadySnapshot()).isLessThan(redone.snapshot());
      assertThat(redone.generation()).isZero();
      store.compact();
      StoreStatistics compacted = assertCounted(store);
      assertThat(compacted.generation()).isGreaterThan(redone.snapshot());
    }
  }

  @Test
  void readers() {
    try (Store store = StoreLife.open(storage);
        ReadTransaction first = store.beginRead()) {
      assertThat(store.statistics().readers()).isEqualTo(1);
      assertThat(store.statistics().longestRead()).isZero();
      put(store, "t", 0, 10);
      try (ReadTransaction second = store.beginRead()) {
        assertThat(second.snapshot()).isGreaterThan(first.snapshot());
        put(store, "t", 0, 10);
        assertThat(store.statistics().longestRead()).isZero(); // seen for the first time
        storage.advance(Duration.ofSeconds(7));
        StoreStatistics seen = store.statistics();
        assertThat(seen.readers()).isEqualTo(2);
        assertThat(seen.longestRead()).isEqualTo(Duration.ofSeconds(7));
      }
      first.close();
      assertThat(store.statistics().readers()).isZero();
      assertThat(store.statistics().longestRead()).isZero();
    }
  }

  @Test
  void waitsForTheTurn() throws Exception {
    try (Store store = StoreLife.open(storage);
        Store other = Store.open(new SmallStorage(storage.otherProcess()), StoreLife.FILE, WAIT)) {
      put(store, "t", 0, 10);
      assertThat(store.statistics().turnWaits()).isZero();
      assertThat(store.statistics().turnWaited()).isZero();
      Thread waiter;
      try (WriteTransaction holding = store.beginWrite()) {
        waiter = Thread.ofPlatform().start(() -> put(other, "t", 0, 10));
        while (waiter.getState() != Thread.State.TIMED_WAITING) {
          Thread.onSpinWait();
        }
        storage.advance(Duration.ofSeconds(1));
        holding.commit();
      }
      waiter.join();
      assertThat(store.statistics().turnWaits()).isZero();
      StoreStatistics waited = other.statistics();
      assertThat(waited.commits()).isEqualTo(1);
      assertThat(waited.turnWaits()).isEqualTo(1);
      assertThat(waited.turnWaited()).isBetween(Duration.ofSeconds(1), Duration.ofSeconds(2));
    }
  }

  /** Who gives up waited, too; here for no time, as the clock stands still. */
  @Test
  void aWaitInVain() {
    try (Store store = StoreLife.open(storage);
        Store other = StoreLife.open(storage.otherProcess());
        WriteTransaction holding = store.beginWrite()) {
      assertThat(holding.tables()).isEmpty();
      assertThatThrownBy(other::beginWrite).isInstanceOf(BusyException.class);
      assertThat(other.statistics().turnWaits()).isEqualTo(1);
    }
  }

  private static final StoreOptions WAIT = StoreLife.OPTIONS.withTimeout(Duration.ofSeconds(900));

  @Test
  void refusals() {
    Store store = StoreLife.open(storage);
    put(store, "t", 0, 10);
    long next = storage.calls(SimulatedStorage.Operation.SYNC) + 1;
    storage.failCall(SimulatedStorage.Operation.SYNC, next, FaultKind.SYNC_FAILURE);
    assertThatThrownBy(store::sync).isInstanceOf(VarveException.class);
    assertThatThrownBy(store::statistics).isInstanceOf(PoisonedException.class);
    assertThatThrownBy(store::close).isInstanceOf(VarveException.class);
    assertThatThrownBy(store::statistics).isInstanceOf(ClosedException.class);
  }
}
