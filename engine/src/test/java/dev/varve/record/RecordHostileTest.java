// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.CorruptionException;
import dev.varve.file.SimulatedStorage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nothing is believed only because its checksum holds, and nothing allocated for it. */
@Tag("once")
@Timeout(value = 3600, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RecordHostileTest {
  private static final int EVERY = Boolean.getBoolean("varve.long") ? 1 : 61;

  private static final int RANDOM = Boolean.getBoolean("varve.long") ? 300_000 : 700;

  @Test
  void plainFiles() throws IOException, InterruptedException {
    run("false");
  }

  @Test
  @Tag("unsafe")
  void compressedFiles() throws IOException, InterruptedException {
    run("true");
  }

  private static PageDecoder.Piece piece(byte[] file, int kind) {
    return new PageDecoder(file)
        .pieces.stream().filter(piece -> piece.kind() == kind).findFirst().orElseThrow();
  }

  /** Two parts whose roots together say more records than there are numbers. */
  @Test
  void sumsBeyondAllNumbers() {
    byte[] file = RecordSamples.nested();
    PageDecoder.Piece root = piece(file, 3);
    for (int at : new int[] {root.begin(), root.end() - 64}) {
      RecordHostile.set(file, at + 24, 8, Long.MAX_VALUE);
      RecordHostile.seal(file, at);
    }
    SimulatedStorage storage = RecordSamples.machine(file);
    assertThat(RecordDamageTest.strictly(storage).getLast()).contains("corrupt");
    try (RecordReader reader = RecordSamples.reader(storage).onDamage(OnDamage.SKIP).open()) {
      assertThat(reader.count()).isNotNegative();
      assertThat(RecordSamples.readAll(reader)).hasSizeGreaterThanOrEqualTo(3);
    }
  }

  /** A second part without a header whose first block would make the numbers wrap. */
  @Test
  void aPartThatBeginsBeyondAllNumbers() {
    byte[] file = RecordSamples.nested();
    List<PageDecoder.Piece> pieces = new PageDecoder(file).pieces;
    PageDecoder.Piece header =
        pieces.stream().filter(p -> p.kind() == 0 && p.begin() > 0).findFirst().orElseThrow();
    PageDecoder.Piece block =
        pieces.stream()
            .filter(p -> p.kind() == 1 && p.begin() > header.begin())
            .findFirst()
            .orElseThrow();
    file[header.begin()] ^= 1;
    for (int at : new int[] {block.begin(), block.end() - 64}) {
      RecordHostile.set(file, at + 24, 8, Long.MAX_VALUE - 2);
      RecordHostile.seal(file, at);
    }
    SimulatedStorage storage = RecordSamples.machine(file);
    try (RecordReader reader = RecordSamples.reader(storage).onDamage(OnDamage.SKIP).open()) {
      assertThat(reader.count()).isNotNegative();
      assertThat(RecordSamples.readAll(reader)).isNotEmpty();
      assertThat(reader.skipped()).isNotEmpty();
    }
    assertThat(RecordFiles.verify(RecordSamples.FILE, storage).damage()).isNotEmpty();
  }

  /** A footer whose part would begin so far before the file that the numbers wrap. */
  @Test
  void partsThatBeginNowhere() {
    byte[] file = RecordSamples.plain();
    int footer = file.length - 64;
    RecordHostile.set(file, footer + 16, 8, Long.MAX_VALUE);
    int stored = Root.FIXED + Root.LIVE * 2_796_000;
    RecordHostile.set(file, footer + 48, 4, stored);
    RecordHostile.set(file, footer + 56, 4, stored);
    RecordHostile.seal(file, footer);
    SimulatedStorage storage = RecordSamples.machine(file);
    assertThat(RecordDamageTest.strictly(storage)).hasSize(6);
    try (RecordReader reader = RecordSamples.reader(storage).onDamage(OnDamage.SKIP).open()) {
      assertThat(RecordSamples.readAll(reader)).hasSize(5);
    }
  }

  /** Entries behind which the next offset or number would wrap. */
  @Test
  void indexBeyondAllNumbers() {
    for (int field : new int[] {0, 8}) {
      byte[] file = RecordSamples.plain();
      PageDecoder.Piece index = piece(file, 2);
      int body = index.begin() + 64;
      int last = body + IndexEntries.BYTES;
      RecordHostile.set(file, last + field, 8, Long.MAX_VALUE - 63);
      RecordHostile.set(file, last + 16, 4, 64);
      int checksum = RecordHostile.crc(file, body, index.end() - 64 - body);
      for (int at : new int[] {index.begin(), index.end() - 64}) {
        RecordHostile.set(file, at + 52, 4, checksum);
        RecordHostile.seal(file, at);
      }
      SimulatedStorage storage = RecordSamples.machine(file);
      assertThat(RecordDamageTest.strictly(storage).getLast()).contains("its entries contradict");
      try (RecordReader reader = RecordSamples.reader(storage).onDamage(OnDamage.SKIP).open()) {
        for (int number = 4; number >= 0; number--) {
          assertThat(reader.moveTo(number)).isTrue();
        }
      }
    }
  }

  /** Blocks that have other records than the index says. */
  @Test
  void indexOfOtherBlocks() {
    for (int[] change : new int[][] {{40, 4, 2}, {24, 8, 1}, {24, 8, 5}}) {
      byte[] file = RecordSamples.plain();
      PageDecoder.Piece block = piece(file, 1);
      for (int at : new int[] {block.begin(), block.end() - 64}) {
        RecordHostile.set(file, at + change[0], change[1], change[2]);
        RecordHostile.seal(file, at);
      }
      SimulatedStorage storage = RecordSamples.machine(file);
      assertThat(RecordFiles.verify(RecordSamples.FILE, storage).damage()).isNotEmpty();
      for (OnDamage onDamage : OnDamage.values()) {
        try (RecordReader reader = RecordSamples.reader(storage).onDamage(onDamage).open()) {
          reader.seek(reader.count());
          int records = 0;
          while (reader.previous()) {
            records++;
          }
          assertThat(records).isBetween(2, 5);
          assertThat(reader.skipped()).isNotEmpty();
        } catch (CorruptionException e) {
          assertThat(onDamage).isEqualTo(OnDamage.FAIL);
        }
      }
    }
  }

  private static void run(String compressed) throws IOException, InterruptedException {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("RecordHostileTest: seed " + seed);
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "-XX:MaxDirectMemorySize=256m",
                "-cp",
                System.getProperty("java.class.path"),
                RecordHostile.class.getName(),
                String.valueOf(EVERY),
                "0",
                compressed,
                String.valueOf(seed),
                String.valueOf(RANDOM))
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    assertThat(said).containsPattern("(?m)^0 failures of ");
  }
}
