// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.VarveException;
import dev.varve.memory.Slab;
import dev.varve.memory.SlabPool;
import java.util.concurrent.ArrayBlockingQueue;

/**
 * A thread that acquires slabs before they are needed: fresh memory is zeroed and faulted in at 1
 * to 2 GB/s, which is slower than a bulk load fills it.
 */
final class SlabAhead implements AutoCloseable {

  /** The most slabs that are acquired and not yet taken. */
  static final int MOST = 3;

  private final SlabPool pool;
  private final ArrayBlockingQueue<Slab> ready = new ArrayBlockingQueue<>(MOST - 1);
  private final Thread thread;

  SlabAhead(SlabPool pool) {
    this.pool = pool;
    thread = Thread.ofPlatform().daemon().name("varve-slab-ahead").start(this::run);
  }

  private void run() {
    try {
      while (!Thread.currentThread().isInterrupted()) {
        Slab slab = pool.acquire();
        if (!put(slab)) {
          slab.release();
          return;
        }
      }
    } catch (VarveException e) {
      // Whoever takes the next slab gets the same.
    }
  }

  private boolean put(Slab slab) {
    try {
      ready.put(slab);
      return true;
    } catch (InterruptedException e) {
      return false;
    }
  }

  /** Returns a slab that is ready, or acquires one here too. */
  Slab take() {
    Slab slab = ready.poll();
    return slab != null ? slab : pool.acquire();
  }

  /** Ends the thread and gives back what was not taken. */
  @Override
  public void close() {
    thread.interrupt();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    for (Slab slab = ready.poll(); slab != null; slab = ready.poll()) {
      slab.release();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
