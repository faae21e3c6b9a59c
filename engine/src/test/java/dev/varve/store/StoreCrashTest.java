// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is left of a store that was killed, or lost its power, at any point. */
@Tag("once")
class StoreCrashTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final long SEED = Long.getLong("varve.seed", 1);
  private static final Path SHARED = StoreLife.DIR.resolve("s-shm");
  private static final int LIMIT = LONG ? 200 : 30;
  private long checked;

  /**
   * What is checked while a life goes on; what fails there is kept, since the store may catch it.
   */
  private final class Observer {
    final StoreLife life;
    final long seed;
    private Throwable failure;
    private int steps;

    /** Whether nothing is looked at for a while. */
    boolean rest;

    Observer(long seed) {
      this.seed = seed;
      SimulatedStorage storage = StoreLife.machine(seed);
      life = new StoreLife(storage, seed, () -> look(steps++ % 4 == 0 ? LIMIT : 0));
      storage.afterEachEffect(process -> look(LIMIT));
    }

    private void look(int limit) {
      try {
        if (failure == null && !rest) {
          checked += life.check(limit);
        }
      } catch (RuntimeException | Error e) {
        failure = e;
      }
    }

    void end() {
      if (failure != null) {
        throw new AssertionError("varve.seed " + seed, failure);
      }
    }
  }

  @AfterEach
  void count() {
    System.out.println("states of a store after a crash: " + checked);
  }

  @Test
  void everyEffectAndStep() {
    for (int variant = 0; variant < (LONG ? 120 : 2); variant++) {
      Observer observer = new Observer(SEED + variant);
      observer.life.run(3, 6);
      observer.end();
    }
  }

  /** The process dies in the middle of a write or an extension. */
  @Test
  void insideEveryEffect() {
    SimulatedStorage dry = StoreLife.machine(SEED);
    new StoreLife(dry, SEED, () -> {}).run(2, 8);
    for (long effect = 1; effect <= dry.effects(); effect++) {
      for (long bytes : LONG ? new long[] {0, 1, 100, 512, 4096, 70_000} : new long[] {200, 5000}) {
        SimulatedStorage storage = StoreLife.machine(SEED);
        StoreLife life = new StoreLife(storage, SEED, () -> {});
        storage.stopInsideEffect(effect, bytes);
        assertThatThrownBy(() -> life.run(2, 8)).isInstanceOf(SimulatedCrash.class);
        checked += life.check(LONG ? 100 : 4);
      }
    }
  }

  /** Also who opens what was left dies at each effect, and then the next one opens it. */
  @Test
  void everyEffectOfAnOpening() {
    SimulatedStorage storage = StoreLife.machine(SEED);
    StoreLife life = new StoreLife(storage, SEED, () -> {});
    openings(life);
    life.open();
    openings(life);
    for (int i = 0; i < (LONG ? 60 : 12); i++) {
      life.transaction();
      if (i % 3 == 2) {
        openings(life);
      }
    }
    life.close();
    openings(life);
    storage = life.storage;
    storage.stopAtEffect(storage.effects() + 5); // in the middle of a steady sync
    assertThatThrownBy(() -> life.run(1, 40)).isInstanceOf(SimulatedCrash.class);
    openings(life);
  }

  private void openings(StoreLife life) {
    openings(life, life.storage.killed(), life.acknowledged);
    life.storage.crashStates(LONG ? 20 : 3).forEach(left -> openings(life, left, life.durable));
  }

  private void openings(StoreLife life, SimulatedStorage left, int least) {
    boolean finished = false;
    for (int effect = 1; !finished; effect++) {
      SimulatedStorage opening = left.killed();
      opening.stopInsideEffect(effect, effect % 2 == 0 ? 0 : 4000);
      int kept = least;
      try (Store store = StoreLife.open(opening)) {
        finished = StoreChecks.digest(store) != 0;
      } catch (SimulatedCrash e) {
        finished = false;
      }
      life.check(opening.killed(), kept);
      checked++;
      opening
          .crashStates(LONG ? 30 : 3)
          .forEach(
              after -> {
                life.check(after, Math.min(kept, life.durable));
                checked++;
              });
    }
  }

  /** Among them the ones in which the free log is written anew. */
  @Test
  void theFreeLogIsWrittenAnew() {
    StoreLife dry = new StoreLife(StoreLife.machine(SEED), SEED, () -> {});
    int last = untilTheFreeLogMoves(dry);
    dry.close();
    Observer observer = new Observer(SEED);
    StoreLife life = observer.life;
    observer.rest = true;
    life.compacts = false;
    life.open();
    for (int i = 0; i < last + (LONG ? 20 : 4); i++) {
      observer.rest = i < last - 5;
      life.transaction();
    }
    life.close();
    observer.end();
  }

  private static int untilTheFreeLogMoves(StoreLife life) {
    life.compacts = false;
    life.open();
    life.transaction();
    life.transaction();
    int transactions = 2;
    for (long log = life.log(Meta::logPage); life.log(Meta::logPage) == log; transactions++) {
      life.transaction();
    }
    return transactions;
  }

  /**
   * The words of a publication change one after the other; whoever dies between any two has
   * committed or not.
   */
  @Test
  void everyWordOfAPublication() {
    SimulatedStorage storage = StoreLife.machine(SEED);
    StoreLife life = new StoreLife(storage, SEED, () -> {});
    life.open();
    for (int i = 0; i < (LONG ? 200 : 20); i++) {
      life.transaction();
      try (WriteTransaction transaction = life.store().beginWrite(Durability.NONE)) {
        life.put(transaction, "count", "m", new byte[] {(byte) i});
        byte[] before = shared(storage);
        life.commit(transaction, Durability.NONE);
        byte[] after = shared(storage);
        publish(life, before, after);
      }
    }
  }

  private void publish(StoreLife life, byte[] before, byte[] after) {
    ByteBuffer now = ByteBuffer.wrap(before).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer next = ByteBuffer.wrap(after).order(ByteOrder.LITTLE_ENDIAN);
    long txn = next.getLong(128);
    int ring = 1024 + (int) (txn & 7) * 384;
    List<Integer> order = new ArrayList<>();
    for (int at = ring + 8; at < ring + 320; at += 8) {
      if (now.getLong(at) != next.getLong(at)) {
        order.add(at);
      }
    }
    order.addAll(List.of(ring, 128, 384));
    now.putLong(ring, 0);
    int acknowledged = life.acknowledged;
    for (int step = -1; step < order.size(); step++) {
      if (step >= 0) {
        now.putLong(order.get(step), next.getLong(order.get(step)));
      }
      SimulatedStorage left = life.storage.killed();
      try (StorageFile file = left.open(SHARED, FileAccess.WRITE)) {
        file.write(0, MemorySegment.ofArray(before));
      }
      boolean published = now.getLong(128) == txn;
      life.check(left, published ? acknowledged : acknowledged - 1);
      if (!published) {
        assertThat(life.lastFound()).isEqualTo(acknowledged - 1);
      }
      checked++;
    }
    assertThat(before).isEqualTo(after);
  }

  private static byte[] shared(SimulatedStorage storage) {
    SimulatedStorage copy = storage.killed();
    try (StorageFile file = copy.open(SHARED, FileAccess.READ)) {
      byte[] bytes = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  // Two processes.

  /**
   * A process dies at each effect, and between, with what it holds: the writer's turn, the leader's
   * turn, pins. Another one, which had the store open, goes on, and a third one joins.
   */
  @Test
  void oneOfTwoDies() {
    boolean finished = false;
    for (int point = LONG ? 0 : 2; !finished; point += LONG ? 1 : 3) {
      SimulatedStorage machine = StoreLife.machine(SEED);
      StoreLife.open(machine).close();
      SimulatedStorage first = machine.otherProcess();
      int[] points = {point};
      AtomicReference<Throwable> failure = new AtomicReference<>();
      AtomicReference<StoreLife> life = new AtomicReference<>();
      Store survivor = StoreLife.open(machine);
      Runnable look =
          () -> {
            if (points[0]-- == 0) {
              first.kill();
              try {
                survive(life.get(), machine, survivor);
              } catch (RuntimeException | Error e) {
                failure.set(e);
              }
            }
          };
      life.set(new StoreLife(first, SEED + point % 3, look));
      first.afterEachEffect(process -> look.run());
      try {
        life.get().run(2, 6);
        finished = points[0] >= 0;
      } catch (RuntimeException | Error e) { // dead, and others have gone on
        assertThat(points[0]).isNegative();
      }
      if (failure.get() != null) {
        throw new AssertionError("point " + point, failure.get());
      }
    }
  }

  private void survive(StoreLife life, SimulatedStorage machine, Store survivor) {
    int state = life.states.lastIndexOf(StoreChecks.digest(survivor));
    assertThat(state).isBetween(life.acknowledged, life.states.size() - 1);
    StoreChecks.checkPages(survivor);
    ByteTable table = survivor.table("after");
    for (int i = 0; i < 3; i++) {
      put(life, survivor, i);
      StoreChecks.checkPages(survivor);
    }
    powerLoss(life, machine);
    try (Store third = StoreLife.open(machine.otherProcess())) {
      machine.afterEachEffect(
          process -> {
            put(life, third, 0);
            put(life, third, 1);
            powerLoss(life, machine);
          });
      int least = life.states.size() - 1;
      survivor.sync();
      machine.afterEachEffect(process -> {});
      life.durable = least;
      powerLoss(life, machine);
      third.write(transaction -> third.table("after").delete(transaction, new byte[] {0}));
      survivor.write(transaction -> table.put(transaction, new byte[] {0}, new byte[0]));
      assertThat(StoreChecks.digest(third)).isEqualTo(StoreChecks.digest(survivor));
      assertThat(survivor.check().stagedPages()).as("what the dead has staged is free").isZero();
    }
    long content = StoreChecks.digest(survivor);
    same(machine.killed(), content);
    survivor.close();
    same(machine.killed(), content);
    machine.crashStates(2).forEach(left -> same(left, content));
  }

  /** Commits another state. */
  private static void put(StoreLife life, Store store, int key) {
    byte[] value = new byte[700 * key + 8];
    value[0] = (byte) life.states.size();
    value[1] = (byte) (life.states.size() >> 8);
    store.write(t -> store.table("after").put(t, new byte[] {(byte) key}, value));
    life.states.add(StoreChecks.digest(store));
  }

  private void powerLoss(StoreLife life, SimulatedStorage machine) {
    machine
        .crashStates(LONG ? 50 : 4)
        .forEach(
            left -> {
              life.check(left, life.durable);
              checked++;
            });
  }

  private void same(SimulatedStorage left, long content) {
    try (Store store = StoreLife.open(left)) {
      assertThat(StoreChecks.digest(store)).isEqualTo(content);
      StoreChecks.checkPages(store);
    }
    checked++;
  }
}
