// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.CorruptionException;
import dev.varve.file.SimulatedStorage;
import dev.varve.record.OnDamage;
import dev.varve.record.disky.Disky.ChunkAt;
import dev.varve.record.disky.Samples.Sample;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The files that disky itself wrote. */
class DiskySamplesTest {

  static Stream<Sample> plain() {
    return Samples.all().stream().filter(Sample::plain);
  }

  static Stream<Sample> compressed() {
    return Samples.all().stream().filter(sample -> !sample.plain());
  }

  static Stream<Sample> valid() {
    return plain().filter(Sample::valid);
  }

  @Test
  void areAllThere() {
    assertThat(Samples.all()).hasSize(14);
    assertThat(plain()).hasSize(12);
    assertThat(valid()).hasSize(10);
    assertThat(Samples.all())
        .allSatisfy(
            sample -> {
              assertThat(sample.content()).hasSize((int) sample.bytes());
              assertThat(Samples.sha256(sample.content())).isEqualTo(sample.sha256());
            });
    assertThat(Samples.get("31_corrupt_chunk_data.disky").recoverable()).hasSize(190);
  }

  private static List<String> described(List<byte[]> records) {
    return records.stream().map(Samples::describe).toList();
  }

  private static void readsBack(Sample sample) {
    try (DiskyReader strict = DiskyReader.open(sample.path());
        DiskyReader lenient = DiskyReader.open(sample.path(), OnDamage.SKIP)) {
      for (String record : sample.records()) {
        assertThat(strict.next()).isTrue();
        assertThat(Samples.describe(strict.copy())).isEqualTo(record);
        assertThat(lenient.next()).isTrue();
        assertThat(lenient.record().mismatch(strict.record())).isEqualTo(-1);
      }
      assertThat(strict.next()).isFalse();
      assertThat(lenient.next()).isFalse();
      assertThat(strict.count()).isEqualTo(sample.records().size());
      assertThat(lenient.count()).isEqualTo(sample.records().size());
      assertThat(lenient.skipped()).isEmpty();
      assertThat(lenient.skippedBytes()).isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("valid")
  void plainOnesReadBack(Sample sample) {
    readsBack(sample);
  }

  @Tag("unsafe")
  @ParameterizedTest
  @MethodSource("compressed")
  void compressedOnesReadBack(Sample sample) {
    readsBack(sample);
  }

  @Test
  void damagedDataCostsItsChunk() {
    Sample sample = Samples.get("31_corrupt_chunk_data.disky");
    assertThat(described(Disky.read(sample.content(), OnDamage.SKIP))).isEqualTo(sample.intact());
    try (DiskyReader reader = DiskyReader.open(sample.path(), OnDamage.SKIP)) {
      assertThat(reader.count()).isEqualTo(190);
      while (reader.next()) {
        assertThat(reader.length()).isEqualTo(800);
      }
      assertThat(reader.skipped()).hasSize(1);
      assertThat(reader.skippedBytes()).isEqualTo(reader.skipped().get(0).length());
      assertThat(reader.skipped().get(0).offset()).isLessThan(25250);
      assertThat(reader.skipped().get(0).end()).isGreaterThan(25250);
      assertThat(reader.skipped().get(0).reason())
          .matches("hash of a chunk: expected 0x[0-9a-f]{16}, found 0x[0-9a-f]{16}");
    }
    try (DiskyReader reader = DiskyReader.open(sample.path())) {
      for (int i = 0; i < 30; i++) {
        assertThat(reader.next()).isTrue();
        assertThat(Samples.describe(reader.copy())).isEqualTo(sample.records().get(i));
      }
      for (int i = 0; i < 3; i++) {
        assertThatExceptionOfType(CorruptionException.class)
            .isThrownBy(reader::next)
            .satisfies(e -> assertThat(e.file()).isEqualTo(sample.path().toString()))
            .satisfies(e -> assertThat(e.offset()).isBetween(24000L, 25249L))
            .satisfies(e -> assertThat(e.expected()).startsWith("0x"));
      }
      assertThatExceptionOfType(IllegalStateException.class).isThrownBy(reader::copy);
      assertThatExceptionOfType(CorruptionException.class).isThrownBy(reader::count);
    }
  }

  @Test
  void damagedBlockHeaderCostsNothing() {
    Sample sample = Samples.get("33_corrupt_block_header.disky");
    assertThat(sample.intact()).hasSize(200);
    for (OnDamage onDamage : OnDamage.values()) {
      assertThat(described(Disky.read(sample.content(), onDamage))).isEqualTo(sample.intact());
    }
  }

  /** Writes the records again, flushing where a chunk of disky's ends before it is full. */
  @ParameterizedTest
  @MethodSource("valid")
  void areWrittenAgainByteForByte(Sample sample) {
    byte[] content = sample.content();
    List<byte[]> records = Disky.read(content, OnDamage.FAIL);
    SimulatedStorage storage = Disky.disk();
    try (DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(storage).create()) {
      for (ChunkAt chunk : Disky.chunks(content)) {
        records
            .subList(chunk.firstRecord(), chunk.firstRecord() + chunk.records())
            .forEach(writer::write);
        writer.flush();
      }
    }
    assertThat(Arrays.mismatch(Disky.content(storage), content)).isEqualTo(-1);
  }

  /** Writes the records again as the manifest says that disky did. */
  @Test
  void areWrittenAgainByTheSameCalls() {
    assertWritten("02_single.disky", 1 << 20, 0, List.of());
    assertWritten("03_empty_records.disky", 1 << 20, 0, List.of());
    assertWritten("04_varint_edges.disky", 1 << 20, 0, List.of());
    assertWritten("06_multi_block_chunks.disky", 32 << 10, 0, List.of());
    assertWritten("09_flush_every_3.disky", 1 << 20, 3, List.of());
    assertWritten("10_appended.disky", 4 << 10, 0, List.of(30, 45));
    assertWritten("19_file_ends_at_boundary.disky", 1 << 20, 0, List.of());
  }

  private static void assertWritten(
      String name, long chunkBytes, int flushEvery, List<Integer> appendAt) {
    byte[] content = Samples.get(name).content();
    List<byte[]> records = Disky.read(content, OnDamage.FAIL);
    SimulatedStorage storage = Disky.disk();
    DiskyWriterBuilder builder =
        DiskyWriter.builder(Disky.FILE).storage(storage).chunkBytes(chunkBytes);
    DiskyWriter writer = builder.create();
    for (int i = 0; i < records.size(); i++) {
      if (appendAt.contains(i)) {
        writer.close();
        writer = builder.append();
        assertThat(writer.repaired()).isEmpty();
      }
      writer.write(records.get(i));
      if (flushEvery > 0 && (i + 1) % flushEvery == 0) {
        writer.flush();
      }
    }
    writer.close();
    assertThat(Arrays.mismatch(Disky.content(storage), content)).as(name).isEqualTo(-1);
  }
}
