// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.file.SimulatedStorage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every bit and every cut of what stands beside a record file: live file, cursor, checkpoint. */
class LiveDamageTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final Path LIVE = RecordSamples.DIR.resolve("f.vrec.live");
  private static final Path CURSOR = RecordSamples.DIR.resolve("f.vrec.cursor-c");

  /** How many records are in the file; the others are in the slot. */
  private static final int WRITTEN = 3;

  private final List<String> all = new ArrayList<>();
  private final byte[] file;
  private final byte[] live;

  LiveDamageTest() {
    SimulatedStorage storage = RecordSamples.storage();
    try (RecordWriter writer = LiveCrashTest.writer(storage).fileId(21).create()) {
      for (int i = 0; i < 7; i++) {
        byte[] record = RecordSamples.random(i, 10 * i);
        all.add(RecordSamples.show(record));
        writer.append(record);
        if (i == WRITTEN - 1) {
          writer.flush();
        }
      }
      file = RecordSamples.content(storage, RecordSamples.FILE);
      live = RecordSamples.content(storage, LIVE);
    }
  }

  private SimulatedStorage machine(byte[] liveBytes) {
    SimulatedStorage storage = RecordSamples.machine(file);
    RecordSamples.put(storage, LIVE, liveBytes);
    return storage;
  }

  /** What a follower delivers, over errors. */
  private static List<String> follow(SimulatedStorage storage) {
    List<String> records = new ArrayList<>();
    try (Follower follower = Follower.builder(RecordSamples.FILE).storage(storage).open()) {
      for (int misses = 0; misses < 4; ) {
        try {
          if (follower.poll()) {
            assertThat(follower.number()).isEqualTo(records.size());
            records.add(RecordSamples.show(follower.toArray()));
            continue;
          }
        } catch (CorruptionException e) {
          assertThat(e.file()).endsWith(".live");
        }
        misses++;
        storage.advance(Duration.ofMillis(6));
      }
    }
    return records;
  }

  /** What is there once a writer has taken over. */
  private static List<String> takeOver(SimulatedStorage storage) {
    try {
      LiveCrashTest.writer(storage).append().close();
    } catch (CorruptionException e) {
      if (e.file().endsWith(".live")) {
        storage.delete(LIVE);
      } else {
        assertThat(e).hasMessageContaining("which were written, as the live file says");
        RecordFiles.repair(RecordSamples.FILE, storage);
      }
      LiveCrashTest.writer(storage).append().close();
    }
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).damage()).isEmpty();
    return RecordDamageTest.strictly(storage);
  }

  private void check(byte[] damaged, int least, int most, String what) {
    for (int way = 0; way < 2; way++) {
      SimulatedStorage storage = machine(damaged);
      List<String> records = way == 0 ? follow(storage) : takeOver(storage);
      assertThat(records).as(what).hasSizeBetween(least, most);
      int same = Math.min(records.size(), least);
      assertThat(records.subList(0, same)).as(what).isEqualTo(all.subList(0, same));
    }
  }

  /** A record in a slot has no checksum; nothing else may differ, and nothing wild be done. */
  @Test
  void everyBitOfALiveFile() {
    check(live, 7, 7, "the whole one");
    int slotBytes = (live.length - LiveLayout.PAGE) / 2;
    int slot = (int) LiveLayout.slotAt(2, slotBytes);
    int frames = slot + LiveLayout.SLOT;
    for (int at = 0; at < live.length; at++) {
      boolean interesting =
          at < LiveLayout.HEADER
              || (at >= LiveLayout.P && at < LiveLayout.STATE + 8)
              || (at >= slot && at < frames + 250);
      for (int bit = 0; bit < 8; bit++) {
        if (interesting ? LONG || (at + bit) % 3 == 0 : bit == 0 && at % (LONG ? 7 : 501) == 0) {
          byte[] damaged = live.clone();
          damaged[at] ^= (byte) (1 << bit);
          // Whatever the words say, they cannot say more than one record for each eight bytes.
          check(damaged, WRITTEN, WRITTEN + slotBytes / 8, "byte " + at + " bit " + bit);
          if (at < LiveLayout.HEADER) {
            check(damaged, WRITTEN, WRITTEN, "header, byte " + at);
          }
        }
      }
    }
  }

  @Test
  void everyCutOfALiveFile() {
    for (int cut = 0; cut < live.length; cut += cut < 800 ? LONG ? 1 : 7 : LONG ? 13 : 501) {
      check(Arrays.copyOf(live, cut), WRITTEN, WRITTEN, "cut at " + cut);
    }
  }

  /** The other mark counts, or it is said that none does; never another position. */
  @Test
  void everyBitOfACursor() {
    SimulatedStorage storage = RecordSamples.machine(file);
    long[] positions = {1, 3};
    try (Follower follower =
        Follower.builder(RecordSamples.FILE).storage(storage).cursor("c").open()) {
      for (long position : positions) {
        while (follower.nextNumber() < position) {
          assertThat(follower.poll()).isTrue();
        }
        follower.commit();
      }
    }
    byte[] cursor = RecordSamples.content(storage, CURSOR);
    int newer = 0;
    for (int at = 0; at < cursor.length; at++) {
      boolean mark = at % 512 < 64;
      for (int bit = 0; bit < 8; bit++) {
        if (mark || LONG || at % 64 == 8 * bit) {
          byte[] damaged = cursor.clone();
          damaged[at] ^= (byte) (1 << bit);
          boolean hit = mark && at / 512 * 512 == newer;
          assertThat(position(damaged)).as("byte %d", at).isEqualTo(positions[hit ? 0 : 1]);
          damaged[(at + 512) % 1024] ^= 1;
          if (mark) {
            assertThatExceptionOfType(CorruptionException.class)
                .isThrownBy(() -> position(damaged));
          }
        }
      }
    }
    for (int cut = 0; cut < cursor.length; cut += LONG ? 1 : 17) {
      byte[] bytes = Arrays.copyOf(cursor, cut);
      assertThatExceptionOfType(CorruptionException.class).isThrownBy(() -> position(bytes));
    }
  }

  private long position(byte[] cursor) {
    SimulatedStorage storage = RecordSamples.machine(file);
    RecordSamples.put(storage, CURSOR, cursor);
    try (Follower follower =
        Follower.builder(RecordSamples.FILE).storage(storage).cursor("c").open()) {
      return follower.nextNumber();
    }
  }

  @Test
  void everyBitAndCutOfACheckpoint() {
    byte[] bytes = new Checkpoint(Checkpoint.READER, 1, 2, 3, 1L << 40).toBytes();
    assertThat(Checkpoint.fromBytes(bytes).words(Checkpoint.READER, 4)).hasSize(4);
    for (int bit = 0; bit < 8 * bytes.length; bit++) {
      byte[] damaged = bytes.clone();
      damaged[bit / 8] ^= (byte) (1 << bit % 8);
      assertThatThrownBy(() -> Checkpoint.fromBytes(damaged))
          .isInstanceOfAny(CorruptionException.class, FormatVersionException.class);
    }
    for (int cut = 0; cut < bytes.length; cut++) {
      byte[] damaged = Arrays.copyOf(bytes, cut);
      assertThatExceptionOfType(CorruptionException.class)
          .isThrownBy(() -> Checkpoint.fromBytes(damaged));
    }
  }
}
