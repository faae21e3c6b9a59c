// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * A lock that the threads of a handle get in the order in which they began to wait, and that any
 * thread can release. As long as nobody waits, others than the holder may first be asked to go on
 * in the meantime, which is cheaper than to sleep where the lock is held for some microseconds. Who
 * finds that it is not needed any more, since another one has done the work, goes without it; all
 * of these at once, when the lock is released. Not reentrant. Without waiters it costs one CAS to
 * take and one to release; allocates only where it has to wait.
 */
final class FairLock {
  /** How long a thread may sleep before it looks at the clock again. */
  private static final long LONGEST_NANOS = 20_000_000;

  private static final class Waiter {
    final Thread thread = Thread.currentThread();
    final BooleanSupplier needless;
    volatile boolean entered;
    volatile boolean dismissed;

    Waiter(BooleanSupplier needless) {
      this.needless = needless;
    }
  }

  private static final int FREE = 0;
  private static final int HELD = 1;

  /** Held, and whoever releases it looks for waiters. */
  private static final int AWAITED = 2;

  /** How often a thread yields to others before it waits. */
  private final int yields;

  private final AtomicInteger state = new AtomicInteger(FREE);

  // Guarded by this; while there are any, the state is AWAITED.
  private final Deque<Waiter> waiters = new ArrayDeque<>();

  FairLock(int yields) {
    this.yields = yields;
  }

  /**
   * Takes the lock, or waits for it.
   *
   * @param needless whether the lock is not needed any more; other threads ask it, too, and take an
   *     exception for no
   * @return false if the time is over, or it was not needed any more
   */
  @SuppressWarnings("ThreadPriorityCheck") // nothing but speed depends on the yields
  boolean enter(Waiting waiting, BooleanSupplier needless) {
    for (int i = 0; state.get() != FREE && i < yields; i++) {
      waiting.hasWaited();
      Thread.yield();
    }
    if (state.compareAndSet(FREE, HELD)) {
      return true;
    }
    Waiter me;
    synchronized (this) {
      if (state.getAndSet(AWAITED) == FREE) {
        return true;
      }
      me = new Waiter(needless);
      waiters.add(me);
    }
    try {
      waiting.hasWaited();
      while (!me.entered) {
        if (me.dismissed) {
          return false;
        }
        if (waiting.isOver() || needless.getAsBoolean()) {
          return giveUp(me);
        }
        waiting.park(LONGEST_NANOS);
      }
      return true;
    } catch (RuntimeException | Error e) {
      if (giveUp(me)) {
        leave();
      }
      throw e;
    }
  }

  /** Ends a wait. Returns whether the lock was given to it. */
  private synchronized boolean giveUp(Waiter me) {
    if (!me.entered && !me.dismissed) {
      waiters.remove(me);
    }
    return me.entered;
  }

  void leave() {
    if (!state.compareAndSet(HELD, FREE)) {
      passOn();
    }
  }

  private synchronized void passOn() {
    if (state.get() == FREE) {
      throw new IllegalStateException("the lock is not held");
    }
    boolean passed = false;
    for (Iterator<Waiter> all = waiters.iterator(); all.hasNext(); ) {
      Waiter next = all.next();
      boolean isNeedless = isNeedless(next);
      if (isNeedless || !passed) {
        all.remove();
        next.dismissed = isNeedless;
        next.entered = !isNeedless;
        passed |= !isNeedless;
        LockSupport.unpark(next.thread);
      }
    }
    if (!passed) { // so nobody waits
      state.set(FREE);
    }
  }

  /** Whether a waiter says so. If it cannot be asked, it gets the lock, and finds out itself. */
  private static boolean isNeedless(Waiter waiter) {
    try {
      return waiter.needless.getAsBoolean();
    } catch (RuntimeException | Error e) {
      return false;
    }
  }

  /** Whether a thread has the lock. */
  boolean isHeld() {
    return state.get() != FREE;
  }

  /** Returns how many threads wait. */
  synchronized int waiters() {
    return waiters.size();
  }
}
