// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.SnapshotLostException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import dev.varve.memory.AllocationMeter;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Values that are written outside of transactions, and put when they are complete. */
class StagedValueTest {
  private static final int KIB = 1 << 10;
  private static final int MIB = 1 << 20;

  @TempDir Path dir;

  private Store open() {
    return Store.open(dir.resolve("s"));
  }

  static byte[] bytes(int seed, int count) {
    byte[] bytes = new byte[count];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  private static MemorySegment key(int key) {
    return MemorySegment.ofArray(new byte[] {(byte) key});
  }

  /** Writes a value in pieces of some sizes. */
  static void write(StagedValue value, byte[] bytes, int from, int to, int piece) {
    MemorySegment source = MemorySegment.ofArray(bytes);
    for (int at = from; at < to; at += piece) {
      value.write(source, at, Math.min(piece, to - at));
    }
  }

  private static void write(StagedValue value, byte[] bytes, int piece) {
    write(value, bytes, 0, bytes.length, piece);
  }

  private static StagedValue complete(Store store, byte[] bytes) {
    StagedValue value = store.stage();
    write(value, bytes, 50_000);
    value.complete();
    return value;
  }

  private static boolean put(Store store, int key, StagedValue value) {
    return store.<Boolean>compute(tx -> store.table("t").put(tx, key(key), value));
  }

  private static byte[] get(Store store, int key) {
    return store.read(tx -> store.table("t").get(tx, new byte[] {(byte) key}));
  }

  private static void assertSound(Store store, long stagedPages) {
    StoreCheck check = store.check();
    assertThat(check.findings()).isEmpty();
    assertThat(check.stagedPages()).isEqualTo(stagedPages);
    StoreChecks.checkPages(store);
  }

  /** Commits something else, which frees what is over. */
  private static void commit(Store store) {
    store.write(tx -> store.table("other").put(tx, new byte[1], new byte[1]));
  }

  // Values.

  @ParameterizedTest
  @ValueSource(
      ints = {0, 1, 2000, 262_143, 262_144, 262_145, 1_048_528, 1_048_529, 3_000_000, 20_000_000})
  void anySizeKnownOrNot(int size) {
    byte[] bytes = bytes(size, size);
    for (int pageSize : new int[] {4096, 65536}) {
      try (Store store =
          Store.open(dir.resolve("s" + pageSize), StoreOptions.DEFAULT.withPageSize(pageSize))) {
        try (StagedValue known = store.stage(size);
            StagedValue unknown = store.stage()) {
          write(known, bytes, 99_999);
          write(unknown, bytes, 300_001);
          unknown.complete();
          assertThat(unknown.byteSize()).isEqualTo(size);
          assertThat(put(store, 1, known)).isFalse();
          assertThat(put(store, 2, unknown)).isFalse();
        }
        assertThat(Arrays.equals(get(store, 1), bytes)).isTrue();
        assertThat(Arrays.equals(get(store, 2), bytes)).isTrue();
        assertSound(store, 0);
        store.sync();
        store.write(tx -> store.table("t").delete(tx, new byte[] {1}));
      }
      try (Store store = Store.open(dir.resolve("s" + pageSize))) {
        assertThat(get(store, 1)).isNull();
        assertThat(Arrays.equals(get(store, 2), bytes)).isTrue();
        assertSound(store, 0);
      }
    }
  }

  @Test
  void aStream() throws IOException {
    byte[] bytes = bytes(1, 2 * MIB + 5);
    try (Store store = open();
        StagedValue value = store.stage()) {
      try (OutputStream out = value.stream()) {
        out.write(bytes[0]);
        out.write(bytes, 1, 7);
        out.write(bytes, 8, bytes.length - 8);
        assertThatThrownBy(() -> put(store, 1, value))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("not complete");
        out.close();
        assertThatThrownBy(() -> out.write(1)).isInstanceOf(ClosedException.class);
      }
      put(store, 1, value);
      assertThat(Arrays.equals(get(store, 1), bytes)).isTrue();
    }
  }

  /** Others take the pages behind each run, so that the value is in several. */
  @Test
  void runsThatCannotGrowAreGathered() {
    byte[] bytes = bytes(2, 70 * MIB);
    try (Store store = open();
        StagedValue value = store.stage();
        StagedValue other = store.stage()) {
      for (int at = 0; at < bytes.length; at += 7 * MIB) {
        write(value, bytes, at, at + 7 * MIB, MIB);
        write(other, bytes, at, at + 7 * MIB, MIB);
      }
      assertThat(value.runs()).isGreaterThan(1);
      value.complete();
      other.complete();
      assertThat(value.runs()).isEqualTo(1);
      put(store, 1, value);
      put(store, 2, other);
      assertThat(Arrays.equals(get(store, 1), bytes)).isTrue();
      assertThat(Arrays.equals(get(store, 2), bytes)).isTrue();
      assertSound(store, 0);
    }
  }

  /** With nobody else in the way it is copied no more once it has 16 MiB, and is trimmed. */
  @Test
  void oneAloneStaysWhereItIs() {
    byte[] bytes = bytes(3, 60 * MIB);
    try (Store store = open();
        StagedValue value = store.stage()) {
      write(value, bytes, 0, 30 * MIB, MIB);
      long page = value.firstPage();
      write(value, bytes, 30 * MIB, bytes.length, MIB);
      value.complete();
      assertThat(value.runs()).isEqualTo(1);
      assertThat(value.firstPage()).isEqualTo(page);
      put(store, 1, value);
      StoreCheck check = store.check();
      assertThat(check.valueRunPages()).isEqualTo((48L + bytes.length + 4095) / 4096);
      assertThat(Arrays.equals(get(store, 1), bytes)).isTrue();
      assertSound(store, 0);
    }
  }

  @Test
  void othersCommitMeanwhile() throws Exception {
    byte[] bytes = bytes(4, 8 * MIB);
    try (Store store = open();
        StagedValue value = store.stage(bytes.length);
        WriteTransaction tx = store.beginWrite()) {
      store.table("t").put(tx, new byte[] {5}, new byte[] {6});
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread thread =
          new Thread(
              () -> {
                try {
                  write(value, bytes, 70_000);
                } catch (Throwable e) {
                  failure.set(e);
                }
              });
      thread.start();
      thread.join(); // which needs no turn
      assertThat(failure.get()).isNull();
      assertThat(store.table("t").put(tx, key(1), value)).isFalse();
      tx.commit();
      assertThat(Arrays.equals(get(store, 1), bytes)).isTrue();
    }
  }

  @Test
  void typedKeys() {
    try (Store store = open();
        StagedValue value = complete(store, bytes(1, 500_000))) {
      Table<Long, byte[]> table = store.table("t", KeyCodecs.int64(), ValueCodecs.bytes());
      store.write(tx -> assertThat(table.put(tx, 7L, value)).isFalse());
      assertThat(store.<byte[]>read(tx -> table.get(tx, 7L))).isEqualTo(bytes(1, 500_000));
    }
  }

  // Space.

  @Test
  void whatIsClosedIsFree() {
    try (Store store = open()) {
      StagedValue value = store.stage(3 * MIB);
      assertSound(store, 769);
      value.close();
      assertSound(store, 0);
      value.close();
      StagedValue unknown = store.stage();
      write(unknown, bytes(1, 5 * MIB), MIB);
      assertThat(store.check().stagedPages()).isGreaterThan(5 * MIB / 4096);
      unknown.close();
      assertSound(store, 0);
      long pages = store.check().pages();
      for (int i = 0; i < 20; i++) {
        try (StagedValue again = store.stage(3 * MIB)) {
          write(again, bytes(i, 3 * MIB), MIB);
        }
      }
      assertThat(store.check().pages()).isEqualTo(pages);
    }
  }

  @Test
  void whatAClosedStoreHadStagedIsFree() {
    try (Store other = open()) {
      Store store = open();
      StagedValue value = store.stage(3 * MIB);
      store.close();
      assertThat(other.check().stagedPages()).isEqualTo(769);
      commit(other);
      assertSound(other, 0);
      assertThatThrownBy(() -> value.write(key(1), 0, 1)).isInstanceOf(ClosedException.class);
      value.close();
    }
  }

  @Test
  void whatADeadProcessHadStagedIsFree() {
    SimulatedStorage machine = StoreLife.machine(1);
    SimulatedStorage victim = machine.otherProcess();
    try (Store store = StoreLife.open(machine)) {
      StagedValue value = StoreLife.open(victim).stage(MIB);
      value.write(MemorySegment.ofArray(bytes(1, 300_000)), 0, 300_000);
      commit(store);
      assertSound(store, 257);
      victim.kill();
      machine.advance(Duration.ofMillis(101));
      commit(store);
      assertSound(store, 0);
    }
  }

  @Test
  void whatNobodyHadWhenTheLastOneClosedIsFree() {
    Store store = open();
    store.stage(3 * MIB);
    store.close();
    try (Store again = open()) {
      assertThat(again.check().stagedPages()).isEqualTo(769);
      commit(again);
      assertSound(again, 0);
    }
  }

  /** Slots and incarnations begin anew with NAME-shm, so only the txn tells. */
  @Test
  void aStageOfBeforeIsNotTakenForOneOfNow() throws IOException {
    Store store = open();
    store.stage(3 * MIB);
    store.close();
    Files.delete(dir.resolve("s-shm"));
    try (Store again = open()) {
      commit(again);
      assertSound(again, 0);
    }
  }

  @Test
  void aCloseThatCannotHaveItsTurnLeavesItToTheNextCommit() throws Exception {
    StoreOptions options = StoreOptions.DEFAULT.withTimeout(Duration.ZERO);
    try (Store store = Store.open(dir.resolve("s"), options);
        Store other = open()) {
      StagedValue value = store.stage(3 * MIB);
      StagedValue mine = store.stage(3 * MIB);
      try (WriteTransaction tx = other.beginWrite()) {
        assertThat(tx.snapshot()).isPositive();
        value.close();
      }
      assertSound(store, 2 * 769);
      commit(other); // another handle does not know
      assertSound(store, 2 * 769);
      store.write(tx -> mine.close()); // the turn is this thread's own
      commit(store);
      assertSound(store, 0);
    }
  }

  /** The log is written anew now and then, with what is staged. */
  @Test
  void aLogWrittenAnewKnowsStages() {
    byte[] bytes = bytes(9, 3 * MIB);
    try (Store store = open();
        StagedValue value = store.stage(3 * MIB)) {
      write(value, bytes, 0, MIB, MIB);
      long log = logPage(store);
      for (int i = 0; logPage(store) == log || i < 100; i++) {
        int n = i;
        store.write(
            tx -> store.table("o").put(tx, new byte[] {(byte) n}, new byte[1 + n % 7 * 9000]));
      }
      assertSound(store, 769);
      try (Store other = open()) {
        commit(other);
        assertSound(other, 769);
      }
      write(value, bytes, MIB, bytes.length, MIB);
      put(store, 1, value);
      assertSound(store, 0);
      assertThat(get(store, 1)).isEqualTo(bytes);
    }
  }

  private static long logPage(Store store) {
    try (ReadTransaction tx = store.beginRead()) {
      return tx.view().meta.logPage();
    }
  }

  // Transactions.

  @Test
  void aRollbackBringsItBack() {
    byte[] bytes = bytes(5, 3 * MIB);
    try (Store store = open();
        StagedValue value = complete(store, bytes)) {
      ByteTable table = store.table("t");
      long staged = store.check().stagedPages();
      try (WriteTransaction tx = store.beginWrite()) {
        table.put(tx, key(1), value);
        assertThat(table.get(tx, new byte[] {1})).isEqualTo(bytes);
        assertThatThrownBy(() -> table.put(tx, key(2), value))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("was put by a transaction that goes on");
      }
      assertSound(store, staged);
      try (WriteTransaction tx = store.beginWrite()) {
        try (WriteTransaction nested = store.beginWrite()) {
          table.put(nested, key(1), value);
        }
        assertThat(table.get(tx, new byte[] {1})).isNull();
        table.put(tx, key(2), value);
        try (WriteTransaction nested = store.beginWrite()) {
          assertThat(table.delete(nested, new byte[] {2})).isTrue();
        }
        tx.commit();
      }
      assertThat(get(store, 2)).isEqualTo(bytes);
      assertSound(store, 0);
      assertThatThrownBy(() -> put(store, 1, value))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("was put; stage another one");
    }
  }

  /**
   * What the transaction frees again of it is not overwritten before the commit, since it may be
   * rolled back.
   */
  @Test
  void nothingIsWrittenOverItBeforeTheCommit() {
    byte[] bytes = bytes(6, 3 * MIB);
    try (Store store = open();
        StagedValue value = complete(store, bytes)) {
      ByteTable table = store.table("t");
      for (int i = 0; i < 6; i++) {
        int how = i;
        try (WriteTransaction tx = store.beginWrite()) {
          table.put(tx, key(1), value);
          switch (how) {
            case 0 -> table.delete(tx, new byte[] {1});
            case 1 -> table.clear(tx);
            case 2 -> tx.drop("t");
            case 3 -> table.deleteRange(tx, null, null);
            case 4 -> table.put(tx, new byte[] {1}, new byte[3]);
            default -> {
              WriteTransaction nested = store.beginWrite();
              table.delete(nested, new byte[] {1});
              nested.commit();
            }
          }
          for (int k = 0; k < 100; k++) {
            store.table("o").put(tx, new byte[] {(byte) k}, bytes(k, 60_000));
          }
        }
      }
      assertThat(store.check().findings()).isEmpty();
      put(store, 2, value);
      assertThat(get(store, 2)).isEqualTo(bytes);
      assertSound(store, 0);
      store.write(tx -> table.delete(tx, new byte[] {2}));
      assertSound(store, 0);
    }
  }

  @Test
  void attachedAndRemovedInOneTransaction() {
    try (Store store = open();
        StagedValue value = complete(store, bytes(6, 3 * MIB))) {
      store.write(
          tx -> {
            store.table("t").put(tx, key(1), value);
            store.table("t").clear(tx);
          });
      assertSound(store, 0);
      long pages = store.check().pages();
      try (StagedValue again = store.stage(3 * MIB)) {
        assertThat(again.byteSize()).isZero();
        assertThat(store.check().pages()).isEqualTo(pages);
      }
    }
  }

  @Test
  void closedByATransactionThatIsRolledBack() {
    try (Store store = open()) {
      try (WriteTransaction tx = outside(store)) {
        assertThat(tx.snapshot()).isPositive();
      }
      commit(store);
      assertSound(store, 0);
    }
  }

  private static WriteTransaction outside(Store store) {
    StagedValue value = complete(store, bytes(6, 3 * MIB));
    WriteTransaction tx = store.beginWrite();
    store.table("t").put(tx, key(1), value);
    value.close();
    return tx;
  }

  @Test
  void closedBeforeTheCommitThatKeepsIt() {
    try (Store store = open()) {
      try (WriteTransaction tx = outside(store)) {
        tx.commit();
      }
      assertThat(get(store, 1)).isEqualTo(bytes(6, 3 * MIB));
      commit(store);
      commit(store);
      assertThat(get(store, 1)).isEqualTo(bytes(6, 3 * MIB));
      assertSound(store, 0);
    }
  }

  /** The same pages are staged again by the same handle: another value. */
  @Test
  void aClosedOneIsNotAnotherOneAtTheSamePlace() {
    try (Store store = open()) {
      StagedValue first = complete(store, bytes(1, 3 * MIB));
      WriteTransaction tx = store.beginWrite();
      store.table("t").put(tx, key(1), first);
      first.close(); // says that its pages are over, though the transaction keeps them
      tx.commit();
      store.write(t -> store.table("t").clear(t));
      store.sync();
      try (StagedValue second = complete(store, bytes(2, 3 * MIB))) {
        commit(store);
        put(store, 2, second);
      }
      assertThat(get(store, 2)).isEqualTo(bytes(2, 3 * MIB));
      assertSound(store, 0);
    }
  }

  // Misuse.

  @Test
  void misuse() {
    try (Store store = open();
        Store other = Store.open(dir.resolve("other"))) {
      StagedValue value = store.stage(10);
      assertThatThrownBy(() -> value.write(key(1), 0, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> value.write(key(1), -1, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
      value.write(MemorySegment.ofArray(new byte[9]), 0, 9);
      assertThatThrownBy(value::complete)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("9 bytes of the 10");
      assertThatThrownBy(() -> put(store, 1, value))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("9 bytes of the 10");
      assertThatThrownBy(() -> value.write(MemorySegment.ofArray(new byte[2]), 0, 2))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("staged for 10");
      value.write(key(1), 0, 1);
      assertThatThrownBy(() -> put(other, 1, value))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("other");
      put(store, 1, value);
      assertThat(get(store, 1)).isEqualTo(new byte[] {0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
      assertThatThrownBy(() -> value.write(key(1), 0, 0)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> put(store, 1, value)).isInstanceOf(IllegalStateException.class);
      value.close();
      assertThatThrownBy(() -> put(store, 1, value)).isInstanceOf(ClosedException.class);
      assertThatThrownBy(value::complete).isInstanceOf(ClosedException.class);
      assertThatThrownBy(() -> store.stage(-1)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> store.stage((1L << 40) + 1))
          .isInstanceOf(IllegalArgumentException.class);
      store.write(
          tx -> {
            assertThatThrownBy(store::stage)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("in a transaction that writes");
            store.table("t").put(tx, new byte[1], new byte[1]); // which goes on
          });
      assertSound(store, 0);
    }
    try (Store store = Store.open(dir.resolve("s"), StoreOptions.DEFAULT.readOnly())) {
      assertThatThrownBy(store::stage)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("reading only");
    }
    Store closed = open();
    closed.close();
    assertThatThrownBy(closed::stage).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> closed.stage(MIB)).isInstanceOf(ClosedException.class);
  }

  /** A piece is under way when another thread closes the value, and the store. */
  @Test
  void closedWhileAPieceIsWritten() throws Exception {
    for (int round = 0; round < 6; round++) {
      Store store = open();
      boolean closesStore = round % 2 == 0;
      StagedValue value = store.stage();
      CountDownLatch begun = new CountDownLatch(1);
      AtomicReference<Throwable> end = new AtomicReference<>();
      Thread thread =
          new Thread(
              () -> {
                byte[] piece = bytes(1, MIB);
                try {
                  for (int i = 0; i < 2000; i++) {
                    value.write(MemorySegment.ofArray(piece), 0, piece.length - i);
                    if (i == 2) {
                      begun.countDown();
                    }
                  }
                } catch (Throwable e) {
                  end.set(e);
                }
              });
      thread.start();
      begun.await();
      assertThatThrownBy(
              () -> {
                while (end.get() == null) {
                  value.write(key(1), 0, 1);
                }
                throw new IllegalStateException();
              })
          .isInstanceOf(IllegalStateException.class);
      if (closesStore) {
        store.close();
      } else {
        value.close();
      }
      thread.join();
      if (!closesStore) {
        assertSound(store, 0);
      }
      assertThat(end.get()).isInstanceOfAny(ClosedException.class, IllegalStateException.class);
      value.close();
      store.close();
      try (Store again = open()) {
        commit(again);
        assertSound(again, 0);
      }
    }
  }

  @Test
  void whoWasTakenForDeadWritesNothing() {
    SimulatedStorage machine = StoreLife.machine(1);
    machine.processId(4711);
    try (Store store = StoreLife.open(machine)) {
      StagedValue value = store.stage(MIB);
      SimulatedStorage elsewhere = machine.otherProcess();
      try (ReadTransaction tx = store.beginRead()) {
        tx.handle.slots.loseLocks();
      }
      // A process of another pid namespace cannot see that this one lives.
      SmallStorage blind = new SmallStorage(elsewhere).withStarts(StoreLife.machine(2));
      try (Store other = Store.open(blind, StoreLife.FILE, StoreLife.OPTIONS)) {
        commit(other);
        assertSound(other, 0);
        assertThatThrownBy(() -> write(value, bytes(1, MIB), 300_000))
            .isInstanceOf(SnapshotLostException.class);
      }
      value.close();
    } catch (VarveException e) {
      // The close of who was taken for dead.
    }
  }

  @Test
  void aPoisonedStore() {
    Store store = open();
    StagedValue value = store.stage(MIB);
    try (ReadTransaction tx = store.beginRead()) {
      tx.handle.shared.poison(SharedState.SYNC_FAILED);
    }
    assertThatThrownBy(() -> write(value, bytes(1, MIB), 300_000))
        .isInstanceOf(PoisonedException.class);
    value.close();
    assertThatThrownBy(store::close).isInstanceOf(PoisonedException.class);
  }

  // Durability.

  @Test
  void aCommitWithSyncHasIt() {
    SimulatedStorage machine = StoreLife.machine(1);
    byte[] bytes = bytes(7, MIB);
    Store store = StoreLife.open(machine);
    for (int i = 0; i < 3; i++) { // so that there is a redo log
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        store.table("o").put(tx, new byte[] {(byte) i}, new byte[10]);
        tx.commit();
      }
    }
    StagedValue value = store.stage(bytes.length);
    write(value, bytes, 0, MIB / 2, 100_000);
    store.sync();
    write(value, bytes, MIB / 2, MIB, 100_000);
    try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
      store.table("t").put(tx, key(1), value);
      tx.commit();
    }
    machine
        .crashStates(20)
        .forEach(
            left -> {
              try (Store again = StoreLife.open(left)) {
                assertThat(get(again, 1)).isEqualTo(bytes);
                assertSound(again, 0);
              }
            });
    store.close();
  }

  /**
   * A leader dies whose sync failed, so that pages look clean which are not on the disk; that is
   * noticed, and dealt with, before the value is put.
   */
  @Test
  void aLeaderThatDiedMayHaveLostPieces() {
    SimulatedStorage machine = StoreLife.machine(1);
    byte[] bytes = bytes(8, MIB);
    Store store = StoreLife.open(machine);
    StagedValue value = store.stage(bytes.length);
    write(value, bytes, 200_000);
    SimulatedStorage leader = machine.otherProcess();
    try (StorageFile file = leader.open(StoreLife.FILE, FileAccess.WRITE)) {
      leader.failCall(leader.calls() + 1, FaultKind.SYNC_FAILURE);
      assertThatThrownBy(file::sync).isInstanceOf(StorageException.class);
    }
    try (ReadTransaction tx = store.beginRead()) {
      SharedState shared = tx.handle.shared;
      shared.leaderDied(); // as who takes its turn from it does
      store.sync();
      assertThat(shared.isRewriting()).isFalse();
    }
    try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
      store.table("t").put(tx, key(1), value);
      tx.commit();
    }
    machine
        .crashStates(20)
        .forEach(
            left -> {
              try (Store again = StoreLife.open(left)) {
                assertThat(get(again, 1)).isEqualTo(bytes);
              }
            });
    store.close();
  }

  // A full disk.

  @Test
  void aFullDisk() {
    SimulatedStorage machine = StoreLife.machine(1);
    machine.mappingReserve(64 << 20);
    byte[] bytes = bytes(8, 5 * MIB);
    try (Store store = StoreLife.open(machine)) {
      commit(store);
      machine.capacity(4L << 20);
      StagedValue value = store.stage();
      int[] at = {0};
      assertThatThrownBy(
              () -> {
                for (; at[0] < bytes.length; at[0] += 100_000) {
                  value.write(
                      MemorySegment.ofArray(bytes), at[0], Math.min(100_000, bytes.length - at[0]));
                }
                value.complete();
              })
          .isInstanceOf(FullException.class);
      assertThat(value.byteSize()).isEqualTo(at[0]).isGreaterThan(2 * MIB);
      assertThat(store.check().findings()).isEmpty();
      assertThatThrownBy(() -> store.stage(9L << 20)).isInstanceOf(FullException.class);
      assertThat(store.check().findings()).isEmpty();
      machine.capacity(1L << 30);
      write(value, bytes, at[0], bytes.length, 100_000);
      value.complete();
      put(store, 1, value);
      assertThat(get(store, 1)).isEqualTo(bytes);
      assertSound(store, 0);
    }
  }

  /** A piece of which a part was written adds nothing, and can be written again. */
  @Test
  void aPieceThatFails() {
    byte[] bytes = bytes(8, 2 * MIB);
    for (int call = 1; call <= 5; call++) {
      SimulatedStorage machine = StoreLife.machine(1);
      try (Store store = StoreLife.open(machine)) {
        StagedValue value = store.stage(bytes.length);
        write(value, bytes, 0, 300_000, 100_000);
        long number = machine.calls(SimulatedStorage.Operation.WRITE) + call;
        machine.failCall(SimulatedStorage.Operation.WRITE, number, FaultKind.SHORT_WRITE);
        MemorySegment source = MemorySegment.ofArray(bytes);
        assertThatThrownBy(() -> value.write(source, 300_000, bytes.length - 300_000))
            .isInstanceOf(StorageException.class);
        assertThat(value.byteSize()).isEqualTo(300_000);
        write(value, bytes, 300_000, bytes.length, 700_000);
        put(store, 1, value);
        assertThat(get(store, 1)).isEqualTo(bytes);
        assertSound(store, 0);
      }
    }
  }

  @Test
  void aFullDiskIsFreeAfterTheClose() {
    SimulatedStorage machine = StoreLife.machine(1);
    machine.mappingReserve(64 << 20);
    try (Store store = StoreLife.open(machine)) {
      commit(store);
      machine.capacity(9L << 20);
      StagedValue value = store.stage();
      assertThatThrownBy(() -> write(value, bytes(1, 9 * MIB), 100_000))
          .isInstanceOf(FullException.class);
      assertThatThrownBy(
              () -> store.write(tx -> store.table("t").put(tx, new byte[1], new byte[6 * MIB])))
          .isInstanceOf(FullException.class);
      value.close();
      assertSound(store, 0);
      store.write(tx -> store.table("t").put(tx, new byte[1], new byte[2 * MIB]));
      assertSound(store, 0);
    }
  }

  // Compaction and copies.

  @Test
  void aCompactionLeavesItInTheOldFile() {
    byte[] bytes = bytes(9, 30 * MIB);
    try (Store store = open();
        Store other = open();
        StagedValue complete = complete(store, bytes);
        StagedValue known = store.stage(bytes.length);
        StagedValue unknown = store.stage();
        StagedValue closed = store.stage(bytes.length)) {
      write(known, bytes, 0, 5 * MIB, MIB);
      write(unknown, bytes, 0, 5 * MIB, MIB);
      other.compact();
      assertSound(store, 0);
      write(known, bytes, 5 * MIB, bytes.length, MIB);
      write(unknown, bytes, 5 * MIB, bytes.length, MIB);
      closed.close();
      unknown.complete();
      try (WriteTransaction tx = store.beginWrite()) {
        store.table("t").put(tx, key(1), complete);
      }
      put(store, 1, complete);
      put(store, 2, known);
      put(store, 3, unknown);
      for (int key = 1; key <= 3; key++) {
        assertThat(Arrays.equals(get(store, key), bytes)).isTrue();
      }
      assertSound(store, 0);
      try (ReadTransaction tx = store.beginRead()) {
        assertThat(tx.handle.currentGeneration().previous).isNull();
      }
    }
  }

  @Test
  void aBackupDoesNotHaveIt() {
    try (Store store = open();
        StagedValue value = complete(store, bytes(1, 3 * MIB))) {
      commit(store);
      store.backup(dir.resolve("copy"));
      try (Store copy = Store.open(dir.resolve("copy"))) {
        assertSound(copy, 0);
        assertThat(copy.check().pages()).isLessThan(100);
      }
      put(store, 1, value);
    }
    Store.salvage(dir.resolve("s"), dir.resolve("saved"));
    try (Store saved = Store.open(dir.resolve("saved"))) {
      assertThat(get(saved, 1)).isEqualTo(bytes(1, 3 * MIB));
    }
  }

  // Allocation.

  /** But for the view of its memory that a call of the system takes, each 256 KiB. */
  @Test
  void aPieceAllocatesNothing() {
    try (Store store = open();
        Arena arena = Arena.ofConfined();
        StagedValue value = store.stage(128L << 20)) {
      MemorySegment piece = arena.allocate(1024);
      long least = Long.MAX_VALUE;
      for (int round = 0; round < 7; round++) {
        least =
            Math.min(
                least,
                AllocationMeter.bytes(
                    () -> {
                      for (int i = 0; i < 16_384; i++) {
                        value.write(piece, 0, 1024);
                      }
                    }));
      }
      assertThat((double) least / 16_384).isLessThan(1);
    }
  }

  /** Nobody waits for the zeros of a large value: the file grows by small commits. */
  @Test
  void theFileGrowsByStepsBetweenWhichOthersWrite() {
    try (Store store = open()) {
      commit(store);
      long before = snapshot(store);
      try (StagedValue value = store.stage(200L << 20)) {
        assertThat(value.runs()).isEqualTo(1);
        assertThat(snapshot(store) - before).isBetween(4L, 6L);
        assertSound(store, (200L << 20) / 4096 + 1);
      }
      before = snapshot(store);
      long pages = store.check().pages();
      try (StagedValue value = store.stage(200L << 20)) {
        assertThat(value.runs()).isEqualTo(1);
        assertThat(snapshot(store) - before).as("there is room").isEqualTo(2);
        assertThat(store.check().pages()).as("in what is free").isEqualTo(pages);
      }
      assertSound(store, 0);
    }
  }

  private static long snapshot(Store store) {
    return store.read(ReadTransaction::snapshot);
  }

  @Test
  void waitsForRoomNoLongerThanTheTimeout() {
    StoreOptions options = StoreOptions.DEFAULT.withTimeout(Duration.ZERO);
    byte[] bytes = bytes(1, MIB);
    try (Store store = Store.open(dir.resolve("s"), options);
        Store other = open();
        StagedValue value = store.stage()) {
      write(value, bytes, 0, 200_000, 200_000);
      try (WriteTransaction tx = other.beginWrite()) {
        assertThat(tx.snapshot()).isPositive();
        assertThatThrownBy(() -> write(value, bytes, 200_000, MIB, MIB))
            .isInstanceOf(BusyException.class);
      }
      assertThat(value.byteSize()).isEqualTo(200_000);
      write(value, bytes, 200_000, MIB, MIB);
      value.complete();
      put(store, 1, value);
      assertThat(get(store, 1)).isEqualTo(bytes);
    }
  }
}
