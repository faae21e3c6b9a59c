// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.PoisonedException;
import dev.varve.SnapshotLostException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Followers and a writer in turns, on a simulated machine. */
class FollowerTest {
  private static final Path LIVE = RecordSamples.DIR.resolve("f.vrec.live");
  private static final Path CURSOR = RecordSamples.DIR.resolve("f.vrec.cursor-c");

  /** What was acknowledged, and a follower that is compared with it. */
  private static final class Expected {
    final SimulatedStorage machine;
    final List<String> records = new ArrayList<>();
    int seen;

    Expected(SimulatedStorage machine) {
      this.machine = machine;
    }

    void append(RecordWriter writer, byte[] record) {
      assertThat(writer.append(record)).isEqualTo(records.size());
      records.add(RecordSamples.show(record));
    }

    /** Polls at most so many records; all that were acknowledged must be there. */
    void poll(Follower follower, int most) {
      // Time for a look at the names.
      machine.advance(Duration.ofMillis(10));
      for (int i = 0; i < most && seen < records.size(); i++) {
        assertThat(follower.poll()).as("record %d of %d", seen, records.size()).isTrue();
        assertThat(follower.number()).isEqualTo(seen);
        assertThat(RecordSamples.show(follower.toArray())).isEqualTo(records.get(seen));
        seen++;
      }
      if (seen == records.size()) {
        assertThat(follower.poll()).as("record %d", seen).isFalse();
      }
    }
  }

  private static FollowerBuilder follower(Storage storage) {
    return Follower.builder(RecordSamples.FILE).storage(storage);
  }

  private static byte[] record(Random random, int i) {
    int length = random.nextInt(20) == 0 ? 3000 + random.nextInt(1500) : random.nextInt(700);
    return random.nextBoolean() ? RecordSamples.text(i, length) : RecordSamples.random(i, length);
  }

  /** Lags of any length, flushes, and writers that close, die, or publish nothing. */
  @Test
  void eachRecordOnceInOrder() {
    eachRecordOnceInOrder(Compression.NONE);
  }

  @Tag("unsafe")
  @ParameterizedTest
  @EnumSource(names = {"LZ4", "ZSTD"})
  void eachRecordOnceInOrderCompressed(Compression compression) {
    eachRecordOnceInOrder(compression);
  }

  private static void eachRecordOnceInOrder(Compression compression) {
    for (long seed = 1; seed <= 12; seed++) {
      Random random = new Random(seed);
      SimulatedStorage machine = RecordSamples.storage();
      SimulatedStorage process = machine.otherProcess();
      Expected expected = new Expected(machine);
      RecordWriter writer = LiveCrashTest.writer(process).compression(compression).create();
      long sessions = 1;
      try (Follower follower = follower(machine).open()) {
        for (int i = 0; i < 900; i++) {
          int dice = random.nextInt(150);
          if (dice == 0) {
            writer.flush();
          } else if (dice < 4) {
            if (dice == 1) {
              process.kill();
            } else {
              writer.close();
            }
            if (random.nextBoolean()) {
              expected.poll(follower, random.nextInt(200));
            }
            process = machine.otherProcess();
            writer = LiveCrashTest.writer(process).compression(compression).append();
            sessions++;
          } else {
            expected.append(writer, record(random, i));
          }
          if (random.nextInt(30) == 0) {
            expected.poll(follower, random.nextInt(200));
          }
        }
        expected.poll(follower, Integer.MAX_VALUE);
        assertThat(follower.state()).isEqualTo(FollowerState.LIVE);
        writer.close();
        expected.poll(follower, 1);
        assertThat(follower.state()).isEqualTo(FollowerState.CLOSED);
        assertThat(follower.epoch()).isLessThanOrEqualTo(sessions);
      }
      assertThat(RecordDamageTest.strictly(machine)).isEqualTo(expected.records);
    }
  }

  /** Without published records it sees what is flushed. */
  @Test
  void followsFlushes() {
    followsFlushes(Compression.NONE);
  }

  @Tag("unsafe")
  @ParameterizedTest
  @EnumSource(names = {"LZ4", "ZSTD"})
  void followsFlushesCompressed(Compression compression) {
    followsFlushes(compression);
  }

  private static void followsFlushes(Compression compression) {
    SimulatedStorage storage = RecordSamples.storage();
    Expected expected = new Expected(storage);
    Random random = new Random(5);
    RecordWriterBuilder builder =
        RecordSamples.writer(storage).compression(compression).largeLimit(3000);
    RecordWriter writer = builder.create();
    try (Follower follower = follower(storage).open()) {
      for (int i = 0; i < 300; i++) {
        expected.append(writer, record(random, i));
        if (random.nextInt(7) == 0) {
          writer.flush();
          expected.poll(follower, Integer.MAX_VALUE);
          assertThat(follower.state()).isEqualTo(FollowerState.POLLED);
        }
        if (i == 150) {
          writer.close();
          expected.poll(follower, Integer.MAX_VALUE);
          assertThat(follower.state()).isEqualTo(FollowerState.CLOSED);
          writer = builder.append();
        }
      }
      writer.close();
      expected.poll(follower, Integer.MAX_VALUE);
    }
  }

  /** What a large record that failed left, and was read ahead, is not what is there later. */
  @ParameterizedTest
  @CsvSource({"1,true,true", "1,true,false", "1,false,true", "3,true,false", "3,false,false"})
  void readsAgainWhereALargeRecordFailed(long write, boolean each, boolean looks) {
    SimulatedStorage machine = RecordSamples.storage();
    SimulatedStorage process = machine.otherProcess();
    Expected expected = new Expected(machine);
    RecordWriterBuilder builder =
        each ? LiveCrashTest.writer(process) : RecordSamples.writer(process).largeLimit(3000);
    builder.create().close();
    try (Follower follower = follower(machine).open();
        RecordWriter writer = builder.append()) {
      expected.append(writer, RecordSamples.random(1, 200));
      writer.flush();
      process.failCall(
          Operation.WRITE, process.calls(Operation.WRITE) + write, FaultKind.DISK_FULL);
      assertThatThrownBy(() -> writer.append(RecordSamples.random(2, 4000)))
          .isInstanceOf(FullException.class);
      assertThat(follower.poll()).isTrue();
      expected.seen++;
      if (looks) {
        expected.poll(follower, 1);
      }
      expected.append(writer, RecordSamples.random(3, 200));
      writer.flush();
      expected.poll(follower, 1);
    }
  }

  /** The file system gives the next live file the inode of the one before. */
  @Test
  void theNextLiveFileIsFollowedToo(@TempDir Path dir) {
    Path file = dir.resolve("f.vrec");
    RecordWriterBuilder builder = RecordWriter.builder(file).acknowledge(Acknowledge.EACH);
    builder.create().close();
    try (Follower follower = Follower.open(file)) {
      for (int session = 0; session < 3; session++) {
        try (RecordWriter writer = builder.append()) {
          writer.append(new byte[] {1});
          assertThat(follower.poll(Duration.ofSeconds(10))).isTrue();
          assertThat(follower.state()).isEqualTo(FollowerState.LIVE);
        }
        while (follower.state() != FollowerState.CLOSED) {
          assertThat(follower.poll()).isFalse();
        }
      }
    }
  }

  @Test
  void byALinkToTheFile(@TempDir Path dir) throws IOException {
    Path file = dir.resolve("f.vrec");
    Path link = Files.createSymbolicLink(dir.resolve("link"), file);
    try (RecordWriter writer = RecordWriter.builder(file).acknowledge(Acknowledge.EACH).create();
        Follower follower = Follower.builder(link).cursor("c").open()) {
      writer.append(new byte[] {1});
      assertThat(follower.poll()).isTrue();
      assertThatThrownBy(() -> Follower.builder(file).cursor("c").open())
          .isInstanceOf(BusyException.class);
    }
  }

  /**
   * A large record whose append failed can be whole all the same, and a follower passes it that
   * does not want it. Come to a live file, which does not count it, it reads again what is there.
   */
  @Test
  void readsAgainWhatALiveFileDoesNotCount() {
    SimulatedStorage machine = RecordSamples.storage();
    SimulatedStorage process = machine.otherProcess();
    Expected expected = new Expected(machine);
    LiveCrashTest.writer(process).create().close();
    try (Follower follower = follower(machine).from(3).open();
        RecordWriter writer = LiveCrashTest.writer(process).append()) {
      expected.append(writer, RecordSamples.random(0, 200));
      writer.flush();
      long header = process.calls(Operation.WRITE) + 4;
      process.afterEachEffect(
          at -> {
            if (at.calls(Operation.WRITE) == header) {
              throw new StorageException("written, and failed");
            }
          });
      assertThatThrownBy(() -> writer.append(RecordSamples.random(1, 4000)))
          .isInstanceOf(StorageException.class);
      process.afterEachEffect(at -> {});
      assertThat(follower.poll()).isFalse();
      assertThat(follower.nextNumber()).isEqualTo(3);
      for (int i = 1; i < 5; i++) {
        expected.append(writer, RecordSamples.random(10 + i, 200));
      }
      expected.seen = 3;
      expected.poll(follower, 1);
      assertThat(follower.state()).isNotEqualTo(FollowerState.POLLED);
      // So many that the follower must go back to the file.
      for (int i = 5; i < 60; i++) {
        expected.append(writer, RecordSamples.random(10 + i, 500));
      }
      expected.poll(follower, Integer.MAX_VALUE);
    }
  }

  /** A follower finds out that a writer begins to publish, by looking now and then. */
  @Test
  void changesBetweenFileAndSlot() {
    SimulatedStorage storage = RecordSamples.storage();
    Expected expected = new Expected(storage);
    RecordSamples.writer(storage).create().close();
    try (Follower follower = follower(storage).open()) {
      expected.poll(follower, 1);
      assertThat(follower.state()).isEqualTo(FollowerState.CLOSED);
      for (int session = 0; session < 6; session++) {
        boolean each = session % 2 == 0;
        RecordWriterBuilder builder =
            each ? LiveCrashTest.writer(storage) : RecordSamples.writer(storage);
        try (RecordWriter writer = builder.append()) {
          for (int i = 0; i < 30; i++) {
            expected.append(writer, RecordSamples.random(i, 900));
            if (each) {
              expected.poll(follower, Integer.MAX_VALUE);
              assertThat(follower.epoch()).isEqualTo(session + 2);
            }
          }
          assertThat(follower.state()).isEqualTo(each ? FollowerState.LIVE : FollowerState.CLOSED);
        }
        expected.poll(follower, Integer.MAX_VALUE);
      }
    }
  }

  /** The process that writes is killed at each effect of its life, followers live on. */
  @ParameterizedTest
  @ValueSource(ints = {0, 4500})
  void writerDiesAnywhere(int bytes) {
    for (long effect = 4; effect < 60; effect++) {
      SimulatedStorage machine = RecordSamples.storage();
      LiveCrashTest.writer(machine).create().close();
      Expected expected = new Expected(machine);
      try (Follower follower = follower(machine).open();
          Follower late = follower(machine).open()) {
        SimulatedStorage process = machine.otherProcess();
        process.stopInsideEffect(effect, bytes);
        byte[] unsure = die(process, expected, follower);
        int acknowledged = expected.records.size();
        expected.poll(follower, Integer.MAX_VALUE);
        RecordWriterBuilder builder =
            effect % 2 == 0 ? LiveCrashTest.writer(machine) : RecordSamples.writer(machine);
        try (RecordWriter next = builder.append()) {
          assertThat(next.count()).isBetween((long) acknowledged, acknowledged + 1L);
          if (next.count() > acknowledged) {
            expected.records.add(RecordSamples.show(unsure));
          }
          expected.append(next, RecordSamples.bytes("after"));
          next.flush();
          expected.poll(follower, Integer.MAX_VALUE);
        }
        expected.seen = 0;
        expected.poll(late, Integer.MAX_VALUE);
      }
    }
  }

  /** Returns the record whose append did not return. */
  private static byte[] die(SimulatedStorage process, Expected expected, Follower follower) {
    byte[] record = new byte[0];
    try (RecordWriter writer = LiveCrashTest.writer(process).append()) {
      for (int i = 0; i < 60; i++) {
        record = RecordSamples.random(i, i % 9 == 8 ? 3500 : 1100);
        expected.append(writer, record);
        if (i % 4 == 0) {
          expected.poll(follower, Integer.MAX_VALUE);
        }
      }
    } catch (dev.varve.file.SimulatedCrash e) {
      return record;
    }
    return record;
  }

  @Test
  void beginsAnywhere() {
    SimulatedStorage storage = RecordSamples.storage();
    try (RecordWriter writer = LiveCrashTest.writer(storage).create()) {
      for (int i = 0; i < 40; i++) {
        writer.append(RecordSamples.bytes("record " + i));
      }
      writer.flush();
      for (int i = 40; i < 45; i++) {
        writer.append(RecordSamples.bytes("record " + i));
      }
      for (long from : new long[] {0, 1, 39, 40, 43, 44}) {
        try (Follower follower = follower(storage).from(from).open()) {
          assertThat(follower.poll()).isTrue();
          assertThat(follower.number()).isEqualTo(from);
          assertThat(new String(follower.toArray(), java.nio.charset.StandardCharsets.UTF_8))
              .isEqualTo("record " + from);
        }
      }
      try (Follower end = follower(storage).fromEnd().open();
          Follower later = follower(storage).from(47).open()) {
        assertThat(end.nextNumber()).isEqualTo(45);
        for (int i = 45; i < 48; i++) {
          assertThat(end.poll()).isFalse();
          assertThat(later.poll()).isFalse();
          writer.append(RecordSamples.bytes("record " + i));
          assertThat(end.poll()).isTrue();
          assertThat(end.number()).isEqualTo(i);
        }
        assertThat(later.poll()).isTrue();
        assertThat(later.number()).isEqualTo(47);
      }
    }
    try (Follower end = follower(storage).fromEnd().open()) {
      assertThat(end.nextNumber()).isEqualTo(48);
      assertThat(end.poll()).isFalse();
    }
    assertThatThrownBy(() -> follower(storage).from(-1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Follower.builder(Path.of("/data/none")).storage(storage).open())
        .isInstanceOf(NotFoundException.class);
    RecordSamples.put(storage, Path.of("/data/other"), new byte[200]);
    assertThatThrownBy(() -> Follower.builder(Path.of("/data/other")).storage(storage).open())
        .isInstanceOf(CorruptionException.class);
  }

  /** Concatenated files, with records that hold files. */
  @Test
  void followsParts() {
    SimulatedStorage storage = RecordSamples.machine(RecordSamples.nested());
    List<String> expected = RecordDamageTest.strictly(storage);
    try (Follower follower = follower(storage).open();
        Follower end = follower(storage).fromEnd().open()) {
      List<String> read = new ArrayList<>();
      while (follower.poll()) {
        read.add(RecordSamples.show(follower.toArray()));
      }
      assertThat(read).isEqualTo(expected);
      assertThat(follower.state()).isEqualTo(FollowerState.CLOSED);
      assertThat(end.nextNumber()).isEqualTo(expected.size());
      try (RecordWriter writer = LiveCrashTest.writer(storage).append()) {
        storage.advance(Duration.ofSeconds(1));
        writer.append(RecordSamples.bytes("more"));
        for (Follower each : List.of(follower, end)) {
          assertThat(each.poll()).isTrue();
          assertThat(each.number()).isEqualTo(expected.size());
          assertThat(each.state()).isEqualTo(FollowerState.LIVE);
        }
      }
    }
  }

  @Test
  void tellsWhatItWaitsFor() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = LiveCrashTest.writer(storage).create();
    try (Follower follower = follower(storage).open()) {
      assertThat(follower.poll()).isFalse();
      assertThat(follower.state()).isEqualTo(FollowerState.LIVE);
      storage.capacity(0);
      for (int i = 0; i < 100 && follower.state() == FollowerState.LIVE; i++) {
        try {
          writer.append(new byte[500]);
          assertThat(follower.poll()).isTrue();
        } catch (FullException e) {
          assertThat(e).hasMessageContaining("f.vrec");
        }
      }
      assertThat(follower.state()).isEqualTo(FollowerState.FULL);
      storage.capacity(1L << 30);
      writer.append(new byte[500]);
      assertThat(follower.poll()).isTrue();
      assertThat(follower.state()).isEqualTo(FollowerState.LIVE);
      storage.failCall(
          SimulatedStorage.Operation.SYNC,
          storage.calls(SimulatedStorage.Operation.SYNC) + 1,
          FaultKind.SYNC_FAILURE);
      assertThatThrownBy(writer::sync).isInstanceOf(VarveException.class);
      assertThatThrownBy(writer::close).isInstanceOf(VarveException.class);
      assertThat(follower.poll()).isFalse();
      assertThat(follower.state()).isEqualTo(FollowerState.FAILED);
      long epoch = follower.epoch();
      try (RecordWriter next = LiveCrashTest.writer(storage).append()) {
        next.append(new byte[1]);
        assertThat(follower.poll()).isTrue();
        assertThat(follower.epoch()).isEqualTo(epoch + 1);
      }
      RecordSamples.writer(storage).replace().close();
      assertThat(follower.poll()).isFalse();
      storage.advance(Duration.ofSeconds(1));
      assertThat(follower.poll(Duration.ofDays(1))).isFalse();
      assertThat(follower.state()).isEqualTo(FollowerState.REPLACED);
    }
  }

  @Test
  void interruptEndsTheWait() {
    SimulatedStorage storage = RecordSamples.storage();
    try (RecordWriter writer = LiveCrashTest.writer(storage).create();
        Follower follower = follower(storage).open()) {
      Thread.currentThread().interrupt();
      assertThat(follower.poll(Duration.ofDays(1))).isFalse();
      writer.append(RecordSamples.bytes("one"));
      assertThat(follower.poll(Duration.ofDays(1))).isTrue();
      assertThat(Thread.interrupted()).isTrue();
      assertThat(follower.poll(Duration.ZERO)).isFalse();
      assertThat(follower.poll(Duration.ofSeconds(-1))).isFalse();
    }
  }

  @Test
  void cursorsContinue() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = LiveCrashTest.writer(storage).create();
    for (int i = 0; i < 100; i++) {
      writer.append(RecordSamples.random(i, 300));
    }
    int next = 0;
    for (int session = 0; next < 100; session++) {
      try (Follower follower = follower(storage).cursor("c").open()) {
        assertThat(follower.nextNumber()).isEqualTo(next);
        for (int i = 0; i < session && next < 100; i++) {
          assertThat(follower.poll()).isTrue();
          assertThat(follower.number()).isEqualTo(next);
          next++;
        }
        follower.commit();
        assertThatThrownBy(() -> follower(storage.otherProcess()).cursor("c").open())
            .isInstanceOf(BusyException.class);
        follower.poll();
      }
      if (session == 5) {
        writer.close();
        writer = LiveCrashTest.writer(storage).append();
      }
    }
    writer.close();
    // A torn mark: the one before counts.
    byte[] cursor = RecordSamples.content(storage, CURSOR);
    for (int half = 0; half < 2; half++) {
      byte[] torn = cursor.clone();
      Arrays.fill(torn, 512 * half, 512 * half + 40, (byte) 7);
      RecordSamples.put(storage, CURSOR, torn);
      try (Follower follower = follower(storage).cursor("c").open()) {
        assertThat(follower.nextNumber()).isLessThanOrEqualTo(100);
        assertThat(follower.nextNumber() < 100).isEqualTo(isNewer(cursor, half));
        while (follower.poll()) {
          next = (int) follower.number() + 1;
        }
        assertThat(next).isEqualTo(100);
      }
    }
    RecordSamples.put(storage, CURSOR, new byte[1024]);
    assertThatThrownBy(() -> follower(storage).cursor("c").open())
        .isInstanceOf(CorruptionException.class);
    RecordSamples.put(storage, CURSOR, cursor);
    RecordSamples.writer(storage).replace().close();
    assertThatThrownBy(() -> follower(storage).cursor("c").open())
        .isInstanceOf(ConflictException.class);
    try (Follower follower = follower(storage).open()) {
      assertThatThrownBy(follower::commit).isInstanceOf(IllegalStateException.class);
    }
  }

  private static boolean isNewer(byte[] cursor, int half) {
    ByteBuffer marks = ByteBuffer.wrap(cursor).order(ByteOrder.LITTLE_ENDIAN);
    return marks.getLong(512 * half + 16) > marks.getLong(512 * (1 - half) + 16);
  }

  @Test
  void cursorNamesAndVersions() {
    for (String name : List.of("", "a/b", "..", "a.b", "é", "x".repeat(65))) {
      assertThatThrownBy(() -> Follower.builder(RecordSamples.FILE).cursor(name))
          .isInstanceOf(IllegalArgumentException.class);
    }
    SimulatedStorage storage = RecordSamples.machine(RecordSamples.plain());
    follower(storage).cursor("x".repeat(64)).open().close();
    try (Follower follower = follower(storage).cursor("c").from(2).open()) {
      follower.commit();
    }
    try (Follower follower = follower(storage).cursor("c").open()) {
      assertThat(follower.nextNumber()).isEqualTo(2);
    }
    byte[] bytes = RecordSamples.content(storage, CURSOR);
    try (Arena arena = Arena.ofConfined()) {
      for (int at = 0; at < 1024; at += 512) {
        MemorySegment mark = arena.allocate(64);
        MemorySegment.copy(bytes, at, mark, ValueLayout.JAVA_BYTE, 0, 64);
        mark.set(ValueLayout.JAVA_INT, 8, 2);
        int sum = Format.checksum(new dev.varve.memory.Crc32c(), mark, 0, 60);
        mark.set(ValueLayout.JAVA_INT, 60, sum);
        MemorySegment.copy(mark, ValueLayout.JAVA_BYTE, 0, bytes, at, 64);
      }
    }
    RecordSamples.put(storage, CURSOR, bytes);
    assertThatThrownBy(() -> follower(storage).cursor("c").open())
        .isInstanceOf(FormatVersionException.class);
  }

  /** A commit is durable; and records that were lost with the power are noticed. */
  @Test
  void cursorAndPowerLoss() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = LiveCrashTest.writer(storage).create();
    storage.syncDirectory(RecordSamples.DIR);
    writer.append(RecordSamples.bytes("kept"));
    writer.sync();
    Follower follower = follower(storage).cursor("c").open();
    assertThat(follower.poll()).isTrue();
    follower.commit();
    storage
        .crashStates(50)
        .forEach(
            state -> {
              try (Follower again = follower(state).cursor("c").open()) {
                assertThat(again.nextNumber()).isEqualTo(1);
              }
            });
    writer.append(RecordSamples.bytes("lost"));
    assertThat(follower.poll()).isTrue();
    follower.commit();
    int noticed = 0;
    for (SimulatedStorage state : storage.crashStates(20).toList()) {
      try (RecordWriter next = LiveCrashTest.writer(state).append()) {
        assertThat(next.count()).isEqualTo(1);
        assertThatThrownBy(() -> follower(state).cursor("c").open())
            .isInstanceOf(SnapshotLostException.class);
        next.append(RecordSamples.bytes("other"));
        assertThatThrownBy(() -> follower(state).cursor("c").open())
            .isInstanceOf(SnapshotLostException.class);
        noticed++;
      }
    }
    assertThat(noticed).isPositive();
    // After a kill nothing was lost, whoever has written it.
    SimulatedStorage killed = storage.killed();
    try (Follower again = follower(killed).cursor("c").open()) {
      assertThat(again.nextNumber()).isEqualTo(2);
    }
    try (RecordWriter next = LiveCrashTest.writer(killed).append();
        Follower again = follower(killed).cursor("c").open()) {
      assertThat(again.nextNumber()).isEqualTo(next.count());
    }
    follower.close();
    writer.close();
  }

  /** Epochs that were lost with the power as well are not taken again by who writes next. */
  @ParameterizedTest
  @EnumSource(Acknowledge.class)
  void cursorOfAnEpochThatWasLost(Acknowledge acknowledge) {
    SimulatedStorage storage = RecordSamples.storage();
    try (RecordWriter first = RecordSamples.writer(storage).create()) {
      first.append(RecordSamples.bytes("kept"));
      first.sync();
    }
    RecordSamples.writer(storage).append().close();
    RecordWriter writer = LiveCrashTest.writer(storage).acknowledge(acknowledge).append();
    writer.append(RecordSamples.bytes("lost"));
    writer.flush();
    Follower follower = follower(storage).cursor("c").open();
    while (follower.poll()) {
      follower.commit();
    }
    assertThat(follower.nextNumber()).isEqualTo(2);
    long lost = follower.epoch();
    int noticed = 0;
    for (SimulatedStorage state : storage.crashStates(50).toList()) {
      boolean kept = false;
      for (int i = 0; i < 3 && !kept; i++) {
        try (RecordWriter next = LiveCrashTest.writer(state).acknowledge(acknowledge).append()) {
          kept = i == 0 && next.count() == 2;
          if (!kept) {
            next.append(RecordSamples.bytes("other"));
            next.flush();
            assertThatThrownBy(() -> follower(state).cursor("c").open())
                .isInstanceOf(SnapshotLostException.class);
          }
        }
      }
      if (kept) {
        try (Follower again = follower(state).cursor("c").open()) {
          assertThat(again.nextNumber()).isEqualTo(2);
        }
        continue;
      }
      noticed++;
      state.delete(CURSOR);
      try (Follower again = follower(state).cursor("c").from(1).open()) {
        assertThat(again.poll()).isTrue();
        assertThat(again.epoch()).isGreaterThan(lost);
        again.commit();
      }
      try (Follower again = follower(state).cursor("c").open()) {
        assertThat(again.nextNumber()).isEqualTo(2);
      }
    }
    assertThat(noticed).isPositive();
    follower.close();
    writer.close();
  }

  /**
   * The record before a cursor is in a gap that a repair left. What is committed then still tells
   * if a copy of the file from before gets other records.
   */
  @Test
  void aCursorBehindAGapKeepsItsEpoch() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = RecordSamples.writer(storage).create();
    writer.append(RecordSamples.random(0, 100));
    writer.flush();
    byte[] before = RecordSamples.content(storage, RecordSamples.FILE);
    writer.append(RecordSamples.random(1, 100));
    writer.close();
    try (Follower follower = follower(storage).cursor("c").open()) {
      assertThat(follower.poll()).isTrue();
      assertThat(follower.poll()).isTrue();
      follower.commit();
    }
    byte[] damaged = RecordSamples.content(storage, RecordSamples.FILE);
    damaged[before.length + 100] ^= 1;
    RecordSamples.put(storage, RecordSamples.FILE, damaged);
    assertThat(RecordFiles.repair(RecordSamples.FILE, storage).lost()).isOne();
    try (Follower follower = follower(storage).cursor("c").open()) {
      assertThat(follower.nextNumber()).isEqualTo(2);
      follower.commit();
    }
    try (FollowerCursor cursor = FollowerCursor.open(storage, RecordSamples.FILE, "c")) {
      assertThat(cursor.position().number()).isEqualTo(2);
      assertThat(cursor.position().epoch()).isOne();
    }
    RecordSamples.put(storage, RecordSamples.FILE, before);
    try (RecordWriter again = RecordSamples.writer(storage).append()) {
      again.append(RecordSamples.random(2, 100));
      again.append(RecordSamples.random(3, 100));
    }
    assertThatThrownBy(() -> follower(storage).cursor("c").open())
        .isInstanceOf(SnapshotLostException.class);
  }

  /** Files that are no cursors, or damaged ones, keep nobody from writing. */
  @Test
  void writersBesideCursorsThatAreNone() {
    SimulatedStorage storage = RecordSamples.machine(RecordSamples.plain());
    long before = nextEpoch(storage);
    RecordSamples.put(storage, CURSOR, new byte[1024]);
    RecordSamples.put(storage, RecordSamples.DIR.resolve("f.vrec.cursor-short"), new byte[7]);
    RecordSamples.put(storage, RecordSamples.DIR.resolve("f.vrec.cursor-"), new byte[1024]);
    assertThat(nextEpoch(storage)).isEqualTo(before + 1);
    byte[] later = cursor(storage, 100);
    RecordSamples.put(storage, RecordSamples.DIR.resolve("f.vrec.cursor-c.new"), later);
    RecordSamples.put(storage, RecordSamples.DIR.resolve("g.vrec.cursor-c"), later);
    RecordSamples.put(storage, RecordSamples.DIR.resolve("f.cursor-c"), later);
    assertThat(nextEpoch(storage)).isEqualTo(before + 2);
    RecordSamples.put(storage, CURSOR, later);
    assertThat(nextEpoch(storage)).isEqualTo(101);
    assertThat(nextEpoch(storage)).isEqualTo(102);
    RecordSamples.put(storage, CURSOR, cursor(storage, 0xffffffffL));
    assertThatThrownBy(() -> RecordSamples.writer(storage).append())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("2^32");
    storage.delete(CURSOR);
    assertThat(nextEpoch(storage)).isEqualTo(103);
  }

  /** Returns a cursor that says an epoch. */
  private static byte[] cursor(SimulatedStorage storage, long epoch) {
    try (FollowerCursor cursor = FollowerCursor.open(storage, RecordSamples.FILE, "made")) {
      cursor.commit(new FollowerPosition(0, 1, 1, epoch));
    }
    byte[] bytes = RecordSamples.content(storage, RecordSamples.DIR.resolve("f.vrec.cursor-made"));
    storage.delete(RecordSamples.DIR.resolve("f.vrec.cursor-made"));
    return bytes;
  }

  /** Returns the epoch of a writer that opens the file, appends a record, and closes it. */
  private static long nextEpoch(SimulatedStorage storage) {
    long number;
    try (RecordWriter writer = RecordSamples.writer(storage).append()) {
      number = writer.append(RecordSamples.bytes("more"));
    }
    try (Follower follower = follower(storage).from(number).open()) {
      assertThat(follower.poll()).isTrue();
      return follower.epoch();
    }
  }

  /**
   * What a failed sync has left in the page cache is not taken for durable by the next follower.
   */
  @Test
  void aPositionWhoseSyncFailedIsWrittenAgain() {
    SimulatedStorage storage = RecordSamples.storage();
    try (RecordWriter writer = RecordSamples.writer(storage).create()) {
      for (int i = 0; i < 5; i++) {
        writer.append(RecordSamples.bytes("record " + i));
      }
      writer.sync();
    }
    for (int more = 0; more < 2; more++) {
      try (Follower follower = follower(storage).cursor("c").open()) {
        assertThat(follower.poll()).isTrue();
        follower.commit();
        assertThat(follower.poll()).isTrue();
        long syncs = storage.calls(SimulatedStorage.Operation.SYNC);
        storage.failCall(SimulatedStorage.Operation.SYNC, syncs + 1, FaultKind.SYNC_FAILURE);
        assertThatThrownBy(follower::commit).isInstanceOf(StorageException.class);
        assertThatThrownBy(follower::commit).isInstanceOf(PoisonedException.class);
      }
      try (Follower follower = follower(storage).cursor("c").open()) {
        int least = 2 * more + 1;
        checkCursor(storage, least, 5);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        storage.afterEachEffect(
            process -> {
              try {
                checkCursor(process, least, 5);
              } catch (RuntimeException | Error e) {
                failure.compareAndSet(null, e);
              }
            });
        assertThat(follower.nextNumber()).isEqualTo(least + 1);
        if (more == 0) {
          follower.commit();
          checkCursor(storage, 2, 2);
        } else {
          assertThat(follower.poll()).isTrue();
          follower.commit();
          checkCursor(storage, 5, 5);
        }
        storage.afterEachEffect(process -> {});
        assertThat(failure.get()).isNull();
      }
    }
  }

  /** A process that dies while it creates a cursor leaves nothing to the next one to forget. */
  @Test
  void aCursorIsCreatedAnywhere() {
    boolean died = true;
    for (int effect = 1; died; effect++) {
      SimulatedStorage storage = RecordSamples.storage();
      try (RecordWriter writer = RecordSamples.writer(storage).create()) {
        writer.append(new byte[1]);
        writer.sync();
      }
      storage.stopAtEffect(storage.effects() + effect);
      try {
        follower(storage).cursor("c").open().close();
        died = false;
      } catch (SimulatedCrash e) {
        SimulatedStorage next = storage.killed();
        try (Follower follower = follower(next).cursor("c").open()) {
          assertThat(follower.poll()).isTrue();
          follower.commit();
          checkCursor(next, 1, 1);
        }
      }
    }
  }

  private static void checkCursor(SimulatedStorage storage, long least, long most) {
    storage
        .crashStates(50)
        .forEach(
            state -> {
              try (Follower follower = follower(state).cursor("c").open()) {
                assertThat(follower.nextNumber()).isBetween(least, most);
              }
            });
  }

  /** A copy of a slot counts only if the slot was not used again meanwhile. */
  @Test
  void slotUsedAgainWhileItIsCopied() {
    SimulatedStorage storage = RecordSamples.storage();
    for (int runs = 0; runs < 4; runs++) {
      try (RecordWriter writer = LiveCrashTest.writer(storage).fileId(9).replace()) {
        writer.append(RecordSamples.random(1, 100));
        try (StorageFile file = storage.open(LIVE, FileAccess.READ);
            LiveView view = LiveView.open(storage, file, 9, "")) {
          assertThat(view).isNotNull();
          assertThat(view.peek()).isTrue();
          view.enter();
          long p = view.published();
          view.copy();
          for (int run = 0; run < runs; run++) {
            writer.flush();
            writer.append(RecordSamples.random(2, 100));
          }
          assertThat(view.judge(p))
              .isEqualTo(runs < 2 ? LiveView.Step.FRAMES : LiveView.Step.BEHIND);
        }
      }
    }
  }

  /** A live file of another boot is not followed. */
  @Test
  void anotherBoot() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = LiveCrashTest.writer(storage).create();
    writer.append(RecordSamples.bytes("one"));
    SimulatedStorage killed = storage.killed();
    killed.bootId(Optional.of("another"));
    try (Follower follower = follower(killed).open()) {
      assertThat(follower.poll()).isFalse();
      assertThat(follower.state()).isEqualTo(FollowerState.POLLED);
    }
    writer.close();
  }

  /** Whatever stands in a live file: an exception or nothing, no wild access, no wrong record. */
  @Test
  void hostileLiveFile() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = LiveCrashTest.writer(storage).create();
    for (int i = 0; i < 3; i++) {
      writer.append(RecordSamples.random(i, 500));
    }
    byte[] file = RecordSamples.content(storage, RecordSamples.FILE);
    byte[] live = RecordSamples.content(storage, LIVE);
    writer.close();
    int slot = LiveLayout.PAGE + (live.length - LiveLayout.PAGE) / 2;
    long[] evil = {-1, 0, 1, 63, 64, 1 << 20, 0xffffffffL, Long.MAX_VALUE, Long.MIN_VALUE};
    int refused = 0;
    for (int place :
        new int[] {0, 8, 12, 32, 44, 124, 256, 384, 640, slot, slot + 8, slot + 16, slot + 64}) {
      for (long value : evil) {
        byte[] bytes = live.clone();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(place, value);
        SimulatedStorage state = RecordSamples.machine(file);
        RecordSamples.put(state, LIVE, bytes);
        try (Follower follower = follower(state).open()) {
          try {
            for (int i = 0; i < 10; i++) {
              follower.poll();
            }
          } catch (CorruptionException e) {
            refused++;
            assertThat(follower.poll()).isFalse();
            assertThat(follower.state()).isEqualTo(FollowerState.POLLED);
          }
        }
      }
    }
    assertThat(refused).isGreaterThan(10);
  }

  /** A damaged block is told, not waited for. */
  @Test
  void damageIsNotWaitedFor() {
    SimulatedStorage storage = RecordSamples.storage();
    RecordWriter writer = RecordSamples.writer(storage).create();
    for (int i = 0; i < 3; i++) {
      writer.append(RecordSamples.random(i, 500));
      writer.flush();
    }
    byte[] bytes = RecordSamples.content(storage, RecordSamples.FILE);
    writer.close();
    bytes[64 + 640 + 100] ^= 1;
    SimulatedStorage state = RecordSamples.machine(bytes);
    try (Follower follower = follower(state).open()) {
      assertThat(follower.poll()).isTrue();
      assertThatThrownBy(
              () -> {
                for (int i = 0; i < 5; i++) {
                  assertThat(follower.poll()).isFalse();
                  state.advance(Duration.ofSeconds(1));
                }
              })
          .isInstanceOf(CorruptionException.class);
    }
    // Closed behind the damage, it is told at once.
    assertThat(RecordFiles.repair(RecordSamples.FILE, state).records()).isEqualTo(3);
    try (Follower follower = follower(state).open()) {
      assertThat(follower.poll()).isTrue();
      assertThat(follower.poll()).isTrue();
      assertThat(follower.number()).isEqualTo(2);
      assertThat(follower.poll()).isFalse();
    }
  }

  @Test
  void useAfterCloseIsRefused() {
    SimulatedStorage storage = RecordSamples.machine(RecordSamples.plain());
    Follower follower = follower(storage).open();
    assertThatThrownBy(follower::number).isInstanceOf(IllegalStateException.class);
    assertThat(follower.poll()).isTrue();
    assertThat(follower.segment().isReadOnly()).isTrue();
    follower.close();
    follower.close();
    assertThatThrownBy(follower::poll).isInstanceOf(ClosedException.class);
    assertThatThrownBy(follower::number).isInstanceOf(ClosedException.class);
    assertThatThrownBy(follower::state).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> follower.poll(Duration.ofDays(1))).isInstanceOf(ClosedException.class);
  }
}
