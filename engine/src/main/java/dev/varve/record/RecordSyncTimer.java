// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.VarveException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The thread that syncs a writer early enough for the age its durability allows. When it cannot
 * write, it tries again, and so does the next append, whose caller is told.
 */
final class RecordSyncTimer {
  private static final System.Logger LOGGER = System.getLogger(RecordSyncTimer.class.getName());

  private final CountDownLatch stopped = new CountDownLatch(1);
  private final RecordWriter writer;
  private final long age;

  RecordSyncTimer(RecordWriter writer, Duration maxAge) {
    this.writer = writer;
    this.age = maxAge.toNanos();
  }

  void start() {
    Thread thread = new Thread(this::run, "varve-record-sync");
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    boolean running = true;
    boolean failing = false;
    while (running) {
      try {
        running = !stopped.await(age / 4, TimeUnit.NANOSECONDS);
        if (running) {
          writer.syncOlderThan(age / 2);
          failing = false;
        }
      } catch (VarveException e) {
        if (!failing) {
          LOGGER.log(System.Logger.Level.WARNING, writer.path() + ": could not sync in time", e);
        }
        failing = true;
      } catch (InterruptedException e) {
        // This thread is ended by stop() alone.
        LOGGER.log(System.Logger.Level.DEBUG, "interrupted, and going on", e);
      }
    }
  }

  void stop() {
    stopped.countDown();
  }
}
