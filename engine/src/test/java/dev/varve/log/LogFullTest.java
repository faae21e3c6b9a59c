// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.varve.FullException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.SimulatedStorage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A disk that is full: an exception, everything can be read, and the log goes on with space. */
class LogFullTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final Logger LOGGER = Logger.getLogger("dev.varve.log");

  @BeforeAll
  static void beQuiet() {
    LOGGER.setLevel(Level.OFF);
  }

  @AfterAll
  static void beLoud() {
    LOGGER.setLevel(null);
  }

  static List<LogScript.Setting> settings() {
    return LogScript.settings();
  }

  /** Disks of every size: the first failure comes at every byte, and space returns at once. */
  @ParameterizedTest
  @MethodSource("settings")
  void everyCapacity(LogScript.Setting setting) {
    for (long capacity = 0; grow(setting, capacity, 1L << 30) > 0; capacity += LONG ? 8 : 997) {
      assertThat(capacity).isLessThan(1 << 20);
    }
  }

  /** The disk grows by so little that it is full again and again. */
  @ParameterizedTest
  @MethodSource("settings")
  void spaceInSmallPieces(LogScript.Setting setting) {
    for (int piece : LONG ? new int[] {1, 7, 40, 100, 300, 1000} : new int[] {300}) {
      assertThat(grow(setting, 0, piece)).isGreaterThan(3);
    }
  }

  /**
   * Runs a life on a disk of some size, which grows whenever it is full.
   *
   * @return how often it was
   */
  private static int grow(LogScript.Setting setting, long capacity, long more) {
    SimulatedStorage storage = SimulatedStorage.create(8);
    LogScript script = new LogScript(setting, storage).life();
    long now = capacity;
    storage.capacity(now);
    int failures = 0;
    try {
      for (LogScript.Step step : script.steps) {
        script.current = step.name();
        boolean done = false;
        while (!done) {
          try {
            if (failures == 0 || script.isOpen() || opens(step)) {
              step.action().run();
            } else {
              LogFaultTest.goOn(script, step);
            }
            done = true;
          } catch (VarveException e) {
            assertThat(e).isInstanceOf(FullException.class);
            failures++;
            script.checkOpen();
            now += more;
            storage.capacity(now);
          }
        }
      }
      storage.capacity(1L << 40);
      script.checkState(storage.killed(), script.killSafe);
      storage.crashStates(2).forEach(state -> script.checkState(state, script.durable));
    } catch (RuntimeException | AssertionError e) {
      fail("capacity " + now + ", more " + more + ", " + script.current + " of " + setting, e);
    }
    return failures;
  }

  private static boolean opens(LogScript.Step step) {
    return step.name().equals("open") || step.name().equals("create");
  }

  /** The log alone fills the disk, and its readers make room again: no other space is needed. */
  @ParameterizedTest
  @CsvSource({
    "true, ON_INSERTION, NONE", "true, ON_INSERTION, SYNC", "true, ON_EVICTION, NONE",
    "true, ON_EVICTION, ASYNC", "false, ON_INSERTION, NONE", "false, ON_EVICTION, NONE"
  })
  void readersMakeRoom(boolean kept, WritePolicy policy, Durability.Level level) {
    Durability durability =
        switch (level) {
          case NONE -> Durability.NONE;
          case SYNC -> Durability.SYNC;
          case ASYNC -> Durability.async(Duration.ofDays(1));
        };
    for (long segment : new long[] {4096, 1 << 20}) {
      SimulatedStorage storage = SimulatedStorage.create(9);
      storage.capacity(120_000);
      ReplayLogBuilder builder =
          ReplayLog.builder()
              .storage(storage)
              .directory(LogScript.DIR)
              .framing(new TestFraming())
              .memoryCapacity(policy == WritePolicy.ON_EVICTION ? 3000 : 0)
              .segmentBytes(segment)
              .writePolicy(policy)
              .durability(durability)
              .maxReaders(1);
      try (ReplayLog log = kept ? builder.kept().create() : builder.create();
          LogReader reader = log.reader(0)) {
        for (int turn = 0; turn < 4; turn++) {
          long before = log.count();
          assertThatThrownBy(
                  () -> {
                    for (int i = 0; i < 1000; i++) {
                      append(log);
                    }
                  })
              .isInstanceOf(FullException.class);
          assertThat(log.count()).as("batches at turn %d", turn).isGreaterThan(before + 10);
          while (reader.lag() > 0) {
            try (LogFrame frame = reader.poll()) {
              ReplayLogTest.check(frame, reader.position() - 1);
            }
          }
        }
        storage.capacity(1 << 20);
      }
    }
  }

  private static void append(ReplayLog log) {
    long number = log.count();
    boolean begins = log.prepare(2500, false);
    List<FrameSource> contexts =
        begins ? List.of(Batches.context(number, LogScript.MOST)) : List.of();
    assertThat(log.append(contexts, ReplayLogTest.batch(number))).isEqualTo(number);
  }

  /** A failed append leaves no bytes behind: what it took is there for others. */
  @Test
  void failedAppendGivesItsSpaceBack() {
    SimulatedStorage storage = SimulatedStorage.create(10);
    try (ReplayLog log =
        ReplayLog.builder()
            .storage(storage)
            .directory(LogScript.DIR)
            .kept()
            .memoryCapacity(0)
            .create()) {
      log.append(ReplayLogTest.batch(0));
      long before = storage.usableSpace(LogScript.DIR);
      storage.capacity((1L << 40) - before + 2000);
      assertThatThrownBy(() -> log.append(ReplayLogTest.batch(100)))
          .isInstanceOf(FullException.class);
      assertThat(storage.usableSpace(LogScript.DIR)).isEqualTo(2000);
      assertThat(log.statistics().diskBytes()).isEqualTo((1L << 40) - before);
      log.append(ReplayLogTest.batch(1));
    }
  }

  /** What is counted is what the files take, up to the last batch that fits. */
  @Test
  void countedIsWhatIsTaken() {
    SimulatedStorage storage = SimulatedStorage.create(11);
    try (ReplayLog log =
        ReplayLog.builder()
            .storage(storage)
            .directory(LogScript.DIR)
            .kept()
            .memoryCapacity(0)
            .diskCapacity(200_000)
            .piece(4096)
            .create()) {
      long[] former = {0};
      assertThatThrownBy(
              () -> {
                while (true) {
                  log.append(Batches.source(log.count(), LogScript.MOST));
                  long used = (1L << 40) - storage.usableSpace(LogScript.DIR);
                  assertThat(log.statistics().diskBytes()).isEqualTo(used);
                  assertThat(used).isLessThanOrEqualTo(200_000);
                  former[0] = used;
                }
              })
          .isInstanceOf(FullException.class);
      assertThat(former[0]).isGreaterThan(190_000);
    }
  }

  // ---- a real one

  @TempDir Path home;

  @Test
  @Tag("long")
  void realDisk() throws Exception {
    Path disk = mount();
    try {
      Path ballast = Files.write(disk.resolve("ballast"), new byte[2 << 20]);
      Path dir = disk.resolve("log");
      ReplayLogBuilder builder =
          ReplayLog.builder().directory(dir).memoryCapacity(100_000).segmentBytes(1 << 20);
      long full;
      long count;
      try (ReplayLog log = builder.kept().durability(Durability.SYNC).create()) {
        full = fill(log);
        assertThat(full).isGreaterThan(1000);
        assertThatThrownBy(() -> log.append(ReplayLogTest.batch(full)))
            .isInstanceOf(FullException.class);
        ReplayLogTest.checkAll(log, 0, full);
        try (ReplayLog other = ReplayLog.builder().directory(dir).openReadOnly()) {
          assertThat(other.count()).isEqualTo(full);
          ReplayLogTest.checkAll(other, 0, full);
        }
        Files.delete(ballast);
        count = fill(log);
        assertThat(count).isGreaterThan(full + 300);
      } catch (FullException e) {
        throw new AssertionError("every batch is in its file", e);
      }
      try (ReplayLog log = builder.open()) {
        assertThat(log.count()).isEqualTo(count);
        ReplayLogTest.checkAll(log, 0, count);
      }
      assertThat(ReplayLog.inspect(dir, Inspection.VERIFY).findings()).isEmpty();
      ReplayLog.delete(dir);
    } finally {
      unmount(disk);
    }
  }

  /**
   * On a real disk, too, readers make room, wherever the side file happens to end: where it ends at
   * the end of a block it needs one more.
   */
  @Test
  @Tag("long")
  void readersMakeRoomOnARealDisk() throws Exception {
    Path disk = mount();
    try {
      for (int length = 0; length < 64; length++) {
        Path dir = disk.resolve("log");
        Deque<Path> spare = new ArrayDeque<>();
        for (int block = 0; block < 4; block++) {
          spare.add(Files.write(disk.resolve("block-" + block), new byte[4096]));
        }
        try (ReplayLog log =
                ReplayLog.builder()
                    .directory(dir)
                    .kept()
                    .descriptor(new byte[64 * length])
                    .memoryCapacity(0)
                    .maxReaders(1)
                    .create();
            LogReader reader = log.reader(0)) {
          for (int turn = 0; turn < 4; turn++) {
            long before = log.count();
            if (fill(log) == before) {
              Files.delete(spare.removeFirst());
            }
            assertThat(fill(log))
                .as("turn %d, length %d", turn, length)
                .isGreaterThan(before + 1000);
            while (reader.lag() > 0) {
              try (LogFrame frame = reader.poll()) {
                ReplayLogTest.check(frame, reader.position() - 1);
              }
            }
          }
        }
        ReplayLog.delete(dir);
      }
    } finally {
      unmount(disk);
    }
  }

  /** Appends until the disk is full; answers how many batches there are. */
  private static long fill(ReplayLog log) {
    while (true) {
      try {
        log.append(ReplayLogTest.batch(log.count()));
      } catch (FullException e) {
        return log.count();
      }
    }
  }

  private Path mount() throws IOException, InterruptedException {
    Path disk = Files.createDirectory(home.resolve("disk"));
    String answer = run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.toString());
    assumeTrue(answer.isEmpty(), () -> "a file system can only be mounted by root: " + answer);
    return disk;
  }

  private static void unmount(Path disk) throws IOException, InterruptedException {
    assertThat(run("umount", disk.toString())).isEmpty();
  }

  /** Runs a program; answers what it complains about, nothing if it succeeds. */
  private static String run(String... command) throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return process.waitFor() == 0 ? "" : said + "failed";
  }
}
