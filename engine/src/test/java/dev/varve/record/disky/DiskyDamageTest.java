// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.CorruptionException;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import dev.varve.record.OnDamage;
import dev.varve.record.SkippedRegion;
import dev.varve.record.disky.Disky.ChunkAt;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are cut off or damaged: nothing is lost but what was hit. */
@Tag("once")
class DiskyDamageTest {
  private static final int BLOCK = 65536;
  private static final boolean LONG = Boolean.getBoolean("varve.long");

  /** Several small chunks in one block. */
  private static byte[] smallChunks() {
    SplittableRandom random = new SplittableRandom(5);
    return Disky.file(
        builder -> builder.chunkBytes(100),
        writer -> Disky.random(random, 20, 60).forEach(writer::write));
  }

  /** Chunks of some kilobytes over several blocks. */
  private static byte[] manyChunks(SplittableRandom random) {
    return Disky.file(
        builder -> builder.chunkBytes(5000),
        writer -> Disky.random(random, 200, 2000).forEach(writer::write));
  }

  // Cut off.

  private static void checkCut(byte[] whole, int cut) {
    List<byte[]> records = Disky.read(whole, OnDamage.FAIL);
    List<ChunkAt> complete = Disky.chunks(whole).stream().filter(c -> c.end() <= cut).toList();
    long intactEnd = complete.isEmpty() ? 0 : complete.getLast().end();
    List<byte[]> expected = records.subList(0, complete.stream().mapToInt(ChunkAt::records).sum());
    SimulatedStorage storage = Disky.disk(Arrays.copyOf(whole, cut));

    assertSame(Disky.read(storage, OnDamage.SKIP), expected, "cut at %d", cut);
    try (DiskyReader reader = DiskyReader.open(storage, Disky.FILE, OnDamage.SKIP)) {
      while (reader.next()) {
        assertThat(reader.skipped()).isEmpty();
      }
      assertThat(reader.skippedBytes()).isEqualTo(cut - intactEnd);
    }
    if (intactEnd == cut) {
      assertSame(Disky.read(storage, OnDamage.FAIL), expected, "cut at %d", cut);
    } else {
      assertSame(Disky.readUntilDamage(storage), expected, "cut at %d", cut);
      assertThatExceptionOfType(CorruptionException.class)
          .isThrownBy(() -> Disky.read(storage, OnDamage.FAIL))
          .withMessageStartingWith("last chunk is corrupt in " + Disky.FILE)
          .withMessageContaining("the end of the file at " + cut)
          .satisfies(e -> assertThat(e.offset()).isEqualTo(intactEnd));
    }
    checkAppend(storage, expected, intactEnd, cut);
  }

  private static void checkAppend(
      SimulatedStorage storage, List<byte[]> before, long intactEnd, int size) {
    List<byte[]> expected = new ArrayList<>(before);
    for (int session = 0; session < 2; session++) {
      byte[] record = {1, 2, (byte) session};
      try (DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(storage).append()) {
        if (session == 0 && intactEnd < size) {
          assertThat(writer.repaired().map(SkippedRegion::offset)).contains(intactEnd);
          assertThat(writer.repaired().map(SkippedRegion::end)).contains((long) size);
        } else {
          assertThat(writer.repaired()).isEmpty();
        }
        writer.write(record);
      }
      expected.add(record);
      for (OnDamage onDamage : OnDamage.values()) {
        assertSame(Disky.read(storage, onDamage), expected, "append after a cut at %d", size);
      }
    }
  }

  private static void assertSame(
      List<byte[]> actual, List<byte[]> expected, String what, Object... arguments) {
    assertThat(Disky.same(actual, expected))
        .as(
            "%s: %d records, expected %d",
            String.format(what, arguments), actual.size(), expected.size())
        .isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"01_empty.disky", "02_single.disky", "03_empty_records.disky"})
  void everyCutOfSmallSamples(String name) {
    byte[] whole = Samples.get(name).content();
    for (int cut = 1; cut <= whole.length; cut++) {
      checkCut(whole, cut);
    }
  }

  @Test
  void everyCutOfSmallChunks() {
    byte[] whole = smallChunks();
    assertThat(Disky.chunks(whole)).hasSizeGreaterThan(4);
    for (int cut = 1; cut <= whole.length; cut++) {
      checkCut(whole, cut);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "17_header_straddle_08.disky",
        "17_header_straddle_40.disky",
        "19_file_ends_at_boundary.disky",
        "10_appended.disky"
      })
  void cutsAroundTheBlockBoundary(String name) {
    byte[] whole = Samples.get(name).content();
    for (int cut = BLOCK - 130; cut <= Math.min(whole.length, BLOCK + 130); cut++) {
      checkCut(whole, cut);
    }
    for (int cut = 1; cut < whole.length; cut += LONG ? 1 : 997) {
      checkCut(whole, cut);
    }
  }

  @Test
  void cutsOfManyChunks() {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    byte[] whole = manyChunks(random);
    for (int i = 0; i < (LONG ? 5000 : 100); i++) {
      checkCut(whole, 1 + random.nextInt(whole.length));
    }
  }

  @Test
  void anEmptyFileIsAnUnfinishedOne() {
    SimulatedStorage storage = Disky.disk();
    storage.open(Disky.FILE, dev.varve.file.FileAccess.CREATE_NEW).close();
    assertThatExceptionOfType(CorruptionException.class)
        .isThrownBy(() -> DiskyReader.open(storage, Disky.FILE, OnDamage.FAIL));
    assertThat(Disky.read(storage, OnDamage.SKIP)).isEmpty();
    checkAppend(storage, List.of(), 0, 0);
  }

  @Test
  void blankSignatureIsAnUnfinishedOne() {
    for (int size : new int[] {1, 63, 64}) {
      checkAppend(Disky.disk(new byte[size]), List.of(), 0, size);
    }
  }

  @Test
  void otherFilesAreNotAppendedTo() {
    for (byte[] other :
        List.of("PAR1".getBytes(), new byte[65], new byte[200_000], new byte[] {1})) {
      if (other[0] == 0) {
        other[other.length - 1] = 1;
      }
      SimulatedStorage storage = Disky.disk(other);
      assertThatExceptionOfType(CorruptionException.class)
          .isThrownBy(() -> DiskyWriter.builder(Disky.FILE).storage(storage).append())
          .withMessageContaining("signature");
      assertThat(Disky.content(storage)).isEqualTo(other);
      assertThat(storage.list(Disky.FILE.getParent())).containsExactly(Disky.FILE);
      assertThat(Disky.read(storage, OnDamage.SKIP)).isEmpty();
    }
  }

  /** As the original does when it appends to a file that was cut off. */
  @Test
  void chunksBehindATornOneAreFound() {
    byte[] whole = manyChunks(new SplittableRandom(3));
    List<byte[]> records = Disky.read(whole, OnDamage.FAIL);
    for (int cut = 70; cut < whole.length; cut += LONG ? 7 : 1013) {
      if (cut % BLOCK <= 24) {
        continue;
      }
      int at = cut;
      List<ChunkAt> complete = Disky.chunks(whole).stream().filter(c -> c.end() <= at).toList();
      SimulatedStorage storage = Disky.disk(Arrays.copyOf(whole, cut));
      long end = cut;
      List<byte[]> expected =
          new ArrayList<>(records.subList(0, complete.stream().mapToInt(ChunkAt::records).sum()));
      try (StorageFile file = storage.open(Disky.FILE, dev.varve.file.FileAccess.WRITE);
          ChunkBuilder chunk = new ChunkBuilder(1 << 20, null)) {
        for (int i = 0; i < 3; i++) {
          byte[] record = Disky.random(new SplittableRandom(i), 30_000);
          chunk.add(MemorySegment.ofArray(record));
          chunk.seal();
          long next = BlockLayout.end(end, chunk.bytes());
          new BlockOutput(file).write(end, next, chunk.parts());
          end = next;
          chunk.clear();
          expected.add(record);
        }
      }
      assertSame(Disky.read(storage, OnDamage.SKIP), expected, "appended at %d", cut);
      assertSame(Disky.read(storage, OnDamage.SKIP), expected, "appended at %d", cut);
      List<byte[]> more = new ArrayList<>(expected);
      more.add(new byte[1]);
      try (DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(storage).append()) {
        assertThat(writer.repaired()).isEmpty();
        writer.write(new byte[1]);
      }
      assertSame(Disky.read(storage, OnDamage.SKIP), more, "appended again at %d", cut);
    }
  }

  // Damaged.

  /**
   * Reads a file of which one byte differs.
   *
   * @param records what the intact file holds
   */
  private static void checkDamaged(
      byte[] damaged, int position, List<byte[]> records, List<ChunkAt> chunks) {
    ChunkAt hit = chunks.stream().filter(chunk -> chunk.contains(position)).findAny().orElseThrow();
    List<byte[]> without = new ArrayList<>(records.subList(0, hit.firstRecord()));
    without.addAll(records.subList(hit.firstRecord() + hit.records(), records.size()));
    SimulatedStorage storage = Disky.disk(damaged);

    List<byte[]> lenient = Disky.read(storage, OnDamage.SKIP);
    boolean whole = Disky.same(lenient, records);
    assertThat(whole || Disky.same(lenient, without))
        .as(
            "%d records, expected %d or %d; damaged %d",
            lenient.size(), records.size(), without.size(), position)
        .isTrue();
    try {
      List<byte[]> strict = Disky.read(storage, OnDamage.FAIL);
      assertSame(strict, records, "damaged at %d, unnoticed", position);
    } catch (CorruptionException e) {
      assertThat(e.offset()).isEqualTo(hit.begin());
      assertThat(position % BLOCK).as("in a block header").isGreaterThanOrEqualTo(24);
      return;
    }
    assertThat(whole).isTrue();
  }

  private static void flip(byte[] whole, int position, int bit) {
    byte[] damaged = whole.clone();
    damaged[position] ^= (byte) (1 << bit);
    checkDamaged(damaged, position, Disky.read(whole, OnDamage.FAIL), Disky.chunks(whole));
  }

  private static void flipEveryBit(byte[] whole) {
    List<byte[]> records = Disky.read(whole, OnDamage.FAIL);
    List<ChunkAt> chunks = Disky.chunks(whole);
    for (int position = 0; position < whole.length; position++) {
      for (int bit = 0; bit < 8; bit++) {
        byte[] damaged = whole.clone();
        damaged[position] ^= (byte) (1 << bit);
        checkDamaged(damaged, position, records, chunks);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"01_empty.disky", "02_single.disky", "03_empty_records.disky"})
  void everyBitOfSmallSamples(String name) {
    flipEveryBit(Samples.get(name).content());
  }

  @Test
  void everyBitOfSmallChunks() {
    flipEveryBit(smallChunks());
  }

  /** A bit of a size more or less, and the chunk seems to end where another one does. */
  @Test
  void everyBitOfChunksOfEqualSize() {
    flipEveryBit(
        Disky.file(
            builder -> builder.chunkBytes(1),
            writer -> {
              for (int i = 0; i < 8; i++) {
                writer.write(new byte[21]); // 64 bytes with header and sizes
              }
            }));
  }

  /** A record may be a file of the format itself; its chunks are not those of the file. */
  @Test
  void everyBitAroundNestedFiles() {
    byte[] inner = Samples.get("02_single.disky").content();
    flipEveryBit(
        Disky.file(
            builder -> builder.chunkBytes(1),
            writer -> {
              writer.write(new byte[3]);
              writer.write(inner);
              writer.write(inner);
              writer.write(new byte[5]);
            }));
  }

  @Tag("unsafe")
  @Test
  void everyBitOfCompressedChunks() {
    byte[] whole = Samples.get("16_mixed_none_zstd.disky").content();
    if (LONG) {
      flipEveryBit(whole);
    }
    for (int position = 0; position < whole.length; position += 3) {
      flip(whole, position, position % 8);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "17_header_straddle_08.disky",
        "17_header_straddle_40.disky",
        "19_file_ends_at_boundary.disky",
        "10_appended.disky"
      })
  void bitsAroundTheBlockBoundary(String name) {
    byte[] whole = Samples.get(name).content();
    for (int position = BLOCK - 100; position < Math.min(whole.length, BLOCK + 100); position++) {
      flip(whole, position, position % 8);
    }
    for (int position = 0; position < whole.length; position += LONG ? 5 : 641) {
      flip(whole, position, position % 8);
    }
  }

  /** Up to four ranges of a file are overwritten: every chunk that none of them touches is read. */
  @Test
  void damagedRanges() {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    for (int round = 0; round < (LONG ? 5000 : 150); round++) {
      byte[] whole = round % 2 == 0 ? manyChunks(random) : smallChunks();
      List<byte[]> records = Disky.read(whole, OnDamage.FAIL);
      byte[] damaged = whole.clone();
      List<ChunkAt> hit = new ArrayList<>();
      for (int ranges = 1 + random.nextInt(4); ranges > 0; ranges--) {
        int from = random.nextInt(whole.length);
        if (random.nextBoolean()) {
          from -= from % BLOCK;
        }
        int to =
            Math.min(whole.length, from + 1 + random.nextInt(random.nextBoolean() ? 50 : 9000));
        byte[] rubbish =
            random.nextBoolean() ? new byte[to - from] : Disky.random(random, to - from);
        System.arraycopy(rubbish, 0, damaged, from, to - from);
        int begin = from;
        Disky.chunks(whole).stream()
            .filter(chunk -> chunk.begin() < to && chunk.end() > begin)
            .forEach(hit::add);
      }
      List<byte[]> sure = new ArrayList<>();
      for (ChunkAt chunk : Disky.chunks(whole)) {
        if (!hit.contains(chunk)) {
          sure.addAll(records.subList(chunk.firstRecord(), chunk.firstRecord() + chunk.records()));
        }
      }
      List<byte[]> read = Disky.read(damaged, OnDamage.SKIP);
      assertThat(isSubsequence(sure, read)).as("seed %d, round %d: lost", seed, round).isTrue();
      assertThat(isSubsequence(read, records))
          .as("seed %d, round %d: made up", seed, round)
          .isTrue();
    }
  }

  private static boolean isSubsequence(List<byte[]> part, List<byte[]> whole) {
    int found = 0;
    for (byte[] record : whole) {
      if (found < part.size() && Arrays.equals(part.get(found), record)) {
        found++;
      }
    }
    return found == part.size();
  }

  /** Damage in front of the end is none of the appending writer's business. */
  @Test
  void appendLeavesDamageInFront() {
    SplittableRandom random = new SplittableRandom(11);
    byte[] whole = manyChunks(random);
    List<ChunkAt> chunks = Disky.chunks(whole);
    for (ChunkAt chunk : chunks.subList(1, chunks.size() - 1)) {
      for (long position : new long[] {chunk.begin() + 30, chunk.begin() + 100}) {
        byte[] damaged = whole.clone();
        damaged[(int) position] ^= 1;
        SimulatedStorage storage = Disky.disk(damaged);
        List<byte[]> expected = Disky.read(storage, OnDamage.SKIP);
        try (DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(storage).append()) {
          assertThat(writer.repaired()).isEmpty();
          writer.write(new byte[9]);
        }
        expected.add(new byte[9]);
        assertSame(Disky.read(storage, OnDamage.SKIP), expected, "damaged at %d", position);
        byte[] now = Disky.content(storage);
        assertThat(Arrays.mismatch(now, damaged)).isEqualTo(damaged.length);
      }
    }
  }

  /** A tail of many blocks that hold nothing is covered as one. */
  @Test
  void longTailsAreCovered() {
    SplittableRandom random = new SplittableRandom(12);
    for (boolean zeros : new boolean[] {true, false}) {
      byte[] whole = smallChunks();
      List<byte[]> records = Disky.read(whole, OnDamage.FAIL);
      byte[] longer = Arrays.copyOf(whole, 5 * BLOCK + 10);
      if (!zeros) {
        byte[] rubbish = Disky.random(random, longer.length - whole.length);
        System.arraycopy(rubbish, 0, longer, whole.length, rubbish.length);
      }
      SimulatedStorage storage = Disky.disk(longer);
      checkAppend(storage, records, whole.length, longer.length);

      // The block headers in it lead over the filler, should its own header be damaged.
      byte[] covered = Disky.content(storage);
      List<byte[]> appended = Disky.read(storage, OnDamage.FAIL);
      for (int i = 0; i < 40; i++) {
        byte[] damaged = covered.clone();
        damaged[whole.length + i] ^= 4;
        assertSame(Disky.read(damaged, OnDamage.SKIP), appended, "filler damaged at %d", i);
        assertThatExceptionOfType(CorruptionException.class)
            .isThrownBy(() -> Disky.read(damaged, OnDamage.FAIL));
      }
      for (int block = BLOCK; block < covered.length; block += BLOCK) {
        MemorySegment header = Arena.ofAuto().allocate(24, 8);
        MemorySegment.copy(covered, block, header, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, 24);
        assertThat(BlockLayout.isIntact(header, BlockLayout.newHash())).isTrue();
        assertThat(BlockLayout.previous(header)).isEqualTo(block - whole.length);
      }
    }
  }

  /** A foreign file of which nothing can be read is gone through once. */
  @Test
  void rubbishIsPassedOver() {
    byte[] rubbish = Disky.random(new SplittableRandom(13), 300_000);
    try (DiskyReader reader = DiskyReader.open(Disky.disk(rubbish), Disky.FILE, OnDamage.SKIP)) {
      assertThat(reader.next()).isFalse();
      assertThat(reader.skipped())
          .singleElement()
          .satisfies(region -> assertThat(region.offset()).isZero())
          .satisfies(region -> assertThat(region.length()).isEqualTo(300_000));
    }
  }

  @Test
  void listOfRegionsIsLimited() {
    byte[] whole =
        Disky.file(
            builder -> builder.chunkBytes(1),
            writer -> {
              for (int i = 0; i < 2500; i++) {
                writer.write(new byte[] {(byte) i});
              }
            });
    List<ChunkAt> chunks = Disky.chunks(whole);
    for (int i = 1; i < chunks.size(); i += 2) {
      whole[(int) chunks.get(i).end() - 1] ^= 1;
    }
    try (DiskyReader reader = DiskyReader.open(Disky.disk(whole), Disky.FILE, OnDamage.SKIP)) {
      assertThat(reader.count()).isEqualTo(1250);
      while (reader.next()) {
        assertThat(reader.length()).isEqualTo(1);
      }
      assertThat(reader.skipped()).hasSize(1000);
      assertThat(reader.skippedBytes()).isGreaterThan(1250 * 44);
    }
  }

  /** What a reader does while the file grows, and while its end is not all there. */
  @Test
  void followsAFileThatGrows() {
    byte[] whole = smallChunks();
    List<byte[]> records = Disky.read(whole, OnDamage.FAIL);
    SimulatedStorage storage = Disky.disk(Arrays.copyOf(whole, 64));
    List<byte[]> read = new ArrayList<>();
    try (DiskyReader reader = DiskyReader.open(storage, Disky.FILE, OnDamage.FAIL);
        StorageFile file = storage.open(Disky.FILE, dev.varve.file.FileAccess.WRITE);
        Arena arena = Arena.ofConfined()) {
      assertThat(reader.next()).isFalse();
      MemorySegment bytes = arena.allocate(whole.length);
      bytes.copyFrom(MemorySegment.ofArray(whole));
      for (ChunkAt chunk : Disky.chunks(whole).subList(1, Disky.chunks(whole).size())) {
        long half = (chunk.begin() + chunk.end()) / 2;
        file.write(chunk.begin(), bytes.asSlice(chunk.begin(), half - chunk.begin()));
        assertThatExceptionOfType(CorruptionException.class).isThrownBy(reader::next);
        file.write(half, bytes.asSlice(half, chunk.end() - half));
        while (reader.next()) {
          read.add(reader.copy());
        }
        assertThat(reader.next()).isFalse();
      }
    }
    assertSame(read, records, "read while it grew");
  }
}
