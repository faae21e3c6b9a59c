// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two processes and two threads write, processes and threads read what they write, some from one
 * snapshot for long, through two handles of this process: every value is what its snapshot says.
 */
@Tag("once")
@Timeout(14_400)
class StoreTortureTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int COMMITS = LONG ? 20_000 : 400;

  /** {@code varve.checks} chooses another number of reads, of one run among several. */
  private static final long CHECKS = Long.getLong("varve.checks", LONG ? 1_000_000_000 : 200_000);

  @TempDir Path dir;
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final AtomicLong checked = new AtomicLong();
  private volatile boolean done;

  @Test
  void everySnapshotIsWhole() throws Exception {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("StoreTortureTest: seed " + seed);
    Random random = new Random(seed);
    Path path = dir.resolve("store");
    StoreOptions options = StoreOptions.DEFAULT.withTimeout(StoreProcess.TIMEOUT);
    try (Store first = Store.open(path, options);
        Store second = Store.open(path, options)) {
      new StoreLoad(first).prepare();
      List<Thread> threads = new ArrayList<>();
      for (Store store : List.of(first, second)) {
        StoreLoad load = new StoreLoad(store);
        int writer = store == first ? 2 : 3;
        Random own = new Random(random.nextLong());
        threads.add(start(() -> write(load, writer, own)));
        threads.add(start(() -> readOnce(store, load)));
        threads.add(start(() -> readLong(store, load)));
      }
      try (StoreChild writer = new StoreChild("0", path, random.nextLong());
          StoreChild other = new StoreChild("1", path, random.nextLong());
          StoreChild reader = new StoreChild("read", path, random.nextLong())) {
        writer.awaitNumbers(COMMITS / 2);
        other.awaitNumbers(COMMITS / 4);
        reader.awaitChecked(CHECKS / 4);
        while (checked.get() < CHECKS && failure.get() == null) {
          Thread.sleep(1);
        }
        for (StoreChild child : List.of(writer, other, reader)) {
          child.kill();
          child.check();
        }
        checked.addAndGet(reader.checked());
      } finally {
        done = true;
        for (Thread thread : threads) {
          thread.join();
        }
      }
      assertThat(failure.get()).isNull();
      StoreLoad load = new StoreLoad(second);
      checked.addAndGet(second.<Integer>read(load::checkAll));
      long[] counts = new long[4];
      for (int i = 0; i < counts.length; i++) {
        int writer = i;
        counts[i] = second.<Long>read(tx -> load.count(tx, writer));
        assertThat(counts[i]).isPositive();
      }
      System.out.printf(
          "StoreTortureTest: %d checked reads, %s commits, file of %d bytes%n",
          checked.get(), Arrays.toString(counts), path.toFile().length());
    }
  }

  private Thread start(Runnable body) {
    return Thread.ofPlatform()
        .start(
            () -> {
              try {
                while (!done) {
                  body.run();
                }
              } catch (Throwable e) {
                failure.compareAndSet(null, e);
              }
            });
  }

  /** Commits, but not for ever: a handle that never rests leaves little to those of others. */
  private void write(StoreLoad load, int writer, Random own) {
    if (load.commit(writer, own) % 50 == 0) {
      LockSupport.parkNanos(5_000_000);
    }
  }

  private void readOnce(Store store, StoreLoad load) {
    checked.addAndGet(store.<Integer>read(load::check));
  }

  /** One snapshot while others come and go. */
  private void readLong(Store store, StoreLoad load) {
    try (ReadTransaction durable = store.beginReadDurable();
        ReadTransaction pinned = store.beginRead()) {
      long[] counts = {load.count(pinned, 0), load.count(durable, 0)};
      for (int i = 0; i < 20 && !done; i++) {
        checked.addAndGet(load.check(pinned));
        checked.addAndGet(load.check(durable));
        try (ReadTransaction nested = store.beginRead()) {
          assertThat(load.count(nested, 0)).isGreaterThanOrEqualTo(counts[0]);
        }
        assertThat(load.count(pinned, 0)).isEqualTo(counts[0]);
        assertThat(load.count(durable, 0)).isEqualTo(counts[1]).isLessThanOrEqualTo(counts[0]);
      }
    }
  }
}
