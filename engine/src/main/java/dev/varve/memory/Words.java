// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The memory seam: 64-bit words that threads race on, by access mode.
 *
 * <p>Algorithms without locks are written against this, because model checkers see races on an
 * {@link AtomicLongArray} but none on a {@link MemorySegment}. Over a segment the calls are inlined
 * to the bare accesses and one load and comparison more: nothing where reads wait for each other,
 * 0.3 ns in a loop of nothing else.
 *
 * <p>The modes are those of {@link java.lang.invoke.VarHandle}, and what they promise between
 * threads is the same; between processes over a mapping acquire and release pair through the
 * hardware. There is no compareAndExchange, which kills the JVM on a mapping that faults; {@link
 * #compareAndSet} and {@link #getAndAdd} are for pages that were written before.
 *
 * <p>There are two implementations, and where only one is loaded, calls go straight to it. Tests
 * may add one that watches accesses or stops at them.
 *
 * <p>Every method takes the index of a word and throws {@link IndexOutOfBoundsException} if it is
 * not at least 0 and below {@link #size}; none allocates.
 */
public interface Words {

  /**
   * Returns the words of a segment, little-endian.
   *
   * @param segment of a multiple of 8 bytes, aligned to 8: native, mapped, or over a {@code long[]}
   * @return the words, valid as long as the segment
   * @throws IllegalArgumentException if size or alignment is wrong
   */
  static Words over(MemorySegment segment) {
    return new SegmentWords(segment);
  }

  /**
   * Returns the words of an array, for model checkers.
   *
   * @param array any array
   * @return the words
   */
  static Words over(AtomicLongArray array) {
    return new ArrayWords(array);
  }

  /**
   * Returns the number of words.
   *
   * @return 0 or more
   */
  long size();

  /**
   * Reads a word that no thread writes meanwhile, or whose reader checks afterwards.
   *
   * @param index of the word
   * @return its value
   */
  long getPlain(long index);

  /**
   * Writes a word that other threads do not read before a later release.
   *
   * @param index of the word
   * @param value any value
   */
  void setPlain(long index, long value);

  /**
   * Reads a word in one piece, without order to other words.
   *
   * @param index of the word
   * @return its value
   */
  long getOpaque(long index);

  /**
   * Writes a word in one piece, without order to other words.
   *
   * @param index of the word
   * @param value any value
   */
  void setOpaque(long index, long value);

  /**
   * Reads a word before everything that follows: it pairs with {@link #setRelease}.
   *
   * @param index of the word
   * @return its value
   */
  long getAcquire(long index);

  /**
   * Writes a word after everything that precedes: it pairs with {@link #getAcquire}.
   *
   * @param index of the word
   * @param value any value
   */
  void setRelease(long index, long value);

  /**
   * Reads a word in the one order that all threads agree on.
   *
   * @param index of the word
   * @return its value
   */
  long getVolatile(long index);

  /**
   * Writes a word in the one order that all threads agree on.
   *
   * @param index of the word
   * @param value any value
   */
  void setVolatile(long index, long value);

  /**
   * Writes a word if it has the expected value, as one volatile action.
   *
   * @param index of the word
   * @param expected the value it must have
   * @param value what to write
   * @return whether it had the expected value and was written
   */
  boolean compareAndSet(long index, long expected, long value);

  /**
   * Adds to a word, as one volatile action.
   *
   * @param index of the word
   * @param delta what to add
   * @return the value before
   */
  long getAndAdd(long index, long delta);

  /**
   * Reads words as {@link #getPlain} does, in any order.
   *
   * @param index of the first word
   * @param target where they go, from its start
   * @param count how many, not more than the target has
   */
  default void copyTo(long index, long[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = getPlain(index + i);
    }
  }

  /**
   * Copies words to other ones, or moves them among the same ones, where the two ranges may
   * overlap. It reads and writes as {@link #getPlain} and {@link #setPlain} do, in any order.
   *
   * @param index of the first word
   * @param target where they go
   * @param targetIndex of the first of them
   * @param count how many
   */
  default void copyTo(long index, Words target, long targetIndex, int count) {
    if (target == this && index < targetIndex) {
      for (int i = count - 1; i >= 0; i--) {
        setPlain(targetIndex + i, getPlain(index + i));
      }
    } else {
      for (int i = 0; i < count; i++) {
        target.setPlain(targetIndex + i, getPlain(index + i));
      }
    }
  }

  /**
   * Reads words into a segment, as {@link #getPlain} does, in any order.
   *
   * @param index of the first word
   * @param target where they go
   * @param layout how they are written there
   * @param offset of the first of them in the target
   * @param count how many
   * @throws IndexOutOfBoundsException also if the target is too small
   */
  default void copyTo(
      long index, MemorySegment target, ValueLayout.OfLong layout, long offset, int count) {
    for (int i = 0; i < count; i++) {
      target.set(layout, offset + ((long) i << 3), getPlain(index + i));
    }
  }

  /**
   * Writes words from a segment, as {@link #setPlain} does, in any order.
   *
   * @param index of the first word
   * @param source where they come from
   * @param layout how they are written there
   * @param offset of the first of them in the source
   * @param count how many
   * @throws IndexOutOfBoundsException also if the source is too small
   */
  default void copyFrom(
      long index, MemorySegment source, ValueLayout.OfLong layout, long offset, int count) {
    for (int i = 0; i < count; i++) {
      setPlain(index + i, source.get(layout, offset + ((long) i << 3)));
    }
  }
}
