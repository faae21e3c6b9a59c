// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.FullException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are written in pieces which end where huge pages do, in the midst of blocks. */
class RecordPiecesTest {
  private static final int HUGE = 16 << 10;
  private static final int SMALL = HUGE / 32;

  private final SimulatedStorage storage = RecordSamples.storage();
  private final List<String> appended = new ArrayList<>();

  private static RecordWriterBuilder writer(SimulatedStorage storage) {
    return RecordSamples.writer(storage).blockSize(4096).largeLimit(3000).hugePage(HUGE);
  }

  private void append(RecordWriter to, int length) {
    byte[] record = RecordSamples.random(appended.size(), length);
    assertThat(to.append(record)).isEqualTo(appended.size());
    appended.add(RecordSamples.show(record));
  }

  private static long size(SimulatedStorage storage) {
    try (StorageFile file = storage.open(RecordSamples.FILE, FileAccess.READ)) {
      return file.size();
    }
  }

  /** What is written ends where a piece does; and what is in the file, readers find there. */
  private void checkPiece(RecordWriter writer) {
    long size = size(storage);
    assertThat(size % (size <= HUGE ? SMALL : HUGE)).isZero();
    checkWritten(writer);
  }

  private void checkWritten(RecordWriter writer) {
    assertThat(writer.statistics().fileBytes()).isEqualTo(size(storage));
    assertThat(RecordSamples.show(unclosed(storage)))
        .isEqualTo(appended.subList(0, (int) writer.statistics().written()));
  }

  private static List<byte[]> unclosed(SimulatedStorage storage) {
    try (RecordReader reader = RecordSamples.reader(storage).acceptUnclosed().open()) {
      return RecordSamples.readAll(reader);
    }
  }

  private void checkClosed() {
    assertThat(RecordDamageTest.strictly(storage)).isEqualTo(appended);
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).damage()).isEmpty();
  }

  @Test
  void piecesEndAtMultiplesOfTheirLength() {
    try (RecordWriter writer = writer(storage).metadata("unit", "mm").create()) {
      long first = size(storage);
      long before = first;
      List<Long> ends = new ArrayList<>();
      for (int i = 0; i < 900; i++) {
        append(writer, i % 7 == 0 ? 2900 : i % 300);
        long size = size(storage);
        if (size > first) {
          checkPiece(writer);
        }
        if (size != before) {
          ends.add(size);
        }
        before = size;
      }
      // Blocks are of 4 KiB, more or less: none of the first pieces waits for the second huge page.
      assertThat(ends.getFirst()).isLessThan(HUGE / 2);
      assertThat(ends.stream().filter(end -> end <= HUGE).count()).isBetween(2L, 5L);
      assertThat(ends.stream().filter(end -> end > HUGE))
          .containsExactlyElementsOf(multiples(ends.getLast()));
    }
    checkClosed();
  }

  private static List<Long> multiples(long end) {
    List<Long> multiples = new ArrayList<>();
    for (long at = 2 * HUGE; at <= end; at += HUGE) {
      multiples.add(at);
    }
    return multiples;
  }

  /** What was flushed ends anywhere; the next piece makes up for it. */
  @Test
  void flushesInTheMidstOfPieces() {
    try (RecordWriter writer = writer(storage).create()) {
      for (int i = 0; i < 600; i++) {
        append(writer, i % 100 == 99 ? 5000 : i % 500);
        if (i % 37 == 0) {
          writer.flush();
          assertThat(writer.statistics().written()).isEqualTo(appended.size());
          checkWritten(writer);
          long flushed = size(storage);
          while (size(storage) == flushed) {
            append(writer, 700);
          }
          checkPiece(writer);
        }
      }
    }
    checkClosed();
  }

  /** A writer that goes on in the midst of a piece, also in a part that begins there. */
  @Test
  void goesOnInTheMidstOfPieces() {
    for (int session = 0; session < 20; session++) {
      if (session % 3 == 2) {
        SimulatedStorage other = RecordSamples.storage();
        RecordSamples.writer(other).create().close();
        try (StorageFile file = storage.open(RecordSamples.FILE, FileAccess.WRITE)) {
          byte[] bytes = RecordSamples.content(other, RecordSamples.FILE);
          file.write(file.size(), MemorySegment.ofArray(bytes));
        }
      }
      try (RecordWriter writer = writer(storage).append()) {
        long before = size(storage);
        while (size(storage) == before) {
          append(writer, 50 * session);
        }
        checkPiece(writer);
      }
      checkClosed();
    }
  }

  /** Records of each length around those at which a block fills a piece up to a byte. */
  @Test
  void blocksThatEndWithAPiece() {
    for (int length = 3500; length < 3850; length += 4) {
      SimulatedStorage machine = RecordSamples.storage();
      List<String> expected = new ArrayList<>();
      try (RecordWriter writer = writer(machine).largeLimit(4000).create()) {
        for (int i = 0; i < 12; i++) {
          byte[] record = RecordSamples.random(i, i == 0 ? length : 3900);
          writer.append(record);
          expected.add(RecordSamples.show(record));
          assertThat(RecordSamples.show(unclosed(machine)))
              .isEqualTo(expected.subList(0, (int) writer.statistics().written()));
        }
      }
      assertThat(RecordDamageTest.strictly(machine)).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @EnumSource(Compression.class)
  @Tag("unsafe")
  void compressedAndIndexed(Compression compression) {
    // Once so many blocks that an index is due: it stands in the midst of a piece.
    int count = compression == Compression.NONE ? 9000 : 600;
    try (RecordWriter writer = writer(storage).compression(compression).create()) {
      for (int i = 0; i < count; i++) {
        byte[] record = RecordSamples.text(i, 2900);
        writer.append(record);
        appended.add(RecordSamples.show(record));
      }
    }
    checkClosed();
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      for (int i = count - 1; i >= 0; i -= 101) {
        assertThat(reader.moveTo(i)).isTrue();
        assertThat(RecordSamples.show(reader.toArray())).isEqualTo(appended.get(i));
      }
    }
  }

  /** Nothing that a full disk has kept out of the file is lost, wherever in a piece that was. */
  @ParameterizedTest
  @ValueSource(ints = {1, 511, 512, 3000, 9000, 16384, 30000})
  void fullDisk(int room) {
    try (RecordWriter writer = writer(storage).create()) {
      storage.capacity(1 << 30);
      storage.capacity((1 << 30) - storage.usableSpace(RecordSamples.DIR) + room);
      assertThatThrownBy(
              () -> {
                while (true) {
                  append(writer, 1000);
                }
              })
          .isInstanceOf(FullException.class);
      assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(FullException.class);
      assertThatThrownBy(writer::flush).isInstanceOf(FullException.class);
      storage.capacity(1 << 30);
      for (int i = 0; i < 100; i++) {
        append(writer, 1000);
      }
    }
    checkClosed();
  }

  /** Behind a write that failed nothing is taken before it was done again. */
  @Test
  void nothingIsTakenBehindAFailedWrite() {
    try (RecordWriter writer = writer(storage).hugePage(1 << 20).create()) {
      append(writer, 1000);
      storage.capacity(1 << 30);
      storage.capacity((1 << 30) - storage.usableSpace(RecordSamples.DIR));
      assertThatThrownBy(writer::flush).isInstanceOf(FullException.class);
      assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(FullException.class);
      storage.capacity(1 << 30);
      append(writer, 1000);
    }
    checkClosed();
  }

  /** The process dies or the power goes while no record was ever flushed. */
  @Test
  void everyEffect() {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (RecordWriter writer = writer(storage).create()) {
      storage.afterEachEffect(
          process -> {
            try {
              checkLeft(process.killed(), (int) writer.statistics().written());
              process.crashStates(3).forEach(state -> checkLeft(state, 0));
            } catch (RuntimeException | Error e) {
              failure.compareAndSet(null, e);
            }
          });
      for (int i = 0; i < 120 && failure.get() == null; i++) {
        append(writer, i * 13 % 1500);
        if (i == 70) {
          writer.flush();
        }
      }
      storage.afterEachEffect(process -> {});
    }
    if (failure.get() != null) {
      throw new AssertionError(failure.get());
    }
    checkClosed();
  }

  /** Goes on with what is left: a prefix, of at least the records that were written. */
  private void checkLeft(SimulatedStorage left, int least) {
    List<String> expected;
    try (RecordWriter writer = writer(left).append()) {
      expected = new ArrayList<>(appended.subList(0, (int) writer.count()));
      assertThat(expected).hasSizeGreaterThanOrEqualTo(least);
      for (int i = 0; i < 20; i++) {
        byte[] record = RecordSamples.random(1000 + i, 900);
        writer.append(record);
        expected.add(RecordSamples.show(record));
      }
    }
    assertThat(RecordDamageTest.strictly(left)).isEqualTo(expected);
    assertThat(RecordFiles.verify(RecordSamples.FILE, left).damage()).isEmpty();
  }

  /** A block of which a part is in the file is not there yet, and no damage. */
  @Test
  void followers() {
    try (RecordWriter writer = writer(storage).create();
        Follower follower = Follower.builder(RecordSamples.FILE).storage(storage).open()) {
      int seen = 0;
      for (int i = 0; i < 400; i++) {
        append(writer, i % 600);
        storage.advance(Duration.ofSeconds(1));
        while (follower.poll()) {
          assertThat(RecordSamples.show(follower.toArray())).isEqualTo(appended.get(seen++));
        }
        assertThat(seen).isEqualTo(writer.statistics().written());
      }
      assertThat(seen).isPositive();
    }
  }

  /** Pieces of the length that there really is, and records longer than blocks. */
  @Test
  void realFile(@TempDir Path dir) {
    Path path = dir.resolve("r.vrec");
    int count = 0;
    try (RecordWriter writer = RecordWriter.builder(path).create()) {
      for (; writer.statistics().fileBytes() < 9 << 20; count++) {
        writer.append(RecordSamples.random(count, length(count)));
        if (count % 50 == 0) {
          writer.flush();
        }
      }
    }
    try (RecordReader reader = RecordReader.open(path)) {
      assertThat(reader.count()).isEqualTo(count);
      for (int i = 0; i < count; i++) {
        assertThat(reader.next()).isTrue();
        assertThat(reader.toArray()).isEqualTo(RecordSamples.random(i, length(i)));
      }
    }
    assertThat(RecordFiles.verify(path).isWhole()).isTrue();
  }

  private static int length(int i) {
    return i % 50 == 20 ? 400_000 : i % 9 * 20_000 + i % 61;
  }
}
