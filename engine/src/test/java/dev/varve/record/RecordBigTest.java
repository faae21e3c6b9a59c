// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The longest records, and files beyond what 31 and 32 bits can say. */
@Tag("long")
class RecordBigTest {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;
  private static final long SIGNED = 1L << 31;
  private static final long UNSIGNED = 1L << 32;

  @TempDir Path home;

  private Path file() {
    return home.resolve("big.vrec");
  }

  /** Sets the words of each page, so that no two pages are the same. */
  private static void fill(MemorySegment record, long seed) {
    for (long at = 0; at + 8 <= record.byteSize(); at += 4096) {
      record.set(WORD, at, seed * 0x9E3779B97F4A7C15L + at);
    }
    record.set(ValueLayout.JAVA_BYTE, record.byteSize() - 1, (byte) seed);
  }

  @ParameterizedTest
  @EnumSource
  @Tag("unsafe")
  void recordsOfOneGibibyte(Compression compression) throws IOException {
    // The memory outside of the heap is needed for what is decompressed, so this is in a file.
    long most = compression == Compression.NONE ? RecordWriter.MAX_RECORD_BYTES : 3L << 28;
    try (Arena arena = Arena.ofConfined();
        RandomAccessFile source = new RandomAccessFile(home.resolve("source").toFile(), "rw")) {
      source.setLength(RecordWriter.MAX_RECORD_BYTES + 1L);
      MemorySegment record =
          source.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, source.length(), arena);
      MemorySegment longest = record.asSlice(0, most);
      fill(longest, 5);
      try (RecordWriter writer = RecordWriter.builder(file()).compression(compression).create()) {
        writer.append(new byte[3]);
        assertThat(writer.append(longest)).isEqualTo(1);
        assertThatThrownBy(() -> writer.append(record))
            .isInstanceOf(IllegalArgumentException.class);
        writer.append(new byte[4]);
      }
      assertThat(RecordFiles.verify(file()).isWhole()).isTrue();
      try (RecordReader reader = RecordReader.open(file())) {
        assertThat(reader.count()).isEqualTo(3);
        assertThat(reader.moveTo(1)).isTrue();
        assertThat(reader.segment().mismatch(longest)).isEqualTo(-1);
        assertThat(reader.next() && reader.previous()).isTrue();
        assertThat(reader.number()).isEqualTo(1);
        assertThat(reader.segment().mismatch(longest)).isEqualTo(-1);
      }
      try (Follower follower = Follower.open(file())) {
        assertThat(follower.poll()).isTrue();
        assertThat(follower.length()).isEqualTo(3);
        assertThat(follower.poll()).isTrue();
        assertThat(follower.segment().mismatch(longest)).isEqualTo(-1);
        assertThat(follower.poll()).isTrue();
        assertThat(follower.length()).isEqualTo(4);
      }
    }
  }

  /** A record tells its own number, at both ends. */
  private static MemorySegment record(MemorySegment room, long number) {
    MemorySegment record = room.asSlice(0, number % 5 == 0 ? 100 : room.byteSize() - number % 7);
    record.set(WORD, 0, number);
    record.set(WORD, record.byteSize() - 8, ~number);
    return record;
  }

  private static void check(RecordReader reader, long number) {
    assertThat(reader.number()).isEqualTo(number);
    assertThat(reader.memory().get(WORD, reader.offset())).isEqualTo(number);
    assertThat(reader.memory().get(WORD, reader.offset() + reader.length() - 8)).isEqualTo(~number);
  }

  private long append(long bytes) throws IOException {
    try (Arena arena = Arena.ofConfined();
        RecordWriter writer = RecordWriter.builder(file()).append()) {
      MemorySegment room = arena.allocate(1 << 20);
      long end = bytes + (Files.exists(file()) ? Files.size(file()) : 0);
      while (writer.statistics().fileBytes() < end) {
        writer.append(record(room, writer.count()));
      }
      writer.append(record(room, writer.count()));
      return writer.count();
    }
  }

  /** Goes to the records around the offsets that are hard, and reads forwards and backwards. */
  private List<RecordPosition> around(long count) {
    List<RecordPosition> positions = new ArrayList<>();
    try (RecordReader reader = RecordReader.open(file())) {
      assertThat(reader.count()).isEqualTo(count);
      for (long hard : new long[] {0, SIGNED, UNSIGNED}) {
        long low = 0;
        long high = count - 1;
        while (low < high) {
          long middle = (low + high) >>> 1;
          assertThat(reader.moveTo(middle)).isTrue();
          if (reader.position().block() < hard) {
            low = middle + 1;
          } else {
            high = middle;
          }
        }
        long first = Math.max(0, low - 5);
        long last = Math.min(count - 1, low + 5);
        reader.seek(first);
        for (long number = first; number <= last; number++) {
          assertThat(reader.next()).isTrue();
          check(reader, number);
          positions.add(reader.position());
        }
        for (long number = last - 1; number >= first; number--) {
          assertThat(reader.previous()).isTrue();
          check(reader, number);
        }
        reader.seek(positions.getLast());
        assertThat(reader.next()).isTrue();
        check(reader, last);
      }
      reader.seek(count);
      assertThat(reader.previous()).isTrue();
      check(reader, count - 1);
    }
    assertThat(positions.getLast().block()).isGreaterThan(UNSIGNED);
    return positions;
  }

  @Test
  void filesBeyond32Bits() throws IOException {
    long count = append(UNSIGNED + (64 << 20));
    List<RecordPosition> positions = around(count);
    VerifyReport report = RecordFiles.verify(file());
    assertThat(report.damage()).isEmpty();
    assertThat(report.readable()).isEqualTo(count);
    count = append(16 << 20);
    assertThat(around(count).subList(0, 20)).isEqualTo(positions.subList(0, 20));

    // Without its end the file is walked through; damage far behind is covered.
    RecordPosition last = positions.getLast();
    try (StorageFile file = Storage.real().open(file(), FileAccess.WRITE)) {
      file.write(file.size() - 64, MemorySegment.ofArray(new byte[64]));
      file.write(last.block() + 100, MemorySegment.ofArray(new byte[] {1, 2, 3}));
    }
    RepairReport repaired = RecordFiles.repair(file());
    assertThat(repaired.records()).isEqualTo(count);
    assertThat(repaired.lost()).isPositive();
    assertThat(RecordFiles.verify(file()).damage()).isEmpty();
    try (RecordReader reader = RecordReader.open(file())) {
      assertThat(reader.count()).isEqualTo(count);
      assertThat(reader.moveTo(count - 1)).isTrue();
      check(reader, count - 1);
    }
    try (RecordWriter writer = RecordWriter.builder(file()).append()) {
      assertThat(writer.count()).isEqualTo(count);
    }
  }

  /** A torn end of more than 4 GiB takes several gaps; the disk holds little of it. */
  @Test
  void gapsBeyond32Bits() throws IOException {
    long count = append(1 << 20);
    long hole = UNSIGNED + (300 << 20);
    try (RandomAccessFile file = new RandomAccessFile(file().toFile(), "rw")) {
      file.setLength(file.length() + hole);
    }
    try (RecordReader reader = RecordReader.builder(file()).onDamage(OnDamage.SKIP).open()) {
      assertThat(RecordSamples.readAll(reader)).hasSize((int) count);
      assertThat(reader.skipped().getLast().length()).isEqualTo(hole);
    }
    long more = append(4 << 20);
    assertThat(Files.size(file())).isGreaterThan(hole + (5 << 20));
    around(more);
    VerifyReport report = RecordFiles.verify(file());
    assertThat(report.damage()).isEmpty();
    assertThat(report.readable()).isEqualTo(more);
    try (Follower follower = Follower.open(file())) {
      for (long number = 0; number < more; number++) {
        assertThat(follower.poll()).isTrue();
        assertThat(follower.memory().get(WORD, follower.offset())).isEqualTo(number);
      }
    }
    // Concatenated: the second part begins beyond 32 bits.
    Path second = home.resolve("second.vrec");
    try (RecordWriter writer = RecordWriter.builder(second).create();
        Arena arena = Arena.ofConfined()) {
      MemorySegment room = arena.allocate(1 << 20);
      for (long number = more; number < more + 3; number++) {
        writer.append(record(room, number));
      }
    }
    byte[] bytes = Files.readAllBytes(second);
    try (StorageFile file = Storage.real().open(file(), FileAccess.WRITE)) {
      file.write(file.size(), MemorySegment.ofArray(bytes));
    }
    around(more + 3);
    assertThat(append(1 << 20)).isGreaterThan(more + 3);
    assertThat(RecordFiles.verify(file()).damage()).isEmpty();
  }
}
