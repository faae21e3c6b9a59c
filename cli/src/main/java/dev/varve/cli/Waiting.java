// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waits for work that does not tell how far it is, with a sign of life on a terminal. */
final class Waiting {
  private static final long TICK_MILLIS = 100;

  private Waiting() {}

  /**
   * Does work in another thread and waits for it. An interrupt stops the waiting, not the work.
   *
   * @param streams where progress is shown
   * @param quiet whether none is shown
   * @param task the name of the work
   * @param work the work, which may be cut off by the end of the process
   */
  static <T> T on(Streams streams, boolean quiet, String task, Callable<T> work) throws Exception {
    ExecutorService thread =
        Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(task).factory());
    try (Progress bar = new Progress(streams, quiet, task, "steps")) {
      Future<T> result = thread.submit(work);
      while (true) {
        try {
          return result.get(TICK_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
          bar.update(0, -1, "");
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
}
