// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.BufferLedger;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BodyReferencesTest {
  private final BufferAllocator root = new RootAllocator();
  private final BufferAllocator allocator = root.newChildAllocator("reader", 0, 1);
  private final BufferAllocator sibling = root.newChildAllocator("sibling", 0, 1);
  private final Arena arena = Arena.ofShared();
  private final long address = arena.allocate(64, 64).address();
  private final AtomicInteger drops = new AtomicInteger();

  @AfterEach
  void close() {
    sibling.close();
    allocator.close();
    root.close();
    arena.close();
    assertThat(drops).hasValue(1);
  }

  private BodyReferences take(int count) {
    return BodyReferences.take(allocator, address, count, drops::incrementAndGet);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3})
  void nothingThatIsTakenDropsThePin(int count) {
    BodyReferences references = take(count);
    references.view(address, 16).close();
    assertThat(drops).hasValue(0);
    references.loaded();
    assertThat(drops).hasValue(1);
  }

  /** Also if more are taken than was said, or less. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void takenBuffersAreTheLedgers(int count) {
    BodyReferences references = take(count);
    ArrowBuf view = references.view(address + 8, 16);
    ArrowBuf first = references.retain(view, allocator);
    ArrowBuf second = references.retain(view, allocator);
    view.close();
    references.loaded();
    for (ArrowBuf taken : new ArrowBuf[] {first, second}) {
      assertThat(taken.getReferenceManager()).isInstanceOf(BufferLedger.class);
      assertThat(taken.memoryAddress()).isEqualTo(address + 8);
      assertThat(taken.capacity()).isEqualTo(16);
      assertThat(taken.readableBytes()).isEqualTo(16);
      assertThat(taken.refCnt()).isEqualTo(2);
    }
    assertThat(allocator.getAllocatedMemory()).isEqualTo(1);
    first.close();
    assertThat(drops).hasValue(0);
    second.close();
  }

  /** A vector that is cleared because a later one failed. */
  @Test
  void releasedWhileOthersAreLoaded() {
    BodyReferences references = take(2);
    references.retain(references.view(address, 16), allocator).close();
    assertThat(drops).hasValue(0);
    ArrowBuf other = references.retain(references.view(address, 16), allocator);
    references.loaded();
    assertThat(drops).hasValue(0);
    other.close();
  }

  @Test
  void takenByAnotherAllocator() {
    BodyReferences references = take(1);
    ArrowBuf view = references.view(address, 16);
    ArrowBuf shared = references.retain(view, sibling);
    ArrowBuf moved = references.transferOwnership(view, sibling).getTransferredBuffer();
    references.loaded();
    assertThat(drops).hasValue(0);
    assertThat(sibling.getAllocatedMemory()).isEqualTo(1);
    assertThat(allocator.getAllocatedMemory()).isZero();
    shared.close();
    assertThat(drops).hasValue(0);
    moved.close();
  }
}
