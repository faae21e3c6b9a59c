// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.CorruptionException;
import dev.varve.memory.Bytes;
import java.lang.foreign.MemorySegment;

/**
 * Writes keys as bytes that sort as the keys do, and reads them back.
 *
 * <p>For any keys {@code a} and {@code b} the unsigned lexicographic order of the encodings (see
 * {@link Bytes}) is the order of the keys; equal encodings mean equal keys. An implementation is
 * stateless or immutable, safe for any number of threads, and writes the same bytes for a key
 * forever where its keys are stored in files.
 *
 * <p>Segments may be native, mapped or heap ones, at any alignment: use the {@code _UNALIGNED}
 * layouts. {@link LongKeyCodec} is the form for keys that fit into 64 bits.
 *
 * @param <K> the type of the keys; null is none of them
 */
public interface KeyCodec<K> {

  /** What {@link #fixedBytes} returns if encodings differ in size. */
  int VARIABLE = -1;

  /**
   * Returns a bound on the size of an encoding.
   *
   * @param key any key
   * @return the most bytes that {@link #encode} touches for it, 0 or more
   * @throws IllegalArgumentException if the key cannot be encoded
   */
  int maxBytes(K key);

  /**
   * Writes a key.
   *
   * @param key any key
   * @param target where to write; all {@link #maxBytes} bytes from the offset may be overwritten
   * @param offset of the first byte in the target
   * @return how many bytes the encoding has, at most {@link #maxBytes}
   * @throws IllegalArgumentException if the key cannot be encoded
   * @throws IndexOutOfBoundsException if {@link #maxBytes} bytes do not fit into the target
   */
  int encode(K key, MemorySegment target, long offset);

  /**
   * Reads a key.
   *
   * @param source where to read
   * @param offset of the first byte in the source
   * @param byteSize how many bytes the encoding has, exactly
   * @return the key
   * @throws CorruptionException if the bytes are not what {@link #encode} writes
   * @throws IndexOutOfBoundsException if the range is not within the source
   */
  K decode(MemorySegment source, long offset, int byteSize);

  /**
   * Returns the size that all encodings have.
   *
   * @return the bytes, or {@link #VARIABLE}
   */
  default int fixedBytes() {
    return VARIABLE;
  }

  /**
   * Compares two keys as their encodings compare. The default encodes both into fresh arrays; a
   * codec that can tell without does better.
   *
   * @param a one key
   * @param b the other
   * @return negative, zero or positive as {@code a} sorts before, equal to or after {@code b}
   */
  default int compare(K a, K b) {
    MemorySegment first = MemorySegment.ofArray(new byte[maxBytes(a)]);
    MemorySegment second = MemorySegment.ofArray(new byte[maxBytes(b)]);
    int firstBytes = encode(a, first, 0);
    int secondBytes = encode(b, second, 0);
    return Bytes.compareUnsigned(first, 0, firstBytes, second, 0, secondBytes);
  }
}
