// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Readers beside an owner who appends, evicts, releases, closes and repairs. */
@Timeout(300)
class LogReadersTest {

  private static final int MOST = 400;

  @TempDir Path home;

  private static void append(ReplayLog log) {
    long number = log.count();
    boolean begins = log.prepare(MOST, number % 50 == 49);
    List<FrameSource> contexts =
        begins || number % 4 == 3 ? List.of(Batches.context(number, MOST)) : List.of();
    assertThat(log.append(contexts, Batches.source(number, MOST))).isEqualTo(number);
  }

  /**
   * Readers take batches as they come and keep many of them pinned, while these leave memory, are
   * released, and their segments deleted.
   */
  @ParameterizedTest
  @CsvSource({
    "ON_INSERTION, 0",
    "ON_INSERTION, 20000",
    "ON_EVICTION, 20000",
    "ON_EVICTION, 1000000"
  })
  void whatIsPinnedStays(WritePolicy policy, long memory) throws Exception {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("LogReadersTest: seed " + seed);
    long total = Boolean.getBoolean("varve.long") ? 20_000 : 600;
    AtomicReference<Throwable> failure = new AtomicReference<>();
    ReplayLog log =
        ReplayLog.builder()
            .directory(home.resolve("log"))
            .memoryCapacity(memory)
            .writePolicy(policy)
            .segmentBytes(1 << 14)
            .maxReaders(3)
            .create();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      LogReader reader = log.reader(0);
      Random random = new Random(seed + i);
      threads.add(start(failure, () -> readAll(reader, random, total)));
    }
    threads.add(
        start(
            failure,
            () -> {
              for (long n = 0; n < total; n++) {
                append(log);
              }
              log.complete();
              log.close();
            }));
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
    assertThat(home.resolve("log")).doesNotExist();
  }

  private static Thread start(AtomicReference<Throwable> failure, Work work) {
    return Thread.ofPlatform()
        .start(
            () -> {
              try {
                work.run();
              } catch (Throwable e) {
                failure.compareAndSet(null, e);
              }
            });
  }

  interface Work {
    void run() throws Exception;
  }

  private static void readAll(LogReader reader, Random random, long total) throws Exception {
    List<LogFrame> pinned = new ArrayList<>();
    try (reader) {
      for (long n = 0; n < total; n++) {
        LogFrame frame = reader.next(Duration.ofSeconds(200));
        assertThat(frame).isNotNull();
        Batches.check(frame, n, MOST);
        pinned.add(frame);
        if (pinned.size() > 100) {
          LogFrame old = pinned.remove(random.nextInt(pinned.size()));
          Batches.check(old, old.batch(), MOST);
          old.close();
        }
      }
      assertThat(reader.next(Duration.ofSeconds(200))).isNull();
    }
    for (LogFrame frame : pinned) {
      Batches.check(frame, frame.batch(), MOST);
      frame.close();
    }
  }

  /** Another process follows an owner who appends and releases, ends and closes. */
  @Test
  void followersOfAReleasingOwner() throws Exception {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    AtomicBoolean done = new AtomicBoolean();
    ReplayLogBuilder builder =
        ReplayLog.builder().directory(home.resolve("log")).memoryCapacity(0).segmentBytes(1 << 14);
    ReplayLog log = builder.kept().maxReaders(1).create();
    LogReader releasing = log.reader(0);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      threads.add(start(failure, () -> follow(home.resolve("log"), done)));
    }
    for (int n = 0; n < 1500; n++) {
      append(log);
      if (n % 100 == 99) {
        while (releasing.lag() > 30) {
          releasing.poll().close();
        }
      }
    }
    log.complete();
    log.close();
    done.set(true);
    releasing.close();
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
  }

  private static void follow(Path directory, AtomicBoolean done) throws Exception {
    boolean last;
    do {
      last = done.get();
      try (ReplayLog log = ReplayLog.builder().directory(directory).openReadOnly();
          LogReader reader = log.reader(log.firstBatch())) {
        for (int i = 0; i < 500; i++) {
          try (LogFrame frame = reader.next(Duration.ofMillis(20))) {
            if (frame == null) {
              break;
            }
            Batches.check(frame, frame.batch(), MOST);
          } catch (NotFoundException e) {
            reader.seek(log.firstBatch()); // it was released meanwhile
          }
        }
        if (last) {
          log.refresh();
          assertThat(log.count()).isEqualTo(1500);
          assertThat(log.status()).isEqualTo(LogStatus.COMPLETE);
        }
      }
    } while (!last);
  }

  // ---- an owner who takes back

  private static final Path INDEX = LogScript.DIR.resolve(Journal.FILE);

  private final SimulatedStorage machine = SimulatedStorage.create(16);

  private static ReplayLogBuilder builder(SimulatedStorage storage) {
    return ReplayLog.builder().storage(storage).directory(LogScript.DIR).memoryCapacity(0);
  }

  /** Appends an entry that is whole, and in sequence, but does not follow the last. */
  private static void appendUnchained(SimulatedStorage storage, int entries) {
    try (StorageFile file = storage.open(INDEX, FileAccess.WRITE)) {
      Header header = Header.read(file);
      Journal journal = new Journal(file, header, file.size(), entries, 77);
      journal.ended(3, Entry.COMPLETE, "", 0);
      journal.commit();
    }
  }

  @Test
  void anEntryThatIsNotChained() {
    ReplayLog log = builder(machine).kept().create();
    ReplayLogTest.fill(log, 0, 3);
    // The segment and three batches.
    SimulatedStorage same = machine.killed();
    appendUnchained(same, 4);
    assertThatThrownBy(() -> builder(same).open()).isInstanceOf(CorruptionException.class);
    assertThatThrownBy(() -> builder(same).openReadOnly()).isInstanceOf(CorruptionException.class);
    same.bootId(Optional.of(new UUID(5, 6).toString()));
    for (boolean owner : new boolean[] {false, true}) {
      try (ReplayLog left = owner ? builder(same).open() : builder(same).openReadOnly()) {
        assertThat(left.count()).isEqualTo(3);
        assertThat(left.status()).isEqualTo(LogStatus.OPEN);
      }
    }
    try (ReplayLog follower = builder(machine.otherProcess()).openReadOnly()) {
      appendUnchained(machine, 4);
      assertThatThrownBy(follower::refresh)
          .isInstanceOf(ConflictException.class)
          .hasMessageContaining("open it again");
      assertThat(follower.status()).isEqualTo(LogStatus.OPEN);
      ReplayLogTest.checkAll(follower, 0, 3);
    }
    log.close();
  }

  /** The index is cut below what a follower has read, and grows again, with other batches. */
  @Test
  void aFollowerOfALogThatWasCut() {
    try (ReplayLog log = builder(machine).kept().create()) {
      ReplayLogTest.fill(log, 0, 3);
      SimulatedStorage copy = machine.killed();
      try (ReplayLog follower = builder(copy.otherProcess()).openReadOnly()) {
        try (StorageFile file = copy.open(INDEX, FileAccess.WRITE)) {
          file.truncate(file.size() - 1);
        }
        assertThatThrownBy(follower::refresh).isInstanceOf(ConflictException.class);
        try (ReplayLog owner = builder(copy).open()) {
          ReplayLogTest.fill(owner, 2, 3);
          owner.append(ReplayLogTest.batch(100));
          assertThatThrownBy(follower::refresh).isInstanceOf(ConflictException.class);
        }
        assertThatThrownBy(() -> follower.awaitMoreThan(3, Duration.ofSeconds(1)))
            .isInstanceOf(ConflictException.class);
        assertThat(follower.count()).isEqualTo(3);
      }
    }
  }
}
