// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.CorruptionException;
import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * A codec of keys that are 64 bits or fewer: the fast path of the ordered structures, which keep
 * such a key as one number and write no bytes.
 *
 * <p>The numbers, compared as unsigned ones ({@link Long#compareUnsigned}), sort as the keys do.
 * Unless a codec says otherwise its encoding is the number in eight bytes, the highest first, which
 * sorts likewise.
 *
 * @param <K> the type of the keys
 */
public interface LongKeyCodec<K> extends KeyCodec<K> {

  /**
   * Returns a key as a number.
   *
   * @param key any key
   * @return the number, unsigned
   * @throws IllegalArgumentException if the key cannot be encoded
   */
  long toLong(K key);

  /**
   * Inverts {@link #toLong}.
   *
   * @param number what it returned
   * @return the key
   * @throws CorruptionException if the number stands for no key
   */
  K ofLong(long number);

  @Override
  default int fixedBytes() {
    return Long.BYTES;
  }

  @Override
  default int maxBytes(K key) {
    return Long.BYTES;
  }

  @Override
  default int encode(K key, MemorySegment target, long offset) {
    target.set(Layouts.LE_LONG_UNALIGNED, offset, Long.reverseBytes(toLong(key)));
    return Long.BYTES;
  }

  @Override
  default K decode(MemorySegment source, long offset, int byteSize) {
    Corrupt.unlessSize(source, offset, byteSize, Long.BYTES);
    return ofLong(Long.reverseBytes(source.get(Layouts.LE_LONG_UNALIGNED, offset)));
  }

  @Override
  default int compare(K a, K b) {
    return Long.compareUnsigned(toLong(a), toLong(b));
  }
}
