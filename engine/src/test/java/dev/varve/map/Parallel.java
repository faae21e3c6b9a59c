// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Runs threads at once and passes on what they throw. */
final class Parallel {

  private Parallel() {}

  interface Work {
    void run(int thread) throws Exception;
  }

  /** Runs platform threads to their ends. */
  static void run(int threads, Work work) throws InterruptedException {
    run(threads, 0, work);
  }

  /** Runs platform threads, and virtual ones numbered behind them, to their ends. */
  static void run(int platform, int virtual, Work work) throws InterruptedException {
    Queue<Throwable> thrown = new ConcurrentLinkedQueue<>();
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < platform + virtual; i++) {
      int thread = i;
      Runnable body =
          () -> {
            try {
              work.run(thread);
            } catch (Throwable e) {
              thrown.add(e);
            }
          };
      all.add(i < platform ? new Thread(body) : Thread.ofVirtual().unstarted(body));
    }
    all.forEach(Thread::start);
    for (Thread thread : all) {
      thread.join();
    }
    if (!thrown.isEmpty()) {
      throw new AssertionError(thrown.size() + " threads failed", thrown.peek());
    }
  }
}
