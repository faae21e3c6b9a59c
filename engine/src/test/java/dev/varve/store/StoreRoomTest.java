// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import dev.varve.FullException;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What surely does not fit on the disk is refused before anything is written. */
class StoreRoomTest {
  private static final int MIB = 1 << 20;
  private static final long TIB = 1L << 40;
  private static final MemorySegment KEY = MemorySegment.ofArray(new byte[] {1});

  private static final MemorySegment LARGE = MemorySegment.ofArray(new byte[40 * MIB]);

  /** What asks for more room than there is. */
  enum Large {
    RESERVED(TIB, store -> store.write(tx -> store.table("t").reserve(tx, KEY, TIB))),
    STAGED(TIB, store -> store.stage(TIB).close()),
    PUT(40 * MIB, store -> store.write(tx -> store.table("t").put(tx, KEY, LARGE))),
    LOADED(
        40 * MIB,
        store ->
            store.write(
                tx ->
                    store
                        .table("t")
                        .load(
                            tx,
                            entry -> {
                              entry.key(KEY, 0, 1);
                              entry.value(LARGE, 0, LARGE.byteSize());
                              return true;
                            })));

    final long bytes;
    final Consumer<Store> work;

    Large(long bytes, Consumer<Store> work) {
      this.bytes = bytes;
      this.work = work;
    }
  }

  private static void leave(SimulatedStorage machine, long bytes) {
    machine.capacity(TIB);
    machine.capacity(TIB - machine.usableSpace(StoreLife.DIR) + bytes);
  }

  @ParameterizedTest
  @EnumSource(Large.class)
  void isRefusedAtOnce(Large large) {
    SimulatedStorage machine = StoreLife.machine(1);
    machine.mappingReserve(64 << 20);
    try (Store store = StoreLife.open(machine)) {
      ByteTable table = store.table("t");
      store.write(tx -> table.put(tx, new byte[1], new byte[100]));
      leave(machine, 30 * MIB);
      long effects = machine.effects();
      assertThatThrownBy(() -> large.work.accept(store))
          .hasMessageContaining("store " + StoreLife.FILE + " would grow by ")
          .hasMessageContaining(" and its file system has " + 30 * MIB + " bytes left")
          .asInstanceOf(type(FullException.class))
          .satisfies(
              full -> assertThat(full.needed()).isBetween(large.bytes, large.bytes + 2 * 16 * MIB));
      assertThat(machine.effects()).as("what was written").isEqualTo(effects);
      store.write(tx -> table.put(tx, new byte[] {2}, new byte[10 * MIB]));
      StoreChecks.checkPages(store);
      assertThat(store.check().findings()).isEmpty();
    }
  }

  /** Where the file system does not say what it has left, writing finds it out. */
  @Test
  void whatIsLeftMayNotBeKnown() {
    SimulatedStorage machine = StoreLife.machine(1);
    machine.mappingReserve(128 << 20);
    try (Store store = StoreLife.open(machine)) {
      ByteTable table = store.table("t");
      store.write(tx -> table.put(tx, new byte[1], new byte[100]));
      for (long room : new long[] {30 * MIB, 100 * MIB}) {
        leave(machine, room);
        SimulatedStorage.Operation ask = SimulatedStorage.Operation.USABLE_SPACE;
        machine.failCall(ask, machine.calls(ask) + 1, FaultKind.IO_ERROR);
        long effects = machine.effects();
        if (room < LARGE.byteSize()) {
          assertThatThrownBy(() -> store.write(tx -> table.put(tx, KEY, LARGE)))
              .isInstanceOf(FullException.class)
              .hasMessageContaining("No space left");
        } else {
          store.write(tx -> table.put(tx, KEY, LARGE));
        }
        assertThat(machine.effects()).isGreaterThan(effects);
      }
      assertThat(store.check().findings()).isEmpty();
    }
  }
}
