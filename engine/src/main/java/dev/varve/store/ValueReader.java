// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Reads a value where it lies.
 *
 * @param <R> the type of what is made of it
 */
@FunctionalInterface
public interface ValueReader<R extends @Nullable Object> {
  /**
   * Reads a value. The memory is that of the file: read-only, and not to be used after the return,
   * when it may hold anything.
   *
   * @param segment where the value is
   * @param offset of its first byte in the segment
   * @param byteSize how many bytes it has
   * @return what is made of it
   */
  R read(MemorySegment segment, long offset, long byteSize);
}
