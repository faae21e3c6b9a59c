// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The debugging aid that makes a use after free visible: freed memory is overwritten, and checked
 * before it is used again.
 *
 * <p>Switched on for the whole JVM by the system property {@code varve.memory.poison=true}.
 */
final class Poison {

  /** What freed memory is filled with. */
  static final byte PATTERN = (byte) 0xDB;

  /** Whether pools and allocators poison unless told otherwise. */
  static final boolean BY_DEFAULT = Boolean.getBoolean("varve.memory.poison");

  private static final MemorySegment PATTERNS = patterns();

  private Poison() {}

  private static MemorySegment patterns() {
    byte[] bytes = new byte[64 * 1024];
    Arrays.fill(bytes, PATTERN);
    return MemorySegment.ofArray(bytes).asReadOnly();
  }

  static void fill(MemorySegment segment) {
    segment.fill(PATTERN);
  }

  /**
   * Checks that freed memory still holds the poison.
   *
   * @throws IllegalStateException naming the first byte that was written after the free
   */
  static void check(MemorySegment segment) {
    long size = segment.byteSize();
    long step = PATTERNS.byteSize();
    for (long at = 0; at < size; at += step) {
      long piece = Math.min(step, size - at);
      long mismatch = MemorySegment.mismatch(segment, at, at + piece, PATTERNS, 0, piece);
      if (mismatch >= 0) {
        throw new IllegalStateException(
            "Memory was written after it had been freed: byte "
                + (at + mismatch)
                + " of "
                + size
                + " at 0x"
                + Long.toHexString(segment.address())
                + " holds "
                + segment.get(Layouts.BYTE, at + mismatch)
                + " instead of "
                + PATTERN);
      }
    }
  }
}
