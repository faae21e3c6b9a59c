// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Lets a run clean up when the process is told to end, as by SIGINT.
 *
 * <p>The JVM then runs {@link #interrupt} as a shutdown hook beside the run: it interrupts the
 * thread of the run, closes what the run has registered, and waits until the run is over, but not
 * for ever.
 */
final class Interruption {
  private static final long PATIENCE_SECONDS = 10;

  private final CountDownLatch over = new CountDownLatch(1);
  private final List<AutoCloseable> open = new ArrayList<>();
  private @Nullable Thread runner;
  private boolean interrupted;

  /** Has the JVM interrupt the run of this thread when the process is told to end. */
  static Interruption ofProcess() {
    Interruption interruption = new Interruption();
    interruption.begin();
    Runtime.getRuntime().addShutdownHook(new Thread(interruption::interrupt, "interruption"));
    return interruption;
  }

  /** Says that this thread is the run's. */
  synchronized void begin() {
    runner = Thread.currentThread();
  }

  /** Has something closed on interruption, or now if that has come already. */
  void closeOnInterrupt(AutoCloseable resource) {
    boolean late;
    synchronized (this) {
      open.add(resource);
      late = interrupted;
    }
    if (late) {
      close(resource);
    }
  }

  /** Forgets something that was closed. */
  synchronized void forget(AutoCloseable resource) {
    open.remove(resource);
  }

  /** Returns whether the run was interrupted. */
  synchronized boolean isInterrupted() {
    return interrupted;
  }

  /** Says that the run is over. */
  void end() {
    over.countDown();
  }

  /** Interrupts the run, unless it is over, and waits for its end. */
  void interrupt() {
    if (over.getCount() == 0) {
      return;
    }
    List<AutoCloseable> resources;
    synchronized (this) {
      interrupted = true;
      resources = List.copyOf(open).reversed();
      if (runner != null) {
        runner.interrupt();
      }
    }
    resources.forEach(Interruption::close);
    try {
      boolean unused = over.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void close(AutoCloseable resource) {
    try {
      resource.close();
    } catch (Exception e) {
      // The run closes it too, and reports what goes wrong.
      System.getLogger(Interruption.class.getName())
          .log(System.Logger.Level.DEBUG, "closing on interruption", e);
    }
  }
}
