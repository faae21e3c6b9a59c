// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * The number of batches that can be read, and who waits for it to grow.
 *
 * <p>{@link #publish} is a release store that makes everything written before it visible to who
 * reads {@link #count}. A waiter counts itself before it looks at its condition, and the publisher
 * looks at that count after it changed the condition: one of them sees the other.
 */
final class Frontier {

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private volatile long count;
  private volatile int waiters;

  long count() {
    return count;
  }

  void publish(long value) {
    count = value;
    wake();
  }

  /** Has every waiter look at its condition again. */
  void wake() {
    if (waiters > 0) {
      lock.lock();
      try {
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /** Waits until the condition holds; false when the deadline came first. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // waiters changes under the lock only
  boolean await(BooleanSupplier condition, long deadline) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      waiters++;
      try {
        while (!condition.getAsBoolean()) {
          long left = deadline - System.nanoTime();
          if (left <= 0) {
            return false;
          }
          boolean unused = changed.await(left, TimeUnit.NANOSECONDS);
        }
        return true;
      } finally {
        waiters--;
      }
    } finally {
      lock.unlock();
    }
  }
}
