// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.NotFoundException;
import dev.varve.StorageException;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.memory.AllocationMeter;
import io.airlift.compress.v3.Compressor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is written is read, in every order. */
class RecordRoundTripTest {
  private final SimulatedStorage storage = RecordSamples.storage();

  private static byte[] record(int i) {
    return RecordSamples.random(i, i * 37 % 700);
  }

  private void write(int count, RecordWriterBuilder builder) {
    try (RecordWriter writer = builder.create()) {
      for (int i = 0; i < count; i++) {
        assertThat(writer.append(record(i))).isEqualTo(i);
        if (i % 1000 == 999) {
          writer.flush();
        }
      }
    }
  }

  @Test
  void readsForwardsBackwardsAndByNumber() {
    write(20_000, RecordSamples.writer(storage).blockSize(4096));
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      assertThat(reader.count()).isEqualTo(20_000);
      for (int pass = 0; pass < 3; pass++) {
        reader.seek(0);
        for (int i = 0; i < 20_000; i++) {
          assertThat(reader.next()).isTrue();
          assertThat(reader.number()).isEqualTo(i);
          assertThat(reader.toArray()).isEqualTo(record(i));
        }
        assertThat(reader.next()).isFalse();
        assertThat(reader.next()).isFalse();
      }
      for (int i = 19_999; i >= 0; i--) {
        assertThat(reader.previous()).isTrue();
        assertThat(reader.number()).isEqualTo(i);
        if (i % 7 == 0) {
          assertThat(reader.toArray()).isEqualTo(record(i));
        }
      }
      assertThat(reader.previous()).isFalse();
      assertThat(reader.next()).isTrue();
      assertThat(reader.number()).isZero();
      assertThat(reader.statistics().blocksMapped()).isGreaterThan(1000);
    }
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      Random random = new Random(5);
      for (int i = 0; i < 3000; i++) {
        int n = random.nextInt(20_000);
        assertThat(reader.moveTo(n)).isTrue();
        assertThat(reader.toArray()).isEqualTo(record(n));
        RecordPosition position = reader.position();
        if (n + 1 < 20_000) {
          assertThat(reader.next()).isTrue();
          assertThat(reader.toArray()).isEqualTo(record(n + 1));
        }
        if (i % 3 == 0) {
          reader.seek(random.nextInt(20_000));
          reader.seek(position);
          assertThat(reader.next()).isTrue();
          assertThat(reader.number()).isEqualTo(n);
        }
        if (n > 0) {
          assertThat(reader.moveTo(n)).isTrue();
          assertThat(reader.previous()).isTrue();
          assertThat(reader.toArray()).isEqualTo(record(n - 1));
        }
      }
      assertThatThrownBy(() -> reader.seek(new RecordPosition(128, 0)))
          .isInstanceOf(NotFoundException.class);
      assertThatThrownBy(() -> reader.moveTo(20_000))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("record number is 20000; expected 0 to 19999")
          .hasMessageContaining(RecordSamples.FILE + " has 20000 records");
    }
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).isWhole()).isTrue();
  }

  @Test
  void readsRanges() {
    write(500, RecordSamples.writer(storage).blockSize(4096));
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      reader.range(100, 140);
      List<Long> seen = new ArrayList<>();
      while (reader.next()) {
        seen.add(reader.number());
      }
      assertThat(seen).hasSize(40).startsWith(100L).endsWith(139L);
      while (reader.previous()) {
        seen.removeLast();
        assertThat(reader.number()).isGreaterThanOrEqualTo(100);
      }
      assertThat(seen).isEmpty();
      assertThat(reader.next()).isTrue();
      assertThat(reader.number()).isEqualTo(100);
      reader.range(7, 7);
      assertThat(reader.next()).isFalse();
      assertThat(reader.previous()).isFalse();
      assertThatThrownBy(() -> reader.range(3, 501)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  /** An index that is due is written before a large record. */
  @ParameterizedTest
  @EnumSource
  void indexesManyLargeRecords(Acknowledge acknowledge) {
    int count = Format.INDEX_EVERY + 10;
    storage.mappingReserve(1 << 22);
    try (RecordWriter writer =
        RecordSamples.writer(storage).acknowledge(acknowledge).largeLimit(100).append()) {
      for (int i = 0; i < count; i++) {
        writer.append(RecordSamples.random(i, 101));
      }
    }
    VerifyReport report = RecordFiles.verify(RecordSamples.FILE, storage);
    assertThat(report.damage()).isEmpty();
    assertThat(report.readable()).isEqualTo(count);
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      for (int i = count - 1; i >= 0; i -= 7) {
        assertThat(reader.moveTo(i)).isTrue();
        assertThat(reader.toArray()).isEqualTo(RecordSamples.random(i, 101));
      }
    }
  }

  /** An index that is due is written before a gap over what a large record has left. */
  @Test
  void indexesInFrontOfATornLargeRecord() {
    int count = Format.INDEX_EVERY;
    try (RecordWriter writer = RecordSamples.writer(storage).append()) {
      for (int i = 1; i < count; i++) {
        writer.append(new byte[i % 9]);
        writer.flush();
      }
      long writes = storage.calls(SimulatedStorage.Operation.WRITE);
      storage.failCall(SimulatedStorage.Operation.WRITE, writes + 3, FaultKind.IO_ERROR);
      byte[] large = RecordSamples.random(1, 300_000);
      assertThatThrownBy(() -> writer.append(large)).isInstanceOf(StorageException.class);
      writer.append(new byte[9]);
    }
    VerifyReport report = RecordFiles.verify(RecordSamples.FILE, storage);
    assertThat(report.damage()).isEmpty();
    assertThat(report.readable()).isEqualTo(count);
    assertThat(report.bytes()).isGreaterThan(300_000 + 192L * count);
  }

  /** More than 4096 blocks, so that index blocks are written on the way, and merged. */
  @Test
  void indexesManyBlocks() {
    int blocks = 0;
    for (int session = 0; session < 4; session++) {
      try (RecordWriter writer = RecordSamples.writer(storage).append()) {
        for (int i = 0; i < 3000; i++) {
          writer.append(RecordSamples.bytes("r" + blocks++));
          writer.flush();
        }
      }
    }
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      assertThat(reader.count()).isEqualTo(blocks);
      for (int i = 0; i < blocks; i += 17) {
        assertThat(reader.moveTo(i)).isTrue();
        assertThat(reader.toArray()).isEqualTo(RecordSamples.bytes("r" + i));
      }
      reader.seek(0);
      assertThat(RecordSamples.readAll(reader)).hasSize(blocks);
    }
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).isWhole()).isTrue();
  }

  /** Any level of zstd reads back, in one file, in shards and in a set. */
  @Tag("unsafe")
  @Test
  void levelsOfZstd() {
    byte[] lines = new byte[60_000];
    Random random = new Random(1);
    for (int i = 0; i < lines.length; i++) {
      lines[i] = (byte) ("key=value; ".charAt(i % 11) + (random.nextInt(5) == 0 ? 1 : 0));
    }
    List<Integer> sizes = new ArrayList<>();
    for (int level : new int[] {1, 19}) {
      try (RecordWriter writer = RecordSamples.writer(storage).zstd(level).replace()) {
        writer.append(lines);
      }
      try (ShardedWriter writer =
          ShardedWriter.builder(RecordSamples.DIR)
              .storage(storage)
              .prefix("level" + level)
              .shards(1)
              .zstd(level)
              .create()) {
        writer.append(lines);
      }
      try (RecordSetWriter writer =
          RecordSetWriter.builder(RecordSamples.DIR, "set" + level)
              .storage(storage)
              .zstd(level)
              .append()) {
        writer.append(lines);
      }
      int size = RecordSamples.content(storage, RecordSamples.FILE).length;
      for (String name :
          List.of("f.vrec", "level" + level + "-0.vrec", "set" + level + "-000001.vrec")) {
        Path path = RecordSamples.DIR.resolve(name);
        assertThat(RecordSamples.content(storage, path)).hasSize(size);
        try (RecordReader reader = RecordReader.builder(path).storage(storage).open()) {
          assertThat(reader.next()).isTrue();
          assertThat(reader.toArray()).isEqualTo(lines);
        }
        assertThat(RecordFiles.verify(path, storage).isWhole()).isTrue();
      }
      sizes.add(size);
    }
    // Only the native code has levels.
    if (Compressor.class.getModule().isNativeAccessEnabled()) {
      assertThat(sizes.get(1)).isLessThan(sizes.get(0));
    }
    for (int level : new int[] {0, 23, -5}) {
      assertThatThrownBy(() -> RecordSamples.writer(storage).zstd(level))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("zstd level is " + level + "; expected 1 to 22");
    }
  }

  @Test
  @Tag("unsafe")
  void compresses() {
    for (Compression compression : Compression.values()) {
      long plain = 0;
      try (RecordWriter writer = RecordSamples.writer(storage).compression(compression).replace()) {
        for (int i = 0; i < 3000; i++) {
          byte[] record = i % 5 == 0 ? record(i) : RecordSamples.text(i, i % 900);
          writer.append(record);
          plain += record.length;
        }
        writer.append(RecordSamples.text(1, 3_000_000));
        writer.append(RecordSamples.random(1, 1_500_000));
        plain += 4_500_000;
      }
      if (compression != Compression.NONE) {
        assertThat(RecordSamples.content(storage, RecordSamples.FILE).length)
            .isLessThan((int) plain / 2);
      }
      try (RecordReader reader = RecordSamples.reader(storage).open()) {
        for (int pass = 0; pass < 2; pass++) {
          for (int i = 0; i < 3000; i++) {
            assertThat(reader.next()).isTrue();
            assertThat(reader.toArray())
                .isEqualTo(i % 5 == 0 ? record(i) : RecordSamples.text(i, i % 900));
          }
          assertThat(reader.next()).isTrue();
          assertThat(reader.toArray()).isEqualTo(RecordSamples.text(1, 3_000_000));
          assertThat(reader.next()).isTrue();
          assertThat(reader.toArray()).isEqualTo(RecordSamples.random(1, 1_500_000));
          assertThat(reader.next()).isFalse();
          assertThat(reader.previous()).isTrue();
          assertThat(reader.previous()).isTrue();
          assertThat(reader.length()).isEqualTo(3_000_000);
          reader.seek(0);
        }
      }
      assertThat(RecordFiles.verify(RecordSamples.FILE, storage).damage()).isEmpty();
    }
  }

  @Test
  void metadataAndConcatenation() {
    byte[] one = RecordSamples.plain();
    byte[] two = RecordSamples.large(Compression.NONE);
    RecordSamples.put(storage, RecordSamples.FILE, RecordSamples.concat(one, two, one));
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      assertThat(reader.metadata()).containsOnlyKeys("unit");
      assertThat(reader.metadata().get("unit")).isEqualTo(RecordSamples.bytes("mm"));
      assertThat(reader.count()).isEqualTo(14);
      List<byte[]> all = RecordSamples.readAll(reader);
      assertThat(all).hasSize(14);
      assertThat(all.get(5)).isEqualTo(RecordSamples.bytes("before"));
      assertThat(all.get(9)).isEqualTo(RecordSamples.bytes("a"));
      for (int i = 13; i >= 0; i--) {
        assertThat(reader.moveTo(i)).isTrue();
        assertThat(reader.toArray()).isEqualTo(all.get(i));
      }
    }
    try (RecordWriter writer = RecordSamples.writer(storage).append()) {
      assertThat(writer.append(RecordSamples.bytes("more"))).isEqualTo(14);
    }
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      assertThat(reader.moveTo(14)).isTrue();
      assertThat(reader.toArray()).isEqualTo(RecordSamples.bytes("more"));
    }
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).parts()).isEqualTo(3);
  }

  @Test
  void acceptsAllForms() {
    byte[] expected = RecordSamples.bytes("form");
    try (RecordWriter writer = RecordSamples.writer(storage).create();
        Arena arena = Arena.ofConfined()) {
      writer.append(expected);
      writer.append(ByteBuffer.wrap(RecordSamples.bytes("xformy"), 1, 4));
      writer.append(ByteBuffer.allocateDirect(4).put(expected).flip());
      MemorySegment segment = arena.allocate(8);
      MemorySegment.copy(MemorySegment.ofArray(expected), 0, segment, 3, 4);
      writer.append(segment, 3, 4);
      writer.append(segment.asSlice(3, 4));
      assertThatThrownBy(() -> writer.append(segment, 5, 4))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThat(writer.count()).isEqualTo(5);
      assertThat(writer.statistics().written()).isZero();
      writer.flush();
      assertThat(writer.statistics().written()).isEqualTo(5);
      assertThat(writer.statistics().recordBytes()).isEqualTo(20);
    }
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      for (int i = 0; i < 5; i++) {
        assertThat(reader.next()).isTrue();
        byte[] copy = new byte[6];
        reader.copyTo(MemorySegment.ofArray(copy), 2);
        assertThat(copy).isEqualTo(RecordSamples.bytes("\0\0form"));
        assertThat(reader.segment().isReadOnly()).isTrue();
      }
    }
  }

  @Test
  void oneWriterAFileByAnyLinkToIt(@TempDir Path dir) throws IOException {
    Path file = dir.resolve("f.vrec");
    Path link = Files.createSymbolicLink(dir.resolve("link"), file);
    try (RecordWriter writer = RecordWriter.builder(link).create()) {
      writer.append(new byte[] {1});
      assertThatThrownBy(() -> RecordWriter.builder(file).append())
          .isInstanceOf(BusyException.class);
      assertThatThrownBy(() -> RecordFiles.repair(file)).isInstanceOf(BusyException.class);
    }
    try (RecordWriter writer = RecordWriter.builder(file).append()) {
      assertThatThrownBy(() -> RecordWriter.builder(link).append())
          .isInstanceOf(BusyException.class);
      assertThatThrownBy(() -> RecordWriter.builder(link).replace())
          .isInstanceOf(BusyException.class);
      assertThatThrownBy(() -> RecordFiles.repair(link)).isInstanceOf(BusyException.class);
    }
    RecordWriter.builder(link).replace().close();
    assertThat(link).isSymbolicLink();
    try (RecordReader reader = RecordReader.open(file)) {
      assertThat(reader.count()).isZero();
    }
  }

  @Test
  void oneWriterAFile() {
    RecordWriter writer = RecordSamples.writer(storage).create();
    for (SimulatedStorage process : List.of(storage, storage.otherProcess())) {
      assertThatThrownBy(() -> RecordSamples.writer(process).append())
          .isInstanceOf(BusyException.class)
          .hasMessageContaining("f.vrec");
      assertThatThrownBy(() -> RecordFiles.repair(RecordSamples.FILE, process))
          .isInstanceOf(BusyException.class);
    }
    writer.close();
    writer.close();
    assertThat(storage.list(RecordSamples.DIR)).containsExactly(RecordSamples.FILE);
    assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(ClosedException.class);
    assertThatThrownBy(writer::flush).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> RecordSamples.writer(storage).create())
        .isInstanceOf(ConflictException.class);
    assertThat(storage.list(RecordSamples.DIR)).containsExactly(RecordSamples.FILE);
    RecordReader reader = RecordSamples.reader(storage).open();
    assertThat(reader.next()).isFalse();
    assertThatThrownBy(reader::number).isInstanceOf(IllegalStateException.class);
    reader.close();
    reader.close();
    assertThatThrownBy(reader::next).isInstanceOf(ClosedException.class);
  }

  /** Readers see what was flushed, while the writer goes on; and replacing leaves them alone. */
  @Test
  void readsWhileWriting() {
    try (RecordWriter writer = RecordSamples.writer(storage).create()) {
      writer.append(RecordSamples.bytes("one"));
      writer.flush();
      writer.append(RecordSamples.bytes("two"));
      try (RecordReader reader = RecordSamples.reader(storage).acceptUnclosed().open()) {
        assertThat(reader.count()).isEqualTo(1);
        assertThat(RecordSamples.readAll(reader)).hasSize(1);
      }
      try (RecordReader reader = RecordSamples.reader(storage).open()) {
        assertThat(reader.next()).isTrue();
        assertThatThrownBy(reader::next)
            .isInstanceOf(dev.varve.CorruptionException.class)
            .hasMessageContaining("still being written");
      }
    }
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      try (RecordWriter writer = RecordSamples.writer(storage).replace()) {
        writer.append(RecordSamples.bytes("other"));
      }
      assertThat(RecordSamples.readAll(reader)).hasSize(2);
    }
  }

  /** Blocks that were verified are read in the mapped file, by what is remembered of them. */
  @Test
  void verifiedBlocksAreReadInPlace() {
    int piece = 1 << 20;
    int[] lengths = {
      3, 300_000, piece, 0, piece + 1, 2 * piece, 5, 70_000, 70_001, 3 * piece - 1, 9
    };
    try (RecordWriter writer = RecordSamples.writer(storage).create()) {
      for (int i = 0; i < lengths.length; i++) {
        writer.append(RecordSamples.random(i, lengths[i]));
      }
    }
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      List<byte[]> first = RecordSamples.readAll(reader);
      long verified = reader.statistics().blocksVerified();
      long mapped = reader.statistics().blocksMapped();
      reader.seek(0);
      List<byte[]> second = RecordSamples.readAll(reader);
      for (int i = 0; i < lengths.length; i++) {
        byte[] expected = RecordSamples.random(i, lengths[i]);
        assertThat(first.get(i)).isEqualTo(expected);
        assertThat(second.get(i)).isEqualTo(expected);
        int k = lengths.length - 1 - i;
        assertThat(reader.moveTo(k)).isTrue();
        assertThat(reader.toArray()).isEqualTo(RecordSamples.random(k, lengths[k]));
      }
      assertThat(reader.previous()).isFalse();
      assertThat(reader.statistics().blocksVerified()).isEqualTo(verified);
      assertThat(reader.statistics().blocksMapped()).isGreaterThan(mapped + verified);
    }
  }

  @Test
  void nothingIsAllocatedPerRecord(@TempDir Path dir) {
    Path path = dir.resolve("f.vrec");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment record = arena.allocate(100);
      try (RecordWriter writer = RecordWriter.builder(path).create()) {
        assertThat(AllocationMeter.bytesPerOperation(() -> writer.append(record))).isLessThan(1.0);
      }
      try (RecordReader reader = RecordReader.open(path)) {
        double sequential =
            AllocationMeter.bytesPerOperation(
                () -> {
                  if (!reader.next()) {
                    reader.seek(0);
                  }
                  sum +=
                      reader.memory().get(java.lang.foreign.ValueLayout.JAVA_BYTE, reader.offset());
                });
        assertThat(sequential).isLessThan(4.0);
        long[] next = new long[1];
        double byNumber =
            AllocationMeter.bytesPerOperation(
                () -> {
                  next[0] = (next[0] + 7_919) % reader.count();
                  sum += reader.moveTo(next[0]) ? reader.length() : 0;
                });
        assertThat(byNumber).isLessThan(1.0);
      }
    }
    assertThat(Storage.real().list(dir)).containsExactly(path);
  }

  private long sum;
}
