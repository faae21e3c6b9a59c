// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.file.Durability;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a replay log does on the real file system, one capability a test. */
class ReplayLogTest {

  @TempDir Path home;

  private Path dir() {
    return home.resolve("log");
  }

  /** Bytes of batch {@code n}: a length and a content that follow from the number. */
  static byte[] content(long n) {
    byte[] bytes = new byte[(int) (100 + n * 37 % 5000)];
    new Random(n).nextBytes(bytes);
    return bytes;
  }

  static FrameSource batch(long n) {
    byte[] bytes = content(n);
    return FrameSource.of(
        n,
        MemorySegment.ofArray(Arrays.copyOf(bytes, 10)),
        MemorySegment.ofArray(new byte[0]),
        MemorySegment.ofArray(Arrays.copyOfRange(bytes, 10, bytes.length)));
  }

  static void check(LogFrame frame, long n) {
    frame.verify();
    assertThat(frame.batch()).isEqualTo(n);
    assertThat(frame.tag()).isEqualTo(n);
    assertThat(frame.partCount()).isEqualTo(3);
    byte[] bytes = content(n);
    assertThat(frame.part(0).toArray(JAVA_BYTE)).isEqualTo(Arrays.copyOf(bytes, 10));
    assertThat(frame.part(1).byteSize()).isZero();
    assertThat(frame.part(2).toArray(JAVA_BYTE))
        .isEqualTo(Arrays.copyOfRange(bytes, 10, bytes.length));
  }

  static void checkAll(ReplayLog log, long from, long to) {
    try (LogReader reader = log.reader(from)) {
      for (long n = from; n < to; n++) {
        try (LogFrame frame = reader.poll()) {
          assertThat(frame).isNotNull();
          check(frame, n);
        }
      }
      assertThat(reader.poll()).isNull();
    }
  }

  static void fill(ReplayLog log, long from, long to) {
    for (long n = from; n < to; n++) {
      assertThat(log.append(batch(n))).isEqualTo(n);
    }
  }

  @Test
  void memoryLogReplaysWhatItTook() {
    try (ReplayLog log = ReplayLog.builder().memoryCapacity(10 << 20).create()) {
      fill(log, 0, 500);
      for (int epoch = 0; epoch < 3; epoch++) {
        checkAll(log, 0, 500);
      }
      assertThat(log.statistics().hotReads()).isEqualTo(1500);
    }
  }

  @Test
  void memoryCapacityIsHardAndLosesNothing() {
    try (ReplayLog log = ReplayLog.builder().memoryCapacity(20_000).create()) {
      long appended = 0;
      FullException full = null;
      while (full == null) {
        try {
          log.append(batch(appended));
          appended++;
        } catch (FullException e) {
          full = e;
        }
      }
      assertThat(full.capacity()).isEqualTo(20_000);
      assertThat(full.used()).isLessThanOrEqualTo(20_000);
      assertThat(full.needed()).isGreaterThan(20_000 - full.used());
      checkAll(log, 0, appended);
    }
  }

  @Test
  void temporaryDirectoryGoesWithTheLog() {
    ReplayLog log =
        ReplayLog.builder().directory(dir()).memoryCapacity(0).segmentBytes(1 << 16).create();
    fill(log, 0, 300);
    checkAll(log, 0, 300);
    assertThat(log.statistics().diskReads()).isEqualTo(300);
    assertThat(log.statistics().segments()).isGreaterThan(5);
    LogReader reader = log.reader(0);
    LogFrame frame = reader.poll();
    log.close();
    assertThat(dir()).exists();
    try (LogFrame next = reader.poll()) {
      check(next, 1);
    }
    assertThatThrownBy(() -> log.append(batch(300))).isInstanceOf(ClosedException.class);
    reader.close();
    assertThat(dir()).doesNotExist();
    check(frame, 0);
    frame.close();
  }

  @Test
  void budgetKeepsTheNewestHot() {
    try (ReplayLog log =
        ReplayLog.builder()
            .directory(dir())
            .memoryCapacity(50_000)
            .segmentBytes(1 << 16)
            .create()) {
      fill(log, 0, 200);
      LogStatistics statistics = log.statistics();
      assertThat(statistics.hotBytes()).isBetween(1L, 50_000L);
      assertThat(statistics.evictions()).isGreaterThan(100);
      try (LogFrame newest = log.batch(199);
          LogFrame oldest = log.batch(0)) {
        assertThat(newest.isHot()).isTrue();
        assertThat(oldest.isHot()).isFalse();
      }
      checkAll(log, 0, 200);
    }
  }

  @Test
  void onEvictionWritesOnlyWhatDoesNotFit() throws IOException {
    try (ReplayLog log =
        ReplayLog.builder()
            .directory(dir())
            .memoryCapacity(100_000)
            .writePolicy(WritePolicy.ON_EVICTION)
            .segmentBytes(1 << 16)
            .create()) {
      fill(log, 0, 10);
      assertThat(segmentFiles()).isEmpty();
      fill(log, 10, 200);
      assertThat(segmentFiles()).isNotEmpty();
      checkAll(log, 0, 200);
      // Larger than the budget: everything before it goes first.
      byte[] large = new byte[200_000];
      log.append(FrameSource.of(200, MemorySegment.ofArray(large)));
      for (long n = 0; n < 200; n++) {
        try (LogFrame frame = log.batch(n)) {
          check(frame, n);
        }
      }
      try (LogFrame frame = log.batch(200)) {
        assertThat(frame.isHot()).isFalse();
        assertThat(frame.part(0).byteSize()).isEqualTo(200_000);
      }
    }
  }

  private List<Path> segmentFiles() throws IOException {
    try (var files = Files.list(dir())) {
      return files.filter(file -> file.getFileName().toString().startsWith("segment")).toList();
    }
  }

  @Test
  void keptLogOpensAgain() {
    try (ReplayLog log =
        ReplayLog.builder()
            .directory(dir())
            .kept()
            .descriptor(new byte[] {1, 2, 3})
            .segmentBytes(1 << 16)
            .create()) {
      fill(log, 0, 100);
      assertThatThrownBy(() -> ReplayLog.builder().directory(dir()).open())
          .isInstanceOf(BusyException.class);
      assertThatThrownBy(() -> ReplayLog.delete(dir())).isInstanceOf(BusyException.class);
    }
    try (ReplayLog log =
        ReplayLog.builder().directory(dir()).segmentBytes(1 << 16).memoryCapacity(0).open()) {
      assertThat(log.descriptor()).containsExactly(1, 2, 3);
      assertThat(log.status()).isEqualTo(LogStatus.OPEN);
      assertThat(log.wasRecovered()).isFalse();
      checkAll(log, 0, 100);
      fill(log, 100, 200);
      log.complete();
      checkAll(log, 0, 200);
      assertThatThrownBy(() -> log.append(batch(200))).isInstanceOf(IllegalStateException.class);
    }
    try (ReplayLog log = ReplayLog.builder().directory(dir()).open()) {
      assertThat(log.status()).isEqualTo(LogStatus.COMPLETE);
      checkAll(log, 0, 200);
    }
    assertThatThrownBy(() -> ReplayLog.builder().directory(dir()).create())
        .isInstanceOf(ConflictException.class);
    ReplayLog.delete(dir());
    assertThat(dir()).doesNotExist();
  }

  @Test
  void failureIsKept() {
    try (ReplayLog log = ReplayLog.builder().directory(dir()).kept().create()) {
      fill(log, 0, 3);
      log.fail("the source broke");
    }
    try (ReplayLog log = ReplayLog.builder().directory(dir()).open()) {
      assertThat(log.status()).isEqualTo(LogStatus.FAILED);
      assertThat(log.failure()).contains("the source broke");
      fill(log, 3, 5);
      assertThat(log.status()).isEqualTo(LogStatus.OPEN);
      log.complete();
    }
    try (ReplayLog log = ReplayLog.builder().directory(dir()).open()) {
      assertThat(log.status()).isEqualTo(LogStatus.COMPLETE);
      checkAll(log, 0, 5);
    }
  }

  @Test
  void onEvictionOfAKeptLogFlushesOnClose() {
    try (ReplayLog log =
        ReplayLog.builder()
            .directory(dir())
            .kept()
            .memoryCapacity(1 << 20)
            .writePolicy(WritePolicy.ON_EVICTION)
            .create()) {
      fill(log, 0, 50);
      log.complete();
    }
    try (ReplayLog log = ReplayLog.builder().directory(dir()).open()) {
      assertThat(log.status()).isEqualTo(LogStatus.COMPLETE);
      checkAll(log, 0, 50);
    }
  }

  @Test
  void readersReleaseMemoryBehindTheSlowest() {
    try (ReplayLog log = ReplayLog.builder().memoryCapacity(1 << 20).maxReaders(2).create()) {
      LogReader slow = log.reader(0);
      fill(log, 0, 100);
      assertThat(log.firstBatch()).isZero();
      LogReader fast = log.reader(0);
      for (int i = 0; i < 100; i++) {
        fast.poll().close();
      }
      assertThat(log.firstBatch()).isZero();
      for (int i = 0; i < 40; i++) {
        slow.poll().close();
      }
      assertThat(log.firstBatch()).isEqualTo(40);
      assertThat(log.statistics().hotBatches()).isEqualTo(60);
      assertThatThrownBy(() -> log.batch(39)).isInstanceOf(NotFoundException.class);
      assertThatThrownBy(() -> slow.seek(39)).isInstanceOf(NotFoundException.class);
      slow.close();
      assertThat(log.firstBatch()).isEqualTo(100);
      assertThat(log.statistics().heldBytes()).isZero();
      assertThatThrownBy(() -> log.reader(100)).isInstanceOf(ConflictException.class);
    }
  }

  @Test
  void diskSpaceComesBack() throws IOException {
    long capacity = 400_000;
    try (ReplayLog log =
            ReplayLog.builder()
                .directory(dir())
                .memoryCapacity(0)
                .diskCapacity(capacity)
                .maxReaders(1)
                .create();
        LogReader reader = log.reader(0)) {
      for (long n = 0; n < 1000; n++) {
        log.append(batch(n));
        try (LogFrame frame = reader.poll()) {
          check(frame, n);
        }
        assertThat(log.statistics().diskBytes()).isLessThanOrEqualTo(capacity);
      }
      long onDisk = 0;
      for (Path file : Files.list(dir()).toList()) {
        onDisk += Files.size(file);
      }
      assertThat(onDisk).isLessThanOrEqualTo(capacity).isEqualTo(log.statistics().diskBytes());
    }
  }

  @Test
  void diskCapacityIsHardAndNamesItsFigures() {
    try (ReplayLog log =
        ReplayLog.builder().directory(dir()).memoryCapacity(0).diskCapacity(100_000).create()) {
      long appended = 0;
      FullException full = null;
      while (full == null) {
        try {
          log.append(batch(appended));
          appended++;
        } catch (FullException e) {
          full = e;
        }
      }
      assertThat(full.capacity()).isEqualTo(100_000);
      assertThat(appended).isGreaterThan(5);
      checkAll(log, 0, appended);
    }
  }

  @Test
  void contextsHoldForTheirSegment() {
    for (WritePolicy policy : WritePolicy.values()) {
      try (ReplayLog log =
          ReplayLog.builder()
              .directory(home.resolve(policy.name()))
              .writePolicy(policy)
              .memoryCapacity(20_000)
              .segmentBytes(30_000)
              .create()) {
        List<Integer> expected = new ArrayList<>();
        int contexts = 0;
        for (long n = 0; n < 200; n++) {
          List<FrameSource> added = new ArrayList<>();
          if (log.prepare(5000, n == 77)) {
            contexts = 0;
          }
          if (contexts == 0 || n % 7 == 0) {
            added.add(FrameSource.of(1000 + n, MemorySegment.ofArray(content(n))));
            contexts++;
          }
          log.append(added, batch(n));
          expected.add(contexts);
        }
        for (long n = 0; n < 200; n++) {
          try (LogFrame frame = log.batch(n)) {
            check(frame, n);
            assertThat(frame.contexts()).isEqualTo(expected.get((int) n));
            for (int i = 0; i < frame.contexts(); i++) {
              try (LogFrame context = frame.context(i)) {
                assertThat(context.part(0).toArray(JAVA_BYTE))
                    .isEqualTo(content(context.tag() - 1000));
              }
            }
          }
        }
      }
    }
  }

  @Test
  void readOnlyFollowsTheOwner() throws Exception {
    try (ReplayLog owner =
        ReplayLog.builder().directory(dir()).kept().segmentBytes(1 << 16).create()) {
      fill(owner, 0, 10);
      try (ReplayLog follower = ReplayLog.builder().directory(dir()).openReadOnly();
          LogReader reader = follower.reader(0)) {
        checkAll(follower, 0, 10);
        checkDiskBytes(owner, follower);
        fill(owner, 10, 100);
        for (long n = 0; n < 100; n++) {
          try (LogFrame frame = reader.next(Duration.ofSeconds(10))) {
            check(frame, n);
          }
        }
        assertThat(reader.next(Duration.ofMillis(20))).isNull();
        owner.complete();
        assertThat(reader.next(Duration.ofSeconds(10))).isNull();
        assertThat(follower.status()).isEqualTo(LogStatus.COMPLETE);
        checkDiskBytes(owner, follower);
        assertThatThrownBy(() -> follower.append(batch(100)))
            .isInstanceOf(IllegalStateException.class);
      }
    }
  }

  private void checkDiskBytes(ReplayLog owner, ReplayLog follower) throws Exception {
    long bytes = 0;
    for (Path file : Files.list(dir()).toList()) {
      bytes += Files.size(file);
    }
    assertThat(owner.statistics().diskBytes()).isEqualTo(bytes);
    assertThat(follower.statistics().diskBytes()).isEqualTo(bytes);
  }

  @Test
  void waitingReaderIsWokenByAppendEndAndClose() throws Exception {
    try (ReplayLog log = ReplayLog.builder().create()) {
      LogReader reader = log.reader(0);
      Thread appender = Thread.ofPlatform().start(() -> fill(log, 0, 1));
      try (LogFrame frame = reader.next(Duration.ofSeconds(30))) {
        check(frame, 0);
      }
      appender.join();
      Thread closer = Thread.ofPlatform().start(reader::close);
      assertThatThrownBy(() -> reader.next(Duration.ofSeconds(30)))
          .isInstanceOf(ClosedException.class);
      closer.join();
      LogReader other = log.reader(1);
      Thread ender = Thread.ofPlatform().start(log::complete);
      assertThat(other.next(Duration.ofSeconds(30))).isNull();
      ender.join();
    }
  }

  @Test
  void syncRaisesTheFloor() {
    try (ReplayLog log =
        ReplayLog.builder().directory(dir()).kept().durability(Durability.SYNC).create()) {
      fill(log, 0, 5);
      assertThat(log.statistics().syncs()).isEqualTo(5);
    }
  }
}
