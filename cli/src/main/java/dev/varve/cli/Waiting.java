// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.record.RecordProgress;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/** Waits for work on a file, with a progress bar on a terminal. */
final class Waiting {
  private static final long TICK_MILLIS = 100;

  /** How long work that was interrupted may take to clean up. */
  private static final long PATIENCE_MILLIS = 5000;

  /** Work that can tell how far it is. */
  interface Work<T> {
    T call(RecordProgress progress) throws Exception;
  }

  private Waiting() {}

  /**
   * Does work in another thread and waits for it. An interrupt stops the waiting, not the work.
   *
   * @param streams where progress is shown
   * @param quiet whether none is shown
   * @param task the name of the work
   * @param work the work, which is given whom to tell how far it is, and may be cut off by the end
   *     of the process
   */
  static <T> T on(Streams streams, boolean quiet, String task, Work<T> work) throws Exception {
    return on(streams, quiet, task, "bytes", work);
  }

  /**
   * Does work in another thread and waits for it, as the method above does.
   *
   * @param streams where progress is shown
   * @param quiet whether none is shown
   * @param task the name of the work
   * @param unit what its progress counts
   * @param work the work
   */
  static <T> T on(Streams streams, boolean quiet, String task, String unit, Work<T> work)
      throws Exception {
    return on(streams, quiet, task, unit, false, work);
  }

  /**
   * Does work in another thread and waits for it. An interrupt is passed on to the work, which ends
   * by an exception and is waited for for some seconds, so that it can clean up.
   *
   * @param streams where progress is shown
   * @param task the name of the work
   * @param unit what its progress counts
   * @param work the work
   */
  static <T> T onInterruptible(Streams streams, String task, String unit, Work<T> work)
      throws Exception {
    return on(streams, false, task, unit, true, work);
  }

  private static <T> T on(
      Streams streams,
      boolean quiet,
      String task,
      String unit,
      boolean isInterruptible,
      Work<T> work)
      throws Exception {
    ExecutorService thread =
        Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(task).factory());
    try (Progress bar = new Progress(streams, quiet, task, unit)) {
      AtomicLong current = new AtomicLong();
      AtomicLong most = new AtomicLong(-1);
      RecordProgress progress =
          (done, all) -> {
            current.set(done);
            most.set(all);
          };
      Future<T> result = thread.submit(() -> work.call(progress));
      while (true) {
        try {
          return result.get(TICK_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
          bar.update(current.get(), most.get(), "");
        } catch (InterruptedException e) {
          if (!isInterruptible) {
            throw e;
          }
          thread.shutdownNow();
          return last(result, e);
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    } finally {
      thread.shutdown();
    }
  }

  /** Returns what work comes to that was interrupted. */
  private static <T> T last(Future<T> result, InterruptedException interrupt) throws Exception {
    try {
      return result.get(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      interrupt.addSuppressed(e);
      throw interrupt;
    }
  }
}
