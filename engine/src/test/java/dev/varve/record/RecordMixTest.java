// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.file.SimulatedStorage;
import dev.varve.memory.AllocationMeter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Shuffling and sampling, against lists. */
class RecordMixTest {
  private final SimulatedStorage storage = RecordSamples.storage();

  private static List<byte[]> records(long seed, int count, int longest) {
    Random random = new Random(seed);
    List<byte[]> records = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      records.add(RecordSamples.random(random.nextLong(), random.nextInt(longest + 1)));
    }
    return records;
  }

  private static List<byte[]> numbers(int from, int to) {
    return IntStream.range(from, to).mapToObj(i -> RecordSamples.bytes("" + i)).toList();
  }

  static List<String> drain(RecordCursor cursor) {
    List<String> all = new ArrayList<>();
    byte[] copy = new byte[1 << 20];
    while (cursor.next()) {
      byte[] record = cursor.toArray();
      cursor.copyTo(MemorySegment.ofArray(copy), 3);
      assertThat(
              MemorySegment.ofArray(copy)
                  .asSlice(3, record.length)
                  .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
          .isEqualTo(record);
      all.add(RecordSamples.show(record));
    }
    return all;
  }

  private static List<String> sorted(List<String> shown) {
    return shown.stream().sorted().toList();
  }

  @Test
  void shufflingKeepsTheMultisetForEveryBuffer() {
    for (int seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      List<byte[]> records = records(seed, random.nextInt(600), 1 << random.nextInt(13));
      int n = 1 + random.nextInt(700);
      long bytes = 4096L << random.nextInt(8);
      List<String> expected = RecordSamples.show(records);
      List<List<String>> runs = new ArrayList<>();
      for (int run = 0; run < 2; run++) {
        try (Shuffler shuffler =
            Shuffler.builder(RecordCursor.of(records)).records(n).bytes(bytes).seed(seed).open()) {
          runs.add(drain(shuffler));
          assertThat(shuffler.next()).isFalse();
          assertThat(shuffler.bufferBytes()).isLessThanOrEqualTo(bytes);
        }
      }
      assertThat(sorted(runs.get(0))).as("seed %d", seed).isEqualTo(sorted(expected));
      assertThat(runs.get(1)).as("seed %d", seed).isEqualTo(runs.get(0));
      if (n == 1) {
        assertThat(runs.get(0)).isEqualTo(expected);
      }
    }
  }

  @Test
  void aBufferOfOneChangesNothing() {
    try (Shuffler shuffler =
        Shuffler.builder(RecordCursor.of(numbers(0, 100))).records(1).seed(3).open()) {
      assertThat(drain(shuffler)).isEqualTo(RecordSamples.show(numbers(0, 100)));
    }
  }

  /** With a buffer of all, each record comes about as often to each place; the tail is shuffled. */
  @Test
  void everyOrderIsAboutAsLikely() {
    int[][] seen = new int[6][6];
    for (int seed = 0; seed < 6000; seed++) {
      try (Shuffler shuffler =
          Shuffler.builder(RecordCursor.of(numbers(0, 6))).records(6).seed(seed).open()) {
        for (int place = 0; shuffler.next(); place++) {
          seen[shuffler.toArray()[0] - '0'][place]++;
        }
      }
    }
    for (int[] places : seen) {
      for (int times : places) {
        assertThat(times).isBetween(850, 1150);
      }
    }
  }

  @Test
  void otherSeedsGiveOtherOrders() {
    List<List<String>> orders = new ArrayList<>();
    for (int seed = 0; seed < 20; seed++) {
      try (Shuffler shuffler =
          Shuffler.builder(RecordCursor.of(numbers(0, 50))).records(10).seed(seed).open()) {
        orders.add(drain(shuffler));
      }
    }
    assertThat(orders).doesNotHaveDuplicates();
  }

  @Test
  void shufflingResumesAtEveryPosition() {
    List<byte[]> records = records(8, 80, 900);
    List<String> all;
    List<Checkpoint> checkpoints = new ArrayList<>();
    try (Shuffler shuffler = shuffler(records)) {
      all = new ArrayList<>();
      checkpoints.add(shuffler.checkpoint());
      while (shuffler.next()) {
        all.add(RecordSamples.show(shuffler.toArray()));
        checkpoints.add(shuffler.checkpoint());
      }
    }
    assertThat(all).hasSize(80);
    for (int i = 0; i <= 80; i++) {
      Checkpoint decoded = Checkpoint.fromBytes(checkpoints.get(i).toBytes());
      assertThat(decoded).isEqualTo(checkpoints.get(i)).hasSameHashCodeAs(checkpoints.get(i));
      try (Shuffler shuffler = Shuffler.builder(RecordCursor.of(records)).resume(decoded).open()) {
        assertThat(drain(shuffler)).as("behind %d", i).isEqualTo(all.subList(i, 80));
      }
    }
    assertThatThrownBy(
            () -> Shuffler.builder(RecordCursor.of(List.of())).resume(checkpoints.get(3)).open())
        .isInstanceOf(ConflictException.class);
  }

  private static Shuffler shuffler(List<byte[]> records) {
    return Shuffler.builder(RecordCursor.of(records)).records(20).bytes(8192).seed(5).open();
  }

  /** What a source throws comes once, in its place, and costs nothing else. */
  @Test
  void errorsOfTheSourcePassThrough() {
    Iterator<byte[]> numbers = numbers(0, 30).iterator();
    Iterator<byte[]> failing =
        new Iterator<>() {
          private int calls;

          @Override
          public boolean hasNext() {
            if (++calls == 12) {
              throw new IllegalStateException("planned");
            }
            return numbers.hasNext();
          }

          @Override
          public byte[] next() {
            return numbers.next();
          }
        };
    List<String> seen = new ArrayList<>();
    try (Shuffler shuffler = Shuffler.builder(RecordCursor.of(failing)).records(5).seed(5).open()) {
      assertThatThrownBy(() -> show(shuffler, seen)).hasMessage("planned");
      assertThat(seen.size()).isBetween(6, 11);
      show(shuffler, seen);
    }
    assertThat(sorted(seen)).isEqualTo(sorted(RecordSamples.show(numbers(0, 30))));
  }

  private static void show(RecordCursor cursor, List<String> seen) {
    while (cursor.next()) {
      seen.add(RecordSamples.show(cursor.toArray()));
    }
  }

  @Test
  void samplingKeepsEachSourceInOrderAndWeighsThem() {
    for (int seed = 0; seed < 10; seed++) {
      List<List<String>> taken = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
      int[] early = new int[3];
      try (Sampler sampler =
          Sampler.builder()
              .add(RecordCursor.of(numbers(0, 6000)), 6)
              .add(RecordCursor.of(numbers(6000, 6000)), 100)
              .add(RecordCursor.of(numbers(7000, 10_000)), 2)
              .seed(seed)
              .open()) {
        for (int i = 0; sampler.next(); i++) {
          taken.get(sampler.source()).add(RecordSamples.show(sampler.toArray()));
          early[sampler.source()] += i < 4000 ? 1 : 0;
        }
      }
      assertThat(taken.get(0)).isEqualTo(RecordSamples.show(numbers(0, 6000)));
      assertThat(taken.get(1)).isEmpty();
      assertThat(taken.get(2)).isEqualTo(RecordSamples.show(numbers(7000, 10_000)));
      assertThat(early[0]).isBetween(2850, 3150);
    }
    for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatThrownBy(() -> Sampler.builder().add(RecordCursor.of(List.of()), bad))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void nothingCannotBeSampled() {
    assertThatThrownBy(() -> Sampler.builder().open())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least one source");
  }

  @Test
  void samplingResumesAtEveryPosition() {
    for (int i = 0; i < 2; i++) {
      try (RecordWriter writer =
          RecordWriter.builder(file(i)).storage(storage).blockSize(4096).create()) {
        numbers(100 * i, 100 * i + 40).forEach(writer::append);
      }
    }
    List<String> all = new ArrayList<>();
    List<Checkpoint> checkpoints = new ArrayList<>();
    try (Sampler sampler = sampler(null)) {
      checkpoints.add(sampler.checkpoint());
      while (sampler.next()) {
        all.add(RecordSamples.show(sampler.toArray()));
        checkpoints.add(sampler.checkpoint());
      }
    }
    assertThat(all).hasSize(100);
    for (int i = 0; i <= 100; i++) {
      try (Sampler sampler = sampler(Checkpoint.fromBytes(checkpoints.get(i).toBytes()))) {
        assertThat(drain(sampler)).as("behind %d", i).isEqualTo(all.subList(i, 100));
      }
    }
    assertThatThrownBy(
            () ->
                Sampler.builder()
                    .add(RecordCursor.of(List.of()), 1)
                    .resume(checkpoints.get(3))
                    .open())
        .isInstanceOf(ConflictException.class);
    assertThatThrownBy(
            () -> Shuffler.builder(RecordCursor.of(List.of())).resume(checkpoints.get(3)).open())
        .isInstanceOf(ConflictException.class);
  }

  /** Of a file that was cut, or that its writer left, what stands before the end is read. */
  @Test
  void samplingResumesInAnUnclosedFile() {
    RecordWriter left = RecordWriter.builder(file(0)).storage(storage).blockSize(4096).create();
    numbers(0, 40).forEach(left::append);
    left.flush();
    List<String> all = new ArrayList<>();
    List<Checkpoint> checkpoints = new ArrayList<>();
    try (Sampler sampler = unclosed(null)) {
      checkpoints.add(sampler.checkpoint());
      for (int i = 0; i < 40; i++) {
        assertThat(sampler.next()).isTrue();
        all.add(RecordSamples.show(sampler.toArray()));
        checkpoints.add(sampler.checkpoint());
      }
      assertThatThrownBy(sampler::next).isInstanceOf(CorruptionException.class);
    }
    for (int i = 0; i <= 40; i++) {
      try (Sampler sampler = unclosed(checkpoints.get(i))) {
        List<String> rest = new ArrayList<>();
        for (int k = i; k < 40; k++) {
          assertThat(sampler.next()).isTrue();
          rest.add(RecordSamples.show(sampler.toArray()));
        }
        assertThat(rest).as("behind %d", i).isEqualTo(all.subList(i, 40));
        assertThatThrownBy(sampler::next).isInstanceOf(CorruptionException.class);
      }
    }
    left.close();
  }

  private Sampler unclosed(@Nullable Checkpoint from) {
    Sampler.Builder builder =
        Sampler.builder().add(RecordReader.builder(file(0)).storage(storage).open(), 1);
    return (from == null ? builder : builder.resume(from)).open();
  }

  private Path file(int i) {
    return RecordSamples.DIR.resolve("s" + i + ".vrec");
  }

  private Sampler sampler(Checkpoint from) {
    Sampler.Builder builder =
        Sampler.builder()
            .add(RecordReader.builder(file(0)).storage(storage).open(), 1)
            .add(RecordReader.builder(file(1)).storage(storage).open(), 1.5)
            .add(RecordCursor.of(numbers(500, 520)), 1)
            .seed(9);
    return (from == null ? builder : builder.resume(from)).open();
  }

  /** Every damaged bit is noticed, and no bytes do harm. */
  @Test
  void checkpointsAreVerified() {
    byte[] bytes = new Checkpoint(Checkpoint.SAMPLER, 1, 2, 3).toBytes();
    assertThat(bytes).hasSize(52);
    for (int bit = 0; bit < 8 * bytes.length; bit++) {
      byte[] damaged = bytes.clone();
      damaged[bit / 8] ^= (byte) (1 << bit % 8);
      assertThatThrownBy(() -> Checkpoint.fromBytes(damaged))
          .isInstanceOf(CorruptionException.class);
    }
    for (int length = 0; length < bytes.length; length++) {
      byte[] cut = java.util.Arrays.copyOf(bytes, length);
      assertThatThrownBy(() -> Checkpoint.fromBytes(cut)).isInstanceOf(CorruptionException.class);
    }
    byte[] newer = bytes.clone();
    newer[8] = 2;
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(newer, 0, 48);
    java.nio.ByteBuffer.wrap(newer)
        .order(java.nio.ByteOrder.LITTLE_ENDIAN)
        .putInt(48, (int) crc.getValue());
    assertThatThrownBy(() -> Checkpoint.fromBytes(newer))
        .isInstanceOf(FormatVersionException.class);
    Random random = new Random(4);
    for (int i = 0; i < 3000; i++) {
      long[] words = random.longs(random.nextInt(12)).map(w -> w >> random.nextInt(64)).toArray();
      Checkpoint sampler = new Checkpoint(Checkpoint.SAMPLER, words);
      Checkpoint shuffler = new Checkpoint(Checkpoint.SHUFFLER, words);
      assertThatThrownBy(
              () -> Sampler.builder().add(RecordCursor.of(numbers(0, 2)), 1).resume(sampler).open())
          .isInstanceOf(ConflictException.class);
      if (words.length < 4 || words[3] != 0) {
        assertThatThrownBy(
                () -> Shuffler.builder(RecordCursor.of(List.of())).resume(shuffler).open())
            .isInstanceOf(ConflictException.class);
      }
    }
  }

  @Test
  void closingClosesTheSources() {
    put(4);
    RecordReader one = RecordReader.builder(file(0)).storage(storage).open();
    RecordCursor two = RecordCursor.of(numbers(0, 4));
    Shuffler shuffler =
        Shuffler.builder(Sampler.builder().add(one, 1).add(two, 1).open()).records(3).open();
    assertThatThrownBy(shuffler::length).isInstanceOf(IllegalStateException.class);
    assertThat(drain(shuffler)).hasSize(8);
    shuffler.close();
    shuffler.close();
    for (RecordCursor cursor : List.of(one, two, shuffler)) {
      assertThatThrownBy(cursor::next).isInstanceOf(ClosedException.class);
      assertThatThrownBy(cursor::length).isInstanceOf(RuntimeException.class);
    }
  }

  private void put(int count) {
    try (RecordWriter writer = RecordWriter.builder(file(0)).storage(storage).create()) {
      numbers(0, count).forEach(writer::append);
    }
  }

  @Test
  void nothingIsAllocatedPerRecord() {
    List<byte[]> few = records(3, 100, 100);
    Iterator<byte[]> endless =
        new Iterator<>() {
          private int i;

          @Override
          public boolean hasNext() {
            return true;
          }

          @Override
          public byte[] next() {
            return few.get(i++ % 100);
          }
        };
    try (Shuffler shuffler =
        Shuffler.builder(Sampler.builder().add(RecordCursor.of(endless), 2).open())
            .records(50)
            .bytes(16 << 10)
            .open()) {
      assertThat(AllocationMeter.bytesPerOperation(shuffler::next)).isLessThan(1.0);
    }
  }
}
