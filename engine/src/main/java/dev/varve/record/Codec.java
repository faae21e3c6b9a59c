// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.lang.foreign.MemorySegment;

/** Compresses and decompresses private memory. For one thread at a time. */
interface Codec {
  /** Returns how many bytes a target of {@link #compress} must have for a source. */
  int bound(int length);

  /** Returns how many bytes of the target were written. */
  int compress(MemorySegment source, MemorySegment target);

  /**
   * Returns how many bytes of the target were written.
   *
   * @throws RuntimeException of any kind, if the source is not what {@link #compress} makes, or
   *     does not fit
   */
  int decompress(MemorySegment source, MemorySegment target);
}
