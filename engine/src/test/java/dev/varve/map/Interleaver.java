// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/**
 * Runs threads one at a time and switches between them at accesses to memory, as a seed says: the
 * same seed, the same run.
 */
public final class Interleaver implements Runnable {

  private final Random random;
  private final int switchEvery;
  private final List<Thread> threads = new ArrayList<>();
  private final List<Throwable> failures = new ArrayList<>();
  private volatile int turn = -1;
  private volatile int alive;
  private boolean[] done = {};

  public Interleaver(long seed, int switchEvery) {
    this.random = new Random(seed);
    this.switchEvery = switchEvery;
  }

  /** An access. */
  @Override
  public void run() {
    int me = turn;
    if (me < 0 || threads.get(me) != Thread.currentThread()) {
      return;
    }
    if (random.nextInt(switchEvery) == 0) {
      pass(me);
    }
  }

  private void pass(int me) {
    int next = random.nextInt(threads.size());
    while (done[next]) {
      next = (next + 1) % threads.size();
    }
    if (next != me) {
      turn = next;
      LockSupport.unpark(threads.get(next));
      await(me);
    }
  }

  private void await(int me) {
    while (turn != me) {
      LockSupport.park(this);
    }
  }

  /** Runs all bodies to their ends. */
  public void runAll(List<Runnable> bodies) throws InterruptedException {
    alive = bodies.size();
    done = new boolean[bodies.size()];
    for (int i = 0; i < bodies.size(); i++) {
      int me = i;
      threads.add(
          new Thread(
              () -> {
                await(me);
                try {
                  bodies.get(me).run();
                } catch (Throwable e) {
                  failures.add(e);
                }
                done[me] = true;
                if (--alive > 0) {
                  int next = me;
                  while (done[next]) {
                    next = (next + 1) % done.length;
                  }
                  turn = next;
                  LockSupport.unpark(threads.get(next));
                }
              }));
    }
    threads.forEach(Thread::start);
    turn = 0;
    LockSupport.unpark(threads.get(0));
    for (Thread thread : threads) {
      thread.join();
    }
    turn = -1;
    if (!failures.isEmpty()) {
      throw new AssertionError("a thread failed", failures.get(0));
    }
  }
}
