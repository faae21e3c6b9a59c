// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.file.SimulatedStorage;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Phaser;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A store lives as long as somebody works with it, and not longer, whoever lets go last. */
class StoreClosingTest {
  private static final int ROUNDS = Boolean.getBoolean("varve.long") ? 200_000 : 4000;
  private static final int READERS = 2;
  private static final byte[] KEY = {1};

  private final SimulatedStorage machine = StoreLife.machine(1);
  private final SimulatedStorage process = machine.otherProcess();

  /** A handle of another process, which sees who else is in. */
  private Store observer;

  private Store store;
  private ByteTable table;

  @BeforeEach
  void open() {
    observer = StoreLife.open(machine);
    observer.write(tx -> observer.table("t").put(tx, KEY, KEY));
    reopen();
  }

  private void reopen() {
    store = StoreLife.open(process);
    table = store.table("t");
  }

  @AfterEach
  void close() {
    observer.close();
  }

  private boolean isIn() {
    return observer.processes().contains(process.processId());
  }

  @Test
  void theLastTransactionLetsGo() {
    ReadTransaction first = store.beginRead();
    ReadTransaction second = store.beginReadDurable();
    WriteTransaction third = store.beginWrite();
    store.close();
    assertThatThrownBy(() -> table.get(first, KEY)).isInstanceOf(ClosedException.class);
    assertThat(isIn()).as("two are left").isTrue();
    third.close();
    assertThat(isIn()).as("one is left").isTrue();
    second.close();
    second.close();
    assertThat(isIn()).isFalse();
    first.close();
    reopen();
    ReadTransaction reading = store.beginRead();
    WriteTransaction writing = store.beginWrite();
    store.close();
    reading.close();
    assertThat(isIn()).as("who writes is left").isTrue();
    writing.close();
    assertThat(isIn()).isFalse();
    reopen();
    store.close();
    assertThat(isIn()).isFalse();
    assertThatThrownBy(store::beginRead).isInstanceOf(ClosedException.class);
  }

  @Test
  void transactionsThatAreInterruptedLetGo() {
    ReadTransaction reading = store.beginRead();
    Thread.currentThread().interrupt();
    store.close();
    reading.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(isIn()).isFalse();
  }

  @Test
  void aTransactionThatCannotBegin() {
    ReadTransaction reading = store.beginRead();
    store.close();
    assertThatThrownBy(store::beginRead).isInstanceOf(ClosedException.class);
    assertThatThrownBy(store::beginReadDurable).isInstanceOf(ClosedException.class);
    assertThat(isIn()).isTrue();
    reading.close();
    assertThat(isIn()).isFalse();
  }

  /** Threads end their last transactions, or begin ever new ones, while another one closes. */
  @Test
  void closingAgainstReaders() throws Exception {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("StoreClosingTest: seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    Phaser phases = new Phaser(READERS + 1);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    boolean[] done = new boolean[1]; // between phases
    List<Thread> readers = new ArrayList<>();
    for (int i = 0; i < READERS; i++) {
      SplittableRandom own = random.split();
      readers.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      for (int round = 0; await(phases) && !done[0]; round++) {
                        read(round % 2 == 0, own, phases);
                        await(phases);
                      }
                    } catch (Throwable e) {
                      failure.compareAndSet(null, e);
                      phases.forceTermination();
                    }
                  }));
    }
    for (int round = 0; round < ROUNDS && failure.get() == null; round++) {
      await(phases); // all begin
      await(phases); // all have begun
      spin(random.nextInt(100));
      store.close();
      await(phases); // all have ended
      if (failure.get() == null) {
        assertThat(isIn()).as("seed %d, round %d", seed, round).isFalse();
      }
      reopen();
    }
    done[0] = true;
    await(phases);
    for (Thread reader : readers) {
      reader.join();
    }
    store.close();
    if (failure.get() != null) {
      throw new AssertionError("seed " + seed, failure.get());
    }
  }

  private void read(boolean once, SplittableRandom random, Phaser phases) {
    ReadTransaction last = store.beginRead();
    await(phases);
    if (once) {
      spin(random.nextInt(100));
      last.close();
      return;
    }
    last.close();
    try {
      while (true) {
        if (phases.isTerminated()) {
          return;
        }
        try (ReadTransaction tx = store.beginRead()) {
          assertThat(table.get(tx, KEY)).containsExactly(1);
        }
      }
    } catch (ClosedException e) {
      assertThat(e).hasMessageContaining("is closed");
    }
  }

  /** Waits for the others; false if one of them has failed. */
  private static boolean await(Phaser phases) {
    return phases.arriveAndAwaitAdvance() >= 0;
  }

  private static void spin(int times) {
    for (int i = 0; i < times; i++) {
      Thread.onSpinWait();
    }
  }
}
