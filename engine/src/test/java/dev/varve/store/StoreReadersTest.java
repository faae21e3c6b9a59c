// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.SnapshotLostException;
import dev.varve.file.SimulatedStorage;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Who reads, for how long, and how a reader that holds back pages for too long is ended. */
class StoreReadersTest {
  private static final byte[] KEY = {1};
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final SimulatedStorage machine = StoreLife.machine(1);
  private final SimulatedStorage other = machine.otherProcess();
  private byte value;

  private void put(Store store) {
    store.write(t -> store.table("t").put(t, KEY, new byte[] {++value}));
  }

  private static Store open(SimulatedStorage storage) {
    return Store.open(
        new SmallStorage(storage), StoreLife.FILE, StoreLife.OPTIONS.withReaderLimit(LIMIT));
  }

  @Test
  void readersOfAllProcesses() {
    Store store = StoreLife.open(machine);
    Store reader = StoreLife.open(other);
    put(store);
    assertThat(store.readers()).isEmpty();
    assertThat(store.processes()).containsExactly(machine.processId(), other.processId());
    ReadTransaction old = reader.beginRead();
    assertThat(store.readers())
        .containsExactly(new StoreReader(other.processId(), old.snapshot(), 0, Duration.ZERO));
    machine.advance(LIMIT);
    put(store);
    put(store);
    ReadTransaction young = store.beginRead();
    assertThat(store.readers())
        .as("it holds something back only since the next commit")
        .containsExactly(
            new StoreReader(other.processId(), old.snapshot(), 2, Duration.ZERO),
            new StoreReader(machine.processId(), young.snapshot(), 0, Duration.ZERO));
    machine.advance(LIMIT);
    put(store);
    assertThat(store.readers())
        .containsExactly(
            new StoreReader(other.processId(), old.snapshot(), 3, LIMIT),
            new StoreReader(machine.processId(), young.snapshot(), 1, Duration.ZERO));
    old.close();
    young.close();
    assertThat(store.readers()).isEmpty();
    reader.close();
    assertThat(store.processes()).containsExactly(machine.processId());
    store.close();
    assertThatThrownBy(store::readers).isInstanceOf(ClosedException.class);
    assertThatThrownBy(store::processes).isInstanceOf(ClosedException.class);
  }

  @Test
  void aReaderIsEndedAfterTheLimit() {
    try (Store store = open(machine);
        Store reader = StoreLife.open(other)) {
      put(store);
      ReadTransaction old = reader.beginRead();
      ByteTable table = reader.table("t");
      machine.advance(LIMIT.multipliedBy(3));
      put(store); // nobody was held back until now
      assertThat(table.get(old, KEY)).containsExactly(1);
      machine.advance(Duration.ofMillis(101));
      put(store); // from now on it is seen
      machine.advance(LIMIT.minusMillis(1));
      put(store);
      assertThat(table.get(old, KEY)).containsExactly(1);
      machine.advance(Duration.ofSeconds(1));
      ReadTransaction young = reader.beginRead();
      put(store);
      assertThatThrownBy(() -> table.get(old, KEY))
          .isInstanceOf(SnapshotLostException.class)
          .hasMessageContaining("the reader limit of 10000 ms")
          .hasMessageContaining("ended by a writer");
      assertThat(table.get(young, KEY)).containsExactly(value - 1);
      assertThat(store.readers()).hasSize(1);
      old.close();
      young.close();
      try (ReadTransaction next = reader.beginRead()) {
        assertThat(table.get(next, KEY)).containsExactly(value);
      }
      assertThat(store.check().findings()).isEmpty();
    }
  }

  /** What it held back is free again. */
  @Test
  void theFileGrowsNoMore() {
    try (Store store = open(machine);
        Store reader = StoreLife.open(other)) {
      ByteTable table = store.table("big");
      ReadTransaction old = reader.beginRead();
      for (int i = 0; i < 300; i++) {
        store.write(t -> table.put(t, KEY, new byte[20_000]));
        store.sync();
        machine.advance(Duration.ofSeconds(1));
      }
      assertThat(store.check().waitingPages()).isLessThan(100);
      assertThatThrownBy(() -> reader.table("big").get(old, KEY))
          .isInstanceOf(SnapshotLostException.class);
    }
  }

  @Test
  void shortReadersAndDurableOnesAreNotEnded() {
    try (Store store = open(machine);
        Store reader = StoreLife.open(other)) {
      put(store);
      store.sync();
      ReadTransaction durable = reader.beginReadDurable();
      for (int i = 0; i < 100; i++) {
        try (ReadTransaction young = reader.beginRead()) {
          put(store);
          machine.advance(Duration.ofSeconds(1));
          put(store);
          assertThat(reader.table("t").get(young, KEY)).isNotNull();
        }
      }
      assertThat(reader.table("t").get(durable, KEY)).containsExactly(1);
      durable.close();
    }
  }

  @Test
  void limits() {
    assertThat(StoreOptions.DEFAULT.readerLimit()).isZero();
    assertThat(StoreOptions.DEFAULT.withReaderLimit(LIMIT).withPageSize(8192).readerLimit())
        .isEqualTo(LIMIT);
    assertThatThrownBy(() -> StoreOptions.DEFAULT.withReaderLimit(Duration.ofMillis(-1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("readerLimit");
    assertThatThrownBy(() -> StoreOptions.DEFAULT.withReaderLimit(Duration.ofDays(99_999)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
