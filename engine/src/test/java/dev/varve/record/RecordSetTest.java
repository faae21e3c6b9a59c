// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import dev.varve.file.Storage;
import dev.varve.memory.AllocationMeter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** One sequence of records over files that come and go. */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RecordSetTest {
  private static final Path DIR = Path.of("/sets");

  private final SimulatedStorage storage = RecordSamples.storage();

  private static RecordSetWriterBuilder builder(Storage storage) {
    return RecordSetWriter.builder(DIR, "log").storage(storage).blockSize(4096).maxFileBytes(4096);
  }

  private static RecordSetReader reader(Storage storage) {
    return RecordSetReader.builder(DIR, "log").storage(storage).acceptUnclosed().open();
  }

  private static byte[] record(long number) {
    return RecordSamples.bytes(number + "z".repeat(new Random(number).nextInt(200)));
  }

  private static List<String> names(Storage storage) {
    return storage.list(DIR).stream().map(path -> String.valueOf(path.getFileName())).toList();
  }

  /** Reads on, and checks that each record is what its number says; returns how many there were. */
  private static long check(RecordSetReader reader) {
    long read = 0;
    while (reader.next()) {
      assertThat(new String(reader.toArray(), StandardCharsets.UTF_8))
          .isEqualTo(new String(record(reader.number()), StandardCharsets.UTF_8));
      read++;
    }
    return read;
  }

  @Test
  void numbersGoOnAcrossFilesAndSessions() {
    long number = 0;
    for (int session = 0; session < 4; session++) {
      try (RecordSetWriter writer = builder(storage).append()) {
        assertThat(writer.count()).isEqualTo(number);
        for (int i = 0; i < 150; i++) {
          assertThat(writer.append(record(number))).isEqualTo(number);
          number++;
        }
      }
    }
    List<String> names = names(storage);
    assertThat(names).startsWith("log-000001.vrec", "log-000002.vrec").hasSizeBetween(15, 30);
    for (Path path : storage.list(DIR)) {
      assertThat(RecordSamples.content(storage, path).length).isLessThan(4096 + 700);
      assertThat(RecordFiles.verify(path, storage).isWhole()).isTrue();
    }
    try (RecordSetReader reader = RecordSetReader.builder(DIR, "log").storage(storage).open()) {
      assertThat(reader.files()).hasSameSizeAs(names);
      assertThat(reader.first()).isZero();
      assertThat(check(reader)).isEqualTo(600);
      assertThat(reader.next()).isFalse();
      Random random = new Random(1);
      for (int i = 0; i < 600; i++) {
        int wanted = random.nextInt(600);
        reader.seek(wanted);
        assertThat(reader.end()).isEqualTo(600);
        assertThat(reader.next()).isTrue();
        assertThat(reader.number()).isEqualTo(wanted);
        assertThat(reader.toArray()).isEqualTo(record(wanted));
      }
      reader.seek(598);
      assertThat(check(reader)).isEqualTo(2);
      reader.seek(600);
      assertThat(reader.next()).isFalse();
      assertThatThrownBy(() -> reader.seek(-1)).isInstanceOf(IllegalArgumentException.class);
    }
    // What the page says of the header.
    byte[] second = RecordSamples.content(storage, DIR.resolve("log-000002.vrec"));
    byte[] first = RecordSamples.content(storage, DIR.resolve("log-000001.vrec"));
    java.nio.ByteBuffer header =
        java.nio.ByteBuffer.wrap(second).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    assertThat(java.util.Arrays.copyOfRange(second, 24, 32))
        .isEqualTo(java.util.Arrays.copyOfRange(first, 24, 32))
        .isNotEqualTo(new byte[8]);
    try (RecordReader one =
        RecordReader.builder(DIR.resolve("log-000001.vrec")).storage(storage).open()) {
      assertThat(header.getLong(32)).isEqualTo(one.count());
    }
  }

  @Test
  void rotatesByTimeAndOnDemand() {
    try (RecordSetWriter writer =
        builder(storage).maxFileBytes(1 << 20).maxFileAge(Duration.ofMinutes(1)).append()) {
      writer.append(record(0));
      storage.advance(Duration.ofSeconds(59));
      writer.append(record(1));
      assertThat(names(storage)).doesNotContain("log-000002.vrec");
      storage.advance(Duration.ofSeconds(1));
      writer.append(record(2));
      assertThat(names(storage)).contains("log-000002.vrec").doesNotContain("log-000003.vrec");
      writer.rotate();
      writer.rotate();
      assertThat(names(storage)).contains("log-000003.vrec").doesNotContain("log-000004.vrec");
      storage.advance(Duration.ofHours(1));
      writer.append(record(3));
    }
    // A file goes on to age while nobody writes.
    storage.advance(Duration.ofHours(1));
    try (RecordSetWriter writer =
        builder(storage).maxFileBytes(1 << 20).maxFileAge(Duration.ofMinutes(1)).append()) {
      assertThat(writer.append(record(4))).isEqualTo(4);
      assertThat(names(storage)).contains("log-000004.vrec");
    }
    try (RecordSetReader reader = reader(storage)) {
      assertThat(check(reader)).isEqualTo(5);
    }
  }

  @Test
  void keepsWhatIsToBeKept() {
    for (int kind = 0; kind < 3; kind++) {
      SimulatedStorage own = RecordSamples.storage();
      RecordSetWriterBuilder builder = builder(own);
      switch (kind) {
        case 0 -> builder.keepFiles(3);
        case 1 -> builder.keepBytes(10_000);
        default -> builder.keepAge(Duration.ofSeconds(50));
      }
      long number = 0;
      for (int session = 0; session < 3; session++) {
        try (RecordSetWriter writer = builder.append()) {
          for (int i = 0; i < 200; i++) {
            assertThat(writer.append(record(number))).isEqualTo(number);
            number++;
            own.advance(Duration.ofSeconds(1));
          }
          assertThat(names(own).size() - 1).isBetween(2, 4);
        }
      }
      try (RecordSetReader reader = reader(own)) {
        long first = reader.first();
        assertThat(first).isGreaterThan(400);
        assertThat(reader.end()).isEqualTo(600);
        assertThat(check(reader)).isEqualTo(600 - first);
        assertThatThrownBy(() -> reader.seek(first - 1))
            .isInstanceOf(IllegalArgumentException.class);
        reader.seek(first);
        assertThat(check(reader)).isEqualTo(600 - first);
        if (kind == 2) {
          // What is younger than 50 s is there.
          assertThat(first).isLessThanOrEqualTo(551);
        }
      }
    }
  }

  /** The next file could not be created: the one before is then the last, and stays. */
  @Test
  void theLastFileStaysUntilThereIsAnother() {
    SimulatedStorage process = storage.otherProcess();
    RecordSetWriter writer = builder(process).keepFiles(1).append();
    writer.append(record(0));
    for (int i = 1; i <= 2; i++) {
      process.failCall(Operation.CREATE, process.calls(Operation.CREATE) + 1, FaultKind.IO_ERROR);
      assertThatThrownBy(i == 1 ? writer::rotate : writer::retain)
          .isInstanceOf(StorageException.class);
    }
    process.kill();
    try (RecordSetWriter next = builder(storage).append()) {
      assertThat(next.count()).isOne();
    }
  }

  /** A file is as old as it is, however long ago it was to be begun but could not. */
  @Test
  void ageBeginsWithTheFile() {
    try (RecordSetWriter writer =
        builder(storage)
            .maxFileAge(Duration.ofMinutes(1))
            .keepAge(Duration.ofMinutes(1))
            .append()) {
      writer.append(record(0));
      storage.failCall(Operation.RENAME, storage.calls(Operation.RENAME) + 1, FaultKind.IO_ERROR);
      assertThatThrownBy(writer::rotate).isInstanceOf(StorageException.class);
      storage.advance(Duration.ofHours(1));
      writer.append(record(1));
      writer.append(record(2));
      assertThat(writer.retain()).isZero();
      assertThat(SetFile.list(storage, DIR, "log"))
          .extracting(SetFile::place)
          .containsExactly(1L, 2L);
    }
  }

  /** Closing the set makes durable what could not be when the next file was to be begun. */
  @Test
  void closedAfterAFileCouldNotBe() {
    RecordSetWriter writer = builder(storage).durability(Durability.SYNC).append();
    writer.append(record(0));
    storage.failCall(Operation.SYNC, storage.calls(Operation.SYNC) + 2, FaultKind.SYNC_FAILURE);
    assertThatThrownBy(writer::rotate).isInstanceOf(StorageException.class);
    writer.close();
    storage
        .crashStates(8)
        .forEach(
            state -> {
              try (RecordSetWriter next = builder(state).append()) {
                assertThat(next.count()).isOne();
              }
            });
  }

  /** However the power is lost while several files are deleted, none is missing in the middle. */
  @Test
  void deletionsInOrder() {
    SimulatedStorage own = RecordSamples.storage();
    try (RecordSetWriter writer = builder(own).durability(Durability.SYNC).append()) {
      for (int i = 0; i < 5; i++) {
        writer.append(record(i));
        writer.rotate();
      }
    }
    List<SimulatedStorage> states = new ArrayList<>();
    own.afterEachEffect(process -> process.crashStates(100).forEach(states::add));
    try (RecordSetWriter writer = builder(own).durability(Durability.SYNC).keepFiles(2).append()) {
      assertThat(writer.retain()).isEqualTo(4);
    }
    assertThat(states).hasSizeGreaterThan(8);
    for (SimulatedStorage state : states) {
      try (RecordSetReader reader = reader(state)) {
        assertThat(check(reader)).isEqualTo(5 - reader.first());
      }
    }
  }

  /** A writer deletes only once the deletion by the one before is durable, however that ended. */
  @Test
  void deletionsInOrderFromWriterToWriter() {
    for (boolean killed : new boolean[] {false, true}) {
      SimulatedStorage own = RecordSamples.storage();
      try (RecordSetWriter writer = builder(own).durability(Durability.SYNC).append()) {
        for (int i = 0; i < 5; i++) {
          writer.append(record(i));
          writer.rotate();
        }
      }
      for (int keep = 5; keep >= 2; keep--) {
        SimulatedStorage process = own.otherProcess();
        RecordSetWriter writer =
            builder(process).durability(Durability.SYNC).keepFiles(keep).append();
        assertThat(writer.retain()).isOne();
        if (killed) {
          process.kill();
        } else {
          writer.close();
        }
        checkAfterPowerLoss(own, 5);
      }
    }
  }

  /** No file is deleted before the one behind it has its name for good, whoever has begun that. */
  @Test
  void theLastFileIsNamedBeforeOthersGo() {
    SimulatedStorage own = RecordSamples.storage();
    SimulatedStorage first = own.otherProcess();
    RecordSetWriter writer = builder(first).durability(Durability.SYNC).append();
    writer.append(record(0));
    first.afterEachEffect(
        process -> {
          if (names(process).contains("log-000002.vrec")) {
            process.kill();
          }
        });
    assertThatThrownBy(writer::rotate).isInstanceOf(SimulatedCrash.class);
    SimulatedStorage second = own.otherProcess();
    RecordSetWriter next = builder(second).durability(Durability.SYNC).keepFiles(1).append();
    assertThat(next.retain()).isOne();
    second.kill();
    checkAfterPowerLoss(own, 1);
  }

  /** However the power is lost now, none of so many files of a record each is missing. */
  private static void checkAfterPowerLoss(SimulatedStorage machine, long records) {
    machine
        .crashStates(100)
        .forEach(
            state -> {
              try (RecordSetReader reader = reader(state)) {
                assertThat(reader.files()).isNotEmpty();
                assertThat(check(reader)).isEqualTo(records - reader.first());
              }
            });
  }

  /** The file that is written to is never deleted, however little is to be kept. */
  @Test
  void theLastFileStays() {
    try (RecordSetWriter writer =
        builder(storage).keepFiles(1).keepBytes(1).keepAge(Duration.ofMillis(1)).append()) {
      for (int i = 0; i < 100; i++) {
        writer.append(record(i));
      }
      storage.advance(Duration.ofDays(1));
      assertThat(writer.retain()).isZero();
      assertThat(names(storage)).hasSize(3);
      writer.rotate();
      assertThat(names(storage)).hasSize(3);
      assertThat(writer.count()).isEqualTo(100);
    }
    try (RecordSetReader reader = reader(storage)) {
      assertThat(reader.first()).isEqualTo(100);
      assertThat(reader.end()).isEqualTo(100);
      assertThat(reader.next()).isFalse();
    }
  }

  /** Who flushes or syncs while others begin the next file is not told that it was closed. */
  @Test
  void flushesWhileFilesAreBegun() {
    try (RecordSetWriter writer = builder(storage).keepFiles(2).append()) {
      AtomicInteger running = new AtomicInteger(4);
      ShardedWriterTest.inThreads(
          5,
          thread -> {
            try {
              for (int i = 0; thread == 0 ? running.get() > 0 : i < 5000; i++) {
                if (thread == 0) {
                  writer.append(new byte[10]);
                  writer.rotate();
                } else if (thread == 1) {
                  writer.sync();
                } else {
                  writer.flush();
                }
              }
            } finally {
              running.decrementAndGet();
            }
          });
    }
  }

  /** The next file is begun, or the set closed, just before the last one would be flushed. */
  @Test
  void flushesTheNextFileWhenTheLastWasEnded() {
    RecordSetWriter writer = builder(storage).append();
    writer.append(new byte[10]);
    List<RecordWriter> files = new ArrayList<>();
    writer.unlocked(
        file -> {
          files.add(file);
          if (files.size() < 3) {
            writer.rotate();
            writer.append(new byte[10]);
          }
          file.flush();
        });
    assertThat(files).hasSize(3).doesNotHaveDuplicates();
    try (RecordSetReader reader = reader(storage)) {
      assertThat(reader.end()).isEqualTo(3);
    }
    assertThatThrownBy(
            () ->
                writer.unlocked(
                    file -> {
                      writer.close();
                      file.flush();
                    }))
        .isInstanceOf(ClosedException.class)
        .hasMessageContaining("writer of set");
  }

  @Test
  void oneWriterASet() {
    RecordSetWriter writer = builder(storage).append();
    for (SimulatedStorage process : List.of(storage, storage.otherProcess())) {
      assertThatThrownBy(() -> builder(process).append())
          .isInstanceOf(BusyException.class)
          .hasMessageContaining("log.lock");
    }
    writer.close();
    writer.close();
    assertThat(names(storage)).containsExactly("log-000001.vrec");
    assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(ClosedException.class);
    RecordSamples.put(storage, DIR.resolve("log-2.vrec"), RecordSamples.plain());
    assertThatThrownBy(() -> builder(storage).append()).isInstanceOf(ConflictException.class);
    assertThatThrownBy(() -> reader(storage)).isInstanceOf(ConflictException.class);
    storage.delete(DIR.resolve("log-2.vrec"));
    builder(storage).append().close();
    assertThatThrownBy(() -> RecordSetReader.builder(Path.of("/no"), "log").storage(storage).open())
        .isInstanceOf(NotFoundException.class);
    assertThatThrownBy(
            () -> RecordSetReader.builder(RecordSamples.DIR, "log").storage(storage).open())
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining(RecordSamples.DIR.resolve("log-000001.vrec").toString())
        .hasMessageContaining("no file of this");
    try (RecordSetReader empty = reader(storage)) {
      assertThat(empty.next()).isFalse();
      assertThat(empty.end()).isZero();
      assertThatThrownBy(empty::number).isInstanceOf(IllegalStateException.class);
    }
  }

  /** A missing or damaged file is never passed over in silence. */
  @Test
  void gapsAreDamage() {
    try (RecordSetWriter writer = builder(storage).append()) {
      for (int i = 0; i < 200; i++) {
        writer.append(record(i));
      }
    }
    Path second = DIR.resolve("log-000002.vrec");
    byte[] whole = RecordSamples.content(storage, second);
    storage.delete(second);
    checkGap();
    byte[] damaged = whole.clone();
    damaged[1000] ^= 1;
    RecordSamples.put(storage, second, damaged);
    checkGap();
    RecordSamples.put(storage, second, java.util.Arrays.copyOf(whole, 2000));
    checkGap();
    byte[] header = whole.clone();
    header[33] ^= 1;
    RecordSamples.put(storage, second, header);
    assertThatThrownBy(() -> reader(storage)).isInstanceOf(CorruptionException.class);
    RecordSamples.put(storage, second, whole);
    try (RecordSetReader reader = reader(storage)) {
      assertThat(check(reader)).isEqualTo(200);
    }
  }

  private void checkGap() {
    try (RecordSetReader reader = reader(storage)) {
      assertThatThrownBy(() -> check(reader)).isInstanceOf(CorruptionException.class);
      assertThatThrownBy(reader::next).isInstanceOf(CorruptionException.class);
    }
    try (RecordSetReader reader =
        RecordSetReader.builder(DIR, "log").storage(storage).onDamage(OnDamage.SKIP).open()) {
      assertThat(check(reader)).isBetween(130L, 199L);
    }
  }

  /** The writer begins a file and deletes the one before, between a look and the next step. */
  @Test
  void opensWhileFilesAreDeleted() {
    try (RecordSetWriter writer = builder(storage).keepFiles(1).append()) {
      writer.append(record(0));
      writer.flush();
      AtomicInteger looks = new AtomicInteger();
      Storage racing =
          (Storage)
              Proxy.newProxyInstance(
                  Storage.class.getClassLoader(),
                  new Class<?>[] {Storage.class},
                  (proxy, method, arguments) -> {
                    Object result;
                    try {
                      result = method.invoke(storage, arguments);
                    } catch (InvocationTargetException e) {
                      throw e.getCause();
                    }
                    if (method.getName().equals("list") && looks.getAndIncrement() == 0) {
                      writer.append(record(1));
                      writer.rotate();
                      writer.append(record(2));
                      writer.flush();
                    }
                    return result;
                  });
      try (RecordSetReader reader = reader(racing)) {
        assertThat(reader.first()).isEqualTo(2);
        assertThat(check(reader)).isEqualTo(1);
      }
    }
  }

  /** Power fails at any effect: what was synced is there, and the numbers go on. */
  @Test
  void powerLossLeavesAPrefix() {
    long effects = run(RecordSamples.storage(), new ArrayList<>());
    for (long stop = 1; stop <= effects; stop += 3) {
      SimulatedStorage own = RecordSamples.storage();
      List<Long> synced = new ArrayList<>();
      own.stopAtEffect(stop);
      try {
        run(own, synced);
      } catch (SimulatedCrash e) {
        assertThat(e).isNotNull();
      }
      long least = synced.isEmpty() ? 0 : synced.getLast();
      long at = stop;
      own.crashStates(6)
          .forEach(
              state -> {
                long number;
                try (RecordSetWriter writer = builder(state).append()) {
                  number = writer.count();
                  assertThat(number).as("stop %d", at).isGreaterThanOrEqualTo(least);
                  assertThat(writer.append(record(number))).isEqualTo(number);
                }
                try (RecordSetReader reader = reader(state)) {
                  assertThat(check(reader)).isEqualTo(number + 1 - reader.first());
                }
              });
    }
  }

  private static long run(SimulatedStorage own, List<Long> synced) {
    try (RecordSetWriter writer = builder(own).durability(Durability.SYNC).keepFiles(3).append()) {
      for (int i = 0; i < 160; i++) {
        writer.append(record(i));
        if (i % 16 == 15) {
          writer.flush();
          synced.add(i + 1L);
        }
      }
    }
    return own.effects();
  }

  /** A call fails: the append that threw is not kept, all others are, and work goes on. */
  @Test
  void failedCallsCostOnlyTheirAppend() {
    boolean reached = true;
    for (int n = 1; reached; n += 2) {
      for (FaultKind kind : new FaultKind[] {FaultKind.IO_ERROR, FaultKind.DISK_FULL}) {
        SimulatedStorage own = RecordSamples.storage();
        long kept = 0;
        RecordSetWriter writer = builder(own).append();
        long planned = own.calls() + n;
        own.failCall(planned, kind);
        for (int i = 0; i < 120; i++) {
          try {
            assertThat(writer.append(record(kept))).as("%s %d", kind, n).isEqualTo(kept);
            kept++;
          } catch (VarveException e) {
            // The next one has the same number.
            assertThat(e).hasRootCauseInstanceOf(java.io.IOException.class);
          }
        }
        reached = own.calls() >= planned;
        flush(writer);
        try {
          writer.close();
        } catch (VarveException e) {
          // What was flushed is there all the same.
          assertThat(e).hasRootCauseInstanceOf(java.io.IOException.class);
        }
        try (RecordSetReader reader = reader(own.killed())) {
          assertThat(check(reader)).as("%s %d", kind, n).isEqualTo(kept);
        }
      }
    }
  }

  private static void flush(RecordSetWriter writer) {
    try {
      writer.flush();
    } catch (VarveException e) {
      writer.flush();
    }
  }

  @Test
  void worksOnOnceThereIsSpace() {
    try (RecordSetWriter writer = builder(storage).append()) {
      storage.capacity(20_000);
      long kept = 0;
      int refused = 0;
      for (int i = 0; i < 400; i++) {
        try {
          writer.append(record(kept));
          kept++;
        } catch (FullException e) {
          refused++;
        }
      }
      assertThat(refused).isPositive();
      assertThat(kept).isLessThan(400);
      storage.capacity(1 << 24);
      for (int i = 0; i < 100; i++) {
        assertThat(writer.append(record(kept))).isEqualTo(kept);
        kept++;
      }
      writer.flush();
      try (RecordSetReader reader = reader(storage)) {
        assertThat(check(reader)).isEqualTo(kept);
      }
    }
  }

  @Test
  void nothingIsAllocatedPerRecord(@TempDir Path dir) {
    try (Arena arena = Arena.ofConfined();
        RecordSetWriter writer =
            RecordSetWriter.builder(dir, "log").maxFileAge(Duration.ofDays(1)).append()) {
      MemorySegment record = arena.allocate(100);
      assertThat(AllocationMeter.bytesPerOperation(() -> writer.append(record))).isLessThan(1.0);
    }
  }

  /** A file whose header was repaired stays in its set, and is kept as long as before. */
  @Test
  void repairedHeadersStayInTheSet() {
    for (int count : new int[] {1, 3}) {
      SimulatedStorage whole = RecordSamples.storage();
      try (RecordSetWriter writer = builder(whole).append()) {
        for (int i = 0; i < 10 * count; i++) {
          if (i > 0 && i % 10 == 0) {
            whole.advance(Duration.ofHours(1));
            writer.rotate();
          }
          writer.append(record(i));
        }
      }
      List<Path> files = whole.list(DIR);
      assertThat(files).hasSize(count);
      for (int n = 0; n < count; n++) {
        byte[] content = RecordSamples.content(whole, files.get(n));
        for (int at = 0; at < 64; at++) {
          SimulatedStorage damaged = whole.killed();
          byte[] bytes = content.clone();
          bytes[at] ^= 0x10;
          RecordSamples.put(damaged, files.get(n), bytes);
          assertThatThrownBy(() -> reader(damaged))
              .isInstanceOf(CorruptionException.class)
              .hasMessageContaining("repair the file where it stands");
          RepairReport report = RecordFiles.repair(files.get(n), damaged);
          assertThat(report.repaired()).as("byte %d of file %d", at, n).hasSize(1);
          assertThat(report.lost()).isZero();
          boolean told = at < 24 || (at >= 48 && at < 60);
          if (told) {
            byte[] header = RecordSamples.content(damaged, files.get(n));
            assertThat(java.util.Arrays.equals(header, 0, 64, content, 0, 64))
                .as("byte %d of file %d", at, n)
                .isTrue();
          }
          assertThat(SetFile.list(damaged, DIR, "log").get(n).created())
              .isGreaterThanOrEqualTo(SetFile.list(whole, DIR, "log").get(n).created());
          try (RecordSetReader reader = reader(damaged)) {
            assertThat(check(reader)).isEqualTo(10 * count);
          }
          try (RecordSetWriter writer = builder(damaged).append()) {
            assertThat(writer.append(record(10 * count))).isEqualTo(10 * count);
          }
        }
      }
    }
  }

  /** Without the file before, the one behind tells, unless records may be missing in between. */
  @Test
  void aRepairTakesThePlaceFromTheFileBehind() {
    try (RecordSetWriter writer = builder(storage).append()) {
      for (int i = 0; i < 40; i++) {
        if (i > 0 && i % 10 == 0) {
          writer.rotate();
        }
        writer.append(record(i));
        writer.flush();
      }
    }
    List<Path> files = storage.list(DIR);
    byte[] second = RecordSamples.content(storage, files.get(1));
    second[33] ^= 1;
    SimulatedStorage retained = storage.killed();
    retained.delete(files.get(0));
    RecordSamples.put(retained, files.get(1), second);
    RecordFiles.repair(files.get(1), retained);
    try (RecordSetReader reader = reader(retained)) {
      assertThat(reader.first()).isEqualTo(10);
      assertThat(check(reader)).isEqualTo(30);
    }
    // Its end is cut off too: only the file before can tell.
    byte[] cut = java.util.Arrays.copyOf(second, second.length / 2);
    for (boolean before : new boolean[] {false, true}) {
      SimulatedStorage state = storage.killed();
      if (!before) {
        state.delete(files.get(0));
      }
      RecordSamples.put(state, files.get(1), cut);
      RecordFiles.repair(files.get(1), state);
      if (before) {
        try (RecordSetReader reader =
            RecordSetReader.builder(DIR, "log").storage(state).onDamage(OnDamage.SKIP).open()) {
          assertThat(check(reader)).isBetween(31L, 39L);
        }
      } else {
        assertThatThrownBy(() -> reader(state))
            .isInstanceOf(ConflictException.class)
            .hasMessageContaining("could not find its place, its records can be read alone");
      }
    }
    // Neither neighbour is there: the one two places behind has the id, but not the number.
    SimulatedStorage apart = storage.killed();
    apart.delete(files.get(0));
    apart.delete(files.get(2));
    RecordSamples.put(apart, files.get(1), second);
    RecordFiles.repair(files.get(1), apart);
    assertThatThrownBy(() -> reader(apart)).isInstanceOf(ConflictException.class);
  }
}
