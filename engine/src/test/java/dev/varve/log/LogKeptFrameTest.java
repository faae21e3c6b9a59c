// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.FullException;
import dev.varve.file.SimulatedStorage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Frames that a log keeps where they are: whose they are, how they count, and when they go. */
class LogKeptFrameTest {

  private static final int BYTES = 64_000;

  /** An allocation that lives while frames keep it. */
  private static final class Memory {
    final Arena arena = Arena.ofShared();
    final MemorySegment segment;
    final AtomicInteger keepers = new AtomicInteger();

    Memory(long bytes) {
      segment = arena.allocate(bytes, 64);
    }

    boolean isFreed() {
      return !arena.scope().isAlive();
    }
  }

  /** A batch in two parts, each in a memory, which its number tells the bytes of. */
  private static final class Source implements FrameSource, KeptFrame {
    private final long number;
    private final MemorySegment[] parts;
    private final Memory[] memories;
    private final boolean inPlace;
    int kept;
    int closed;

    Source(long number, boolean inPlace, int bytes, Memory first, Memory second) {
      this.number = number;
      this.inPlace = inPlace;
      int half = bytes / 2;
      this.parts =
          new MemorySegment[] {
            first.segment.asSlice(0, half), second.segment.asSlice(second.segment.byteSize() - half)
          };
      this.memories = first == second ? new Memory[] {first} : new Memory[] {first, second};
      for (MemorySegment part : parts) {
        part.fill((byte) number);
      }
    }

    @Override
    public @Nullable KeptFrame keep() {
      kept++;
      for (Memory memory : memories) {
        memory.keepers.incrementAndGet();
      }
      return this;
    }

    @Override
    public void close() {
      closed++;
      for (Memory memory : memories) {
        if (memory.keepers.decrementAndGet() == 0) {
          memory.arena.close();
        }
      }
    }

    @Override
    public int kind() {
      return 3;
    }

    @Override
    public long tag() {
      return number;
    }

    @Override
    public int partCount() {
      return parts.length;
    }

    @Override
    public long partLength(int part) {
      return parts[part].byteSize();
    }

    @Override
    public void copyTo(int part, long offset, MemorySegment target) {
      MemorySegment.copy(parts[part], offset, target, 0, target.byteSize());
    }

    @Override
    public @Nullable MemorySegment direct(int part) {
      return inPlace ? parts[part] : null;
    }

    @Override
    public int memoryCount() {
      return memories.length;
    }

    @Override
    public Object memory(int index) {
      return memories[index];
    }

    @Override
    public long memoryBytes(int index) {
      return memories[index].segment.byteSize();
    }
  }

  private static Source source(long number) {
    Memory memory = new Memory(BYTES);
    return new Source(number, number % 2 == 0, BYTES, memory, memory);
  }

  private static void check(ReplayLog log, long number) {
    check(log, number, number);
  }

  private static void check(ReplayLog log, long batch, long number) {
    try (LogFrame frame = log.batch(batch)) {
      check(frame, number);
    }
  }

  private static void check(LogFrame frame, long number) {
    assertThat(frame.tag()).isEqualTo(number);
    assertThat(frame.kind()).isEqualTo(3);
    frame.verify();
    for (int part = 0; part < 2; part++) {
      byte[] bytes = frame.part(part).toArray(JAVA_BYTE);
      byte[] expected = new byte[bytes.length];
      Arrays.fill(expected, (byte) number);
      assertThat(bytes).isEqualTo(expected).hasSize((int) frame.partLength(part));
    }
  }

  @Test
  void inMemoryAFrameStaysWhereItIsUntilNobodyReadsIt() {
    List<Source> sources = new ArrayList<>();
    LogFrame pinned;
    try (ReplayLog log = ReplayLog.builder().memoryCapacity(10 * BYTES).create()) {
      for (int n = 0; n < 10; n++) {
        sources.add(source(n));
        log.append(sources.get(n));
      }
      assertThat(log.statistics().hotBytes()).isEqualTo(10 * BYTES);
      assertThat(log.statistics().heldBytes()).isEqualTo(10 * BYTES);
      for (int n = 0; n < 10; n++) {
        check(log, n);
        try (LogFrame frame = log.batch(n)) {
          assertThat(frame.kept()).isSameAs(sources.get(n));
          assertThat(frame.isHot()).isTrue();
          assertThatThrownBy(frame::memory).isInstanceOf(IllegalStateException.class);
        }
        assertThat(sources.get(n).kept).isEqualTo(1);
        assertThat(sources.get(n).closed).isZero();
      }
      assertThatThrownBy(() -> log.append(source(10))).isInstanceOf(FullException.class);
      assertThat(log.count()).isEqualTo(10);
      pinned = log.batch(4);
    }
    for (int n = 0; n < 10; n++) {
      assertThat(sources.get(n).closed).as("batch %d", n).isEqualTo(n == 4 ? 0 : 1);
    }
    check(pinned, 4);
    pinned.close();
    assertThat(sources.get(4).closed).isEqualTo(1);
    assertThat(sources.get(4).memories[0].isFreed()).isTrue();
  }

  @Test
  void aRefusedFrameIsGivenBack() {
    Source refused = source(1);
    try (ReplayLog log = ReplayLog.builder().memoryCapacity(BYTES + 100).create()) {
      log.append(source(0));
      refused.memories[0].keepers.incrementAndGet(); // The source still has it.
      for (int attempt = 1; attempt <= 3; attempt++) {
        assertThatThrownBy(() -> log.append(refused)).isInstanceOf(FullException.class);
        assertThat(refused.kept).isEqualTo(attempt);
        assertThat(refused.closed).isEqualTo(attempt);
        assertThat(log.statistics().heldBytes()).isEqualTo(BYTES);
        assertThat(log.statistics().hotBytes()).isEqualTo(BYTES);
      }
    }
    assertThat(refused.memories[0].isFreed()).isFalse();
  }

  /** Frames in one memory count it once, and it stays until the last of them goes. */
  @Test
  void aSharedMemoryCountsOnce() {
    Memory shared = new Memory(2 * BYTES);
    List<Source> sources = new ArrayList<>();
    try (ReplayLog log =
            ReplayLog.builder().memoryCapacity(2 * BYTES + 4000).maxReaders(1).create();
        LogReader reader = log.reader(0)) {
      for (int n = 0; n < 4; n++) {
        sources.add(new Source(0, true, BYTES, shared, n == 3 ? new Memory(BYTES / 2) : shared));
        if (n < 3) {
          log.append(sources.get(n));
          assertThat(log.statistics().hotBytes()).isEqualTo(2 * BYTES);
          assertThat(log.statistics().heldBytes()).isEqualTo(2 * BYTES);
        }
      }
      // Neither its second memory nor a copy fits.
      assertThatThrownBy(() -> log.append(sources.get(3))).isInstanceOf(FullException.class);
      assertThat(sources.get(3).closed).isEqualTo(1);
      for (int n = 0; n < 3; n++) {
        assertThat(log.statistics().hotBytes()).isEqualTo(2 * BYTES);
        assertThat(log.statistics().heldBytes()).isEqualTo(2 * BYTES);
        LogFrame frame = reader.poll();
        assertThat(frame.kept()).isSameAs(sources.get(n));
        if (n == 2) {
          assertThat(log.statistics().hotBytes()).as("only pinned").isZero();
          assertThat(log.statistics().heldBytes()).isEqualTo(2 * BYTES);
        }
        frame.close();
        assertThat(sources.get(n).closed).isEqualTo(1);
      }
      assertThat(log.statistics().heldBytes()).isZero();
      assertThat(shared.isFreed()).isTrue();
    }
  }

  @Test
  void onEvictionFramesAreWrittenFromWhereTheyAreAndLetGo() {
    SimulatedStorage storage = SimulatedStorage.create(3);
    ReplayLogBuilder builder =
        ReplayLog.builder()
            .storage(storage)
            .directory(LogScript.DIR)
            .kept()
            .writePolicy(WritePolicy.ON_EVICTION)
            .memoryCapacity(3 * BYTES);
    List<Source> sources = new ArrayList<>();
    try (ReplayLog log = builder.create()) {
      for (int n = 0; n < 9; n++) {
        sources.add(source(n));
        log.append(sources.get(n));
        assertThat(log.statistics().hotBytes()).isEqualTo(Math.min(n + 1, 3) * BYTES);
        assertThat(log.statistics().hotBatches()).isEqualTo(Math.min(n + 1, 3));
        for (int m = 0; m <= n; m++) {
          check(log, m);
          assertThat(sources.get(m).closed).isEqualTo(m < n - 2 ? 1 : 0);
        }
      }
      // While the disk is full nothing can leave memory: the batch is given back, and goes later.
      storage.capacity((1L << 40) - storage.usableSpace(LogScript.DIR));
      Source ninth = source(9);
      ninth.memories[0].keepers.incrementAndGet();
      assertThatThrownBy(() -> log.append(ninth)).isInstanceOf(FullException.class);
      assertThat(ninth.closed).isEqualTo(1);
      assertThat(log.statistics().hotBytes()).isEqualTo(3 * BYTES);
      storage.capacity(1L << 40);
      log.append(ninth);
      ninth.memories[0].keepers.decrementAndGet();
      log.flush();
      for (int n = 0; n <= 9; n++) {
        check(log, n);
      }
    }
    sources.forEach(source -> assertThat(source.closed).isEqualTo(1));
    try (ReplayLog log = builder.open()) {
      for (int n = 0; n <= 9; n++) {
        check(log, n);
      }
    }
    assertThat(LogInspector.inspect(storage, LogScript.DIR, Inspection.VERIFY).findings())
        .isEmpty();
  }

  /** What leaves memory while others have its memory makes no room, so those go as well. */
  @Test
  void aSharedMemoryIsHotUntilTheLastOfItsFramesIsNot() {
    SimulatedStorage storage = SimulatedStorage.create(3);
    Memory shared = new Memory(BYTES);
    try (ReplayLog log =
        ReplayLog.builder()
            .storage(storage)
            .directory(LogScript.DIR)
            .writePolicy(WritePolicy.ON_EVICTION)
            .memoryCapacity(3 * BYTES)
            .create()) {
      for (int n = 0; n < 3; n++) {
        log.append(new Source(1, false, BYTES, shared, shared));
      }
      log.append(source(1));
      log.append(source(1));
      assertThat(log.statistics().hotBytes()).isEqualTo(3 * BYTES);
      assertThat(log.statistics().hotBatches()).isEqualTo(5);
      log.append(source(1));
      assertThat(log.statistics().hotBytes()).isEqualTo(3 * BYTES);
      assertThat(log.statistics().hotBatches()).isEqualTo(3);
      assertThat(shared.isFreed()).isTrue();
    }
  }

  @Test
  void onInsertionABatchThatCouldNotBeWrittenIsGivenBack() {
    SimulatedStorage storage = SimulatedStorage.create(3);
    Source source = source(0);
    source.memories[0].keepers.incrementAndGet();
    try (ReplayLog log =
        ReplayLog.builder()
            .storage(storage)
            .directory(LogScript.DIR)
            .memoryCapacity(BYTES)
            .create()) {
      storage.capacity((1L << 40) - storage.usableSpace(LogScript.DIR) + BYTES / 2);
      assertThatThrownBy(() -> log.append(source)).isInstanceOf(FullException.class);
      assertThat(source.closed).isEqualTo(1);
      assertThat(log.statistics().hotBytes()).isZero();
      assertThat(log.statistics().heldBytes()).isZero();
      storage.capacity(1L << 40);
      log.append(source);
      assertThat(log.statistics().hotBytes()).isEqualTo(BYTES);
      try (LogFrame frame = log.batch(0)) {
        assertThat(frame.kept()).isSameAs(source);
        check(frame, 0);
      }
      log.append(source(1));
      assertThat(source.closed).isEqualTo(2);
      check(log, 0);
    }
  }

  /** Much more memory than the bytes in it is not worth keeping. */
  @Test
  void ofALargeMemoryTheBatchIsCopied() {
    Memory large = new Memory(10 * BYTES);
    Memory fits = new Memory(2 * BYTES);
    Memory little = new Memory(2 * BYTES);
    for (Memory each : List.of(large, fits, little)) {
      each.keepers.incrementAndGet(); // The source's own.
    }
    try (ReplayLog log = ReplayLog.builder().memoryCapacity(100 * BYTES).create()) {
      log.append(new Source(0, true, BYTES, large, large));
      assertThat(large.keepers).hasValue(1);
      assertThat(log.statistics().heldBytes()).isEqualTo(BYTES);
      check(log, 0);
      log.append(new Source(1, true, BYTES, fits, fits));
      assertThat(fits.keepers).hasValue(2);
      assertThat(log.statistics().heldBytes()).isEqualTo(3 * BYTES);
      check(log, 1);
    }
    assertThat(fits.keepers).hasValue(1);
    for (long more : new long[] {0, 2 * BYTES}) {
      try (ReplayLog log = ReplayLog.builder().memoryCapacity(BYTES + more).create()) {
        for (int n = 0; n < more / BYTES; n++) {
          log.append(source(n));
        }
        log.append(new Source(2, true, BYTES, little, little));
        assertThat(little.keepers).as("there is only room for a copy").hasValue(1);
        check(log, log.count() - 1, 2);
      }
    }
  }
}
