// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.VarveException;
import dev.varve.file.Storage;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets the threads of a writer share syncs: one, the leader, syncs for all who wait, and the append
 * lock is free meanwhile.
 */
final class SyncGroup {
  private final ReentrantLock lock;
  private final PartWriter part;

  /** A sync ended, or somebody waits no more. */
  private final Condition changed;

  /** How many records of the part are durable as far as this writer knows; -1 before a sync. */
  private long durable = -1;

  private boolean syncing;
  private int waiting;

  /**
   * When the oldest record was appended that no sync was begun for, if timed; 0 if there is none.
   */
  private long oldest;

  /**
   * Makes a group.
   *
   * @param lock held by whoever calls; let go of while one syncs or waits
   */
  SyncGroup(ReentrantLock lock, PartWriter part) {
    this.lock = lock;
    this.part = part;
    this.changed = lock.newCondition();
  }

  /** Notes that a record was appended, or taken over. */
  void appended(Storage storage) {
    if (oldest == 0) {
      oldest = Math.max(1, storage.nanoTime());
    }
  }

  /** Makes everything appended durable if one of it waits longer than an age. */
  void syncOlderThan(long age, long now) {
    part.checkHealthy();
    if (oldest != 0 && now - oldest >= age) {
      sync();
    }
  }

  /** Makes everything durable that was appended so far. */
  void sync() {
    part.checkHealthy();
    long wanted = part.records();
    waiting++;
    try {
      while (durable < wanted) {
        if (syncing) {
          changed.awaitUninterruptibly();
        } else {
          lead();
        }
      }
    } finally {
      waiting--;
      changed.signalAll();
    }
  }

  private void lead() {
    part.flush();
    long records = part.records();
    long end = part.sealed();
    oldest = 0;
    syncing = true;
    lock.unlock();
    VarveException failure = null;
    try {
      part.force();
    } catch (VarveException e) {
      failure = e;
    } finally {
      lock.lock();
      syncing = false;
      changed.signalAll();
    }
    if (failure != null) {
      throw part.poisoned(failure);
    }
    part.forced(end);
    durable = records;
  }

  /** Waits until nobody waits here any more. */
  void awaitIdle() {
    while (waiting > 0) {
      changed.awaitUninterruptibly();
    }
  }
}
