// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.SnapshotLostException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import jdk.jfr.SettingDescriptor;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The events of a store, as a recording has them. */
class StoreEventsTest {
  private static final List<String> NAMES =
      List.of(
          "StoreCommit",
          "StoreSync",
          "StoreTurnWait",
          "StoreGrown",
          "StoreRecovered",
          "StoreCompacted",
          "StoreBackedUp",
          "StoreSalvaged",
          "StoreSnapshotRevoked",
          "StorePoisoned");

  @TempDir private Path directory;
  private final Recording recording = new Recording();
  private final SimulatedStorage storage = StoreLife.machine(1);

  @BeforeEach
  void record() {
    for (String name : NAMES) {
      recording.enable("dev.varve." + name).withoutThreshold();
    }
    recording.start();
  }

  @AfterEach
  void close() {
    recording.close();
  }

  /** Returns the events of a name and of a store, since the last call for any of that name. */
  private List<RecordedEvent> events(String name, Path store) throws IOException {
    Path file = directory.resolve("events.jfr");
    recording.dump(file);
    List<RecordedEvent> found = new ArrayList<>();
    for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
      if (event.getEventType().getName().equals("dev.varve." + name)
          && event.getString("store").equals(store.toString())) {
        found.add(event);
      }
    }
    Files.delete(file);
    return found;
  }

  private RecordedEvent only(String name) throws IOException {
    List<RecordedEvent> found = events(name, StoreLife.FILE);
    assertThat(found).as(name).hasSize(1);
    return found.getFirst();
  }

  private static void put(Store store, int from, int to) {
    store.write(
        tx -> {
          for (int i = from; i < to; i++) {
            store.table("t").put(tx, new byte[] {(byte) i}, new byte[1000]);
          }
        });
  }

  @Test
  void commitsAndSyncs() throws IOException {
    try (Store store = StoreLife.open(storage)) {
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        for (int i = 0; i < 9; i++) {
          store.table("t").put(tx, new byte[] {(byte) i}, new byte[1000]);
        }
        store.write(inner -> store.table("t").delete(inner, new byte[1]));
        try (WriteTransaction undone = store.beginWrite()) {
          store.table("t").put(undone, new byte[9], new byte[9]);
        }
        tx.commit();
      }
      store.write(tx -> {}); // none
      RecordedEvent commit = only("StoreCommit");
      StoreStatistics now = store.statistics();
      assertThat(commit.getLong("transaction")).isEqualTo(now.snapshot());
      assertThat(commit.getString("durability")).isEqualTo("SYNC");
      assertThat(commit.getLong("pages")).isEqualTo(now.pagesWritten()).isPositive();
      assertThat(commit.getLong("bytes")).isEqualTo(4096 * now.pagesWritten());
      assertThat(commit.getLong("entries")).isEqualTo(10);
      assertThat(commit.getDuration("turnWait")).isZero();
      assertThat(commit.getDuration()).isPositive();
      RecordedEvent steady = only("StoreSync");
      assertThat(steady.getBoolean("steady")).isTrue();
      assertThat(steady.getLong("transaction")).isEqualTo(now.snapshot());
      assertThat(steady.getLong("bytes")).isEqualTo(4096 * (now.usedPages() - 3));
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        store.table("t").clear(tx);
        tx.commit();
      }
      assertThat(events("StoreCommit", StoreLife.FILE).getLast().getLong("entries")).isEqualTo(8);
      RecordedEvent redo = events("StoreSync", StoreLife.FILE).getLast();
      assertThat(redo.getBoolean("steady")).isFalse();
      assertThat(redo.getLong("transaction")).isEqualTo(now.snapshot() + 1);
      assertThat(redo.getLong("bytes")).isZero();
      List<RecordedEvent> grown = events("StoreGrown", StoreLife.FILE);
      assertThat(grown.getFirst().getLong("before")).isEqualTo(3 * 4096);
      assertThat(grown.getLast().getLong("after")).isEqualTo(store.statistics().fileBytes());
    }
    assertThat(events("StoreRecovered", StoreLife.FILE)).as("of a new store").isEmpty();
  }

  @Test
  void waitsForTheTurn() throws IOException {
    try (Store store = StoreLife.open(storage);
        Store other = StoreLife.open(storage.otherProcess())) {
      put(store, 0, 3);
      try (WriteTransaction holding = store.beginWrite()) {
        assertThat(holding.tables()).hasSize(1);
        assertThatThrownBy(other::beginWrite).isInstanceOf(BusyException.class);
      }
      put(other, 0, 3);
      assertThat(only("StoreTurnWait").getBoolean("taken")).isFalse();
    }
  }

  @Test
  void aSnapshotThatIsRevoked() throws IOException {
    StoreOptions limited = StoreLife.OPTIONS.withReaderLimit(Duration.ofSeconds(3));
    try (Store store = Store.open(new SmallStorage(storage), StoreLife.FILE, limited)) {
      put(store, 0, 3);
      ReadTransaction reading = store.beginRead();
      long snapshot = reading.snapshot();
      put(store, 0, 3);
      for (int i = 0; i < 3; i++) {
        storage.advance(Duration.ofSeconds(2));
        put(store, 0, 3);
      }
      assertThatThrownBy(reading::tables).isInstanceOf(SnapshotLostException.class);
      RecordedEvent revoked = only("StoreSnapshotRevoked");
      assertThat(revoked.getLong("process")).isEqualTo(storage.processId());
      assertThat(revoked.getLong("snapshot")).isEqualTo(snapshot);
      assertThat(revoked.getDuration("limit")).isEqualTo(Duration.ofSeconds(3));
      reading.close();
    }
  }

  @Test
  void recoveryAndPoison() throws IOException {
    Store store = StoreLife.open(storage);
    put(store, 0, 3);
    store.sync();
    try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
      store.table("t").put(tx, new byte[5], new byte[5]);
      tx.commit();
    }
    try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
      store.table("t").put(tx, new byte[6], new byte[5]);
      tx.commit();
    }
    SimulatedStorage left = storage.crashStates(2).findFirst().orElseThrow();
    try (Store recovered = StoreLife.open(left)) {
      RecordedEvent event = only("StoreRecovered");
      assertThat(event.getLong("replayed")).isBetween(1L, 2L);
      assertThat(event.getLong("transaction")).isLessThan(recovered.statistics().snapshot());
    }
    long next = storage.calls(SimulatedStorage.Operation.SYNC) + 1;
    storage.failCall(SimulatedStorage.Operation.SYNC, next, FaultKind.SYNC_FAILURE);
    put(store, 0, 3);
    assertThatThrownBy(store::sync).isInstanceOf(VarveException.class);
    assertThat(only("StorePoisoned").getString("reason")).isEqualTo("a sync of its file failed");
    assertThatThrownBy(store::close).isInstanceOf(VarveException.class);
  }

  @Test
  void copies() throws IOException {
    Path path = directory.toRealPath().resolve("s");
    try (Store store = Store.open(Storage.real(), path, StoreOptions.DEFAULT)) {
      put(store, 0, 99);
      store.write(tx -> store.table("t").clear(tx));
      store.backup(directory.resolve("b"));
      store.compact();
      List<RecordedEvent> backups = events("StoreBackedUp", path);
      assertThat(backups).hasSize(1);
      assertThat(backups.getFirst().getString("target")).endsWith("/b");
      assertThat(backups.getFirst().getLong("transaction")).isPositive();
      List<RecordedEvent> compactions = events("StoreCompacted", path);
      assertThat(compactions).hasSize(1);
      StoreStatistics now = store.statistics();
      assertThat(compactions.getFirst().getLong("generation")).isEqualTo(now.generation());
      assertThat(compactions.getFirst().getLong("after")).isEqualTo(now.fileBytes());
      assertThat(compactions.getFirst().getLong("before")).isGreaterThan(now.fileBytes());
    }
    Store.salvage(path, directory.resolve("saved"));
    RecordedEvent salvaged = events("StoreSalvaged", path).getFirst();
    assertThat(salvaged.getLong("saved")).isZero();
    assertThat(salvaged.getLong("problems")).isZero();
    assertThat(salvaged.getString("target")).endsWith("/saved");
  }

  /** Short commits, syncs and waits are told only where that is asked for. */
  @Test
  void nothingIsToldOfWhatIsShort() throws IOException {
    recording.close();
    try (Recording usual = new Recording()) {
      usual.start();
      for (String name : List.of("StoreCommit", "StoreSync", "StoreTurnWait")) {
        assertThat(
                FlightRecorder.getFlightRecorder().getEventTypes().stream()
                    .filter(type -> type.getName().equals("dev.varve." + name))
                    .flatMap(type -> type.getSettingDescriptors().stream())
                    .filter(setting -> setting.getName().equals("threshold"))
                    .map(SettingDescriptor::getDefaultValue))
            .isNotEmpty()
            .containsOnly("10 ms"); // a class loader of another test may have its own
      }
    }
    assertThat(StoreCommitEvent.start()).isNull();
    assertThat(StoreSyncEvent.start()).isNull();
    assertThat(StoreTurnWaitEvent.start()).isNull();
  }
}
