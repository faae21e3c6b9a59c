// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.VarveException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever happens to the files of a log: what is read is right, or there is an error. */
class LogDamageTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int MOST = 120;
  private static final long COUNT = 12;
  private static final Path DIR = LogScript.DIR;

  private static ReplayLogBuilder builder(SimulatedStorage storage) {
    return ReplayLog.builder()
        .storage(storage)
        .directory(DIR)
        .framing(new TestFraming())
        .memoryCapacity(0)
        .segmentBytes(4096);
  }

  private static SimulatedStorage log() {
    SimulatedStorage storage = SimulatedStorage.create(14);
    try (ReplayLog log = builder(storage).kept().descriptor(new byte[] {1, 2, 3}).create()) {
      for (long n = 0; n < COUNT; n++) {
        boolean begins = log.prepare(MOST, n == COUNT / 2);
        List<FrameSource> contexts = begins ? List.of(Batches.context(n, MOST)) : List.of();
        log.append(contexts, Batches.source(n, MOST));
      }
      log.complete();
    }
    return storage;
  }

  private static byte[] content(SimulatedStorage storage, Path path) {
    try (StorageFile file = storage.open(path, FileAccess.READ)) {
      byte[] bytes = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  private static void replace(SimulatedStorage storage, Path path, byte[] bytes, int length) {
    try (StorageFile file = storage.open(path, FileAccess.WRITE)) {
      file.truncate(0);
      file.write(0, MemorySegment.ofArray(bytes).asSlice(0, length));
    }
  }

  /** Opens a log in every way; answers whether anything found that something is wrong. */
  private static boolean isNoticed(SimulatedStorage storage) {
    boolean noticed = false;
    for (int way = 0; way < 2; way++) {
      try (ReplayLog log = way == 0 ? builder(storage).openReadOnly() : builder(storage).open()) {
        assertThat(log.count()).isEqualTo(COUNT);
        assertThat(log.status()).isEqualTo(LogStatus.COMPLETE);
        assertThat(log.descriptor()).containsExactly(1, 2, 3);
        for (long n = 0; n < COUNT; n++) {
          try (LogFrame frame = log.batch(n)) {
            Batches.check(frame, n, MOST);
          } catch (CorruptionException e) {
            noticed = true;
          }
        }
      } catch (CorruptionException | FormatVersionException | ConflictException e) {
        noticed = true;
      }
      noticed |= way == 0 && isReported(storage);
    }
    return noticed;
  }

  private static boolean isReported(SimulatedStorage storage) {
    try {
      LogReport report = LogInspector.inspect(storage, DIR, Inspection.VERIFY);
      return !report.findings().isEmpty() || report.cutBytes() > 0;
    } catch (VarveException e) {
      return true;
    }
  }

  private static List<Path> files(SimulatedStorage storage) {
    List<Path> files = new ArrayList<>(storage.list(DIR));
    files.remove(DIR.resolve(LogDirectory.LOCK));
    assertThat(files).hasSize(3);
    return files;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void everyByte(int which) {
    SimulatedStorage whole = log();
    Path path = files(whole).get(which);
    byte[] bytes = content(whole, path);
    for (int at = LONG ? 0 : which; at < bytes.length; at += LONG ? 1 : 11) {
      for (int bit : LONG ? new int[] {1, 2, 4, 8, 16, 32, 64, 128} : new int[] {1 << at % 8}) {
        SimulatedStorage storage = whole.killed();
        byte[] damaged = bytes.clone();
        damaged[at] ^= (byte) bit;
        replace(storage, path, damaged, damaged.length);
        assertThat(isNoticed(storage)).as("bit %d of byte %d of %s", bit, at, path).isTrue();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void everyLength(int which) {
    SimulatedStorage whole = log();
    Path path = files(whole).get(which);
    byte[] bytes = content(whole, path);
    for (int length = 0; length < bytes.length; length += LONG ? 1 : 41) {
      SimulatedStorage storage = whole.killed();
      replace(storage, path, bytes, length);
      assertThat(isNoticed(storage)).as("%d bytes of %s", length, path).isTrue();
    }
  }

  @Test
  void aMissingSegment() {
    for (int which : new int[] {1, 2}) {
      SimulatedStorage storage = log();
      storage.delete(files(storage).get(which));
      assertThatThrownBy(() -> builder(storage).open()).isInstanceOf(CorruptionException.class);
      assertThatThrownBy(() -> builder(storage).openReadOnly())
          .isInstanceOf(CorruptionException.class);
      assertThat(isReported(storage)).isTrue();
    }
  }

  /** Entries whose checksums hold, but which say what cannot be. */
  @Test
  void impossibleEntries() {
    SimulatedStorage whole = SimulatedStorage.create(15);
    try (ReplayLog log = builder(whole).kept().create()) {
      log.append(List.of(Batches.context(0, MOST)), Batches.source(0, MOST));
    }
    interface Lie {
      void tell(Journal journal, LogSegment segment);
    }
    List<Lie> lies =
        List.of(
            (journal, segment) -> journal.segment(5, 1, 128, 0),
            (journal, segment) -> journal.segment(-1, 1, 128, 0),
            (journal, segment) -> journal.segment(1, 0, 128, 0),
            (journal, segment) -> journal.segment(1, Long.MAX_VALUE, 128, 0),
            (journal, segment) -> journal.segment(1, 1, -64, 0),
            (journal, segment) -> journal.segment(1, 1, 63, 0),
            (journal, segment) -> journal.segment(1, 1, Long.MIN_VALUE, 0),
            (journal, segment) -> journal.sealed(7, 0, 0, 0),
            (journal, segment) -> journal.sealed(0, -1, 0, 0),
            (journal, segment) -> journal.sealed(0, 0, 0, 0),
            (journal, segment) -> journal.sealed(0, 1L << 61, 0, 0),
            (journal, segment) -> journal.sealed(0, 1L << 20, -1, 0),
            (journal, segment) -> journal.sealed(0, 1L << 20, Long.MAX_VALUE, 0),
            (journal, segment) -> journal.ended(2, Entry.COMPLETE, "", 0),
            (journal, segment) -> journal.ended(1, 9, "", 0),
            (journal, segment) -> batch(journal, 1, 0, segment, 1L << 20, 1), // it is sealed
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              batch(journal, 2, 1, segment, 128, 1);
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              batch(journal, 1, 0, segment, 128, 1);
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              batch(journal, 1, 1, segment, 64, 1);
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              batch(journal, 1, 1, segment, 129, 1);
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              batch(journal, 1, 1, segment, Long.MIN_VALUE, 1);
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              batch(journal, 1, 1, segment, 128, -1);
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              batch(journal, 1, 1, segment, 128, 1L << 62);
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              batch(journal, 1, 1, segment, 128, 1L << 47, 1L << 47, 1L << 47);
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              journal.batch(1, 1, 1 << 30);
              journal.endBatch();
            },
            (journal, segment) -> {
              journal.segment(1, 1, 128, 0);
              journal.batch(1, 1, 2);
              journal.frame(new Frame(segment, 0, 0, new long[0], new int[0]), 128);
              journal.endBatch();
            },
            (journal, segment) -> {
              journal.ended(1, Entry.COMPLETE, "", 0);
              journal.segment(1, 1, 128, 0);
              batch(journal, 1, 1, segment, 128, 1);
            });
    for (int i = 0; i < lies.size(); i++) {
      SimulatedStorage storage = whole.killed();
      try (StorageFile file = storage.open(DIR.resolve(Journal.FILE), FileAccess.WRITE)) {
        Header header = Header.read(file);
        Floor floor = Floor.read(file, header);
        Journal journal =
            new Journal(file, header, floor.length(), floor.entries(), floor.checksum());
        LogSegment segment =
            new LogSegment(0, 0, DIR, storage, new SegmentOwner(options(storage), false));
        lies.get(i).tell(journal, segment);
        journal.commit();
      }
      for (boolean owner : new boolean[] {true, false}) {
        assertThatThrownBy(() -> builder(storage, owner))
            .as("lie %d, owner %s", i, owner)
            .isInstanceOf(CorruptionException.class)
            .hasMessageContaining("log.index");
      }
      assertThat(isReported(storage)).as("lie %d", i).isTrue();
    }
  }

  private static void batch(
      Journal journal,
      long number,
      long segmentNumber,
      LogSegment segment,
      long at,
      long... parts) {
    journal.batch(number, segmentNumber, 1);
    journal.frame(new Frame(segment, 0, 0, parts, new int[parts.length]), at);
    journal.endBatch();
  }

  private static void builder(SimulatedStorage storage, boolean owner) {
    ReplayLog log = owner ? builder(storage).open() : builder(storage).openReadOnly();
    log.close();
  }

  private static LogOptions options(SimulatedStorage storage) {
    return new LogOptions(
        storage,
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
  }
}
