// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.file.SimulatedStorage;
import dev.varve.record.OnDamage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that are whole. */
class TfRecordTest {
  /**
   * The two events that TensorFlow writes for a scalar "accuracy" of 0.99 at step 77, with their
   * frames; the bytes are published with TensorBoard.
   */
  private static final String EVENTS =
      """
      1800000000000000 a37f4b22
      090000803899d6d741 1a0d 627261696e2e4576656e743a32
      124b36ab
      3200000000000000 241956ec
      09c405b73d99d6d741 104d 2a25 0a23 0a08 6163637572616379
      420a 08011200 2204a4707d3f 4a0b 0a09 0a07 7363616c617273
      a55b6433
      """;

  /** The example of the page of the format. */
  private static final String EXAMPLE =
      """
      0100000000000000 0175de41 61 786ee428
      0000000000000000 29039807 d8ea82a2
      0500000000000000 eab2043e 7661727665 6283c7df
      """;

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replaceAll("\\s", ""));
  }

  private static byte[] write(List<byte[]> records) {
    SimulatedStorage storage = TfRecords.emptyDisk();
    try (TfRecordWriter writer = TfRecordWriter.create(storage, TfRecords.FILE)) {
      records.forEach(writer::write);
      assertThat(writer.records()).isEqualTo(records.size());
    }
    return TfRecords.content(storage);
  }

  @Test
  void readsAndWritesWhatTensorFlowWrites() {
    byte[] events = bytes(EVENTS);
    List<byte[]> records = TfRecords.read(TfRecords.disk(events));
    assertThat(records).hasSize(2);
    assertThat(new String(records.get(0), US_ASCII)).hasSize(24).endsWith("brain.Event:2");
    assertThat(new String(records.get(1), US_ASCII)).hasSize(50).contains("accuracy", "scalars");
    assertThat(write(records)).isEqualTo(events);
  }

  @Test
  void theExampleOfThePage() {
    List<byte[]> records = List.of("a".getBytes(US_ASCII), new byte[0], "varve".getBytes(US_ASCII));
    assertThat(write(records)).isEqualTo(bytes(EXAMPLE));
    assertThat(TfRecords.file(records)).isEqualTo(bytes(EXAMPLE));
    assertThat(TfRecords.read(TfRecords.disk(bytes(EXAMPLE)))).containsExactlyElementsOf(records);
  }

  @Test
  void aFileWithoutRecordsIsEmpty() {
    assertThat(write(List.of())).isEmpty();
    assertThat(TfRecords.read(TfRecords.disk(new byte[0]))).isEmpty();
  }

  @Test
  void recordsOfAllLengths() {
    SplittableRandom random = new SplittableRandom(7);
    List<byte[]> records = new ArrayList<>();
    int mib = 1 << 20;
    for (int length :
        new int[] {0, 1, 11, 12, mib - 16, mib - 15, mib - 12, mib, 3 * mib + 5, 2, 2 * mib - 12}) {
      byte[] record = new byte[length];
      random.nextBytes(record);
      records.add(record);
    }
    for (int i = 0; i < 2000; i++) {
      byte[] record = new byte[random.nextInt(3000)];
      random.nextBytes(record);
      records.add(record);
    }
    byte[] file = write(records);
    assertThat(Arrays.equals(file, TfRecords.file(records))).isTrue();
    assertSame(TfRecords.read(TfRecords.disk(file)), records);
  }

  private static void assertSame(List<byte[]> actual, List<byte[]> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      assertThat(Arrays.equals(actual.get(i), expected.get(i))).as("record %s", i).isTrue();
    }
  }

  @Test
  void viewsAndCopiesAgree() {
    SimulatedStorage storage = TfRecords.emptyDisk();
    try (TfRecordWriter writer = TfRecordWriter.create(storage, TfRecords.FILE);
        Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocateFrom("0123456789");
      writer.write(segment, 3, 4);
      writer.flush();
      assertThat(TfRecords.read(storage)).containsExactly("3456".getBytes(US_ASCII));
    }
    try (TfRecordReader reader = TfRecordReader.open(storage, TfRecords.FILE, OnDamage.FAIL)) {
      assertThatExceptionOfType(IllegalStateException.class).isThrownBy(reader::record);
      assertThat(reader.next()).isTrue();
      assertThat(reader.length()).isEqualTo(4);
      assertThat(reader.segment().asSlice(reader.offset(), 4).mismatch(reader.record()))
          .isEqualTo(-1);
      assertThat(reader.record().isReadOnly()).isTrue();
      assertThat(reader.next()).isFalse();
      assertThat(reader.next()).isFalse();
      assertThatExceptionOfType(IllegalStateException.class).isThrownBy(reader::length);
      reader.close();
      reader.close();
      assertThatExceptionOfType(ClosedException.class).isThrownBy(reader::next);
    }
  }

  @Test
  void oneWriterAFileByAnyLinkToIt(@TempDir Path dir) throws IOException {
    Path file = dir.resolve("file");
    Path link = Files.createSymbolicLink(dir.resolve("link"), file);
    try (TfRecordWriter first = TfRecordWriter.create(file)) {
      assertThatExceptionOfType(BusyException.class).isThrownBy(() -> TfRecordWriter.append(link));
      first.write(new byte[] {1});
    }
  }

  @Test
  void appendingGoesOnBehindTheLastRecordOfAWholeFile() {
    byte[] one = {1};
    byte[] two = {2, 2};
    SimulatedStorage storage = TfRecords.emptyDisk();
    try (TfRecordWriter writer = TfRecordWriter.append(storage, TfRecords.FILE)) {
      writer.write(one);
      writer.sync();
      assertThatExceptionOfType(BusyException.class)
          .isThrownBy(() -> TfRecordWriter.append(storage, TfRecords.FILE));
    }
    try (TfRecordWriter writer = TfRecordWriter.append(storage, TfRecords.FILE)) {
      writer.write(two);
    }
    assertThat(TfRecords.content(storage)).isEqualTo(TfRecords.file(List.of(one, two)));
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(() -> TfRecordWriter.create(storage, TfRecords.FILE));
    assertThat(storage.list(TfRecords.FILE.getParent())).containsExactly(TfRecords.FILE);
    SimulatedStorage torn = TfRecords.disk(Arrays.copyOf(TfRecords.content(storage), 20));
    assertThatExceptionOfType(CorruptionException.class)
        .isThrownBy(() -> TfRecordWriter.append(torn, TfRecords.FILE));
    assertThat(torn.list(TfRecords.FILE.getParent())).containsExactly(TfRecords.FILE);
    SimulatedStorage empty = TfRecords.emptyDisk();
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> TfRecordReader.open(empty, TfRecords.FILE, OnDamage.SKIP));
  }
}
