// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.StorageException;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Single states that opening a log has to cope with. */
class LogRecoveryTest {

  private static final Path DIR = LogScript.DIR;
  private static final Path INDEX = DIR.resolve(Journal.FILE);

  private final SimulatedStorage machine = SimulatedStorage.create(11);

  private static ReplayLogBuilder builder(Storage storage) {
    return ReplayLog.builder().storage(storage).directory(DIR).memoryCapacity(0).segmentBytes(4096);
  }

  private static Floor floor(Storage storage) {
    try (StorageFile file = storage.open(INDEX, FileAccess.READ)) {
      return Floor.read(file, Header.read(file));
    }
  }

  private static void set(Storage storage, Path path, long position, int value) {
    try (StorageFile file = storage.open(path, FileAccess.WRITE)) {
      file.write(position, Arena.ofAuto().allocate(1).fill((byte) value));
    }
  }

  /**
   * Two batches were written, two more released without, and of the one behind them only the entry
   * that says so reached the disk; nor did the file that the first two are in.
   */
  @Test
  void aSegmentWithoutLiveBatchesThatIsNotThere() {
    Batches.Source small = new Batches.Source(0, 0, new byte[][] {new byte[300]}, false, false);
    long end;
    try (ReplayLog log =
            builder(machine)
                .kept()
                .memoryCapacity(1 << 16)
                .writePolicy(WritePolicy.ON_EVICTION)
                .maxReaders(1)
                .create();
        LogReader reader = log.reader(0)) {
      log.append(small);
      log.append(small);
      log.flush();
      log.append(small);
      log.append(small);
      for (int i = 0; i < 4; i++) {
        reader.poll().close();
      }
      log.append(small);
      try (StorageFile file = machine.open(INDEX, FileAccess.READ)) {
        end = file.size();
      }
      log.flush();
      SimulatedStorage lost = machine.killed();
      lost.bootId(Optional.of(new UUID(1, 2).toString()));
      try (StorageFile file = lost.open(INDEX, FileAccess.WRITE)) {
        file.truncate(end + Entry.HEAD + 16 + Entry.TAIL);
      }
      try (StorageFile file = lost.open(DIR.resolve("segment-00000000.frames"), FileAccess.WRITE)) {
        file.truncate(0);
      }
      for (boolean owner : new boolean[] {false, true}) {
        try (ReplayLog left = owner ? builder(lost).open() : builder(lost).openReadOnly()) {
          assertThat(left.count()).isZero();
        }
      }
    }
  }

  /**
   * Segments that no entry names tell that entries were lost, unless the machine went down or a
   * sync failed.
   */
  @ParameterizedTest
  @CsvSource({"false, false, true", "true, false, false", "false, true, false"})
  void segmentsBehindTheLastEntry(boolean otherBoot, boolean failedSync, boolean isDamage) {
    try (ReplayLog log = builder(machine).kept().create()) {
      ReplayLogTest.fill(log, 0, 3);
      long end;
      try (StorageFile file = machine.open(INDEX, FileAccess.READ)) {
        end = file.size();
      }
      ReplayLogTest.fill(log, 3, 40);
      SimulatedStorage lost = machine.killed();
      if (otherBoot) {
        lost.bootId(Optional.of(new UUID(1, 2).toString()));
      }
      try (StorageFile file = lost.open(INDEX, FileAccess.WRITE)) {
        file.truncate(end);
        if (failedSync) {
          Header header = Header.read(file);
          Floor floor = Floor.read(file, header);
          Floor failed = floor.next(true, floor.boot());
          file.write(failed.offset(header), failed.encode(header));
        }
      }
      assertThat(lost.list(DIR)).hasSizeGreaterThan(4);
      List<LogReport.Finding> findings =
          LogInspector.inspect(lost, DIR, Inspection.VERIFY).findings();
      if (isDamage) {
        assertThat(findings).singleElement().extracting("what", "offset").contains("end", end);
        assertThatThrownBy(() -> builder(lost).open())
            .isInstanceOf(CorruptionException.class)
            .hasMessageContaining("no more entries");
      } else {
        assertThat(findings).isEmpty();
        try (ReplayLog left = builder(lost).open()) {
          assertThat(left.count()).isLessThanOrEqualTo(3);
        }
      }
    }
  }

  /** Once a log begins to append, its mark names the machine's present run, whatever was cut. */
  @Test
  void theMarkNamesThisBootAfterEverythingWasCut() {
    try (ReplayLog log = builder(machine).kept().create()) {
      ReplayLogTest.fill(log, 0, 3);
      log.sync();
      ReplayLogTest.fill(log, 3, 4);
      SimulatedStorage lost = machine.killed();
      lost.bootId(Optional.of(new UUID(3, 4).toString()));
      try (StorageFile file = lost.open(INDEX, FileAccess.WRITE)) {
        file.truncate(file.size() - 1);
      }
      try (ReplayLog left = builder(lost).open()) {
        assertThat(left.count()).isEqualTo(3);
        ReplayLogTest.fill(left, 3, 5);
        assertThat(floor(lost).boot()).isEqualTo(LogDirectory.boot(lost));
        // So damage in the middle of what this boot wrote is not taken for the work of a crash.
        SimulatedStorage killed = lost.killed();
        set(killed, INDEX, floor(killed).length() + 20, 99);
        assertThatThrownBy(() -> builder(killed).open()).isInstanceOf(CorruptionException.class);
      }
    }
  }

  /** Of the first append only the announcement of its segment reached the disk. */
  @Test
  void aSegmentThatWasAnnouncedInVain() {
    try (ReplayLog log = builder(machine).framing(new TestFraming()).kept().create()) {
      long entries = floor(machine).length();
      log.append(Batches.source(0, 100));
      for (boolean sameBoot : new boolean[] {true, false}) {
        for (boolean there : new boolean[] {true, false}) {
          SimulatedStorage left = machine.killed();
          left.bootId(sameBoot ? machine.bootId() : Optional.of(new UUID(9, 10).toString()));
          try (StorageFile file = left.open(INDEX, FileAccess.WRITE)) {
            file.truncate(entries + Entry.HEAD + 32 + Entry.TAIL);
          }
          Path segment = left.list(DIR).stream().filter(path -> isSegment(path)).findAny().get();
          if (!there) {
            left.delete(segment);
          }
          try (ReplayLog again = builder(left).framing(new TestFraming()).open()) {
            assertThat(again.count()).isZero();
            assertThat(again.statistics().segments()).isZero();
            assertThat(again.statistics().diskBytes()).isEqualTo(entries);
            assertThat(left.exists(segment)).isFalse();
          }
        }
      }
    }
  }

  /** Power loss took headers and footers, and the recovery is killed at each of its effects. */
  @Test
  void headersAndFootersAreRestored() {
    SimulatedStorage lost;
    try (ReplayLog log = builder(machine).framing(new TestFraming()).kept().create()) {
      for (int n = 0; n < 6; n++) {
        boolean begins = log.prepare(1000, n % 2 == 0);
        log.append(begins ? List.of(Batches.context(n, 100)) : List.of(), Batches.source(n, 100));
      }
      lost = machine.killed();
    }
    lost.bootId(Optional.of(new UUID(7, 8).toString()));
    for (Path segment : lost.list(DIR).stream().filter(path -> isSegment(path)).toList()) {
      try (StorageFile file = lost.open(segment, FileAccess.WRITE)) {
        file.write(0, MemorySegment.ofArray(new byte[64]));
        file.write(file.size() - 10, MemorySegment.ofArray(new byte[10]));
      }
    }
    boolean finished = false;
    for (int effect = 1; !finished; effect++) {
      SimulatedStorage storage = lost.killed();
      storage.stopAtEffect(effect);
      try (ReplayLog log = builder(storage).framing(new TestFraming()).open()) {
        finished = log.count() == 6;
      } catch (SimulatedCrash e) {
        finished = false;
      }
      SimulatedStorage left = storage.killed();
      try (ReplayLog log = builder(left).framing(new TestFraming()).open()) {
        assertThat(log.count()).as("killed at effect %d", effect).isEqualTo(6);
        Batches.checkAll(log, 100);
      }
      assertThat(LogInspector.inspect(left, DIR, Inspection.VERIFY).findings())
          .as("killed at effect %d", effect)
          .isEmpty();
    }
  }

  private static boolean isSegment(Path path) {
    return path.getFileName().toString().startsWith("segment");
  }

  /** Whichever mark was torn, both are whole once the log was opened. */
  @Test
  void aTornMarkIsWrittenAgain() {
    builder(machine).kept().create().close();
    for (int turn = 0; turn < 5; turn++) {
      Floor floor = floor(machine);
      long header = floor.length() - 2 * Floor.BYTES;
      set(machine, INDEX, header + (floor.number() + 1 & 1) * Floor.BYTES + 40, 99);
      assertThat(LogInspector.inspect(machine, DIR, Inspection.SUMMARY).findings()).hasSize(1);
      try (ReplayLog log = builder(machine).open()) {
        assertThat(log.wasRecovered()).isTrue();
      }
      assertThat(LogInspector.inspect(machine, DIR, Inspection.SUMMARY).findings()).isEmpty();
    }
  }

  /** What an append left that failed, and that could not be cut off either, never comes back. */
  @Test
  void aFailedAppendStaysAway() {
    AtomicInteger failing = new AtomicInteger();
    Storage broken =
        Hooked.storage(
            machine,
            (target, call, arguments) -> {
              boolean index =
                  target instanceof StorageFile file && file.path().equals(INDEX) && !isRead(call);
              if (index && call.equals("write") && failing.get() == 2) {
                // All of it reaches the file, and yet it is said to have failed.
                ((StorageFile) target).write((long) arguments[0], (MemorySegment) arguments[1]);
                failing.set(1);
                throw new StorageException("as planned");
              }
              if (index && call.equals("truncate") && failing.getAndSet(0) == 1) {
                throw new StorageException("as planned, too");
              }
            });
    try (ReplayLog log = builder(broken).kept().create()) {
      ReplayLogTest.fill(log, 0, 3);
      failing.set(2);
      assertThatThrownBy(() -> log.append(ReplayLogTest.batch(77)))
          .isInstanceOf(StorageException.class);
      assertThat(failing).hasValue(0);
      // Who dies now leaves an entry that looks like any other, so its bytes must be there.
      try (ReplayLog left = builder(machine.killed()).open()) {
        assertThat(left.count()).isEqualTo(4);
        for (long n = 0; n < 4; n++) {
          try (LogFrame frame = left.batch(n)) {
            frame.verify();
          }
        }
      }
      log.sync();
      try (ReplayLog left = builder(machine.killed()).open()) {
        assertThat(left.count()).isEqualTo(3);
        ReplayLogTest.checkAll(left, 0, 3);
      }
    }
  }

  private static boolean isRead(String call) {
    return call.equals("read") || call.equals("size");
  }

  /** The owner releases segments while another process looks for them. */
  @Test
  void openingWhileSegmentsGo() {
    try (ReplayLog log = builder(machine).kept().maxReaders(1).create();
        LogReader reader = log.reader(0)) {
      ReplayLogTest.fill(log, 0, 20);
      AtomicBoolean released = new AtomicBoolean();
      Storage slow =
          Hooked.storage(
              machine,
              (target, call, arguments) -> {
                if (call.equals("open")
                    && arguments[0].toString().contains("segment")
                    && released.compareAndSet(false, true)) {
                  while (reader.lag() > 5) {
                    reader.poll().close();
                  }
                }
              });
      try (ReplayLog other = builder(slow).openReadOnly()) {
        assertThat(other.firstBatch()).isPositive();
        ReplayLogTest.checkAll(other, other.firstBatch(), other.count());
      }
      assertThat(released).isTrue();
    }
  }

  /** A log that grows and grows is damaged all the same: looking again must end. */
  @Test
  void damageInALogThatGrows() {
    try (ReplayLog log = builder(machine).kept().create()) {
      ReplayLogTest.fill(log, 0, 10);
      log.sync();
      set(machine, INDEX, floor(machine).length() - 100, 99);
      AtomicLong looks = new AtomicLong();
      Storage growing =
          Hooked.storage(
              machine,
              (target, call, arguments) -> {
                if (call.equals("size") && target instanceof StorageFile file) {
                  assertThat(looks.incrementAndGet()).isLessThan(1000);
                  if (file.path().equals(INDEX)) {
                    grow();
                  }
                }
              });
      assertThatThrownBy(() -> builder(growing).openReadOnly())
          .isInstanceOf(CorruptionException.class);
      assertThat(LogInspector.inspect(growing, DIR, Inspection.SUMMARY).findings()).isNotEmpty();
    }
  }

  private void grow() {
    try (StorageFile file = machine.open(INDEX, FileAccess.WRITE)) {
      file.extend(file.size() + 8);
    }
  }

  /** A segment that cannot be mapped at its end is let go of all the same. */
  @Test
  void discardingASegmentWhoseFileIsBroken() {
    machine.createDirectories(DIR);
    Path path = DIR.resolve("segment-00000000.frames");
    try (StorageFile file = machine.open(path, FileAccess.CREATE_NEW)) {
      file.extend(128);
    }
    LogOptions options =
        new LogOptions(
            machine,
            DIR,
            true,
            0,
            0,
            0,
            1 << 20,
            WritePolicy.ON_INSERTION,
            dev.varve.file.Durability.NONE,
            1,
            SegmentFraming.PLAIN,
            new byte[0]);
    LogSegment segment = new LogSegment(0, 0, path, machine, new SegmentOwner(options, true));
    segment.announced(0, 0, 0);
    Frame context = new Frame(segment, 0, 0, new long[] {64}, new int[1]);
    context.offset = 0;
    segment.end = 64;
    segment.addContext(context);
    segment.file(machine.open(path, FileAccess.WRITE));
    boolean pinned = segment.hold.tryRetain();
    machine.failCall(Operation.MAP, machine.calls(Operation.MAP) + 1, FaultKind.IO_ERROR);
    assertThatThrownBy(segment::discard).isInstanceOf(StorageException.class);
    assertThat(segment.file()).isNull();
    segment.hold.release();
    assertThat(pinned).isTrue();
    assertThat(segment.hold.references()).isZero();
  }
}
