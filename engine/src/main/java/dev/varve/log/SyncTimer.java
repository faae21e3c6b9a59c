// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The thread that syncs a log early enough for the age its durability allows.
 *
 * <p>When it cannot, it tries again and again, and the next append syncs by itself, so that its
 * caller is told.
 */
final class SyncTimer {

  private static final System.Logger LOGGER = System.getLogger(SyncTimer.class.getName());

  private final CountDownLatch stopped = new CountDownLatch(1);
  private final ReplayLog log;
  private final long age;
  private volatile boolean failing;

  SyncTimer(ReplayLog log, Duration maxAge) {
    this.log = log;
    this.age = maxAge.toNanos();
  }

  void start() {
    Thread thread = new Thread(this::run, "varve-log-sync");
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    boolean running = true;
    while (running) {
      try {
        running = !stopped.await(age / 4, TimeUnit.NANOSECONDS);
        if (running) {
          log.syncOlderThan(age / 2);
          failing = false;
        }
      } catch (RuntimeException | Error e) {
        // Whatever it is, of a framing for example: who appends next meets it again.
        if (!failing) {
          LOGGER.log(System.Logger.Level.WARNING, log.name() + ": could not sync in time", e);
        }
        failing = true;
      } catch (InterruptedException e) {
        // This thread is ended by stop() alone.
        LOGGER.log(System.Logger.Level.DEBUG, "interrupted, and going on", e);
      }
    }
  }

  /** Whether the last attempt failed. */
  boolean isFailing() {
    return failing;
  }

  void stop() {
    stopped.countDown();
  }
}
