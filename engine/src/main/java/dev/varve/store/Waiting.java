// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.Storage;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * One thread's wait for something, of a limited time by the clock of the storage. Between two looks
 * the thread spins, then parks for longer and longer; it parks really, so that a clock that is
 * moved by hand is looked at again after a while.
 *
 * <p>An interrupt does not end the wait; the flag is set again by {@link #close}.
 */
final class Waiting implements AutoCloseable {
  private static final int SPINS = 100;
  private static final long SHORTEST_NANOS = 50_000;
  private static final long LONGEST_NANOS = 1_000_000;

  private final Storage storage;
  private final long limit;
  private long start;
  private int spins;
  private int parks;
  private long nanos = SHORTEST_NANOS;
  private boolean interrupted;
  private boolean waited;

  /**
   * Creates one, whose time begins when the thread first has to wait; zero or less is over at once.
   */
  Waiting(Storage storage, Duration timeout) {
    this.storage = storage;
    this.limit = nanos(timeout);
  }

  private static long nanos(Duration timeout) {
    try {
      return timeout.toNanos();
    } catch (ArithmeticException e) {
      return timeout.isNegative() ? 0 : Long.MAX_VALUE;
    }
  }

  boolean isOver() {
    return remaining() <= 0;
  }

  private long remaining() {
    return waited ? limit - (storage.nanoTime() - start) : limit;
  }

  /** Says that the thread has to wait, in another way than by this. */
  void hasWaited() {
    if (!waited) {
      waited = true;
      start = storage.nanoTime();
    }
  }

  /** Returns for how long the thread has waited since it had to, 0 if it had not. */
  long waitedNanos() {
    return waited ? Math.max(1, storage.nanoTime() - start) : 0;
  }

  /**
   * Waits until it is worth looking again.
   *
   * @return false if the time is over, at once
   */
  boolean pause() {
    hasWaited();
    if (isOver()) {
      return false;
    }
    if (spins < SPINS) {
      spins++;
      Thread.onSpinWait();
    } else {
      parks++;
      park(nanos);
      nanos = Math.min(2 * nanos, LONGEST_NANOS);
    }
    return true;
  }

  /** Parks for at most so long; may return early. */
  void park(long most) {
    hasWaited();
    interrupted |= Thread.interrupted();
    LockSupport.parkNanos(this, Math.min(most, remaining()));
  }

  /** Returns how often {@link #pause} parked: after 5 times at least 1 ms has passed. */
  int parks() {
    return parks;
  }

  @Override
  public void close() {
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
