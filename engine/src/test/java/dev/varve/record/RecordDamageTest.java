// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.VarveException;
import dev.varve.file.SimulatedStorage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every bit that can flip and every place a file can be cut at, in small files of each kind. */
@Tag("once")
class RecordDamageTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");

  static Stream<Arguments> plainFiles() {
    return Stream.of(
        Arguments.of("plain", RecordSamples.plain()),
        Arguments.of("large", RecordSamples.large(Compression.NONE)),
        Arguments.of("nested", RecordSamples.nested()));
  }

  static Stream<Arguments> compressedFiles() {
    return Stream.of(
        Arguments.of("lz4", RecordSamples.compressed(Compression.LZ4)),
        Arguments.of("zstd", RecordSamples.compressed(Compression.ZSTD)),
        Arguments.of("large lz4", RecordSamples.large(Compression.LZ4)),
        Arguments.of("large zstd", RecordSamples.large(Compression.ZSTD)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("plainFiles")
  void flips(String kind, byte[] file) {
    flipEveryBit(file);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("compressedFiles")
  @Tag("unsafe")
  void compressedFlips(String kind, byte[] file) {
    flipEveryBit(file);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("plainFiles")
  void cuts(String kind, byte[] file) {
    cutEverywhere(file);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("compressedFiles")
  @Tag("unsafe")
  void compressedCuts(String kind, byte[] file) {
    cutEverywhere(file);
  }

  private static List<String> skipping(SimulatedStorage storage, List<SkippedRegion> skipped) {
    try (RecordReader reader = RecordSamples.reader(storage).onDamage(OnDamage.SKIP).open()) {
      List<String> records = RecordSamples.show(RecordSamples.readAll(reader));
      skipped.addAll(reader.skipped());
      List<String> backwards = new ArrayList<>();
      while (reader.previous()) {
        backwards.addFirst(RecordSamples.show(reader.toArray()));
      }
      assertThat(backwards).isEqualTo(records);
      return records;
    }
  }

  /** Reads strictly; returns the records up to the error, and the error's message at the end. */
  static List<String> strictly(SimulatedStorage storage) {
    List<String> records = new ArrayList<>();
    try (RecordReader reader = RecordSamples.reader(storage).open()) {
      while (reader.next()) {
        records.add(RecordSamples.show(reader.toArray()));
      }
    } catch (CorruptionException e) {
      records.add(e.getMessage());
    }
    return records;
  }

  /** All bits of the longer files take long. */
  private static boolean isAll(byte[] file) {
    return LONG || file.length < 1000;
  }

  private static int step(byte[] file) {
    return isAll(file) ? 1 : file.length < 3000 ? 2 : 5;
  }

  private static void flipEveryBit(byte[] file) {
    PageDecoder page = new PageDecoder(file);
    List<String> all = RecordSamples.show(page.records);
    int bits = isAll(file) ? 8 : 1;
    for (PageDecoder.Piece piece : page.pieces) {
      for (int at = piece.begin(); at < piece.end(); at += step(file)) {
        for (int bit = 0; bit < bits; bit++) {
          byte[] damaged = file.clone();
          damaged[at] ^= (byte) (1 << (bits == 8 ? bit : at * 5 % 8));
          check(damaged, page, piece, all, at);
        }
      }
    }
  }

  private static void check(
      byte[] damaged, PageDecoder page, PageDecoder.Piece piece, List<String> all, int at) {
    SimulatedStorage storage = RecordSamples.machine(damaged);
    List<String> strict = strictly(storage);
    assertThat(strict.getLast()).as("byte %d", at).contains("corrupt");
    assertThat(all.subList(0, strict.size() - 1)).isEqualTo(strict.subList(0, strict.size() - 1));
    boolean inBody = at >= piece.begin() + 64 && at < piece.end() - 64;
    List<String> expected = new ArrayList<>(all);
    if (inBody) {
      expected.subList(piece.firstRecord(), piece.endRecord()).clear();
    }
    List<SkippedRegion> skipped = new ArrayList<>();
    assertThat(skipping(storage, skipped)).as("byte %d", at).isEqualTo(expected);
    assertThat(skipped).as("byte %d", at).hasSize(1);
    SkippedRegion region = skipped.getFirst();
    assertThat(region.offset()).isBetween((long) piece.begin(), (long) at);
    assertThat(region.offset() + region.length()).isBetween((long) at + 1, (long) piece.end());
    assertThat(region.records()).isEqualTo(all.size() - expected.size());
    if (at % (LONG ? 1 : 17) == 0) {
      repairs(storage, expected, all.size() - expected.size(), at);
    }
  }

  /** What can be read before a repair can be read strictly after it, and appended to. */
  private static void repairs(SimulatedStorage storage, List<String> expected, int lost, int at) {
    RepairReport report = RecordFiles.repair(RecordSamples.FILE, storage);
    assertThat(report.repaired()).as("byte %d", at).isNotEmpty();
    assertThat(report.lost()).as("byte %d", at).isEqualTo(lost);
    assertThat(strictly(storage)).as("byte %d", at).isEqualTo(expected);
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).damage())
        .as("byte %d", at)
        .isEmpty();
    assertThat(RecordFiles.repair(RecordSamples.FILE, storage).repaired()).isEmpty();
    try (RecordWriter writer = RecordSamples.writer(storage).append()) {
      writer.append(RecordSamples.bytes("appended"));
    }
    List<String> more = new ArrayList<>(expected);
    more.add(RecordSamples.show(RecordSamples.bytes("appended")));
    assertThat(strictly(storage)).isEqualTo(more);
  }

  private static void cutEverywhere(byte[] file) {
    PageDecoder page = new PageDecoder(file);
    List<String> all = RecordSamples.show(page.records);
    for (int cut = 0; cut < file.length; cut += step(file)) {
      SimulatedStorage storage = RecordSamples.machine(Arrays.copyOf(file, cut));
      int whole = 0;
      int ofBodies = 0;
      int ofHeaders = 0;
      boolean atEnd = false;
      for (PageDecoder.Piece piece : page.pieces) {
        whole = piece.end() <= cut ? piece.endRecord() : whole;
        ofBodies = piece.end() - 64 <= cut ? piece.endRecord() : ofBodies;
        ofHeaders = piece.begin() + 64 <= cut ? piece.endRecord() : ofHeaders;
        atEnd |= piece.kind() == 0 && piece.begin() == cut && cut > 0;
      }
      List<String> strict = strictly(storage);
      if (atEnd) {
        assertThat(strict).isEqualTo(all.subList(0, whole));
        continue;
      }
      assertThat(strict.getLast()).as("cut at %d", cut).contains("corrupt");
      assertThat(strict.subList(0, strict.size() - 1)).isEqualTo(all.subList(0, whole));
      List<SkippedRegion> skipped = new ArrayList<>();
      assertThat(skipping(storage, skipped))
          .as("cut at %d", cut)
          .isEqualTo(all.subList(0, ofBodies));
      assertThat(skipped).as("cut at %d", cut).isNotEmpty();
      if (LONG || cut % 13 == 0 || cut % 64 == 0) {
        appends(storage, all.subList(0, whole), cut);
        if (cut >= 200) { // else there may be no block yet that a repair can go by
          storage = RecordSamples.machine(Arrays.copyOf(file, cut));
          repairs(storage, all.subList(0, ofBodies), ofHeaders - ofBodies, cut);
        }
      }
    }
  }

  /** Nothing that was whole gets lost by appending, and what is appended is found. */
  private static void appends(SimulatedStorage storage, List<String> whole, int cut) {
    long before = RecordSamples.content(storage, RecordSamples.FILE).length;
    try (RecordWriter writer = RecordSamples.writer(storage).append()) {
      writer.append(RecordSamples.bytes("appended"));
    } catch (VarveException e) {
      assertThat(cut).as(e.getMessage()).isLessThan(200);
      return;
    }
    assertThat((long) RecordSamples.content(storage, RecordSamples.FILE).length)
        .isGreaterThan(before);
    List<String> expected = new ArrayList<>(whole);
    expected.add(RecordSamples.show(RecordSamples.bytes("appended")));
    assertThat(strictly(storage)).as("cut at %d", cut).isEqualTo(expected);
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).damage()).isEmpty();
  }

  /** Verifying and repairing tell how far they are; who throws then has changed nothing. */
  @Test
  void progressIsTold() {
    byte[] plain = RecordSamples.nested();
    plain[RecordSamples.plain().length / 2] ^= 1;
    List<Long> told = new ArrayList<>();
    SimulatedStorage storage = RecordSamples.machine(plain);
    RecordProgress progress =
        (done, all) -> {
          assertThat(all).isEqualTo(plain.length);
          assertThat(done).isBetween(told.isEmpty() ? 1 : told.getLast(), all);
          told.add(done);
        };
    RecordFiles.verify(RecordSamples.FILE, storage, progress);
    assertThat(told).hasSizeGreaterThan(4).last().isEqualTo((long) plain.length);
    int calls = told.size();
    for (int most = 0; most < calls; most++) {
      told.clear();
      int limit = most;
      RecordProgress impatient =
          (done, all) -> {
            if (told.size() == limit) {
              throw new IllegalStateException("enough");
            }
            progress.update(done, all);
          };
      assertThatThrownBy(() -> RecordFiles.repair(RecordSamples.FILE, storage, impatient))
          .hasMessage("enough");
      assertThat(RecordSamples.content(storage, RecordSamples.FILE)).isEqualTo(plain);
    }
    told.clear();
    RecordFiles.repair(RecordSamples.FILE, storage, progress);
    assertThat(told).hasSize(calls);
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).isWhole()).isTrue();
  }

  /** What stood behind a torn end is not found again, also if the gap over it is damaged. */
  @Test
  void noBlockComesBackFromUnderAGap() {
    SimulatedStorage storage = RecordSamples.storage();
    long[] ends = new long[3];
    try (RecordWriter writer = RecordSamples.writer(storage.otherProcess()).create()) {
      for (int i = 0; i < ends.length; i++) {
        writer.append(RecordSamples.random(i, 300));
        writer.flush();
        ends[i] = writer.statistics().fileBytes();
      }
      byte[] bytes = RecordSamples.content(storage, RecordSamples.FILE);
      bytes[(int) ends[0] + 100] ^= 1;
      SimulatedStorage torn = RecordSamples.machine(bytes);
      try (RecordWriter next = RecordSamples.writer(torn).append()) {
        assertThat(next.append(RecordSamples.random(9, 300))).isOne();
      }
      byte[] repaired = RecordSamples.content(torn, RecordSamples.FILE);
      for (int at = (int) ends[0]; at < ends[0] + 64; at += 9) {
        byte[] damaged = repaired.clone();
        damaged[at] ^= 1;
        try (RecordReader reader =
            RecordSamples.reader(RecordSamples.machine(damaged)).onDamage(OnDamage.SKIP).open()) {
          assertThat(RecordSamples.show(RecordSamples.readAll(reader)))
              .isEqualTo(
                  RecordSamples.show(
                      List.of(RecordSamples.random(0, 300), RecordSamples.random(9, 300))));
        }
      }
    }
  }

  @Test
  void whatIsNotClosedIsAdvisedToBeAcceptedAsThat() {
    SimulatedStorage storage = RecordSamples.storage();
    try (RecordWriter writer = RecordSamples.writer(storage).create()) {
      writer.append(new byte[1]);
      writer.flush();
      try (RecordReader reader = RecordSamples.reader(storage).open()) {
        assertThat(reader.next()).isTrue();
        assertThatThrownBy(reader::next)
            .isInstanceOf(CorruptionException.class)
            .hasMessageContaining("close its writer, or read what is there with acceptUnclosed");
      }
    }
  }
}
