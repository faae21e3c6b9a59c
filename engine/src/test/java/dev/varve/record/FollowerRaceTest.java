// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.memory.AllocationMeter;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A writer and followers at the same time, on real files. */
@Tag("once")
@Timeout(300)
class FollowerRaceTest {
  private static final Duration LONG_TIME = Duration.ofSeconds(100);
  private static final int RECORDS = Boolean.getBoolean("varve.long") ? 3_000_000 : 120_000;

  @TempDir Path home;
  private long sum;

  private Path file() {
    return home.resolve("f.vrec");
  }

  private static RecordWriterBuilder writer(Path file) {
    return RecordWriter.builder(file).acknowledge(Acknowledge.EACH);
  }

  /** A record that says its number in every word. */
  private static int put(MemorySegment memory, long number, Random lengths) {
    int dice = lengths.nextInt(4000);
    int length = dice == 0 ? 300_000 : dice < 40 ? lengths.nextInt(20_000) : lengths.nextInt(200);
    length = 8 + length / 8 * 8;
    for (int at = 0; at < length; at += 8) {
      memory.set(ValueLayout.JAVA_LONG, at, number * 1_000_003 + at);
    }
    return length;
  }

  private static void check(Follower follower, long number, Random lengths, MemorySegment memory) {
    assertThat(follower.number()).isEqualTo(number);
    int length = put(memory, number, lengths);
    assertThat(follower.length()).isEqualTo(length);
    long different =
        MemorySegment.mismatch(
            follower.memory(), follower.offset(), follower.offset() + length, memory, 0, length);
    assertThat(different).as("record %d", number).isEqualTo(-1);
  }

  private static long follow(Path file, long seed, boolean slow) {
    Random lengths = new Random(seed);
    Random moods = new Random(seed + 1);
    try (Follower follower = Follower.open(file);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(400_000, 8);
      for (long number = 0; number < RECORDS; number++) {
        assertThat(follower.poll(LONG_TIME)).as("record %d", number).isTrue();
        check(follower, number, lengths, memory);
        if (slow && moods.nextInt(8000) == 0) {
          // Long enough for the writer to go over the slots more than once.
          long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(moods.nextInt(30));
          while (System.nanoTime() < until) {
            Thread.onSpinWait();
          }
        }
      }
      assertThat(follower.poll()).isFalse();
      return follower.epoch();
    }
  }

  /** Fast and slow followers see every record once, whole and in order, over several writers. */
  @Test
  void everyRecordOnce() throws Exception {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("FollowerRaceTest: seed " + seed);
    writer(file()).create().close();
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      List<Future<Long>> followers = new ArrayList<>();
      for (boolean slow : new boolean[] {false, true}) {
        followers.add(threads.submit((Callable<Long>) () -> follow(file(), seed, slow)));
      }
      Random lengths = new Random(seed);
      Random random = new Random(seed + 2);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment memory = arena.allocate(400_000, 8);
        RecordWriter writer = writer(file()).runBytes(64 << 10).append();
        for (long number = 0; number < RECORDS; number++) {
          int length = put(memory, number, lengths);
          assertThat(writer.append(memory, 0, length)).isEqualTo(number);
          int dice = random.nextInt(40_000);
          if (dice < 10) {
            writer.flush();
          } else if (dice == 10) {
            writer.close();
            writer = writer(file()).runBytes(64 << 10).append();
          }
        }
        writer.close();
      }
      for (Future<Long> follower : followers) {
        assertThat(follower.get()).isPositive();
      }
    }
  }

  /** Any number of threads write; the follower sees each thread's records in its order. */
  @Test
  void sharedWriters() throws Exception {
    int writers = 3;
    int each = 5000;
    try (RecordWriter writer = writer(file()).shared().create();
        Follower follower = Follower.open(file());
        ExecutorService threads = Executors.newFixedThreadPool(writers)) {
      List<Future<?>> running = new ArrayList<>();
      for (int w = 0; w < writers; w++) {
        int id = w;
        running.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < each; i++) {
                    writer.append(new byte[] {(byte) id, (byte) (i >> 8), (byte) i});
                  }
                }));
      }
      int[] next = new int[writers];
      for (int i = 0; i < writers * each; i++) {
        assertThat(follower.poll(LONG_TIME)).isTrue();
        byte[] record = follower.toArray();
        int number = ((record[1] & 255) << 8) | (record[2] & 255);
        assertThat(number).isEqualTo(next[record[0]]++);
      }
      for (Future<?> one : running) {
        one.get();
      }
    }
  }

  /** A wait ends with the close of the follower. */
  @Test
  void closeEndsAWait() throws Exception {
    try (RecordWriter writer = writer(file()).create();
        ExecutorService threads = Executors.newFixedThreadPool(1)) {
      for (int round = 0; round < 30; round++) {
        Follower follower = Follower.open(file());
        AtomicLong seen = new AtomicLong();
        CountDownLatch begun = new CountDownLatch(1);
        Future<?> waiting =
            threads.submit(
                () -> {
                  begun.countDown();
                  while (follower.poll(LONG_TIME)) {
                    seen.incrementAndGet();
                  }
                });
        begun.await();
        while (round % 2 == 0 && seen.get() < 100L * round) {
          writer.append(new byte[10]);
        }
        follower.close();
        assertThatThrownBy(waiting::get).hasCauseInstanceOf(ClosedException.class);
      }
    }
  }

  /** Another thread's interrupt ends a wait. */
  @Test
  void interruptEndsAWait() throws Exception {
    try (RecordWriter writer = writer(file()).create();
        Follower follower = Follower.open(file())) {
      Thread self = Thread.currentThread();
      Thread other =
          new Thread(
              () -> {
                while (self.getState() != Thread.State.TIMED_WAITING) {
                  Thread.onSpinWait();
                }
                self.interrupt();
              });
      other.start();
      assertThat(follower.poll(LONG_TIME)).isFalse();
      assertThat(Thread.interrupted()).isTrue();
      other.join();
      writer.append(new byte[1]);
      assertThat(follower.poll()).isTrue();
    }
  }

  /** Somebody cuts the live file: exceptions on both sides, and nothing acknowledged is lost. */
  @ParameterizedTest
  @ValueSource(ints = {0, 100, 4096})
  void cutLiveFile(int length) throws IOException {
    RecordWriter writer = writer(file()).create();
    Follower follower = Follower.open(file());
    writer.append(new byte[100]);
    writer.flush();
    assertThat(follower.poll()).isTrue();
    writer.append(new byte[101]);
    writer.append(new byte[102]);
    try (RandomAccessFile live = new RandomAccessFile(home.resolve("f.vrec.live").toFile(), "rw")) {
      live.setLength(length);
    }
    assertThatThrownBy(() -> writer.append(new byte[103]))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("f.vrec.live");
    // Should the process die now, all that was acknowledged is in the file.
    try (RecordReader reader = RecordReader.builder(file()).acceptUnclosed().open()) {
      assertThat(reader.count()).isEqualTo(3);
    }
    for (int size : new int[] {1, 400_000}) {
      assertThatThrownBy(() -> writer.append(new byte[size]))
          .isInstanceOf(PoisonedException.class)
          .hasMessageContaining("all that were acknowledged are kept");
    }
    writer.flush();
    writer.sync();
    writer.close();
    assertThat(home.resolve("f.vrec.live")).doesNotExist();
    try (RecordWriter next = writer(file()).append()) {
      assertThat(next.count()).isEqualTo(3);
      next.append(new byte[103]);
      for (int size = 101; size <= 103; size++) {
        assertThat(pollAfterFaults(follower)).isTrue();
        assertThat(follower.length()).isEqualTo(size);
      }
    }
    follower.close();
  }

  /** A follower says that its file was cut, and goes on with what is in the record file. */
  private static boolean pollAfterFaults(Follower follower) {
    try {
      return follower.poll(LONG_TIME);
    } catch (StorageException e) {
      assertThat(e).hasMessageContaining("Poll again");
      return follower.poll(LONG_TIME);
    }
  }

  /**
   * Somebody puts another file in the place of the live file: a writer that lives loses nothing.
   */
  @Test
  void replacedLiveFile() throws IOException {
    RecordWriter writer = writer(file()).create();
    writer.append(new byte[100]);
    Path other = home.resolve("other");
    Files.write(other, new byte[5000]);
    Files.move(other, home.resolve("f.vrec.live"), StandardCopyOption.REPLACE_EXISTING);
    writer.append(new byte[101]);
    writer.close();
    try (RecordReader reader = RecordReader.open(file())) {
      assertThat(reader.count()).isEqualTo(2);
    }
    assertThat(home.resolve("f.vrec.live")).doesNotExist();
  }

  /** The same in compiled code, where a fault is raised late: nothing is published by mistake. */
  @Test
  void cutLiveFileUnderCompiledCode() throws IOException {
    for (int length : new int[] {1, 4, 8, 64, 9000}) {
      cutUnderCompiledCode(length, false);
    }
  }

  /** The page that a record begins on stays, those behind it are gone. */
  @Test
  void cutWithinARecordUnderCompiledCode() throws IOException {
    // The first one's frames end with pages: of the last one only the word behind it is gone.
    for (int length : new int[] {56, 4096, 5000, 9000}) {
      cutUnderCompiledCode(length, true);
    }
  }

  private void cutUnderCompiledCode(int length, boolean within) throws IOException {
    Path file = home.resolve("cut-" + length);
    RecordWriter writer = writer(file).create();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment record = arena.allocate(length);
      record.fill((byte) 9);
      for (int i = 0; i < 60_000; i++) {
        writer.append(record);
      }
      long written;
      try (RandomAccessFile live =
          new RandomAccessFile(home.resolve(file + ".live").toFile(), "rw")) {
        long next = nextFrame(live);
        while (length == 56 && (next + 64) % LiveLayout.PAGE != 0) {
          writer.append(record);
          next += 64;
        }
        assertThat(nextFrame(live)).isEqualTo(next);
        written = writer.count();
        live.setLength(
            within ? next / LiveLayout.PAGE * LiveLayout.PAGE + LiveLayout.PAGE : LiveLayout.PAGE);
        assertThatThrownBy(() -> writer.append(record))
            .isInstanceOfAny(StorageException.class, PoisonedException.class);
        if (within) {
          assertThat(LiveLayout.run(word(live, next)))
              .as("the frame, with records of %d bytes", length)
              .isGreaterThan(LiveLayout.MAX_RUN);
        }
        assertThat(word(live, LiveLayout.STATE)).isEqualTo(LiveLayout.FAILED);
      }
      writer.close();
      try (RecordReader reader = RecordReader.open(file)) {
        assertThat(reader.count()).isEqualTo(written);
      }
    }
  }

  /** Where the run ends. */
  private static long nextFrame(RandomAccessFile live) throws IOException {
    long run = word(live, LiveLayout.P);
    int slotBytes = (int) word(live, 12) & 0x7fffffff;
    long at = LiveLayout.slotAt(run, slotBytes) + LiveLayout.SLOT;
    for (long word = word(live, at); LiveLayout.run(word) == run; word = word(live, at)) {
      at += LiveLayout.frame(LiveLayout.length(word));
    }
    return at;
  }

  private static long word(RandomAccessFile file, long at) throws IOException {
    file.seek(at);
    return Long.reverseBytes(file.readLong());
  }

  @Test
  void nothingIsAllocatedPerRecord() {
    try (RecordWriter writer = writer(file()).create();
        Follower follower = Follower.open(file());
        Arena arena = Arena.ofConfined()) {
      MemorySegment record = arena.allocate(64);
      double bytes =
          AllocationMeter.bytesPerOperation(
              () -> {
                writer.append(record);
                if (writer.count() % 3 == 0) {
                  while (follower.poll()) {
                    sum += follower.memory().get(ValueLayout.JAVA_BYTE, follower.offset());
                  }
                }
              });
      assertThat(bytes).isLessThan(1.0);
      assertThat(sum).isZero();
    }
  }
}
