// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A store on a storage whose calls fail. */
@Tag("once")
class StoreFaultTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final Path LOCKS = StoreLife.DIR.resolve("s-lock");
  private static final long SEED = Long.getLong("varve.seed", 1);

  /**
   * Each call fails once. Whoever made it is told, nothing that was promised is lost, and the store
   * goes on or is poisoned; it can be opened again in any case.
   */
  @ParameterizedTest
  @EnumSource(FaultKind.class)
  void everyCallFails(FaultKind kind) {
    int transactions = LONG ? 20 : 6;
    SimulatedStorage dry = StoreLife.machine(SEED);
    new StoreLife(dry, SEED, () -> {}).run(2, transactions);
    int failures = 0;
    for (long call = 1; call <= dry.calls(); call++) {
      SimulatedStorage storage = StoreLife.machine(SEED);
      StoreLife life = new StoreLife(storage, SEED, () -> {});
      storage.failCall(call, kind);
      boolean poisoned = false;
      try {
        life.run(2, transactions);
      } catch (VarveException e) {
        assertThat(e).hasMessageNotContaining("null");
        failures++;
        poisoned = goOn(life, e);
      }
      assertThat(storage.calls()).isGreaterThanOrEqualTo(call);
      // After a failed sync there is what an earlier one covered, as after power loss.
      int least = poisoned ? life.durable : life.acknowledged;
      assertThat(new Gate(new SmallStorage(storage), LOCKS).isAnyoneIn()).isFalse();
      life.check(storage.killed(), least);
      storage.crashStates(LONG ? 30 : 3).forEach(left -> life.check(left, life.durable));
      life.check(storage, least);
    }
    assertThat(failures).isGreaterThan((int) dry.calls() / 2);
  }

  /**
   * After a failure: the store works, or says that it is poisoned; it is closed in any case.
   *
   * @return whether it was poisoned
   */
  private static boolean goOn(StoreLife life, VarveException failure) {
    if (!life.isOpen) {
      return isOfSync(failure); // it could not be opened, or was closed
    }
    Store store = life.store();
    boolean poisoned = false;
    try {
      store.write(t -> store.table("next").put(t, new byte[] {9}, new byte[10]));
      life.adopt();
      StoreChecks.checkPages(store);
    } catch (PoisonedException e) {
      poisoned = true;
      assertThatThrownBy(store::beginWrite).isInstanceOf(PoisonedException.class);
      assertThatThrownBy(store::beginRead).isInstanceOf(PoisonedException.class);
      assertThatThrownBy(store::sync).isInstanceOf(VarveException.class);
      assertThatThrownBy(() -> StoreLife.open(life.storage.otherProcess()))
          .isInstanceOf(PoisonedException.class);
    }
    assertThat(poisoned).as(failure.toString()).isEqualTo(isOfSync(failure) || isOfSwitch(failure));
    try {
      life.close();
    } catch (VarveException e) {
      assertThat(poisoned).isTrue();
    }
    return poisoned;
  }

  /** Whether a compaction could not make the name of its file durable. */
  private static boolean isOfSwitch(VarveException failure) {
    return failure instanceof StorageException && failure.getMessage().contains("\"/data\"");
  }

  /** Whether a failure is that of the sync of a file. */
  private static boolean isOfSync(VarveException failure) {
    return failure instanceof StorageException
        && (failure.getMessage().contains("sync \"/data/s\"")
            || failure.getMessage().contains("sync \"/data/s-log\""));
  }

  /**
   * A disk becomes full while the store is written to: whoever finds no room is told, all that was
   * there can be read, and with more room the work goes on.
   */
  @Test
  void fullDisk() {
    int refused = 0;
    for (int room = 0; room < (LONG ? 600_000 : 220_000); room += LONG ? 512 : 8_000) {
      SimulatedStorage storage = StoreLife.machine(SEED);
      try (Store store = StoreLife.open(storage)) {
        store.write(t -> store.table("t").put(t, new byte[] {1}, new byte[100]));
      }
      storage.capacity(used(storage) + room);
      refused += fillAndGoOn(storage);
    }
    assertThat(refused).isPositive();
  }

  /**
   * Whoever meets a full disk can delete everything, one by one, and then put something again, with
   * no more room than before; also after a kill and after power loss.
   */
  @Test
  void deletingFromAFullDisk() {
    int refused = 0;
    for (int round = 0; round < (LONG ? 400 : 8); round++) {
      SplittableRandom random = new SplittableRandom(SEED + round);
      SimulatedStorage storage = StoreLife.machine(SEED);
      storage.mappingReserve(8 << 20);
      Store store = StoreLife.open(storage);
      store.write(t -> store.table("t").put(t, new byte[2], new byte[100]));
      storage.capacity(used(storage) + random.nextInt(1_500_000));
      TreeMap<Integer, Integer> sizes = new TreeMap<>(Map.of(0, 100));
      ByteTable table = store.table("t");
      for (int full = 0; full < (round % 2 == 0 ? 2 : 60); ) {
        int key = random.nextInt(round % 3 == 0 ? 60_000 : 2000);
        int size = random.nextInt(10) == 0 ? random.nextInt(20_000) : random.nextInt(1500);
        try {
          store.write(t -> table.put(t, key(key), new byte[size]));
          sizes.put(key, size);
        } catch (FullException e) {
          full++;
        }
      }
      refused++;
      putSmallUntilFull(store, sizes);
      List<Integer> order = new ArrayList<>(sizes.keySet());
      if (round % 4 < 2) {
        Collections.shuffle(order, new Random(round));
      }
      for (int i = 0; i < order.size(); i++) {
        int key = order.get(i);
        store.write(t -> assertThat(table.delete(t, key(key))).isTrue());
        if (i % (order.size() / 3 + 1) == 1) {
          long content = StoreChecks.digest(store);
          StoreChecks.checkPages(store);
          same(storage.killed(), content);
        }
      }
      StoreChecks.checkPages(store);
      store.sync();
      store.write(t -> table.put(t, key(1), new byte[20_000]));
      assertThat(store.check().findings()).isEmpty();
      long content = StoreChecks.digest(store);
      store.close();
      same(storage, content);
    }
    assertThat(refused).isPositive();
  }

  /** Whoever makes a store and finds no room leaves nothing that takes some. */
  @Test
  void makingAStoreOnAFullDisk() {
    int refused = 0;
    for (int room = 0; room < 20_000; room += 3000) {
      SimulatedStorage storage = StoreLife.machine(SEED);
      storage.capacity(room);
      try (Store store = StoreLife.open(storage)) {
        assertThat(store.statistics().entries()).isZero();
      } catch (FullException e) {
        refused++;
        assertThat(storage.list(StoreLife.DIR)).doesNotContain(StoreLife.DIR.resolve("s-new"));
        storage.capacity(1L << 30);
        StoreLife.open(storage).close();
      }
    }
    assertThat(refused).isGreaterThan(4);
  }

  private enum Copy {
    COMPACTION,
    BACKUP,
    SALVAGE
  }

  /** Likewise in a copy that nobody has written to yet: all its pages are full. */
  @ParameterizedTest
  @EnumSource(Copy.class)
  void deletingFromACopyOnAFullDisk(Copy kind) {
    SimulatedStorage storage = StoreLife.machine(SEED);
    SmallStorage small = new SmallStorage(storage);
    Path copy = kind == Copy.COMPACTION ? StoreLife.FILE : StoreLife.DIR.resolve("copy");
    try (Store store = StoreLife.open(storage)) {
      store.write(
          t -> {
            for (int i = 0; i < 3000; i++) {
              store.table("t").put(t, key(i), new byte[20]);
            }
          });
      if (kind == Copy.COMPACTION) {
        store.compact();
      } else if (kind == Copy.BACKUP) {
        store.backup(copy);
      }
    }
    if (kind == Copy.SALVAGE) {
      Salvage.run(small, StoreLife.FILE, copy, (pages, all) -> {});
    }
    try (Store store = Store.open(small, copy, StoreLife.OPTIONS)) {
      storage.capacity(used(storage));
      ByteTable table = store.table("t");
      for (int i = 0; i < 3000; i++) {
        int key = i;
        assertThat(store.<Boolean>compute(t -> table.delete(t, key(key)))).isTrue();
      }
      StoreChecks.checkPages(store);
      store.sync();
      store.write(t -> table.put(t, key(1), new byte[20_000]));
      assertThat(store.check().findings()).isEmpty();
    }
  }

  /** Puts small values, where there was no room for larger ones, until there is none for them. */
  private static void putSmallUntilFull(Store store, TreeMap<Integer, Integer> sizes) {
    store.sync(); // from now on each page that is copied waits
    int full = 0;
    for (int key = 0; full < 5; key += 7) {
      int next = key & 0xFFFF;
      try {
        store.write(t -> store.table("t").put(t, key(next), new byte[400]));
        sizes.put(next, 400);
      } catch (FullException e) {
        full++;
      }
    }
  }

  private static byte[] key(int key) {
    return new byte[] {(byte) (key >> 8), (byte) key};
  }

  private static long used(SimulatedStorage storage) {
    long used = 0;
    for (Path file : storage.list(StoreLife.DIR)) {
      if (!file.toString().endsWith("-lock")) {
        try (StorageFile open = storage.open(file, FileAccess.READ)) {
          used += open.size();
        }
      }
    }
    return used;
  }

  private static int fillAndGoOn(SimulatedStorage storage) {
    int refused = 0;
    Store store = StoreLife.open(storage);
    ByteTable table = store.table("t");
    for (int i = 0; i < 60; i++) {
      long before = StoreChecks.digest(store);
      byte[] key = {(byte) i, 1};
      byte[] value = new byte[i % 5 == 4 ? 20_000 : 1500];
      try (WriteTransaction transaction =
          store.beginWrite(i % 7 == 0 ? Durability.SYNC : Durability.NONE)) {
        table.put(transaction, key, value);
        transaction.commit();
      } catch (FullException e) {
        refused++;
        assertThat(StoreChecks.digest(store)).isEqualTo(before);
        StoreChecks.checkPages(store);
        delete(store, i);
      }
      if (i == 40) {
        same(storage.killed(), StoreChecks.digest(store));
        storage.capacity(1L << 30);
      }
    }
    assertThat(table.get(store.beginRead(), new byte[] {59, 1})).hasSize(20_000);
    long content = StoreChecks.digest(store);
    store.close();
    same(storage, content);
    storage.crashStates(3).forEach(left -> same(left, content));
    return refused;
  }

  /** Deletes something; there is always room for that. */
  private static void delete(Store store, int i) {
    store.write(
        t -> {
          store.table("t").delete(t, new byte[] {(byte) (i - 1), 1});
          store.table("t").delete(t, new byte[] {(byte) (i - 2), 1});
        });
  }

  private static void same(SimulatedStorage left, long content) {
    left.capacity(1L << 30);
    try (Store store = StoreLife.open(left)) {
      assertThat(StoreChecks.digest(store)).isEqualTo(content);
      StoreChecks.checkPages(store);
    }
  }
}
