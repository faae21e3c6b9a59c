// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;

class NativeViewsTest {
  @Test
  void bothWaysLeadToTheSameMemory() {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowBuf buffer = allocator.buffer(100)) {
      long address = buffer.memoryAddress();
      for (MemorySegment view :
          new MemorySegment[] {NativeViews.at(address, 100), NativeViews.byBuffer(address, 100)}) {
        assertThat(view.isNative()).isTrue();
        assertThat(view.address()).isEqualTo(address);
        assertThat(view.byteSize()).isEqualTo(100);
        byte value = (byte) (view.address() + System.identityHashCode(view));
        buffer.setByte(99, value);
        assertThat(view.get(ValueLayout.JAVA_BYTE, 99)).isEqualTo(value);
      }
    }
  }

  @Test
  void aBufferHoldsNoMoreThanAnInt() {
    assertThat(NativeViews.byBuffer(1 << 20, 1L << 31)).isNull();
  }
}
