// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.Durability;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Wherever a thread waits for another one, an interrupt neither ends the wait nor is lost: the work
 * is done once what is waited for is there.
 */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StoreInterruptsTest {
  private static final Duration LONG = Duration.ofMinutes(1);
  private static final StoreOptions OPTIONS = StoreOptions.DEFAULT.withTimeout(LONG);

  @TempDir Path dir;
  private Path path;
  private Store store;
  private Store other;
  private Handle handle;
  private Handle otherHandle;
  private final Deque<AutoCloseable> held = new ArrayDeque<>();

  @BeforeEach
  void open() {
    path = dir.resolve("s");
    store = Store.open(path, OPTIONS);
    other = Store.open(path, OPTIONS);
    put(store, Durability.NONE);
    handle = handle(store);
    otherHandle = handle(other);
  }

  @AfterEach
  void close() throws Exception {
    letGo(); // after a failure
    store.close();
    other.close();
  }

  private void letGo() throws Exception {
    while (!held.isEmpty()) {
      held.pop().close();
    }
  }

  private static Handle handle(Store store) {
    try (ReadTransaction tx = store.beginRead()) {
      return tx.handle;
    }
  }

  private static void put(Store store, Durability durability) {
    try (WriteTransaction tx = store.beginWrite(durability)) {
      store.table("t").put(tx, new byte[1], new byte[9]);
      tx.commit();
    }
  }

  /** Has a thread wait in some work, and interrupts it, several times. */
  private void interrupt(Runnable work) throws Exception {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    boolean[] isStill = new boolean[1];
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    work.run();
                  } catch (Throwable e) {
                    failure.set(e);
                  }
                  isStill[0] = Thread.interrupted();
                });
    for (int i = 0; i < 3; i++) {
      Thread.State state = thread.getState();
      while (state != Thread.State.TIMED_WAITING && state != Thread.State.TERMINATED) {
        Thread.sleep(1);
        state = thread.getState();
      }
      thread.interrupt();
      Thread.sleep(5);
      assertThat(failure.get()).isNull();
      assertThat(thread.isAlive()).as("waits").isTrue();
    }
    letGo();
    thread.join();
    assertThat(failure.get()).isNull();
    assertThat(isStill[0]).as("the flag").isTrue();
    assertThat(handle.isClosed() || StoreChecks.digest(store) == StoreChecks.digest(other))
        .isTrue();
  }

  private Gate gate() {
    return new Gate(Storage.real(), dir.resolve("s-lock"));
  }

  private void holdGate() {
    ProcessLock lock = gate().take(LONG);
    held.push(lock::close);
  }

  @Test
  void forAWriterOfAnotherHandle() throws Exception {
    held.push(other.beginWrite());
    interrupt(() -> put(store, Durability.NONE));
  }

  @Test
  void forAWriterOfTheSameHandle() throws Exception {
    held.push(store.beginWrite());
    interrupt(() -> put(store, Durability.NONE));
  }

  @Test
  void forASteadySyncOfAnotherHandle() throws Exception {
    otherHandle.syncer.take(LONG);
    held.push(otherHandle.syncer::release);
    interrupt(() -> put(store, Durability.SYNC));
  }

  @Test
  void forASteadySyncOfTheSameHandle() throws Exception {
    handle.syncer.take(LONG);
    held.push(handle.syncer::release);
    interrupt(store::sync);
  }

  @Test
  void forASyncOfTheRedoLog() throws Exception {
    put(store, Durability.SYNC); // from now on there is one
    Turn turn = Turn.ofRedoLeader(otherHandle.shared, otherHandle.slots, Storage.real());
    turn.take(LONG);
    held.push(turn::release);
    interrupt(() -> put(store, Durability.SYNC));
  }

  @Test
  void forWhatIsDurableWhereNothingCanBeWritten() throws Exception {
    store.sync();
    try (Store reader = Store.open(path, OPTIONS.readOnly())) {
      put(store, Durability.SYNC);
      put(store, Durability.SYNC); // into the redo log: so what is durable is in no steady state
      put(store, Durability.NONE);
      held.push(() -> store.sync());
      interrupt(() -> reader.beginReadDurable().close());
    }
  }

  @Test
  void forTheGateToOpen() throws Exception {
    holdGate();
    interrupt(() -> Store.open(path, OPTIONS).close());
  }

  @Test
  void forTheGateToClose() throws Exception {
    holdGate();
    interrupt(store::close);
  }

  @Test
  void forTheGateToTakeAnotherSlot() throws Exception {
    holdGate();
    List<ReadTransaction> all = new ArrayList<>();
    interrupt(
        () -> {
          for (int i = 0; i < SharedState.CELLS; i++) { // one more than a slot has for readers
            all.add(store.beginRead());
          }
          all.forEach(ReadTransaction::close);
        });
    assertThat(all).hasSize(SharedState.CELLS);
  }

  @Test
  void forTheEndOfACompaction() throws Exception {
    ProcessLock lock = gate().takeCompaction(LONG);
    held.push(lock::close);
    interrupt(store::compact);
  }

  @Test
  void forTheTurnsThatACompactionNeeds() throws Exception {
    held.push(other.beginWrite());
    interrupt(store::compact);
  }

  @Test
  void forTheGateInASwitch() throws Exception {
    holdGate();
    interrupt(store::compact);
  }

  @Test
  void forASwitchThatIsUnderWay() throws Exception {
    holdGate();
    handle.shared.switching(1L << 40);
    interrupt(() -> put(store, Durability.NONE));
    assertThat(handle.shared.switching()).isZero();
  }

  @Test
  void forTheTurnToGrowAStage() throws Exception {
    held.push(other.beginWrite());
    interrupt(
        () -> {
          try (StagedValue staged = store.stage(2 << 20)) {
            assertThat(staged.byteSize()).isZero();
          }
        });
  }
}
