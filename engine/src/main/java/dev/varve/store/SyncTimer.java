// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.VarveException;
import java.lang.System.Logger;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Syncs commits before they reach an age, by a daemon thread that begins with the first of them.
 *
 * <p>A sync begins when half of the age has passed, so that the other half is left for it.
 */
final class SyncTimer {
  private static final Logger LOGGER = System.getLogger(SyncTimer.class.getName());
  private static final long NEVER = Long.MAX_VALUE;

  private final Handle handle;
  private volatile @Nullable Thread thread;

  /** When to sync, in nanoseconds of the storage's clock. Guarded by this. */
  private long due = NEVER;

  private volatile boolean stopped;

  SyncTimer(Handle handle) {
    this.handle = handle;
  }

  /** Has what is committed up to now synced in time. */
  void request(Duration maxAge) {
    synchronized (this) {
      long wanted = handle.storage.nanoTime() + maxAge.toNanos() / 2;
      if (due != NEVER && due - wanted <= 0) {
        return;
      }
      due = wanted;
      if (thread == null) {
        Thread started = new Thread(this::run, "varve-sync-" + handle.path.getFileName());
        started.setDaemon(true);
        thread = started;
        started.start();
      }
    }
    LockSupport.unpark(thread);
  }

  private void run() {
    while (!stopped) {
      long wait;
      synchronized (this) {
        wait = due == NEVER ? NEVER : due - handle.storage.nanoTime();
        if (wait <= 0) {
          due = NEVER;
        }
      }
      if (wait > 0) {
        LockSupport.parkNanos(this, wait);
      } else if (!sync()) {
        return;
      }
    }
  }

  /** Syncs; returns whether to go on. */
  private boolean sync() {
    if (!handle.tryRetain()) {
      return false;
    }
    try {
      handle.syncer.sync(handle.shared.published(), handle.options.timeout());
      return true;
    } catch (VarveException e) {
      // The next commit says so too, if the store is poisoned; if it was busy, the next time helps.
      LOGGER.log(Logger.Level.WARNING, () -> handle.name() + " could not be synced", e);
      return true;
    } finally {
      handle.release();
    }
  }

  void stop() {
    stopped = true;
    LockSupport.unpark(thread);
  }
}
