// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every bit of the offset and the first number that the head of a slot says. */
class LiveHeadTest {
  private static final Path LIVE = RecordSamples.DIR.resolve("f.vrec.live");

  /** How many records are in the file; the others are in the slot of run 2. */
  private static final int WRITTEN = 3;

  private final SimulatedStorage storage = RecordSamples.storage();
  private final List<String> all = new ArrayList<>();

  private RecordWriter writer() {
    return writer(storage);
  }

  /** Has written a block of each record. */
  private RecordWriter ofBlocks() {
    RecordWriter writer = writer();
    for (int i = 0; i < WRITTEN; i++) {
      append(writer, 1);
      writer.flush();
    }
    return writer;
  }

  private void append(RecordWriter writer, int records) {
    for (int i = 0; i < records; i++) {
      byte[] record = RecordSamples.random(all.size(), 2500);
      writer.append(record);
      all.add(RecordSamples.show(record));
    }
  }

  private static List<String> poll(Follower follower) {
    List<String> records = new ArrayList<>();
    while (follower.poll()) {
      records.add(RecordSamples.show(follower.toArray()));
    }
    return records;
  }

  private static Follower follower(SimulatedStorage storage) {
    return Follower.builder(RecordSamples.FILE).storage(storage).open();
  }

  private static int at(byte[] live, int field) {
    int slotBytes = (live.length - LiveLayout.PAGE) / 2;
    return (int) LiveLayout.slotAt(2, slotBytes) + field;
  }

  private static SimulatedStorage machine(byte[] file, byte[] live) {
    SimulatedStorage state = RecordSamples.machine(file);
    RecordSamples.put(state, LIVE, live);
    return state;
  }

  private static RecordWriter writer(SimulatedStorage state) {
    return LiveCrashTest.writer(state).append();
  }

  private static List<String> salvaged(SimulatedStorage state) {
    writer(state).close();
    return RecordDamageTest.strictly(state);
  }

  /** Both ways, also where a part of the run is in the file already, behind which that is torn. */
  @ParameterizedTest
  @ValueSource(ints = {LiveLayout.OFFSET, LiveLayout.FIRST})
  void everyBit(int field) {
    byte[] before;
    byte[] live;
    byte[] after;
    try (RecordWriter writer = writer()) {
      append(writer, WRITTEN);
      writer.flush();
      append(writer, 4);
      before = RecordSamples.content(storage, RecordSamples.FILE);
      live = RecordSamples.content(storage, LIVE);
      writer.flush();
      after = RecordSamples.content(storage, RecordSamples.FILE);
    }
    byte[] torn = Arrays.copyOf(after, after.length - 100);
    for (byte[] file : List.of(before, torn, after)) {
      try (Follower follower = follower(machine(file, live))) {
        assertThat(poll(follower)).isEqualTo(all);
      }
      assertThat(salvaged(machine(file, live))).isEqualTo(all);
      for (int bit = 0; bit < 64; bit++) {
        byte[] damaged = live.clone();
        ByteBuffer words = ByteBuffer.wrap(damaged).order(ByteOrder.LITTLE_ENDIAN);
        int at = at(live, field);
        words.putLong(at, words.getLong(at) ^ (1L << bit));
        SimulatedStorage state = machine(file, damaged);
        assertThatThrownBy(() -> salvaged(state))
            .as("%d bytes, bit %d", file.length, bit)
            .isInstanceOf(CorruptionException.class)
            .hasMessageContaining("f.vrec.live");
        // What a writer has left behind S, a follower of its live file does not read.
        try (Follower follower = follower(machine(file, damaged))) {
          assertThatThrownBy(() -> poll(follower))
              .as("%d bytes, bit %d", file.length, bit)
              .isInstanceOf(CorruptionException.class)
              .hasMessageContaining("f.vrec.live");
        }
      }
    }
  }

  /** A follower that has read run 1 in its slot compares the head of run 2 with that. */
  @ParameterizedTest
  @ValueSource(ints = {LiveLayout.OFFSET, LiveLayout.FIRST})
  void everyBitAtTheEndOfARun(int field) {
    for (int bit = 0; bit < 64; bit++) {
      all.clear();
      try (RecordWriter writer = LiveCrashTest.writer(storage).replace();
          Follower follower = follower(storage)) {
        append(writer, WRITTEN);
        assertThat(poll(follower)).isEqualTo(all);
        writer.flush();
        append(writer, 2);
        try (StorageFile file = storage.open(LIVE, FileAccess.WRITE)) {
          byte[] live = RecordSamples.content(storage, LIVE);
          byte[] word = Arrays.copyOfRange(live, at(live, field), at(live, field) + 8);
          word[bit / 8] ^= (byte) (1 << bit % 8);
          file.write(at(live, field), MemorySegment.ofArray(word));
        }
        assertThatThrownBy(() -> poll(follower))
            .as("bit %d", bit)
            .isInstanceOf(CorruptionException.class)
            .hasMessageContaining("f.vrec.live");
        // Then it goes on with the file, once that has the records.
        writer.flush();
        assertThat(poll(follower)).isEqualTo(all.subList(WRITTEN, all.size()));
      }
    }
  }

  /** A live file of before the file's last writer, put back: of its slot nothing is missing. */
  @Test
  void earlierLiveFileWhoseRecordsAreAllInTheFile() {
    RecordWriter dead = writer();
    append(dead, WRITTEN);
    byte[] live = RecordSamples.content(storage, LIVE);
    try (RecordWriter writer = writer(storage.killed())) {
      assertThat(writer.count()).isEqualTo(WRITTEN);
    }
    dead.close();
    try (RecordWriter writer = writer()) {
      append(writer, 1);
    }
    RecordSamples.put(storage, LIVE, live);
    assertThat(salvaged(storage)).isEqualTo(all);
  }

  /** What is missing of the file below S was written, so it is no torn end. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void fileThatEndsBeforeWhatWasWritten(boolean more) {
    byte[] file;
    byte[] live;
    try (RecordWriter writer = ofBlocks()) {
      append(writer, more ? 1 : 0);
      file = RecordSamples.content(storage, RecordSamples.FILE);
      live = RecordSamples.content(storage, LIVE);
    }
    for (int cut = 1; cut < 2500; cut += 100) {
      byte[] shorter = Arrays.copyOf(file, file.length - cut);
      SimulatedStorage state = machine(shorter, live);
      assertThatThrownBy(() -> writer(state))
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining(RecordSamples.FILE + " at offset")
          .hasMessageContaining("whole blocks up to " + file.length)
          .hasMessageContaining("RecordFiles.repair");
      assertThat(RecordSamples.content(state, RecordSamples.FILE)).isEqualTo(shorter);
      if (cut == 1) { // A block that has lost its footer only gets it back.
        RecordFiles.repair(RecordSamples.FILE, state);
        assertThat(RecordDamageTest.strictly(state)).isEqualTo(all);
        continue;
      }
      if (more) {
        assertThatThrownBy(() -> RecordFiles.repair(RecordSamples.FILE, state))
            .isInstanceOf(CorruptionException.class)
            .hasMessageContaining("f.vrec.live");
        state.delete(LIVE);
      }
      assertThat(RecordFiles.repair(RecordSamples.FILE, state).records()).isEqualTo(WRITTEN - 1);
      assertThat(RecordDamageTest.strictly(state)).isEqualTo(all.subList(0, WRITTEN - 1));
    }
  }

  /** What is damaged below S is no torn end: its numbers are lost, and the slot is still taken. */
  @Test
  void damagedLastBlockInFrontOfASlot() {
    byte[] file;
    byte[] live;
    try (RecordWriter writer = ofBlocks()) {
      append(writer, 2);
      file = RecordSamples.content(storage, RecordSamples.FILE);
      live = RecordSamples.content(storage, LIVE);
    }
    file[file.length - 1000] ^= 1;
    SimulatedStorage state = machine(file, live);
    RepairReport report = RecordFiles.repair(RecordSamples.FILE, state);
    assertThat(report.lost()).isEqualTo(1);
    assertThat(report.records()).isEqualTo(all.size());
    List<String> left = new ArrayList<>(all);
    left.remove(WRITTEN - 1);
    assertThat(RecordDamageTest.strictly(state)).isEqualTo(left);
  }

  /**
   * Who has a live file mapped that somebody deletes, whose writer is dead, goes on with the file.
   */
  @Test
  void deletedLiveFile() {
    SimulatedStorage dies = storage.otherProcess();
    append(writer(dies), WRITTEN);
    try (Follower follower = follower(storage.otherProcess())) {
      assertThat(poll(follower)).isEqualTo(all);
      dies.kill();
      storage.delete(LIVE);
      all.clear();
      try (RecordWriter writer =
          RecordSamples.writer(storage).acknowledge(Acknowledge.ON_FLUSH).append()) {
        append(writer, WRITTEN + 2);
      }
      List<String> found = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        storage.advance(Duration.ofSeconds(1));
        found.addAll(poll(follower));
      }
      assertThat(found).isEqualTo(all.subList(WRITTEN, all.size()));
    }
  }
}
