// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.PoisonedException;
import dev.varve.SnapshotLostException;
import dev.varve.file.ProcessLock;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.memory.Words;
import dev.varve.store.Machine.Handle;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The writer's turn, the leader's, and the gate. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD) // waits ignore interrupts
class TurnTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private final SimulatedStorage storage = SharedStateTest.simulated();
  private final SimulatedStorage other = storage.otherProcess();
  private final Machine machine = new Machine(storage, Path.of("/data"));
  private final Handle a = machine.open(storage);
  private final Handle b = machine.open(other);

  @Test
  void isTakenAndGivenBack() {
    assertThat(a.writer.isMine()).isFalse();
    a.writer.take(Duration.ZERO);
    assertThat(a.writer.isMine()).isTrue();
    assertThat(b.writer.isMine()).isFalse();
    assertThat(a.leader.isMine()).isFalse();
    b.leader.take(Duration.ZERO);
    assertThat(a.writer.release()).isTrue();
    b.writer.take(Duration.ZERO);
    assertThat(b.writer.release()).isTrue();
    assertThat(b.leader.release()).isTrue();
    assertThatThrownBy(b.leader::release).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void busySaysWho() {
    b.writer.take(Duration.ZERO);
    assertThatThrownBy(() -> a.writer.take(Duration.ZERO))
        .isInstanceOf(BusyException.class)
        .hasMessageContaining("written by process " + other.processId());
    assertThatThrownBy(() -> b.writer.take(Duration.ofSeconds(-1)))
        .isInstanceOf(BusyException.class)
        .hasMessageContaining("another thread of this handle")
        .hasMessageContaining("this process (" + other.processId());
    assertThatThrownBy(() -> machine.open(other).writer.take(Duration.ZERO))
        .isInstanceOf(BusyException.class)
        .hasMessageContaining("another handle in this process (" + other.processId());
    a.leader.take(Duration.ZERO);
    assertThatThrownBy(() -> b.leader.take(Duration.ZERO))
        .isInstanceOf(BusyException.class)
        .hasMessageContaining("synced by process " + storage.processId());
    assertThat(b.writer.release()).isTrue();
    a.writer.take(Duration.ZERO);
  }

  /** What a thread was dismissed for may not hold any more when it looks: it is not late. */
  @Test
  void needlessForAMoment() {
    a.leader.take(Duration.ZERO);
    int[] looks = {0};
    assertThat(a.leader.take(LONG, () -> looks[0]++ == 0)).isFalse();
    assertThat(a.leader.waiters()).isZero();
    assertThat(a.leader.release()).isTrue();
  }

  @Test
  void theClockOfTheStorageCounts() throws Exception {
    b.writer.take(Duration.ZERO);
    CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> a.writer.take(LONG));
    CompletableFuture<Void> inside = CompletableFuture.runAsync(() -> b.writer.take(LONG));
    CompletableFuture<Void> gate;
    try (ProcessLock held = a.gate.take(Duration.ZERO)) {
      assertThat(held.isValid()).isTrue();
      gate = CompletableFuture.runAsync(() -> b.gate.take(LONG));
      while (!(waiting.isDone() && inside.isDone() && gate.isDone())) {
        storage.advance(Duration.ofSeconds(7));
        Thread.sleep(1);
      }
    }
    for (CompletableFuture<Void> each : List.of(waiting, inside, gate)) {
      assertThatThrownBy(each::get)
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(BusyException.class);
    }
    b.gate.take(Duration.ZERO).close();
  }

  @Test
  void theDeadAreTakenOver() {
    b.writer.take(Duration.ZERO);
    b.leader.take(Duration.ZERO);
    other.kill();
    a.writer.take(Duration.ZERO);
    a.leader.take(Duration.ZERO);
    assertThat(a.shared.isRewriting()).isTrue();
    assertThat(a.writer.isMine() && a.leader.isMine()).isTrue();
    assertThat(b.writer.release()).as("of one that lives on without knowing").isFalse();
    assertThat(a.writer.isMine()).isTrue();
  }

  @Test
  void whoWaitsNoticesADeath() throws Exception {
    b.writer.take(Duration.ZERO);
    CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> a.writer.take(LONG));
    Thread.sleep(5);
    assertThat(waiting).isNotDone();
    other.kill();
    waiting.get();
    assertThat(a.writer.isMine()).isTrue();
  }

  @Test
  void anInterruptIsKeptAndDoesNotEndTheWait() throws Exception {
    b.writer.take(Duration.ZERO);
    CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
    Thread thread =
        Thread.ofVirtual()
            .start(
                () -> {
                  a.writer.take(LONG);
                  interrupted.complete(Thread.interrupted());
                });
    thread.interrupt();
    Thread.sleep(5);
    assertThat(interrupted).isNotDone();
    b.writer.release();
    assertThat(interrupted.get()).isTrue();
  }

  @Test
  void poisonEndsTheWait() throws Exception {
    b.writer.take(Duration.ZERO);
    CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> a.writer.take(LONG));
    a.shared.poison(SharedState.SYNC_FAILED);
    assertThatThrownBy(waiting::get).hasCauseInstanceOf(PoisonedException.class);
    b.writer.release();
    assertThatThrownBy(() -> a.writer.take(LONG)).isInstanceOf(PoisonedException.class);
    assertThat(a.shared.owner(SharedState.WRITER)).isZero();
  }

  @Test
  void whoLostItsSlotGetsNoTurn() {
    Slots.vacate(a.shared, b.slot());
    assertThatThrownBy(() -> b.writer.take(LONG)).isInstanceOf(SnapshotLostException.class);
    assertThat(a.shared.owner(SharedState.WRITER)).isZero();
  }

  @Test
  void whoLosesItsSlotHasTheTurnNoMore() {
    b.writer.take(Duration.ZERO);
    Slots.vacate(a.shared, b.slot());
    assertThat(b.writer.isMine()).isFalse();
    a.writer.take(Duration.ZERO);
    assertThat(b.writer.release()).isFalse();
    assertThat(a.writer.isMine()).isTrue();
  }

  /** The page is gone that the words are in: a load of them fails, and a CAS kills the process. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whereTheWordIsGoneTheOthersOfTheHandleGoOn(boolean isTaken) {
    Words words = Words.over(MemorySegment.ofArray(new long[(int) (SharedState.FILE_BYTES / 8)]));
    List<String> writes = new ArrayList<>();
    boolean[] isGone = {false};
    Words cut =
        (Words)
            Proxy.newProxyInstance(
                Words.class.getClassLoader(),
                new Class<?>[] {Words.class},
                (proxy, method, arguments) -> {
                  if (!isGone[0]) {
                    return method.invoke(words, arguments);
                  }
                  if (!method.getName().startsWith("get")) {
                    writes.add(method.getName());
                  }
                  throw new InternalError("planted");
                });
    SharedState shared = new SharedState(cut, "store");
    shared.initialise(Machine.ID, Machine.ID, 1, Machine.ID, Machine.meta(Txn.FIRST));
    Turn turn = new Handle(storage, Path.of("/data"), shared).claim().writer;
    if (isTaken) {
      turn.take(Duration.ZERO);
    }
    isGone[0] = true;
    assertThatThrownBy(isTaken ? turn::release : () -> turn.take(Duration.ZERO))
        .isInstanceOf(InternalError.class);
    assertThat(turn.isTaken()).as("in this handle").isFalse();
    assertThatThrownBy(() -> shared.poison(SharedState.MAPPING_FAULTED))
        .isInstanceOf(InternalError.class);
    assertThat(writes).isEmpty();
  }

  @Test
  void threadsOfAHandleComeInOrder() throws Exception {
    a.writer.take(Duration.ZERO);
    List<Integer> order = Collections.synchronizedList(new ArrayList<>());
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      int me = i;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    a.writer.take(LONG);
                    order.add(me);
                    a.writer.release();
                  }));
      while (a.writer.waiters() < i + 1) {
        Thread.onSpinWait();
      }
    }
    a.writer.release();
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(order).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
  }

  // Turns among handles.

  private void putFirstInLine(Handle handle) {
    assertThat(handle.shared.firstInLine(SharedState.WRITER, 0, handle.slots.owner())).isTrue();
  }

  private void turn(Handle handle) {
    handle.writer.take(LONG);
    handle.writer.release();
  }

  @Test
  void whoWaitsIsFirstInLineUntilItHasTheTurn() throws Exception {
    b.writer.take(Duration.ZERO);
    CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> a.writer.take(LONG));
    while (a.shared.firstInLine(SharedState.WRITER) != a.slots.owner()) {
      Thread.onSpinWait();
    }
    b.writer.release();
    waiting.get();
    assertThat(a.shared.firstInLine(SharedState.WRITER)).isZero();
    assertThatThrownBy(() -> b.writer.take(Duration.ZERO)).isInstanceOf(BusyException.class);
    CompletableFuture<Void> late = CompletableFuture.runAsync(() -> b.writer.take(LONG));
    while (a.shared.firstInLine(SharedState.WRITER) != b.slots.owner()) {
      Thread.onSpinWait();
    }
    storage.advance(LONG.plusSeconds(1));
    assertThatThrownBy(late::get).hasCauseInstanceOf(BusyException.class);
    assertThat(a.shared.firstInLine(SharedState.WRITER)).isZero();
  }

  @Test
  void whoIsFirstInLineGoesFirstAfterAWhile() throws Exception {
    putFirstInLine(b);
    for (int i = 0; i < 256; i++) {
      turn(a);
    }
    CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> a.writer.take(LONG));
    b.writer.take(LONG);
    assertThat(waiting).isNotDone();
    assertThat(b.shared.firstInLine(SharedState.WRITER)).isNotEqualTo(b.slots.owner());
    b.writer.release();
    waiting.get();
    a.writer.release();
    assertThat(a.shared.firstInLine(SharedState.WRITER)).isZero();

    putFirstInLine(b);
    turn(a);
    storage.advance(Duration.ofMillis(1)); // the time is over before the 256 turns are
    waiting = CompletableFuture.runAsync(() -> a.writer.take(LONG));
    b.writer.take(LONG);
    assertThat(waiting).isNotDone();
    b.writer.release();
    waiting.get();
  }

  /**
   * A storage that does something each time its clock is looked at, as each look at a turn does.
   */
  private static Storage watched(SimulatedStorage storage, Runnable look) {
    return (Storage)
        Proxy.newProxyInstance(
            Storage.class.getClassLoader(),
            new Class<?>[] {Storage.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("nanoTime")) {
                look.run();
              }
              return method.invoke(storage, arguments);
            });
  }

  /** Goes before another one that is first in line, as often as it may, and once more. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 10, 100, 200, 210, 220, 235})
  void whoHasHadItsTurnsLeavesTheFreeTurnToTheFirstInLine(int late) {
    int[] looks = {Integer.MIN_VALUE};
    List<String> order = new ArrayList<>();
    Runnable look =
        () -> {
          looks[0]++;
          if (looks[0] == late) {
            b.writer.take(Duration.ZERO);
            order.add("who is first in line");
          } else if (looks[0] == late + 10) {
            b.writer.release();
          }
        };
    Handle hasty = machine.open(watched(storage, look));
    putFirstInLine(b);
    for (int i = 0; i < 256; i++) {
      turn(hasty);
    }
    looks[0] = 0;
    hasty.writer.take(LONG);
    order.add("who has had its turns");
    assertThat(order)
        .as("who takes the turn, where the first in line looks %d looks late", late)
        .containsExactly("who is first in line", "who has had its turns");
  }

  @Test
  void whoWaitsGetsInLine() {
    int[] looks = {0};
    long[] line = new long[1];
    Runnable look =
        () -> {
          if (looks[0]++ == 300) { // it has parked by now
            line[0] = b.shared.firstInLine(SharedState.WRITER);
            b.writer.release();
          }
        };
    Handle waiter = machine.open(watched(storage, look));
    b.writer.take(Duration.ZERO);
    looks[0] = 0;
    waiter.writer.take(LONG);
    assertThat(line[0]).as("who was first in line").isEqualTo(waiter.slots.owner());
    assertThat(b.shared.firstInLine(SharedState.WRITER)).isZero();
  }

  /** However long it goes on: each goes before one that is in line 256 times, then takes it out. */
  @Test
  void nobodyGoesBeforeTheFirstInLineMoreOftenThanItMay() {
    for (int round = 0; round < 3; round++) {
      putFirstInLine(b);
      int before = 0;
      while (b.shared.firstInLine(SharedState.WRITER) == b.slots.owner()) {
        turn(a);
        before++;
        assertThat(before).as("turns of one handle while another one is in line").isLessThan(258);
      }
      assertThat(before).isEqualTo(257);
    }
  }

  @Test
  void whoIsFirstInLineAndStoppedDelaysOthersOnce() {
    putFirstInLine(b);
    for (int i = 0; i < 1000; i++) {
      turn(a);
    }
    assertThat(a.shared.firstInLine(SharedState.WRITER)).isZero();
  }

  @Test
  void whoCannotWaitDoesNotGiveWay() {
    putFirstInLine(b);
    for (int i = 0; i < 1000; i++) {
      a.writer.take(Duration.ZERO);
      a.writer.release();
    }
    assertThat(a.shared.firstInLine(SharedState.WRITER)).isEqualTo(b.slots.owner());
  }

  /** Nothing is lost where each adds by reading and writing, under the turn. */
  @Test
  void oneHasItAtATime(@TempDir Path dir) throws Exception {
    Machine real = new Machine(Storage.real(), dir);
    List<Handle> handles = List.of(real.open(Storage.real()), real.open(Storage.real()));
    long[] counter = new long[1];
    List<CompletableFuture<Void>> all = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Handle handle = handles.get(i % 2);
      all.add(
          CompletableFuture.runAsync(
              () -> {
                for (int j = 0; j < 2000; j++) {
                  handle.writer.take(LONG);
                  counter[0]++;
                  if (!handle.writer.release()) {
                    throw new AssertionError("lost");
                  }
                }
              },
              task -> Thread.ofPlatform().start(task)));
    }
    for (CompletableFuture<Void> each : all) {
      each.get();
    }
    assertThat(counter[0]).isEqualTo(8000);
    handles.forEach(handle -> handle.slots.release());
  }
}
