// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * A random generator whose whole state is one number, and whose sequence never changes with a
 * release: SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators,
 * 2014).
 */
final class SplitMix {
  private static final long GAMMA = 0x9e3779b97f4a7c15L;

  private long state;

  SplitMix(long seed) {
    this.state = seed;
  }

  long state() {
    return state;
  }

  long next() {
    state += GAMMA;
    long z = state;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** Returns a number from 0 to below a bound. */
  int below(int bound) {
    return (int) Math.unsignedMultiplyHigh(next(), bound);
  }

  /** Returns a number from 0.0 to below 1.0. */
  double fraction() {
    return (next() >>> 11) * 0x1p-53;
  }
}
