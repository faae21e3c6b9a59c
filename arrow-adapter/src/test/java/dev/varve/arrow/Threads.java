// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads of a test, whose failures fail it. */
final class Threads implements AutoCloseable {

  private final ExecutorService pool = Executors.newCachedThreadPool();
  private final List<Future<?>> running = new ArrayList<>();

  /** What a thread does. */
  @FunctionalInterface
  interface Task {
    void run() throws Exception;
  }

  void run(Task task) {
    running.add(
        pool.submit(
            () -> {
              task.run();
              return null;
            }));
  }

  /** Waits for all, and throws what one of them threw. */
  void join() throws Exception {
    Throwable failure = null;
    for (Future<?> each : running) {
      try {
        each.get();
      } catch (ExecutionException e) {
        if (failure == null) {
          failure = e.getCause();
        } else {
          failure.addSuppressed(e.getCause());
        }
      }
    }
    running.clear();
    if (failure != null) {
      throw new AssertionError("in a thread of the test: " + failure, failure);
    }
  }

  @Override
  public void close() throws Exception {
    pool.shutdownNow();
    pool.close();
  }
}
