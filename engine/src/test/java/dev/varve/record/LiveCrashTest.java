// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.CorruptionException;
import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.UnavailableException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is left of records that were acknowledged each. */
@Tag("once")
class LiveCrashTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final Path LIVE = RecordSamples.DIR.resolve("f.vrec.live");

  static RecordWriterBuilder writer(SimulatedStorage storage) {
    return RecordSamples.writer(storage)
        .acknowledge(Acknowledge.EACH)
        .blockSize(4096)
        .runBytes(6000)
        .largeLimit(3000);
  }

  /** A short life of a file, and what it has promised so far. */
  private static final class Life {
    final SimulatedStorage storage;
    final Durability durability;
    final List<String> appended = new ArrayList<>();

    /** How many records survive a kill, and power loss. */
    int acknowledged;

    int synced;

    Life(SimulatedStorage storage, Durability durability) {
      this.storage = storage;
      this.durability = durability;
    }

    void run() {
      session(11);
      session(3);
      session(9);
    }

    private void session(int records) {
      RecordWriter writer = writer(storage).durability(durability).append();
      for (int i = 0; i < records; i++) {
        byte[] record = RecordSamples.random(appended.size(), i == 8 ? 3500 : 1000 + 7 * i);
        appended.add(RecordSamples.show(record));
        writer.append(record);
        acknowledged = appended.size();
        if (i == 4) {
          writer.flush();
          synced = durability == Durability.SYNC ? appended.size() : synced;
        } else if (i == 6) {
          writer.sync();
          synced = appended.size();
        }
      }
      writer.close();
      synced = durability == Durability.SYNC ? appended.size() : synced;
    }
  }

  /** Opens what is left and appends; what was promised is there, a prefix, and nothing else. */
  private static void check(SimulatedStorage state, Life life, int least, boolean each) {
    List<String> expected = new ArrayList<>();
    RecordWriterBuilder builder = each ? writer(state) : RecordSamples.writer(state);
    try (RecordWriter writer = builder.append()) {
      assertThat(writer.count()).isBetween((long) least, (long) life.appended.size());
      expected.addAll(life.appended.subList(0, (int) writer.count()));
      writer.append(RecordSamples.bytes("after"));
      expected.add(RecordSamples.show(RecordSamples.bytes("after")));
    }
    assertThat(RecordDamageTest.strictly(state)).isEqualTo(expected);
    assertThat(RecordFiles.verify(RecordSamples.FILE, state).damage()).isEmpty();
    assertThat(state.list(RecordSamples.DIR)).containsExactly(RecordSamples.FILE);
  }

  private static void check(SimulatedStorage process, Life life) {
    check(process.killed(), life, life.acknowledged, true);
    check(process.killed(), life, life.acknowledged, false);
    process.crashStates(LONG ? 200 : 8).forEach(state -> check(state, life, life.synced, true));
  }

  @ParameterizedTest
  @ValueSource(strings = {"NONE", "SYNC"})
  void everyEffect(String level) {
    Durability durability = level.equals("NONE") ? Durability.NONE : Durability.SYNC;
    SimulatedStorage storage = RecordSamples.storage();
    Life life = new Life(storage, durability);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    storage.afterEachEffect(
        process -> {
          try {
            if (failure.get() == null) {
              check(process, life);
            }
          } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
          }
        });
    life.run();
    if (failure.get() != null) {
      throw new AssertionError(failure.get());
    }
    assertThat(storage.effects()).isGreaterThan(40);
  }

  /** Between effects: after each append. */
  @Test
  void everyAppend() {
    everyAppend(Compression.NONE);
  }

  @Tag("unsafe")
  @ParameterizedTest
  @EnumSource(names = {"LZ4", "ZSTD"})
  void everyCompressedAppend(Compression compression) {
    everyAppend(compression);
  }

  private static void everyAppend(Compression compression) {
    SimulatedStorage storage = RecordSamples.storage();
    Life life = new Life(storage, Durability.NONE);
    for (int session = 0; session < 2; session++) {
      try (RecordWriter writer = writer(storage).compression(compression).append()) {
        for (int i = 0; i < 30; i++) {
          int length = i % 13 == 12 ? 3100 : i * i;
          byte[] record =
              i % 2 == 0 ? RecordSamples.text(i, length) : RecordSamples.random(i, length);
          life.appended.add(RecordSamples.show(record));
          writer.append(record);
          life.acknowledged++;
          check(storage.killed(), life, life.acknowledged, i % 2 == 0);
        }
      }
    }
  }

  /** The process dies in the middle of a write; so does the one that recovers. */
  @Test
  void insideEveryEffect() {
    SimulatedStorage dry = RecordSamples.storage();
    new Life(dry, Durability.NONE).run();
    for (long effect = 4; effect <= dry.effects(); effect++) {
      for (long bytes : LONG ? new long[] {1, 64, 65, 1300, 4300, 5000} : new long[] {65, 4500}) {
        SimulatedStorage storage = RecordSamples.storage();
        Life life = new Life(storage, Durability.NONE);
        storage.stopInsideEffect(effect, bytes);
        try {
          life.run();
        } catch (SimulatedCrash e) {
          assertThat(storage.effects()).isLessThanOrEqualTo(effect);
        }
        check(storage.killed(), life, life.acknowledged, true);
        for (long again = 1; again <= (LONG ? 20 : 12); again++) {
          SimulatedStorage second = storage.killed();
          second.stopInsideEffect(again, bytes);
          try {
            writer(second).append().close();
          } catch (SimulatedCrash e) {
            assertThat(second.effects()).isLessThanOrEqualTo(again);
          }
          check(second.killed(), life, life.acknowledged, again % 2 == 0);
        }
      }
    }
  }

  /** Each call fails once: its caller is told, and nothing that was promised is lost. */
  @ParameterizedTest
  @EnumSource(FaultKind.class)
  void everyCallFails(FaultKind kind) {
    SimulatedStorage dry = RecordSamples.storage();
    new Life(dry, Durability.SYNC).run();
    for (long call = dry.calls(); call > 0; call--) {
      SimulatedStorage storage = RecordSamples.storage();
      Life life = new Life(storage, Durability.SYNC);
      storage.failCall(call, kind);
      try {
        life.run();
      } catch (VarveException e) {
        assertThat(e).hasMessageNotContaining("null");
      }
      check(storage.killed(), life, life.acknowledged, true);
      int synced = life.synced;
      storage.crashStates(3).forEach(state -> check(state, life, synced, true));
    }
  }

  /** Whatever fails of a close, the file can be opened again, and nothing is lost. */
  @ParameterizedTest
  @EnumSource(Acknowledge.class)
  void everyCallOfACloseFails(Acknowledge acknowledge) {
    boolean reached = true;
    for (int call = 1; reached; call++) {
      for (FaultKind kind : FaultKind.values()) {
        SimulatedStorage storage = RecordSamples.storage();
        RecordWriter writer = writer(storage).acknowledge(acknowledge).create();
        writer.append(RecordSamples.bytes("one"));
        writer.flush();
        writer.append(RecordSamples.bytes("two"));
        long fault = storage.calls() + call;
        storage.failCall(fault, kind);
        int least = acknowledge == Acknowledge.EACH ? 2 : 1;
        try {
          writer.close();
          least = 2;
        } catch (VarveException e) {
          assertThat(storage.calls()).isGreaterThanOrEqualTo(fault);
        }
        reached = storage.calls() >= fault;
        if (!reached) {
          break;
        }
        try (RecordWriter next = writer(storage).append()) {
          assertThat(next.count()).isBetween((long) least, 2L);
        }
        assertThat(RecordFiles.verify(RecordSamples.FILE, storage).damage()).isEmpty();
        assertThat(storage.list(RecordSamples.DIR)).containsExactly(RecordSamples.FILE);
      }
    }
  }

  /** A record that followers may have, of a cut live file, while the disk is full, is kept. */
  @Test
  void recordThatIsPublishedInVainIsKeptAndThatIsSaid() {
    SimulatedStorage storage = RecordSamples.storage();
    List<String> all = new ArrayList<>();
    try (RecordWriter writer = writer(storage).append()) {
      for (int i = 0; i < 3; i++) {
        writer.append(RecordSamples.random(i, 500));
        all.add(RecordSamples.show(RecordSamples.random(i, 500)));
      }
      storage.capacity(1);
      StorageException cut = new StorageException("cut");
      assertThatThrownBy(() -> writer.part.keep(cut))
          .isInstanceOf(PoisonedException.class)
          .hasMessageContaining("record 2 of " + RecordSamples.FILE)
          .hasMessageContaining("it is kept, so do not append it again")
          .hasCauseInstanceOf(FullException.class);
      assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(PoisonedException.class);
      storage.capacity(1L << 30);
      writer.flush();
      SimulatedStorage killed = storage.killed();
      writer(killed).append().close();
      assertThat(RecordDamageTest.strictly(killed)).isEqualTo(all);
      assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(PoisonedException.class);
    }
    assertThat(RecordDamageTest.strictly(storage)).isEqualTo(all);
  }

  /** What a writer has taken over is as old as what it appends, though it appends nothing. */
  @Test
  void recordsTakenOverAreSyncedInTime() {
    Durability async = Durability.async(Duration.ofHours(1));
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter dead = writer(storage).append();
    dead.sync();
    dead.append(RecordSamples.bytes("one"));
    SimulatedStorage killed = storage.killed();
    dead.close();
    try (RecordWriter writer = writer(killed).durability(async).append()) {
      killed.advance(Duration.ofHours(1));
      writer.syncOlderThan(Duration.ofMinutes(30).toNanos());
      killed
          .crashStates(20)
          .forEach(
              state -> {
                try (RecordWriter next = writer(state).append()) {
                  assertThat(next.count()).isEqualTo(1);
                }
              });
    }
  }

  /** A full disk refuses the append that finds no room, and loses nothing. */
  @Test
  void fullDiskAtEveryStep() {
    for (long room = 0; room < 60_000; room += 500) {
      SimulatedStorage storage = RecordSamples.storage();
      Life life = new Life(storage, Durability.NONE);
      try (RecordWriter writer = RecordSamples.writer(storage).create()) {
        writer.flush();
      }
      long used = storage.list(RecordSamples.DIR).size() * 1000L;
      storage.capacity(used + room);
      RecordWriter writer;
      try {
        writer = writer(storage).append();
      } catch (FullException e) {
        storage.capacity(1L << 30);
        check(storage.killed(), life, 0, true);
        continue;
      }
      int refused = 0;
      for (int i = 0; i < 40; i++) {
        byte[] record = RecordSamples.random(i, i % 10 == 9 ? 3500 : 1200);
        life.appended.add(RecordSamples.show(record));
        try {
          writer.append(record);
          life.acknowledged++;
        } catch (FullException e) {
          refused++;
          life.appended.removeLast();
          if (refused < 3) {
            SimulatedStorage killed = storage.killed();
            killed.capacity(1L << 30);
            check(killed, life, life.acknowledged, true);
          }
        }
        if (i == 30) {
          if (room % 1000 == 0) {
            storage.capacity(1L << 30);
          } else if (refused > 0) {
            break;
          }
        }
      }
      try {
        writer.close();
      } catch (FullException e) {
        assertThat(refused).isPositive();
      }
      storage.capacity(1L << 30);
      check(storage.killed(), life, life.acknowledged, true);
    }
  }

  /** A slot is trusted in the boot that wrote it alone. */
  @Test
  void anotherBootIgnoresTheSlot() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = writer(storage).create();
    writer.append(RecordSamples.bytes("one"));
    SimulatedStorage killed = storage.killed();
    killed.bootId(Optional.of("another"));
    try (RecordWriter next = writer(killed).append()) {
      assertThat(next.count()).isZero();
    }
    killed = storage.killed();
    killed.bootId(Optional.empty());
    assertThatThrownBy(() -> writer(storage.otherProcess()).append())
        .isInstanceOf(BusyException.class);
    SimulatedStorage nameless = killed;
    assertThatThrownBy(() -> writer(nameless).append()).isInstanceOf(UnavailableException.class);
    try (RecordWriter next = RecordSamples.writer(killed).append()) {
      assertThat(next.count()).isZero();
    }
    writer.close();
  }

  /** A slot of a run that was written, or of another state of the file, is not taken again. */
  @Test
  void staleSlotIsNotTaken() {
    SimulatedStorage storage = RecordSamples.storage();
    byte[] before;
    byte[] live;
    try (RecordWriter writer = writer(storage).create()) {
      writer.append(RecordSamples.bytes("one"));
      writer.append(RecordSamples.bytes("two"));
      before = RecordSamples.content(storage, RecordSamples.FILE);
      live = RecordSamples.content(storage, LIVE);
    }
    byte[] closed = RecordSamples.content(storage, RecordSamples.FILE);
    try (RecordWriter writer = writer(storage).append()) {
      writer.append(RecordSamples.bytes("three"));
    }
    byte[] later = RecordSamples.content(storage, RecordSamples.FILE);
    byte[][] files = {before, closed, later};
    for (int i = 0; i < files.length; i++) {
      SimulatedStorage state = RecordSamples.machine(files[i]);
      RecordSamples.put(state, LIVE, live);
      try (RecordWriter writer = writer(state).append()) {
        assertThat(writer.count()).isEqualTo(i == 2 ? 3 : 2);
      }
      assertThat(RecordDamageTest.strictly(state)).hasSize(i == 2 ? 3 : 2);
    }
  }

  /** A slot of a writer that was never this file's last one is not taken; that is told. */
  @Test
  void slotOfAnotherEpochIsNotTaken() {
    SimulatedStorage storage = RecordSamples.storage();
    byte[] file;
    byte[] live;
    try (RecordWriter writer = writer(storage).create()) {
      for (String text : List.of("one", "two", "three")) {
        writer.append(RecordSamples.bytes(text));
      }
      file = RecordSamples.content(storage, RecordSamples.FILE);
      live = RecordSamples.content(storage, LIVE);
    }
    SimulatedStorage copy = RecordSamples.machine(file);
    try (RecordWriter writer = RecordSamples.writer(copy).append()) {
      writer.append(RecordSamples.bytes("other"));
    }
    RecordSamples.put(copy, LIVE, live);
    assertThatThrownBy(() -> writer(copy).append())
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining(LIVE.toString())
        .hasMessageContaining("epoch");
    copy.delete(LIVE);
    try (RecordWriter writer = writer(copy).append()) {
      assertThat(writer.count()).isEqualTo(1);
    }
  }

  /** Whatever stands in a live file: no wild access, and the record file stays whole. */
  @Test
  void hostileLiveFile() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = writer(storage).create();
    for (int i = 0; i < 3; i++) {
      writer.append(RecordSamples.random(i, 500));
    }
    byte[] file = RecordSamples.content(storage, RecordSamples.FILE);
    byte[] live = RecordSamples.content(storage, LIVE);
    writer.close();
    int slot = LiveLayout.PAGE + (live.length - LiveLayout.PAGE) / 2;
    long[] evil = {-1, 0, 1, 63, 64, 1 << 20, 0xffffffffL, Long.MAX_VALUE, Long.MIN_VALUE};
    int[] places = {
      0,
      8,
      12,
      32,
      40,
      44,
      124,
      256,
      384,
      640,
      slot,
      slot + 8,
      slot + 16,
      slot + 24,
      slot + 64,
      slot + 568
    };
    int refused = 0;
    for (int place : places) {
      for (long value : evil) {
        byte[] bytes = live.clone();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(place, value);
        refused += survives(file, bytes);
      }
    }
    for (int length : new int[] {0, 1, 100, 4095, 4096, 5000, slot, slot + 64, live.length - 1}) {
      refused += survives(file, Arrays.copyOf(live, length));
    }
    assertThat(refused).isPositive();
  }

  private static int survives(byte[] file, byte[] live) {
    SimulatedStorage state = RecordSamples.machine(file);
    RecordSamples.put(state, LIVE, live);
    try (RecordWriter writer = writer(state).append()) {
      assertThat(writer.count()).isNotNegative();
    } catch (CorruptionException e) {
      state.delete(LIVE);
      writer(state).append().close();
      assertThat(RecordFiles.verify(RecordSamples.FILE, state).damage()).isEmpty();
      return 1;
    }
    assertThat(RecordFiles.verify(RecordSamples.FILE, state).damage()).isEmpty();
    return 0;
  }

  /** After a failed sync, what was acknowledged is still taken over. */
  @Test
  void failedSyncLosesNothing() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = writer(storage).create();
    writer.append(RecordSamples.bytes("one"));
    long syncs = storage.calls(SimulatedStorage.Operation.SYNC);
    storage.failCall(SimulatedStorage.Operation.SYNC, syncs + 1, FaultKind.SYNC_FAILURE);
    assertThatThrownBy(writer::sync).isInstanceOf(StorageException.class);
    assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(PoisonedException.class);
    assertThatThrownBy(writer::close).isInstanceOf(PoisonedException.class);
    try (RecordWriter next = writer(storage).append()) {
      assertThat(next.count()).isEqualTo(1);
    }
  }

  @Test
  void repairTakesOver() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = writer(storage).create();
    writer.append(RecordSamples.bytes("one"));
    SimulatedStorage killed = storage.killed();
    assertThat(RecordFiles.repair(RecordSamples.FILE, killed).records()).isEqualTo(1);
    assertThat(RecordDamageTest.strictly(killed)).hasSize(1);
    assertThat(killed.list(RecordSamples.DIR)).doesNotContain(LIVE).contains(RecordSamples.FILE);
    writer.close();
  }

  /** Also where the record file itself is whole: nothing was written since it was closed. */
  @Test
  void repairTakesOverBehindAClosedEnd() {
    SimulatedStorage storage = RecordSamples.storage();
    writer(storage).create().close();
    try (RecordWriter writer = writer(storage).append()) {
      writer.append(RecordSamples.bytes("one"));
      SimulatedStorage killed = storage.killed();
      RepairReport report = RecordFiles.repair(RecordSamples.FILE, killed);
      assertThat(report.records()).isEqualTo(1);
      assertThat(report.repaired()).isEmpty();
      assertThat(RecordDamageTest.strictly(killed)).hasSize(1);
      assertThat(killed.list(RecordSamples.DIR)).containsExactly(RecordSamples.FILE);
    }
  }
}
