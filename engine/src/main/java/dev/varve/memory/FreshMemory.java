// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Memory fresh from the system, which is where the time of filling a large structure goes: the
 * first touch of 4 KiB is a page fault, of 15 us on one virtual machine.
 *
 * <p>Pieces of 2 MiB and more come in huge pages, one fault each, on Linux where native access is
 * granted to the engine and the kernel's setting {@code transparent_hugepage/enabled} is not {@code
 * never}. They are not counted by {@code -XX:MaxDirectMemorySize}. Anything else comes from {@link
 * Arena#allocate}.
 */
public final class FreshMemory {

  /** The least size, and the best multiple, for huge pages. */
  public static final long HUGE_BYTES = HugePages.BYTES;

  private static final @Nullable HugePages HUGE = HugePages.find();

  private FreshMemory() {}

  /**
   * Tells whether pieces of {@link #HUGE_BYTES} are asked for in huge pages.
   *
   * @return always the same
   */
  public static boolean isHuge() {
    return HUGE != null;
  }

  /**
   * Takes memory from the system.
   *
   * @param arena gives it back when it closes
   * @param byteSize how much
   * @return zeros, aligned to 4096 bytes
   * @throws OutOfMemoryError if there is not as much
   * @throws IllegalStateException if the arena is closed
   */
  public static MemorySegment allocate(Arena arena, long byteSize) {
    if (HUGE != null && byteSize >= HUGE_BYTES) {
      MemorySegment huge = HUGE.allocate(arena, byteSize);
      if (huge != null) {
        return huge;
      }
    }
    return arena.allocate(byteSize, SlabPool.ALIGNMENT);
  }
}
