// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.AllocationMeter;
import dev.varve.record.OnDamage;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever is written, flushed, closed and appended to reads back whole. */
class DiskyRoundTripTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");

  @Test
  void plain() {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    for (int round = 0; round < (LONG ? 1000 : 40); round++) {
      roundTrip(new SplittableRandom(seed + round), seed + round, false);
    }
  }

  @Tag("unsafe")
  @Test
  void compressed() {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    for (int round = 0; round < (LONG ? 300 : 15); round++) {
      roundTrip(new SplittableRandom(seed + round), seed + round, true);
    }
  }

  private static byte[] record(SplittableRandom random) {
    int length =
        switch (random.nextInt(20)) {
          case 0 -> random.nextInt(200_001);
          case 1, 2 -> random.nextInt(20_000);
          case 3, 4, 5 -> 0;
          case 6 -> 120 + random.nextInt(20);
          default -> random.nextInt(1000);
        };
    byte[] record = new byte[length];
    if (random.nextBoolean()) {
      random.nextBytes(record);
    }
    return record;
  }

  private static void roundTrip(SplittableRandom random, long seed, boolean compress) {
    SimulatedStorage storage = Disky.disk();
    List<byte[]> expected = new ArrayList<>();
    int sessions = 1 + random.nextInt(4);
    for (int session = 0; session < sessions; session++) {
      DiskyWriterBuilder builder =
          DiskyWriter.builder(Disky.FILE)
              .storage(storage)
              .chunkBytes(1 + random.nextInt(1 << (1 + random.nextInt(20))));
      if (compress && random.nextInt(4) > 0) {
        builder.zstd(1 + random.nextInt(6));
      }
      try (DiskyWriter writer = builder.append();
          Arena arena = Arena.ofConfined()) {
        assertThat(writer.repaired()).as("seed %d", seed).isEmpty();
        int flushEvery = 1 + random.nextInt(30);
        int records = random.nextInt(80);
        for (int i = 1; i <= records; i++) {
          byte[] record = record(random);
          if (random.nextBoolean()) {
            writer.write(record);
          } else {
            MemorySegment bytes = arena.allocate(record.length + 1, 1);
            MemorySegment.copy(record, 0, bytes, ValueLayout.JAVA_BYTE, 1, record.length);
            writer.write(bytes.asSlice(1));
          }
          expected.add(record);
          if (i % flushEvery == 0) {
            writer.flush();
            if (random.nextInt(3) == 0) {
              check(storage, expected, seed);
            }
          }
        }
        assertThat(writer.records()).isEqualTo(records);
      }
      check(storage, expected, seed);
    }
  }

  private static void check(SimulatedStorage storage, List<byte[]> expected, long seed) {
    for (OnDamage onDamage : OnDamage.values()) {
      assertThat(Disky.same(Disky.read(storage, onDamage), expected)).as("seed %d", seed).isTrue();
    }
    try (DiskyReader reader = DiskyReader.open(storage, Disky.FILE, OnDamage.FAIL)) {
      assertThat(reader.count()).as("seed %d", seed).isEqualTo(expected.size());
    }
  }

  /** A flush right where a block ends, and a file that is a whole number of blocks long. */
  @Test
  void chunksThatEndAroundBlocks() {
    for (int length = 65_536 - 64 - 40 - 5 - 60; length < 65_536 - 64 - 40 + 40; length++) {
      SimulatedStorage storage = Disky.disk();
      List<byte[]> expected = new ArrayList<>();
      DiskyWriterBuilder builder = DiskyWriter.builder(Disky.FILE).storage(storage);
      try (DiskyWriter writer = builder.create()) {
        expected.add(new byte[length]);
        writer.write(expected.getLast());
        writer.flush();
        expected.add(new byte[length % 3]);
        writer.write(expected.getLast());
        writer.flush();
        writer.flush();
      }
      check(storage, expected, length);
      try (DiskyWriter writer = builder.append()) {
        assertThat(writer.repaired()).isEmpty();
        expected.add(new byte[5]);
        writer.write(expected.getLast());
      }
      check(storage, expected, length);
    }
  }

  /** Offsets have 64 bits. The first chunk of the file is 5 GiB of nothing. */
  @Test
  void filesLongerThanTwoToThe31(@TempDir Path home) throws IOException {
    Path path = home.resolve("huge.disky");
    DiskyWriter.builder(path).create().close();
    long size = 5L << 30;
    long end = BlockLayout.end(64, size);
    try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
      sparse.setLength(end);
    }
    try (StorageFile file = Storage.real().open(path, FileAccess.WRITE);
        Arena arena = Arena.ofConfined()) {
      MemorySegment header = arena.allocate(ChunkLayout.HEADER_BYTES, 8);
      long data = size - ChunkLayout.HEADER_BYTES;
      ChunkLayout.put(header, ChunkLayout.PADDING, 0, data, 0, 0, BlockLayout.newHash());
      new BlockOutput(file).write(64, end, header);
    }
    List<byte[]> expected = new ArrayList<>();
    for (int session = 0; session < 2; session++) {
      try (DiskyWriter writer = DiskyWriter.builder(path).chunkBytes(70_000).append()) {
        assertThat(writer.repaired()).isEmpty();
        for (int i = 0; i < 5; i++) {
          byte[] record = Disky.random(new SplittableRandom(i), 30_000);
          writer.write(record);
          expected.add(record);
        }
      }
    }
    assertThat(Files.size(path)).isGreaterThan(end);
    List<byte[]> read = new ArrayList<>();
    try (DiskyReader reader = DiskyReader.open(path)) {
      while (reader.next()) {
        read.add(reader.copy());
      }
    }
    assertThat(Disky.same(read, expected)).isTrue();

    // The first chunk behind it is damaged, and the block headers lead on.
    try (StorageFile file = Storage.real().open(path, FileAccess.WRITE)) {
      file.write(end + 30, MemorySegment.ofArray(new byte[10]));
    }
    try (DiskyReader reader = DiskyReader.open(path, OnDamage.SKIP)) {
      assertThat(reader.count()).isEqualTo(expected.size() - 3);
      assertThat(reader.next()).isTrue();
      assertThat(reader.copy()).isEqualTo(expected.get(3));
      assertThat(reader.skipped().getFirst().offset()).isEqualTo(end);
    }
  }

  @Test
  void readingAndWritingAllocateNothingPerRecord(@TempDir Path home) {
    Path path = home.resolve("many.disky");
    Arena arena = Arena.ofAuto();
    MemorySegment record = arena.allocate(100);
    // Chunks of 5000 records: what a chunk costs is next to nothing for each.
    try (DiskyWriter writer = DiskyWriter.builder(path).chunkBytes(500_000).create()) {
      assertThat(AllocationMeter.bytesPerOperation(() -> writer.write(record))).isLessThan(2);
    }
    try (DiskyReader reader = DiskyReader.open(path)) {
      assertThat(
              AllocationMeter.bytesPerOperation(
                  () -> {
                    if (!reader.next()
                        || reader.length() != 100
                        || reader.segment().get(ValueLayout.JAVA_BYTE, reader.offset()) != 0) {
                      throw new AssertionError("no such record");
                    }
                  }))
          .isLessThan(2);
    }
  }
}
