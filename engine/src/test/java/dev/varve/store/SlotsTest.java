// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.CorruptionException;
import dev.varve.PoisonedException;
import dev.varve.SnapshotLostException;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.memory.AllocationMeter;
import dev.varve.store.Machine.Handle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Slots and pins of several handles, by one thread. */
class SlotsTest {
  private final SimulatedStorage storage = SharedStateTest.simulated();
  private final Machine machine = new Machine(storage, Path.of("/data"));
  private final Handle a = machine.open(storage);
  private final Handle b = machine.open(storage.otherProcess());
  private final Meta meta = new Meta();

  @Test
  void handlesHaveSlotsOfTheirOwn() {
    Handle c = machine.open(storage);
    assertThat(List.of(a.slot(), b.slot(), c.slot())).containsExactly(0, 1, 2);
    assertThat(a.shared.processId(1)).isEqualTo(b.storage.processId());
    assertThat(a.shared.processStart(1))
        .isEqualTo(a.storage.processStart(b.storage.processId()).orElseThrow());
    b.slots.release();
    assertThat(a.shared.processId(1)).isZero();
    long before = a.shared.incarnation(1);
    assertThat(machine.open(storage).slot()).isEqualTo(1);
    assertThat(a.shared.incarnation(1)).isEqualTo(before + 1);
    assertThat(a.slots.isMine()).isTrue();
    assertThat(a.slots.locksAreValid()).isTrue();
  }

  @Test
  void aPinHoldsItsState() {
    int first = a.slots.pin(meta);
    assertThat(Machine.isWhole(meta, 1)).isTrue();
    a.commit();
    int second = b.slots.pin(meta);
    assertThat(Machine.isWhole(meta, 2)).isTrue();
    a.commit();
    a.steady(3);
    assertThat(a.needed()).isEqualTo(b.needed()).containsExactly(1L, 2L, 3L);
    assertThat(a.slots.holds(first, 1)).isTrue();
    assertThat(a.slots.holds(first, 2)).isFalse();
    a.slots.end(first, 1);
    assertThat(a.slots.holds(first, 1)).isFalse();
    assertThat(b.needed()).containsExactly(2L, 3L);
    b.slots.end(second, 2);
    assertThat(b.needed()).containsExactly(3L);
  }

  /** What decides whether a file that was replaced may be unmapped. */
  @Test
  void whoMayReadBefore() {
    assertThat(a.slots.mayReadBefore(2)).isFalse();
    int cell = a.slots.pin(meta);
    a.commit();
    a.steady(2);
    assertThat(a.slots.mayReadBefore(1)).isFalse();
    assertThat(a.slots.mayReadBefore(2)).isTrue();
    assertThat(a.slots.revoke(cell, 1)).isTrue();
    assertThat(a.slots.mayReadBefore(2)).as("a revoked reader reads on").isTrue();
    a.slots.end(cell, 1);
    assertThat(a.slots.mayReadBefore(2)).isFalse();
    Slots.vacate(a.shared, a.slot());
    assertThat(a.slots.mayReadBefore(2)).as("its slot is lost").isTrue();
    assertThat(b.slots.mayReadBefore(2)).isFalse();
  }

  @Test
  void twoPinsOfAStateAreTwo() {
    int first = a.slots.pin(meta);
    int second = a.slots.pin(meta);
    assertThat(first).isNotEqualTo(second);
    a.commit();
    a.steady(2);
    a.slots.end(first, 1);
    assertThat(a.needed()).containsExactly(1L, 2L);
    a.slots.end(second, 1);
    assertThat(a.needed()).containsExactly(2L);
  }

  @Test
  void theSteadyStateIsPinned() {
    a.commit();
    int cell =
        b.slots.pinSteady(
            (txn, target) -> {
              if (txn == 1) {
                // Overtaken by the leader meanwhile.
                a.steady(2);
              }
              target.copyFrom(Machine.meta(txn));
              return true;
            },
            meta);
    assertThat(meta.txn()).isEqualTo(2);
    a.commit();
    a.steady(3);
    assertThat(a.needed()).containsExactly(2L, 3L);
    b.slots.end(cell, 2);
    assertThatThrownBy(() -> b.slots.pinSteady((txn, target) -> false, meta))
        .isInstanceOf(CorruptionException.class);
    assertThat(a.needed()).containsExactly(3L);
  }

  @Test
  void aLeaderTurnsItsPinIntoTheSteadyState() {
    b.commit();
    b.slots.pinLeader(meta);
    assertThat(meta.txn()).isEqualTo(2);
    b.commit();
    assertThat(a.needed()).containsExactly(1L, 2L);
    assertThat(a.slots.revoke(a.slots.find(2, 0), 2)).as("a leader's pin stays").isFalse();
    b.steady(2);
    b.slots.endLeader();
    assertThat(a.needed()).containsExactly(2L);
    b.slots.pinLeader(meta);
    b.slots.endLeader();
  }

  @Test
  void aRevokedPinHoldsNothingAndItsCellIsFreedByItsReader() {
    int cell = b.slots.pin(meta);
    a.commit();
    a.steady(2);
    assertThat(a.slots.find(1, 0)).isEqualTo(cell);
    assertThat(a.slots.find(1, cell + 1)).isEqualTo(-1);
    assertThat(a.slots.find(2, 0)).isEqualTo(-1);
    assertThat(a.slots.revoke(cell, 2)).isFalse();
    assertThat(a.slots.revoke(cell, 1)).isTrue();
    assertThat(a.slots.revoke(cell, 1)).isFalse();
    assertThat(b.slots.holds(cell, 1)).isFalse();
    assertThat(a.needed()).containsExactly(2L);
    int other = b.slots.pin(meta);
    assertThat(other).as("the cell is still its reader's").isNotEqualTo(cell);
    b.slots.end(cell, 1);
    assertThat(a.shared.pin(cell)).isZero();
    assertThat(b.slots.holds(other, 2)).isTrue();
  }

  @Test
  void poisonIsNoticedAndThePinDropped() {
    a.commit();
    a.steady(2);
    a.shared.poison(SharedState.SYNC_FAILED);
    assertThatThrownBy(() -> b.slots.pin(meta)).isInstanceOf(PoisonedException.class);
    for (int number = 0; number < SharedState.CELLS; number++) {
      assertThat(a.shared.pin(SharedState.cell(b.slot(), number))).isZero();
    }
  }

  @Test
  void aLostSlotIsNoticed() {
    int cell = b.slots.pin(meta);
    Slots.vacate(a.shared, b.slot());
    assertThat(b.slots.holds(cell, 1)).isFalse();
    assertThat(b.slots.isMine()).isFalse();
    assertThatThrownBy(() -> b.slots.pin(meta)).isInstanceOf(SnapshotLostException.class);
    assertThat(a.shared.pin(cell)).isZero();
    // The same pin again, by a thread that has not noticed yet: it means nothing.
    assertThat(a.shared.pin(cell, 0, Txn.pin(1, 1))).isTrue();
    assertThat(b.slots.holds(cell, 1)).isFalse();
  }

  @Test
  void whoLostItsSlotLeavesTheNextOnesPinsAlone() {
    int cell = b.slots.pin(meta);
    int slot = b.slot();
    SimulatedStorage process = (SimulatedStorage) b.storage;
    process.kill();
    assertThat(a.slots.owners().probe(slot)).isEqualTo(Owners.Life.GONE);
    Handle c = machine.open(storage);
    assertThat(c.slot()).isEqualTo(slot);
    assertThat(c.slots.pin(meta)).isEqualTo(cell);
    b.slots.end(cell, 1);
    assertThat(b.slots.holds(cell, 1)).isFalse();
    assertThat(c.slots.holds(cell, 1)).isTrue();
    b.slots.release();
    assertThat(c.slots.isMine()).isTrue();
    assertThat(c.slots.holds(cell, 1)).isTrue();
  }

  @Test
  void fewReadersUseFewCells() {
    for (int i = 0; i < 100; i++) {
      int cell = a.slots.pin(meta);
      int second = a.slots.pin(meta);
      a.slots.end(cell, 1);
      a.slots.end(second, 1);
    }
    assertThat(a.shared.cellsUsed(a.slot())).isEqualTo(3);
  }

  @Test
  void moreSnapshotsTakeMoreSlotsUntilThereAreNone() {
    List<Integer> cells = new ArrayList<>();
    BusyException busy = null;
    while (busy == null) {
      try {
        cells.add(a.slots.pin(meta));
      } catch (BusyException e) {
        busy = e;
      }
    }
    assertThat(cells).hasSize(255 * 30).doesNotHaveDuplicates();
    assertThat(busy)
        .hasMessageContaining(storage.processId() + "=255")
        .hasMessageContaining(b.storage.processId() + "=1")
        .hasMessageContaining("this process is " + storage.processId());
    assertThatThrownBy(() -> machine.open(storage)).isInstanceOf(BusyException.class);
    long[] into = new long[1];
    assertThat(b.slots.collect(into)).isEqualTo(1);
    a.slots.end(cells.get(4000), 1);
    assertThat(a.slots.pin(meta)).isEqualTo(cells.get(4000));
    ((SimulatedStorage) b.storage).kill();
    assertThat(SharedState.slotOfCell(a.slots.pin(meta))).as("that of the dead").isEqualTo(1);
    a.slots.release();
    assertThat(machine.open(storage).slot()).isZero();
  }

  @Test
  void statesAreSortedAndUnsignedAndDistinct() {
    Machine old = new Machine(storage, Path.of("/data"));
    Handle handle = old.handle(storage);
    long first = (-5L << 48) - 5; // and on over the end of the bits of a pin
    handle.shared.initialise(1, 1, 1, 1, Machine.meta(first));
    handle.claim();
    List<Integer> cells = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      cells.add(handle.slots.pin(meta));
      if (i % 2 == 0) {
        handle.commit();
      }
    }
    List<Long> needed = handle.needed();
    assertThat(needed)
        .hasSize(11)
        .isSortedAccordingTo(Comparator.comparing((Long x) -> x, Long::compareUnsigned))
        .doesNotHaveDuplicates()
        .contains(first, first + 3, (-5L << 48), handle.shared.published())
        .doesNotContain((-5L << 48) - 1);
    assertThatThrownBy(() -> handle.slots.collect(new long[10]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(cells).doesNotHaveDuplicates();
  }

  /** A reader, an ended snapshot, a revoked one, a commit, a sync, in any order, by any handle. */
  @Test
  void randomOperationsDoWhatAModelDoes() {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("SlotsTest: seed " + seed);
    Random random = new Random(seed);
    record Pin(Handle handle, int cell, long txn, boolean[] revoked) {}
    List<Handle> handles = new ArrayList<>(List.of(a, b, machine.open(storage)));
    List<Pin> pins = new ArrayList<>();
    for (int i = 0; i < 5_000; i++) {
      Handle handle = handles.get(random.nextInt(handles.size()));
      switch (random.nextInt(13)) {
        case 0 -> handle.commit();
        case 1 -> {
          if (random.nextInt(5) == 0) {
            handle.slots.pinLeader(meta);
            assertThat(meta.txn()).isEqualTo(handle.shared.published());
            handle.steady(meta.txn());
            handle.slots.endLeader();
          }
        }
        case 2, 3, 4 -> {
          int cell = handle.slots.pin(meta);
          assertThat(Machine.isWhole(meta, handle.shared.published())).isTrue();
          pins.add(new Pin(handle, cell, meta.txn(), new boolean[1]));
        }
        case 5 -> {
          int cell =
              handle.slots.pinSteady(
                  (txn, target) -> {
                    target.txn(txn);
                    return true;
                  },
                  meta);
          assertThat(meta.txn()).isEqualTo(handle.shared.steady());
          pins.add(new Pin(handle, cell, meta.txn(), new boolean[1]));
        }
        case 6 -> {
          if (!pins.isEmpty()) {
            Pin pin = pins.get(random.nextInt(pins.size()));
            assertThat(handle.slots.revoke(pin.cell, pin.txn)).isEqualTo(!pin.revoked[0]);
            pin.revoked[0] = true;
          }
        }
        case 7 -> {
          if (random.nextInt(30) == 0) {
            Handle gone = handles.remove(random.nextInt(handles.size()));
            if (gone.storage != storage) {
              ((SimulatedStorage) gone.storage).kill();
            } else {
              gone.slots.release();
            }
            Handle next = machine.open(random.nextBoolean() ? storage : storage.otherProcess());
            next.slots.owners().reclaim();
            pins.removeIf(pin -> pin.handle == gone);
            handles.add(next);
          }
        }
        default -> {
          if (!pins.isEmpty()) {
            Pin pin = pins.remove(random.nextInt(pins.size()));
            assertThat(pin.handle.slots.holds(pin.cell, pin.txn)).isEqualTo(!pin.revoked[0]);
            pin.handle.slots.end(pin.cell, pin.txn);
          }
        }
      }
      TreeSet<Long> expected = new TreeSet<>();
      expected.add(handles.getFirst().shared.steady());
      pins.stream().filter(pin -> !pin.revoked[0]).forEach(pin -> expected.add(pin.txn));
      assertThat(handles.get(random.nextInt(handles.size())).needed())
          .as("seed %d, step %d", seed, i)
          .containsExactlyElementsOf(expected);
    }
  }

  @Test
  void pinsMakeNoGarbage(@TempDir Path dir) {
    Handle handle = new Machine(Storage.real(), dir).open(Storage.real());
    long[] into = new long[16];
    Slots.Source source =
        (txn, target) -> {
          target.txn(txn);
          return true;
        };
    assertThat(
            AllocationMeter.bytesPerOperation(
                () -> {
                  int cell = handle.slots.pin(meta);
                  handle.slots.holds(cell, meta.txn());
                  handle.slots.end(cell, meta.txn());
                  cell = handle.slots.pinSteady(source, meta);
                  handle.slots.collect(into);
                  handle.slots.end(cell, meta.txn());
                }))
        .isLessThan(0.1);
    handle.slots.release();
  }
}
