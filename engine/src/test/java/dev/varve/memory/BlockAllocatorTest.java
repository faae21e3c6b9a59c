// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.FullException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockAllocatorTest {

  private static final long MIB = 1 << 20;

  private final SlabPool pool = new SlabPool(MIB, 4 * MIB, true);
  private final BlockAllocator allocator = new BlockAllocator(pool, 2, true);

  @AfterEach
  void bookkeepingIsInOrder() {
    allocator.validate();
  }

  @ParameterizedTest
  @ValueSource(
      longs = {0, 1, 63, 64, 65, 512, 513, 4096, 32768, 32769, 100_000, MIB, MIB + 1, 5 * MIB})
  void blocksAreAlignedBigEnoughAndWritable(long size) {
    long handle = allocator.allocate(size);
    MemorySegment segment = allocator.segment(handle);
    assertThat(segment.address()).isEqualTo(allocator.address(handle));
    assertThat(segment.address() % BlockAllocator.ALIGNMENT).isZero();
    assertThat(segment.byteSize())
        .isEqualTo(allocator.byteSize(handle))
        .isGreaterThanOrEqualTo(Math.max(1, size))
        .isLessThanOrEqualTo(Math.max(size + 64, size + size / 4) + 65536);
    assertThat(allocator.bytesInUse()).isEqualTo(segment.byteSize());
    assertThat(allocator.bytesHeld()).isGreaterThanOrEqualTo(segment.byteSize());
    segment.fill((byte) 1);
    allocator.free(handle);
    assertThat(allocator.bytesInUse()).isZero();
    allocator.trim();
    assertThat(allocator.bytesHeld()).isZero();
    assertThat(pool.allocatedBytes()).isEqualTo(pool.reservedBytes());
  }

  @Test
  void emptyBlocksHaveAddressesOfTheirOwn() {
    Set<Long> addresses = new HashSet<>();
    for (int i = 0; i < 1000; i++) {
      assertThat(addresses.add(allocator.address(allocator.allocate(0)))).isTrue();
    }
  }

  /** Random allocating and freeing, against a model of who owns which addresses. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void blocksNeverOverlapAndKeepTheirContent(long seed) {
    Random random = new Random(seed);
    TreeMap<Long, Long> ends = new TreeMap<>();
    List<Long> handles = new ArrayList<>();
    for (int step = 0; step < 20_000; step++) {
      String where = "seed " + seed + ", step " + step;
      int target = (step / 4000) % 2 == 0 ? 1000 : 60;
      if (handles.isEmpty() || random.nextInt(2 * target) > handles.size()) {
        long handle = allocator.allocate(seed % 2 == 0 ? random.nextInt(200) : randomSize(random));
        MemorySegment segment = allocator.segment(handle);
        long start = segment.address();
        long end = start + segment.byteSize();
        Map.Entry<Long, Long> before = ends.lowerEntry(end);
        assertThat(before == null || before.getValue() <= start).as(where).isTrue();
        ends.put(start, end);
        stamp(segment, handle);
        handles.add(handle);
      } else {
        long handle = removeAny(handles, random);
        MemorySegment segment = allocator.segment(handle);
        checkStamp(segment, handle, where);
        ends.remove(segment.address());
        allocator.free(handle);
      }
      if (step % 1000 == 0) {
        allocator.validate();
        assertThat(allocator.bytesInUse())
            .isEqualTo(ends.entrySet().stream().mapToLong(e -> e.getValue() - e.getKey()).sum());
      }
    }
    handles.forEach(allocator::free);
    assertThat(allocator.bytesInUse()).isZero();
    assertThat(allocator.bytesHeld()).isLessThanOrEqualTo(MIB);
    allocator.trim();
    assertThat(allocator.bytesHeld()).isZero();
  }

  private static long randomSize(Random random) {
    int kind = random.nextInt(100);
    if (kind < 70) {
      return random.nextInt(2000);
    }
    if (kind < 90) {
      return random.nextInt(40_000);
    }
    return kind < 99 ? random.nextInt(300_000) : random.nextInt(3_000_000);
  }

  private static long removeAny(List<Long> handles, Random random) {
    int index = random.nextInt(handles.size());
    long last = handles.removeLast();
    return index == handles.size() ? last : handles.set(index, last);
  }

  private static void stamp(MemorySegment segment, long mark) {
    segment.set(Layouts.LE_LONG, 0, mark);
    segment.set(Layouts.LE_LONG, segment.byteSize() / 2 & -8, mark);
    segment.set(Layouts.LE_LONG, segment.byteSize() - 8, mark);
  }

  private static void checkStamp(MemorySegment segment, long mark, String where) {
    assertThat(segment.get(Layouts.LE_LONG, 0)).as(where).isEqualTo(mark);
    assertThat(segment.get(Layouts.LE_LONG, segment.byteSize() / 2 & -8)).as(where).isEqualTo(mark);
    assertThat(segment.get(Layouts.LE_LONG, segment.byteSize() - 8)).as(where).isEqualTo(mark);
  }

  /** Threads allocate, stamp, and pass most blocks to others, which check and free them. */
  @Test
  void threadsMayFreeEachOthersBlocks() throws Exception {
    int threads = 4;
    ConcurrentLinkedQueue<Long> passed = new ConcurrentLinkedQueue<>();
    List<Future<?>> workers = new ArrayList<>();
    try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
      for (int t = 0; t < threads; t++) {
        long seed = t;
        workers.add(executor.submit(() -> work(seed, passed)));
      }
      for (Future<?> worker : workers) {
        worker.get();
      }
    }
    passed.forEach(allocator::free);
    assertThat(allocator.bytesInUse()).isZero();
    allocator.trim();
    assertThat(allocator.bytesHeld()).isZero();
    assertThat(pool.allocatedBytes()).isEqualTo(pool.reservedBytes());
  }

  private void work(long seed, ConcurrentLinkedQueue<Long> passed) {
    Random random = new Random(seed);
    for (int i = 0; i < 15_000; i++) {
      long size = random.nextInt(50) == 0 ? random.nextInt(1_200_000) : random.nextInt(3000);
      long handle = allocator.allocate(size);
      stamp(allocator.segment(handle), handle);
      passed.add(handle);
      if (i >= 50) {
        Long other = passed.poll();
        if (other != null) {
          checkStamp(allocator.segment(other), other, "seed " + seed + ", step " + i);
          allocator.free(other);
        }
      }
    }
  }

  @Test
  void slabsDrainAndGoBack() {
    List<Long> handles = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      handles.add(allocator.allocate(4096));
    }
    assertThat(allocator.bytesHeld()).isEqualTo(12 * MIB);
    handles.subList(1, handles.size()).forEach(allocator::free);
    assertThat(allocator.bytesHeld()).isLessThanOrEqualTo(2 * MIB);
    assertThat(pool.reservedBytes()).isEqualTo(4 * MIB);
    allocator.free(handles.getFirst());
    allocator.trim();
    assertThat(allocator.bytesHeld()).isZero();
  }

  @Test
  void whatWasFreedIsReused() {
    long first = allocator.allocate(1000);
    long address = allocator.address(first);
    allocator.free(first);
    assertThat(allocator.address(allocator.allocate(1000))).isEqualTo(address);
  }

  @ParameterizedTest
  @ValueSource(longs = {10, 5000, 100_000, 2 * MIB})
  void aBlockIsFreedOnceOnly(long size) {
    long handle = allocator.allocate(size);
    long neighbour = allocator.allocate(size);
    allocator.free(handle);
    assertThatIllegalStateException()
        .isThrownBy(() -> allocator.free(handle))
        .withMessageContaining("0x" + Long.toHexString(handle))
        .withMessageContaining("not in use");
    assertThatIllegalStateException().isThrownBy(() -> allocator.free(neighbour + 8));
    assertThatIllegalStateException().isThrownBy(() -> allocator.free(-1));
    assertThatIllegalStateException().isThrownBy(() -> allocator.free(1L << 50));
    assertThatIllegalStateException().isThrownBy(() -> allocator.address(1L << 50));
    allocator.free(neighbour);
    assertThat(allocator.bytesInUse()).isZero();
  }

  @Test
  void noticesWritesAfterTheFree() {
    long handle = allocator.allocate(300);
    MemorySegment stale = allocator.segment(handle);
    long kept = allocator.allocate(300);
    allocator.free(handle);
    assertThat(stale.get(Layouts.BYTE, 100)).isEqualTo((byte) 0xDB);
    stale.set(Layouts.BYTE, 100, (byte) 5);
    assertThatThrownBy(() -> allocator.allocate(300))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("byte 100");
    allocator.free(kept);
  }

  @Test
  void blocksOutliveTheAllocator() {
    long small = allocator.allocate(100);
    long big = allocator.allocate(3 * MIB);
    allocator.close();
    allocator.close();
    assertThatExceptionOfType(ClosedException.class).isThrownBy(() -> allocator.allocate(100_000));
    assertThatExceptionOfType(ClosedException.class).isThrownBy(() -> allocator.allocate(9 * MIB));
    allocator.segment(small).fill((byte) 1);
    allocator.segment(big).fill((byte) 1);
    allocator.free(small);
    allocator.free(big);
    assertThat(allocator.bytesHeld()).isZero();
    pool.close();
    assertThat(pool.allocatedBytes()).isZero();
  }

  @Test
  void refusesWhatCannotBe() {
    assertThatIllegalArgumentException().isThrownBy(() -> allocator.allocate(-1));
    assertThatExceptionOfType(FullException.class).isThrownBy(() -> allocator.allocate(1L << 60));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new BlockAllocator(new SlabPool(MIB / 2, 0)));
    assertThat(allocator.bytesInUse()).isZero();
  }

  @Test
  void allocatesNothingOnTheHeap() {
    BlockAllocator plain = new BlockAllocator(new SlabPool(MIB, MIB, false), 2, false);
    long kept = plain.allocate(10);
    for (long size : new long[] {0, 100, 1000, 32_000, 40_000, 400_000}) {
      assertThat(AllocationMeter.bytesPerOperation(() -> plain.free(plain.allocate(size))))
          .as("%d bytes", size)
          .isZero();
    }
    plain.free(kept);
    plain.validate();
  }
}
