// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.varve.FullException;
import dev.varve.file.SimulatedStorage;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Closing a kept log on a full disk: an exception says that batches are lost; where only what ends
 * a segment found no room there is none, and opening the log again makes up for it.
 */
class LogCloseFullTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final long LARGE = 1L << 40;
  private static final int BATCHES = 9;
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
    return LogScript.settings().stream().filter(setting -> !setting.released()).toList();
  }

  @ParameterizedTest
  @MethodSource("settings")
  void anExceptionSaysThatBatchesAreLost(LogScript.Setting setting) {
    int losses = 0;
    int unsealed = 0;
    int whole = 0;
    for (long room = 0; room < 6000; room += LONG ? 17 : 251) {
      SimulatedStorage storage = SimulatedStorage.create(12);
      try {
        boolean lost = closes(setting, storage, room);
        losses += lost ? 1 : 0;
        LogReport report = LogInspector.inspect(storage, LogScript.DIR, Inspection.VERIFY);
        assertThat(report.batches() < BATCHES).isEqualTo(lost);
        if (!lost) {
          unsealed += report.closedInOrder() ? 0 : 1;
          whole += report.closedInOrder() ? 1 : 0;
        }
        checkAfter(setting, storage, report.batches());
      } catch (RuntimeException | AssertionError e) {
        fail("with room for " + room + " bytes, " + setting, e);
      }
    }
    assertThat(unsealed).as("closed without a footer").isPositive();
    assertThat(whole).as("closed in order").isPositive();
    assertThat(losses > 0).isEqualTo(setting.policy() == WritePolicy.ON_EVICTION);
  }

  /** Fills a log, leaves so much room on the disk, and answers whether its close said it lost. */
  private static boolean closes(LogScript.Setting setting, SimulatedStorage storage, long room) {
    ReplayLog log = setting.builder(storage).create();
    for (int n = 0; n < BATCHES; n++) {
      append(log, n, n == 4 || n == 7);
    }
    storage.capacity(LARGE - storage.usableSpace(LogScript.DIR) + room);
    boolean lost = false;
    try {
      log.close();
    } catch (FullException e) {
      lost = true;
    }
    return lost;
  }

  private static void append(ReplayLog log, long number, boolean fresh) {
    List<FrameSource> contexts =
        log.prepare(LogScript.MOST, fresh)
            ? List.of(Batches.context(number, LogScript.MOST))
            : List.of();
    assertThat(log.append(contexts, Batches.source(number, LogScript.MOST))).isEqualTo(number);
  }

  /** While the disk is full, after power loss, and once there is room. */
  private static void checkAfter(
      LogScript.Setting setting, SimulatedStorage storage, long expected) {
    try (ReplayLog log = setting.builder(storage).openReadOnly()) {
      assertThat(log.count()).isEqualTo(expected);
      Batches.checkAll(log, LogScript.MOST);
    }
    try (ReplayLog log = setting.builder(storage).open()) {
      assertThat(log.count()).isEqualTo(expected);
      Batches.checkAll(log, LogScript.MOST);
    }
    storage
        .crashStates(2)
        .forEach(
            state -> {
              state.capacity(LARGE);
              try (ReplayLog log = setting.builder(state).open()) {
                assertThat(log.count()).isEqualTo(expected);
                Batches.checkAll(log, LogScript.MOST);
              }
            });
    storage.capacity(LARGE);
    try (ReplayLog log = setting.builder(storage).open()) {
      append(log, expected, false);
    }
    LogReport report = LogInspector.inspect(storage, LogScript.DIR, Inspection.VERIFY);
    assertThat(report.findings()).isEmpty();
    assertThat(report.closedInOrder()).isTrue();
    assertThat(report.batches()).isEqualTo(expected + 1);
  }

  /** What little room there is goes to batches first, and to footers after them. */
  @Test
  void batchesComeBeforeFooters() {
    SimulatedStorage storage = SimulatedStorage.create(13);
    ReplayLogBuilder builder =
        ReplayLog.builder()
            .storage(storage)
            .directory(LogScript.DIR)
            .kept()
            .framing(new LargeFooters())
            .writePolicy(WritePolicy.ON_EVICTION)
            .memoryCapacity(1 << 20);
    try (ReplayLog log = builder.create()) {
      for (int n = 0; n < BATCHES; n++) {
        append(log, n, n == 4 || n == 7);
      }
      storage.capacity(LARGE - storage.usableSpace(LogScript.DIR) + LargeFooters.BYTES / 2);
    }
    try (ReplayLog log = builder.open()) {
      assertThat(log.count()).isEqualTo(BATCHES);
      assertThat(log.sealedSegments()).isEmpty();
      Batches.checkAll(log, LogScript.MOST);
      storage.capacity(LARGE);
    }
    try (ReplayLog log = builder.open()) {
      assertThat(log.sealedSegments()).hasSize(3);
      Batches.checkAll(log, LogScript.MOST);
    }
  }

  /** Footers that are much larger than the batches of a segment. */
  private static final class LargeFooters implements SegmentFraming {

    static final int BYTES = 100_000;

    @Override
    public String name() {
      return "large footers";
    }

    @Override
    public String suffix() {
      return ".large";
    }

    @Override
    public MemorySegment header() {
      return MemorySegment.NULL;
    }

    @Override
    public FrameSource footer(long end, List<StoredFrame> frames, ContentReader content) {
      return FrameSource.of(0, MemorySegment.ofArray(new byte[BYTES]));
    }

    @Override
    public long footerBound(long frames, long contextBytes) {
      return BYTES;
    }
  }
}
