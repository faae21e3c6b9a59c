// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.FullException;
import dev.varve.file.Durability;
import dev.varve.file.SimulatedStorage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A store is compacted while it is in use. */
@Tag("once")
@Timeout(600)
class StoreCompactionTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final Path DRAFT = StoreLife.DIR.resolve("s-new");

  @TempDir Path dir;

  private static void put(Store store, int key, int bytes) {
    store.write(
        tx ->
            store.table("t").put(tx, new byte[] {(byte) key, (byte) (key >> 8)}, new byte[bytes]));
  }

  private static void delete(Store store, int key) {
    store.write(tx -> store.table("t").delete(tx, new byte[] {(byte) key, (byte) (key >> 8)}));
  }

  private static long count(Store store) {
    return store.<Long>read(tx -> store.table("t").count(tx));
  }

  @Test
  void theFileGetsSmaller() throws Exception {
    Path path = dir.resolve("s");
    try (Store store = Store.open(path);
        Store other = Store.open(path)) {
      for (int i = 0; i < 400; i++) {
        put(store, i, i % 10 == 0 ? 50_000 : 1000);
      }
      for (int i = 0; i < 390; i++) {
        delete(store, i);
      }
      store.sync();
      long before = Files.size(path);
      long snapshot = store.<Long>read(Transaction::snapshot);
      List<Long> told = new ArrayList<>();
      try (ReadTransaction old = other.beginRead();
          ReadTransaction durable = other.beginReadDurable()) {
        store.compact((pages, total) -> told.add(pages));
        assertThat(Files.size(path)).isLessThan(before / 10);
        assertThat(told).isSorted().startsWith(0L);
        for (Store each : List.of(store, other)) {
          try (ReadTransaction now = each.beginReadDurable()) {
            assertThat(now.snapshot()).isGreaterThan(snapshot);
            assertThat(each.table("t").count(now)).isEqualTo(10);
          }
        }
        put(store, 1, 10);
        assertThat(other.table("t").count(old)).isEqualTo(10);
        assertThat(other.table("t").count(durable)).isEqualTo(10);
        assertThat(count(other)).isEqualTo(11);
        put(other, 2, 3000);
        assertThat(count(store)).isEqualTo(12);
        assertThat(other.table("t").count(old)).isEqualTo(10);
        assertThat(other.table("t").get(old, new byte[] {(byte) 390, 1})).hasSize(50_000);
      }
      assertThat(store.<Long>read(Transaction::snapshot)).isGreaterThan(snapshot);
      assertThat(store.check().findings()).isEmpty();
      assertThat(other.check().findings()).isEmpty();
      other.sync();
      try (ReadTransaction durable = store.beginReadDurable()) {
        assertThat(store.table("t").count(durable)).isEqualTo(12);
      }
    }
    assertThat(dir.toFile().list()).containsExactlyInAnyOrder("s", "s-shm", "s-lock");
    assertThat(StoreDecoder.read(path).get("t")).hasSize(12);
    try (Store store = Store.open(path)) {
      assertThat(count(store)).isEqualTo(12);
      assertThat(store.check().findings()).isEmpty();
    }
  }

  /** Old files are closed when nobody reads them any more, and not before. */
  @Test
  void oldFilesGo() throws Exception {
    try (Store store = Store.open(dir.resolve("s"));
        Store other = Store.open(dir.resolve("s"))) {
      put(store, 1, 100);
      ReadTransaction reading = store.beginRead();
      Handle handle = reading.handle;
      for (int i = 0; i < 3; i++) {
        other.compact();
        put(other, 10 + i, 3);
        assertThat(count(store)).isEqualTo(i + 2);
        assertThat(handle.currentGeneration().previous).isNotNull();
        assertThat(store.table("t").count(reading)).isEqualTo(1);
      }
      reading.close();
      assertThat(handle.currentGeneration().previous).isNull();
      other.compact();
      assertThat(count(store)).isEqualTo(4);
      assertThat(handle.currentGeneration().previous).isNull();
      try (ReadTransaction tx = other.beginRead()) {
        assertThat(tx.handle.currentGeneration().previous).isNull();
      }
    }
  }

  @Test
  void refusesMisuse() {
    Path path = dir.resolve("s");
    StoreOptions options = StoreOptions.DEFAULT.withTimeout(Duration.ofMillis(50));
    try (Store store = Store.open(path, options);
        Store other = Store.open(path, options);
        Store readOnly = Store.open(path, options.readOnly())) {
      put(store, 1, 10);
      assertThatThrownBy(readOnly::compact)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("reading only");
      store.write(
          tx -> {
            assertThatThrownBy(store::compact)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("within a transaction");
            assertThatThrownBy(other::compact).isInstanceOf(BusyException.class);
            assertThat(dir.resolve("s-new")).doesNotExist();
          });
      List<Throwable> seen = new ArrayList<>();
      store.compact(
          (pages, total) -> {
            if (seen.isEmpty()) {
              try {
                other.compact();
              } catch (BusyException e) {
                seen.add(e);
              }
            }
          });
      assertThat(seen).hasSize(1);
      assertThat(seen.get(0)).hasMessageContaining("compacted already");
      assertThat(count(readOnly)).isEqualTo(1);
      other.compact();
      assertThat(count(readOnly)).isEqualTo(1);
    }
  }

  /**
   * What is written while the copy is made is brought over: values, tables, long keys, removals.
   */
  @Test
  void bringsOverWhatChanges() {
    Random random = new Random(3);
    for (int round = 0; round < (LONG ? 200 : 12); round++) {
      Path path = dir.resolve("s" + round);
      int changes = 1 << random.nextInt(13);
      try (Store store = Store.open(path)) {
        for (int i = 0; i < 5; i++) {
          change(store, random, 400);
        }
        boolean[] once = {false};
        long[] digest = {0};
        store.compact(
            (pages, total) -> {
              if (!once[0]) {
                once[0] = true;
                for (int i = random.nextInt(4); i >= 0; i--) {
                  change(store, random, changes);
                }
                digest[0] = StoreChecks.digest(store);
              }
            });
        assertThat(StoreChecks.digest(store)).isEqualTo(digest[0]);
        assertThat(store.check().findings()).isEmpty();
        StoreChecks.checkPages(store);
        change(store, random, 100);
        assertThat(store.check().findings()).isEmpty();
      }
    }
  }

  /** Until P is the new txn, readers take the meta of the last one from its place. */
  @Test
  void theSwitchLeavesTheLastMetaInTheRing() {
    for (int round = 0; round < 24; round++) {
      int commits = round % 8;
      try (Store store = Store.open(dir.resolve("s" + round))) {
        put(store, 0, 10);
        if (round >= 16) {
          store.compact((pages, total) -> {});
        }
        long[] last = {0};
        boolean[] once = {false};
        store.compact(
            (pages, total) -> {
              for (int i = 0; i < commits && !once[0]; i++) {
                put(store, i, 100);
              }
              once[0] = true;
              last[0] = store.<Long>read(Transaction::snapshot);
            });
        long now = store.<Long>read(Transaction::snapshot);
        assertThat(now).isGreaterThan(last[0] + 8);
        assertThat(now % 8).as("after %d commits", commits).isNotEqualTo(last[0] % 8);
        assertThat(store.check().findings()).isEmpty();
        StoreChecks.checkPages(store);
      }
    }
  }

  private static void change(Store store, Random random, int changes) {
    store.write(
        tx -> {
          for (int i = 0; i < changes; i++) {
            String name = "t" + random.nextInt(8);
            ByteTable table = store.table(name);
            byte[] key = new byte[random.nextInt(20) == 0 ? 700 : 3];
            key[0] = (byte) random.nextInt();
            key[1] = (byte) random.nextInt(4);
            switch (random.nextInt(400)) {
              case 0 -> tx.drop(name);
              case 1 -> table.clear(tx);
              case 2, 3, 4, 5 -> table.put(tx, key, new byte[random.nextInt(20_000)]);
              default -> {
                if (random.nextInt(3) == 0) {
                  table.delete(tx, key);
                } else {
                  table.put(tx, key, new byte[random.nextInt(90)]);
                }
              }
            }
          }
        });
  }

  /** Two handles and threads read and write during many compactions; every snapshot is whole. */
  @Test
  void whileOthersReadAndWrite() throws Exception {
    Path path = dir.resolve("s");
    AtomicReference<Throwable> failure = new AtomicReference<>();
    StoreOptions options = StoreOptions.DEFAULT.withTimeout(StoreProcess.TIMEOUT);
    try (Store store = Store.open(path, options);
        Store other = Store.open(path, options)) {
      new StoreLoad(store).prepare();
      boolean[] done = {false};
      List<Thread> threads = new ArrayList<>();
      for (Store each : List.of(store, other)) {
        StoreLoad load = new StoreLoad(each);
        int writer = each == store ? 2 : 3;
        Random random = new Random(writer);
        threads.add(start(failure, done, () -> load.commit(writer, random)));
        threads.add(start(failure, done, () -> each.<Integer>read(load::check)));
        threads.add(
            start(
                failure,
                done,
                () -> {
                  try (ReadTransaction tx = each.beginReadDurable();
                      ReadTransaction last = each.beginRead()) {
                    for (int i = 0; i < 5; i++) {
                      load.check(tx);
                      load.check(last);
                    }
                  }
                }));
      }
      try (StoreChild writer = new StoreChild("0", path, 7);
          StoreChild reader = new StoreChild("read", path, 8)) {
        writer.awaitNumbers(1);
        reader.awaitChecked(1);
        for (int i = 0; i < (LONG ? 2000 : 25) && failure.get() == null; i++) {
          (i % 2 == 0 ? store : other).compact();
          writer.check();
          reader.check();
        }
        writer.awaitNumbers(30);
        writer.kill();
        reader.kill();
        writer.check();
        reader.check();
      } finally {
        done[0] = true;
        for (Thread thread : threads) {
          thread.join();
        }
      }
      assertThat(failure.get()).isNull();
      StoreLoad load = new StoreLoad(other);
      assertThat(other.<Integer>read(load::checkAll)).isPositive();
      assertThat(store.check().findings()).isEmpty();
    }
  }

  private static Thread start(AtomicReference<Throwable> failure, boolean[] done, Runnable body) {
    return Thread.ofPlatform()
        .start(
            () -> {
              try {
                while (!done[0]) {
                  body.run();
                }
              } catch (Throwable e) {
                failure.compareAndSet(null, e);
              }
            });
  }

  // On a simulated machine.

  private static Store filled(SimulatedStorage storage) {
    Store store = StoreLife.open(storage);
    for (int i = 0; i < 40; i++) {
      put(store, i, 1500);
    }
    store.sync();
    for (int i = 0; i < 30; i++) {
      delete(store, i);
    }
    return store;
  }

  /** The compactor dies at each effect, and all that it holds; others, who are in, go on. */
  @Test
  void theCompactorDies() {
    boolean finished = false;
    for (int point = 0; !finished; point++) {
      int effect = 1 + point / 4;
      int order = point % 4;
      SimulatedStorage machine = StoreLife.machine(effect);
      Store survivor = filled(machine);
      SimulatedStorage victim = machine.otherProcess();
      Store compacting = StoreLife.open(victim);
      int[] left = {effect};
      AtomicReference<Throwable> failure = new AtomicReference<>();
      boolean[] died = {false};
      victim.afterEachEffect(
          process -> {
            if (--left[0] == 0) {
              died[0] = true;
              victim.kill();
              try {
                survive(machine, survivor, order);
              } catch (RuntimeException | Error e) {
                failure.set(e);
              }
            }
          });
      try {
        compacting.compact();
      } catch (RuntimeException | Error e) { // dead, and others have gone on
        assertThat(died[0]).as(String.valueOf(e)).isTrue();
      }
      if (failure.get() != null) {
        throw new AssertionError("effect " + effect + ", order " + order, failure.get());
      }
      finished = !died[0];
    }
  }

  /** Others read, write, sync, join and compact, in an order that differs. */
  private static void survive(SimulatedStorage machine, Store survivor, int order) {
    assertThat(count(survivor)).isEqualTo(10);
    int all = 10;
    for (int i = 0; i < 4; i++) {
      switch ((order + i) % 4) {
        case 0 -> {
          put(survivor, 100 + i, 100);
          all++;
        }
        case 1 -> {
          survivor.sync();
          int count = all;
          machine
              .crashStates(LONG ? 30 : 3)
              .forEach(
                  after -> {
                    try (Store store = StoreLife.open(after)) {
                      assertThat(count(store)).isEqualTo(count);
                      StoreChecks.checkPages(store);
                    }
                  });
        }
        case 2 -> {
          try (Store joined = StoreLife.open(machine.otherProcess());
              ReadTransaction durable = joined.beginReadDurable()) {
            assertThat(joined.table("t").count(durable)).isBetween(10L, 40L);
            assertThat(count(joined)).isEqualTo(all);
            put(joined, 100 + i, 2000);
            all++;
          }
        }
        default -> {
          try (ReadTransaction durable = survivor.beginReadDurable()) {
            assertThat(survivor.table("t").count(durable)).isBetween(10L, 40L);
          }
          survivor.compact();
        }
      }
      assertThat(count(survivor)).isEqualTo(all);
      StoreChecks.checkPages(survivor);
    }
    assertThat(survivor.check().findings()).isEmpty();
    try (Store store = StoreLife.open(machine.killed())) {
      assertThat(count(store)).isEqualTo(all);
      StoreChecks.checkPages(store);
    }
    survivor.close();
    try (Store store = StoreLife.open(machine)) {
      assertThat(count(store)).isEqualTo(all);
    }
  }

  /** A leader that finds a switch ends it before it syncs: else another one does meanwhile. */
  @Test
  void aLeaderEndsTheSwitchFirst() {
    boolean finished = false;
    for (int effect = 1; !finished; effect++) {
      SimulatedStorage machine = StoreLife.machine(effect);
      Store survivor = filled(machine);
      Store other = StoreLife.open(machine);
      SimulatedStorage victim = machine.otherProcess();
      Store compacting = StoreLife.open(victim);
      int[] left = {effect};
      AtomicReference<Throwable> failure = new AtomicReference<>();
      boolean[] died = {false};
      victim.afterEachEffect(
          process -> {
            if (--left[0] == 0) {
              died[0] = true;
              victim.kill();
              try {
                syncWhileAnotherWrites(machine, survivor, other);
              } catch (RuntimeException | Error e) {
                failure.set(e);
              }
            }
          });
      try {
        compacting.compact();
      } catch (RuntimeException | Error e) {
        assertThat(died[0]).as(String.valueOf(e)).isTrue();
      }
      assertThat(failure.get()).as("effect %s", effect).isNull();
      finished = !died[0];
    }
  }

  private static void syncWhileAnotherWrites(
      SimulatedStorage machine, Store survivor, Store other) {
    long syncs = machine.calls(SimulatedStorage.Operation.SYNC);
    boolean[] wrote = {false};
    machine.afterEachEffect(
        process -> {
          if (!wrote[0] && machine.calls(SimulatedStorage.Operation.SYNC) > syncs) {
            wrote[0] = true;
            put(other, 300, 10);
          }
        });
    survivor.sync();
    machine.afterEachEffect(process -> {});
    put(survivor, 301, 10);
    assertThat(count(other)).isEqualTo(wrote[0] ? 12 : 11);
    assertThat(survivor.check().findings()).isEmpty();
  }

  /** All die, or the power fails, at each effect: nothing acknowledged is lost. */
  @Test
  void allDie() {
    boolean finished = false;
    for (int effect = 1; !finished; effect++) {
      SimulatedStorage machine = StoreLife.machine(effect);
      Store store = filled(machine);
      long durable = 40;
      machine.stopInsideEffect(machine.effects() + effect, effect % 2 * 5000);
      try {
        store.compact();
        finished = true;
        durable = 10;
      } catch (RuntimeException | Error e) {
        finished = false;
      }
      try (Store left = StoreLife.open(machine.killed())) {
        assertThat(count(left)).isEqualTo(10);
        StoreChecks.checkPages(left);
        left.compact();
        assertThat(count(left)).isEqualTo(10);
      }
      long least = durable;
      machine
          .crashStates(LONG ? 300 : 12)
          .forEach(
              after -> {
                try (Store left = StoreLife.open(after)) {
                  assertThat(count(left)).isIn(10L, least);
                  StoreChecks.checkPages(left);
                  left.compact();
                  put(left, 99, 10);
                  assertThat(left.check().findings()).isEmpty();
                }
                assertThat(after.exists(DRAFT)).isFalse();
              });
    }
  }

  @Test
  void fullDisk() {
    int refused = 0;
    boolean finished = false;
    for (long room = 0; !finished; room += LONG ? 512 : 12_000) {
      SimulatedStorage storage = StoreLife.machine(1);
      try (Store store = filled(storage)) {
        storage.capacity((1L << 40) - storage.usableSpace(StoreLife.DIR) + room);
        try {
          store.compact();
          finished = true;
        } catch (FullException e) {
          refused++;
          assertThat(storage.exists(DRAFT)).isFalse();
        }
        storage.capacity(1L << 40);
        put(store, 200, 100);
        assertThat(count(store)).isEqualTo(11);
        StoreChecks.checkPages(store);
      }
    }
    assertThat(refused).isGreaterThan(2);
  }

  /** A commit that waits for a sync is durable by the compaction that comes between. */
  @Test
  void syncAfterwards() {
    SimulatedStorage storage = StoreLife.machine(1);
    try (Store store = filled(storage)) {
      store.compact();
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        store.table("t").put(tx, new byte[9], new byte[9]);
        tx.commit();
      }
      storage
          .crashStates(30)
          .forEach(
              after -> {
                try (Store left = StoreLife.open(after)) {
                  assertThat(count(left)).isEqualTo(11);
                }
              });
    }
  }
}
