// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.CorruptionException;
import java.lang.foreign.MemorySegment;

/**
 * Writes values as bytes and reads them back. Unlike those of a {@link KeyCodec} the bytes need not
 * sort.
 *
 * <p>An implementation is stateless or immutable and safe for any number of threads. Segments may
 * be native, mapped or heap ones, at any alignment. {@link LongValueCodec} is the form for values
 * that fit into 64 bits.
 *
 * @param <V> the type of the values; null is none of them
 */
public interface ValueCodec<V> {

  /** What {@link #fixedBytes} returns if encodings differ in size. */
  int VARIABLE = KeyCodec.VARIABLE;

  /**
   * Returns a bound on the size of an encoding.
   *
   * @param value any value
   * @return the most bytes that {@link #encode} touches for it, 0 or more
   * @throws IllegalArgumentException if the value cannot be encoded
   */
  int maxBytes(V value);

  /**
   * Writes a value.
   *
   * @param value any value
   * @param target where to write; all {@link #maxBytes} bytes from the offset may be overwritten
   * @param offset of the first byte in the target
   * @return how many bytes the encoding has, at most {@link #maxBytes}
   * @throws IllegalArgumentException if the value cannot be encoded
   * @throws IndexOutOfBoundsException if {@link #maxBytes} bytes do not fit into the target
   */
  int encode(V value, MemorySegment target, long offset);

  /**
   * Reads a value.
   *
   * @param source where to read
   * @param offset of the first byte in the source
   * @param byteSize how many bytes the encoding has, exactly
   * @return the value, which keeps no reference to the source
   * @throws CorruptionException if the bytes are not what {@link #encode} writes
   * @throws IndexOutOfBoundsException if the range is not within the source
   */
  V decode(MemorySegment source, long offset, int byteSize);

  /**
   * Returns the size that all encodings have.
   *
   * @return the bytes, or {@link #VARIABLE}
   */
  default int fixedBytes() {
    return VARIABLE;
  }
}
