// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.CorruptionException;
import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * A codec of values that are 64 bits or fewer, which the ordered maps keep beside the key and can
 * count with in place.
 *
 * <p>Unless a codec says otherwise its encoding is the number in eight bytes, little-endian.
 *
 * @param <V> the type of the values
 */
public interface LongValueCodec<V> extends ValueCodec<V> {

  /**
   * Returns a value as a number.
   *
   * @param value any value
   * @return the number; every pattern of bits is allowed
   * @throws IllegalArgumentException if the value cannot be encoded
   */
  long toLong(V value);

  /**
   * Inverts {@link #toLong}.
   *
   * @param number what it returned
   * @return the value
   * @throws CorruptionException if the number stands for no value
   */
  V ofLong(long number);

  @Override
  default int fixedBytes() {
    return Long.BYTES;
  }

  @Override
  default int maxBytes(V value) {
    return Long.BYTES;
  }

  @Override
  default int encode(V value, MemorySegment target, long offset) {
    target.set(Layouts.LE_LONG_UNALIGNED, offset, toLong(value));
    return Long.BYTES;
  }

  @Override
  default V decode(MemorySegment source, long offset, int byteSize) {
    Corrupt.unlessSize(source, offset, byteSize, Long.BYTES);
    return ofLong(source.get(Layouts.LE_LONG_UNALIGNED, offset));
  }
}
