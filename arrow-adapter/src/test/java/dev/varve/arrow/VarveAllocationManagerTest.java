// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.memory.BlockAllocator;
import dev.varve.memory.SlabPool;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.junit.jupiter.api.Test;

class VarveAllocationManagerTest {

  private static final long MIB = 1 << 20;

  private final SlabPool pool = new SlabPool(MIB, 4 * MIB);
  private final BlockAllocator blocks = new BlockAllocator(pool);

  private RootAllocator root(long limit) {
    return new RootAllocator(
        RootAllocator.configBuilder()
            .allocationManagerFactory(VarveAllocationManager.factory(blocks))
            .maxAllocation(limit)
            .build());
  }

  @Test
  void vectorsReadBackWhatWasWritten() {
    try (RootAllocator root = root(Long.MAX_VALUE);
        BigIntVector numbers = new BigIntVector("numbers", root);
        VarCharVector texts = new VarCharVector("texts", root)) {
      int rows = 300_000;
      for (int i = 0; i < rows; i++) {
        numbers.setSafe(i, i * 3L);
        texts.setSafe(i, ("text " + i).getBytes(StandardCharsets.UTF_8));
      }
      numbers.setValueCount(rows);
      texts.setValueCount(rows);
      for (int i = 0; i < rows; i++) {
        assertThat(numbers.get(i)).isEqualTo(i * 3L);
        assertThat(texts.get(i)).asString(StandardCharsets.UTF_8).isEqualTo("text " + i);
      }
      assertThat(blocks.bytesInUse()).isGreaterThanOrEqualTo(root.getAllocatedMemory());
    }
    assertNothingInUse();
  }

  private void assertNothingInUse() {
    assertThat(blocks.bytesInUse()).isZero();
    blocks.trim();
    assertThat(blocks.bytesHeld()).isZero();
    assertThat(pool.allocatedBytes()).isEqualTo(pool.reservedBytes());
  }

  @Test
  void accountsExactlyForWhatArrowAskedFor() {
    try (RootAllocator root = root(Long.MAX_VALUE)) {
      for (long size : new long[] {1, 64, 1000, 40_000, MIB, 20 * MIB + 1}) {
        try (ArrowBuf buffer = root.buffer(size)) {
          assertThat(root.getAllocatedMemory()).isEqualTo(buffer.capacity());
          assertThat(buffer.capacity()).isGreaterThanOrEqualTo(size);
          assertThat(buffer.memoryAddress() % 64).isZero();
          buffer.setByte(size - 1, 7);
          assertThat(buffer.getByte(size - 1)).isEqualTo((byte) 7);
        }
        assertThat(root.getAllocatedMemory()).isZero();
      }
    }
    assertNothingInUse();
  }

  @Test
  void emptyBuffersNeedNoMemory() {
    try (RootAllocator root = root(Long.MAX_VALUE)) {
      ArrowBuf empty = root.getEmpty();
      assertThat(empty.capacity()).isZero();
      assertThat(empty.memoryAddress() % 64).isZero();
      assertThat(empty.memoryAddress()).isNotZero();
      try (ArrowBuf none = root.buffer(0)) {
        assertThat(none.capacity()).isZero();
      }
      assertThat(blocks.bytesHeld()).isZero();
    }
  }

  @Test
  void ownershipMovesBetweenChildren() {
    try (RootAllocator root = root(Long.MAX_VALUE);
        BufferAllocator first = root.newChildAllocator("first", 0, MIB);
        BufferAllocator second = root.newChildAllocator("second", 0, MIB)) {
      ArrowBuf here = first.buffer(4096);
      here.setLong(8, 42);
      ArrowBuf there =
          here.getReferenceManager().transferOwnership(here, second).getTransferredBuffer();
      here.close();
      assertThat(first.getAllocatedMemory()).isZero();
      assertThat(second.getAllocatedMemory()).isEqualTo(4096);
      assertThat(there.getLong(8)).isEqualTo(42);
      there.close();
    }
    assertNothingInUse();
  }

  @Test
  void aLeakIsReportedOnClose() {
    RootAllocator root = root(Long.MAX_VALUE);
    ArrowBuf leaked = root.buffer(1024);
    assertThatThrownBy(root::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("leaked")
        .hasMessageContaining("1024");
    assertThat(blocks.bytesInUse()).isEqualTo(1024);
    assertThat(leaked.capacity()).isEqualTo(1024);
  }

  @Test
  void limitsAndFailuresAreArrowsOwnException() {
    try (RootAllocator limited = root(MIB)) {
      assertThatExceptionOfType(OutOfMemoryException.class)
          .isThrownBy(() -> limited.buffer(2 * MIB));
    }
    try (RootAllocator unlimited = root(Long.MAX_VALUE)) {
      assertThatExceptionOfType(OutOfMemoryException.class)
          .isThrownBy(() -> unlimited.buffer(1L << 60))
          .withCauseInstanceOf(FullException.class)
          .withMessageContaining(Long.toString(1L << 60));
      assertThat(unlimited.getAllocatedMemory()).isZero();
      blocks.close();
      assertThatExceptionOfType(ClosedException.class).isThrownBy(() -> unlimited.buffer(100));
      assertThat(unlimited.getAllocatedMemory()).isZero();
    }
    assertNothingInUse();
  }

  @Test
  void manyThreadsShareOneRoot() throws Exception {
    try (RootAllocator root = root(Long.MAX_VALUE);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<?>> workers = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        long seed = t;
        workers.add(threads.submit(() -> work(root, seed)));
      }
      for (Future<?> worker : workers) {
        worker.get();
      }
      assertThat(root.getAllocatedMemory()).isZero();
    }
    assertNothingInUse();
  }

  private static void work(BufferAllocator root, long seed) {
    Random random = new Random(seed);
    List<ArrowBuf> mine = new ArrayList<>();
    for (int i = 0; i < 4000; i++) {
      ArrowBuf buffer = root.buffer(8 + random.nextInt(20_000));
      buffer.setLong(0, seed << 32 | i);
      buffer.setLong(buffer.capacity() - 8, seed << 32 | i);
      mine.add(buffer);
      if (mine.size() > 40) {
        ArrowBuf old = mine.remove(random.nextInt(mine.size()));
        assertThat(old.getLong(0) >>> 32).isEqualTo(seed);
        assertThat(old.getLong(old.capacity() - 8)).isEqualTo(old.getLong(0));
        old.close();
      }
    }
    mine.forEach(ArrowBuf::close);
  }

  @Test
  void theSharedFactoryIsOne() {
    assertThat(VarveAllocationManager.shared()).isSameAs(VarveAllocationManager.shared());
    try (RootAllocator root =
            new RootAllocator(
                RootAllocator.configBuilder()
                    .allocationManagerFactory(VarveAllocationManager.shared())
                    .build());
        ArrowBuf buffer = root.buffer(100)) {
      buffer.setLong(0, 1);
      assertThat(buffer.getLong(0)).isEqualTo(1);
    }
  }
}
