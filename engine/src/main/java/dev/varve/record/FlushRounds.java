// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Lets callers of a flush share it: one does a round for all who came before it began, and who
 * comes later waits for the next one.
 */
final class FlushRounds {
  /** Flushes everything, and syncs it if that is wanted. Returns what made a sync fail. */
  interface Work {
    @Nullable Throwable flush(boolean sync);
  }

  private static final class Round {
    boolean sync;
    boolean ended;
    @Nullable Throwable error;
    @Nullable RuntimeException broken;
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Work work;
  private Round next = new Round();
  private boolean running;

  FlushRounds(Work work) {
    this.work = work;
  }

  /** Waits until a round has ended that began after this call. Returns what failed in it. */
  @Nullable Throwable flush(boolean sync) {
    lock.lock();
    try {
      Round mine = next;
      mine.sync |= sync;
      while (!mine.ended) {
        if (running) {
          changed.awaitUninterruptibly();
        } else {
          lead(mine);
        }
      }
      if (mine.broken != null) {
        throw mine.broken;
      }
      return mine.error;
    } finally {
      lock.unlock();
    }
  }

  /** Does the next round, with the lock free meanwhile. */
  private void lead(Round round) {
    next = new Round();
    running = true;
    lock.unlock();
    try {
      round.error = work.flush(round.sync);
    } catch (RuntimeException | Error e) {
      round.broken = new IllegalStateException("a flush that several callers shared broke off", e);
    } finally {
      lock.lock();
      running = false;
      round.ended = true;
      changed.signalAll();
    }
  }
}
