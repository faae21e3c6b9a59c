// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.LockSupport;

/**
 * A lock that the threads of a handle get in the order in which they came, and that any thread can
 * release. Not reentrant. Allocates only where it has to wait.
 */
final class FairLock {
  /** How long a thread may sleep before it looks at the clock again. */
  private static final long LONGEST_NANOS = 20_000_000;

  private static final class Waiter {
    final Thread thread = Thread.currentThread();
    volatile boolean entered;
  }

  // Guarded by this; held while there are waiters.
  private final Deque<Waiter> waiters = new ArrayDeque<>();
  private boolean held;

  /**
   * Takes the lock, or waits for it.
   *
   * @return false if the time is over
   */
  boolean enter(Waiting waiting) {
    Waiter me;
    synchronized (this) {
      if (!held) {
        held = true;
        return true;
      }
      me = new Waiter();
      waiters.add(me);
    }
    while (!me.entered) {
      if (waiting.isOver()) {
        return giveUp(me);
      }
      waiting.park(LONGEST_NANOS);
    }
    return true;
  }

  private synchronized boolean giveUp(Waiter me) {
    if (!me.entered) {
      waiters.remove(me);
    }
    return me.entered;
  }

  synchronized void leave() {
    if (!held) {
      throw new IllegalStateException("the lock is not held");
    }
    Waiter next = waiters.poll();
    if (next == null) {
      held = false;
    } else {
      next.entered = true;
      LockSupport.unpark(next.thread);
    }
  }

  /** Returns how many threads wait. */
  synchronized int waiters() {
    return waiters.size();
  }
}
