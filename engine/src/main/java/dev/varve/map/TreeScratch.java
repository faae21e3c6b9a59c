// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** What an operation of a typed view works with: native room for a key and a value. */
final class TreeScratch {

  private static final int FIRST_BYTES = 256;

  MemorySegment key = MemorySegment.NULL;
  MemorySegment value = MemorySegment.NULL;

  void roomForKey(int bytes) {
    if (key.byteSize() < bytes) {
      key = allocate(bytes);
    }
  }

  void roomForValue(int bytes) {
    if (value.byteSize() < bytes) {
      value = allocate(bytes);
    }
  }

  private static MemorySegment allocate(int bytes) {
    return Arena.ofAuto().allocate(Math.max(FIRST_BYTES, bytes + (long) (bytes >> 1)));
  }

  /** A few of them for all threads, whatever their number. */
  static final class Pool {

    private static final int SIZE = 8;

    private final AtomicReferenceArray<@Nullable TreeScratch> free =
        new AtomicReferenceArray<>(SIZE);

    private static int slot() {
      return (int) Thread.currentThread().threadId() & (SIZE - 1);
    }

    TreeScratch take() {
      TreeScratch scratch = free.getAndSet(slot(), null);
      return scratch != null ? scratch : new TreeScratch();
    }

    void give(TreeScratch scratch) {
      free.setRelease(slot(), scratch);
    }
  }
}
