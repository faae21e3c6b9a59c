// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.Storage;
import dev.varve.store.Machine.Handle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many threads pin and unpin in mapped memory, while one commits and scans, and one syncs. */
class SlotsThreadsTest {
  private static final int COMMITS = Boolean.getBoolean("varve.long") ? 5_000_000 : 40_000;
  private static final int READERS = 4;

  @TempDir Path dir;

  /** By txn: 1 once it was found not to be needed. */
  private final AtomicIntegerArray gone = new AtomicIntegerArray(COMMITS + 3);

  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final AtomicLong reads = new AtomicLong();
  private volatile boolean done;

  @Test
  void noPinnedStateIsTakenFor() throws Exception {
    Storage storage = Storage.real();
    Machine machine = new Machine(storage, dir);
    Handle a = machine.open(storage);
    Handle b = machine.open(storage);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < READERS; i++) {
      Handle handle = i % 2 == 0 ? a : b;
      boolean steady = i == READERS - 1;
      threads.add(start(() -> read(handle, steady)));
    }
    threads.add(start(() -> lead(b)));
    try {
      write(a);
    } finally {
      done = true;
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertThat(failure.get()).isNull();
    assertThat(reads.get()).isPositive();
    assertThat(a.needed()).containsExactly(a.shared.steady());
    a.slots.release();
    b.slots.release();
  }

  private Thread start(Runnable body) {
    return Thread.ofPlatform()
        .start(
            () -> {
              try {
                while (!done) {
                  body.run();
                  reads.incrementAndGet();
                }
              } catch (Throwable e) {
                failure.compareAndSet(null, e);
              }
            });
  }

  private void write(Handle handle) {
    long[] into = new long[64];
    long from = 1;
    for (int i = 0; i < COMMITS && failure.get() == null; i++) {
      long txn = handle.commit();
      int count = handle.slots.collect(into);
      int at = 0;
      for (long state = from; state < txn; state++) {
        while (at < count && into[at] < state) {
          at++;
        }
        if (at == count || into[at] != state) {
          gone.set((int) state, 1);
        }
      }
      // All before the oldest one that is needed are gone.
      from = Math.min(into[0], txn - 1);
    }
  }

  private void read(Handle handle, boolean steady) {
    Meta meta = new Meta();
    int cell =
        steady
            ? handle.slots.pinSteady(
                (txn, target) -> {
                  target.copyFrom(Machine.meta(txn));
                  return true;
                },
                meta)
            : handle.slots.pin(meta);
    for (int i = 0; i < 20; i++) {
      check(meta);
      Thread.onSpinWait();
    }
    if (!handle.slots.holds(cell, meta.txn())) {
      throw new AssertionError("the pin of " + meta.txn() + " is gone");
    }
    handle.slots.end(cell, meta.txn());
  }

  private void lead(Handle handle) {
    Meta meta = new Meta();
    handle.slots.pinLeader(meta);
    check(meta);
    handle.steady(meta.txn());
    handle.slots.endLeader();
    check(meta);
  }

  private void check(Meta meta) {
    if (!Machine.isWhole(meta, meta.txn())) {
      throw new AssertionError("the meta of " + meta.txn() + " is mixed");
    }
    if (gone.get((int) meta.txn()) != 0) {
      throw new AssertionError("state " + meta.txn() + " was found not to be needed");
    }
  }
}
