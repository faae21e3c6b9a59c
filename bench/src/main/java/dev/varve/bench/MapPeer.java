// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

/**
 * An ordered map under measurement, whose keys are made from numbers: the i-th key is a mixture of
 * i, so that ascending numbers give keys in random order, without an array of keys in the cache.
 */
interface MapPeer extends AutoCloseable {

  /** What one thread does with the map. */
  interface Session {

    /** Puts the i-th key. */
    void put(long i);

    /** Reads the value of the i-th key, and a part of it. */
    long get(long i);

    /** Goes over so many entries from the i-th key on. */
    long scan(long i, int entries);

    /** Goes over all entries. */
    long iterate();
  }

  /** Begins a thread's work. */
  Session session();

  /** The bytes that it holds outside of the heap, or 0. */
  default long heldBytes() {
    return 0;
  }

  @Override
  default void close() {}

  /** A bijection of 64-bit numbers that leaves no order (the finalizer of SplitMix64). */
  static long mix(long i) {
    long z = i * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
