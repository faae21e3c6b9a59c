// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

/**
 * Transaction numbers: a counter of 64 bits, unsigned. It goes up by one with each commit and by
 * 2^32 when commits may have been lost whose numbers must not come again.
 */
final class Txn {
  private static final int PIN_BITS = 48;
  private static final long PIN_MASK = (1L << PIN_BITS) - 1;

  /** The first state of a new store. */
  static final long FIRST = 1;

  /** How many commits there can be at most that no steady state covers. */
  static final long MAX_UNSYNCED = 1L << 31;

  private Txn() {}

  /** Returns the number of the commit that follows. */
  static long next(long txn) {
    long next = txn + 1;
    return (next & PIN_MASK) == PIN_MASK ? next + 1 : next; // that one would pin as revoked
  }

  /** Returns the number of the same state after commits behind it may have been lost. */
  static long afterLoss(long txn) {
    return txn + (1L << 32);
  }

  /**
   * Whether {@code birth <= state < free}: a page of that birth and free is needed by the state.
   */
  static boolean needs(long state, long birth, long free) {
    return Long.compareUnsigned(birth, state) <= 0 && Long.compareUnsigned(state, free) < 0;
  }

  /** Returns a pin of a txn, by a slot of an incarnation. */
  static long pin(long incarnation, long txn) {
    return (incarnation << PIN_BITS) | (txn & PIN_MASK);
  }

  /** Returns what a revoked pin of an incarnation is. */
  static long revoked(long incarnation) {
    return (incarnation << PIN_BITS) | PIN_MASK;
  }

  /** Whether a pin, not 0, is a revoked one. */
  static boolean isRevoked(long pin) {
    return (pin & PIN_MASK) == PIN_MASK;
  }

  /**
   * Returns the txn that a pin, not 0 and not revoked, is of: the last one with its bits that is
   * not after the last commit.
   */
  static long pinned(long pin, long lastTxn) {
    return lastTxn - ((lastTxn - pin) & PIN_MASK);
  }

  /** Whether a pin, not 0 and not revoked, is of a txn, of those that can be pinned together. */
  static boolean isPinOf(long pin, long txn) {
    return ((pin ^ txn) & PIN_MASK) == 0;
  }

  static String toString(long txn) {
    return Long.toUnsignedString(txn);
  }
}
