// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.file.Durability;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Threads of two handles write and read registers, and note when each transaction began and ended,
 * and what it saw. Afterwards the history is checked to be strictly serializable: there is one
 * order of the commits, in which each saw what the ones before had written; what a reader saw was
 * one state of that order; and who began after another one had ended came after it.
 */
@Timeout(600)
class StoreHistoryTest {
  private static final int COMMITS = Boolean.getBoolean("varve.long") ? 20_000 : 300;
  private static final int REGISTERS = 8;

  /** Which transaction wrote last; so the number of those before it. */
  private static final long VERSION = 0;

  /**
   * A transaction, by a clock that all threads share.
   *
   * @param saw the number of the commit that it saw last
   * @param registers what it saw, and wrote where it is one that writes
   */
  private record Entry(boolean writes, long begin, long end, long saw, long[] registers) {}

  @TempDir Path dir;
  private final AtomicLong clock = new AtomicLong();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private volatile boolean done;

  @Test
  void isStrictlySerializable() throws Exception {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    SplittableRandom random = new SplittableRandom(seed);
    List<List<Entry>> histories = new ArrayList<>();
    StoreOptions options = StoreOptions.DEFAULT.withTimeout(Duration.ofMinutes(5));
    try (Store one = Store.open(dir.resolve("s"), options);
        Store other = Store.open(dir.resolve("s"), options)) {
      write(one, table(one), new SplittableRandom(1), new ArrayList<>(), true);
      List<Thread> writers = new ArrayList<>();
      List<Thread> readers = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        Store store = i % 2 == 0 ? one : other;
        List<Entry> history = new ArrayList<>();
        histories.add(history);
        SplittableRandom own = random.split();
        if (i < 3) {
          writers.add(start(() -> writeAll(store, own, history)));
        } else {
          readers.add(start(() -> readAll(store, own, history)));
        }
      }
      for (Thread thread : writers) {
        thread.join();
      }
      done = true;
      for (Thread thread : readers) {
        thread.join();
      }
    }
    assertThat(failure.get()).as("seed %d", seed).isNull();
    check(histories.stream().flatMap(List::stream).toList(), seed);
  }

  private Thread start(Runnable body) {
    return Thread.ofPlatform()
        .start(
            () -> {
              try {
                body.run();
              } catch (Throwable e) {
                failure.compareAndSet(null, e);
              }
            });
  }

  private static Table<Long, Long> table(Store store) {
    return store.table("registers", KeyCodecs.int64(), ValueCodecs.int64());
  }

  private void writeAll(Store store, SplittableRandom random, List<Entry> history) {
    Table<Long, Long> table = table(store);
    for (int i = 0; i < COMMITS && failure.get() == null; i++) {
      write(store, table, random, history, false);
    }
  }

  /** Adds to the version, and changes some registers; or all of them, to begin with. */
  private void write(
      Store store,
      Table<Long, Long> table,
      SplittableRandom random,
      List<Entry> history,
      boolean isFirst) {
    Durability durability = random.nextInt(20) == 0 ? Durability.SYNC : Durability.NONE;
    long begin = clock.getAndIncrement();
    try (WriteTransaction tx = store.beginWrite(durability)) {
      long saw = isFirst ? -1 : table.get(tx, VERSION);
      table.put(tx, VERSION, saw + 1);
      for (long register = 1; register <= REGISTERS; register++) {
        if (isFirst || random.nextInt(3) == 0) {
          table.put(tx, register, isFirst ? 0 : random.nextLong(1000));
        }
      }
      long[] registers = registers(table, tx);
      if (!isFirst && random.nextInt(10) == 0) {
        return; // taken back
      }
      tx.commit();
      history.add(new Entry(true, begin, clock.getAndIncrement(), saw, registers));
    }
  }

  private static long[] registers(Table<Long, Long> table, Transaction tx) {
    long[] all = new long[REGISTERS];
    for (int i = 0; i < REGISTERS; i++) {
      all[i] = table.get(tx, 1L + i);
    }
    return all;
  }

  private void readAll(Store store, SplittableRandom random, List<Entry> history) {
    Table<Long, Long> table = table(store);
    while (!done && failure.get() == null && history.size() < 300_000) {
      long begin = clock.getAndIncrement();
      try (ReadTransaction tx = store.beginRead()) {
        long end = clock.getAndIncrement(); // what it sees is settled
        for (int i = random.nextInt(20) == 0 ? 50 : 1; i > 0; i--) { // some for long
          history.add(new Entry(false, begin, end, table.get(tx, VERSION), registers(table, tx)));
        }
      }
    }
  }

  private static void check(List<Entry> history, long seed) {
    List<Entry> commits =
        history.stream()
            .filter(Entry::writes)
            .sorted(Comparator.comparingLong(Entry::saw))
            .toList();
    assertThat(commits.size()).isGreaterThan(2 * COMMITS);
    long latestBegin = -1;
    for (int i = 0; i < commits.size(); i++) {
      Entry commit = commits.get(i);
      assertThat(commit.saw).as("seed %d: what commit %d saw", seed, i + 1).isEqualTo(i);
      assertThat(commit.end)
          .as("seed %d: commit %d, after the one before", seed, i + 1)
          .isGreaterThan(latestBegin);
      latestBegin = Math.max(latestBegin, commit.begin);
    }
    int reads = 0;
    for (Entry entry : history) {
      if (!entry.writes) {
        reads++;
        checkRead(entry, commits, seed);
      }
    }
    assertThat(reads).isPositive();
  }

  private static void checkRead(Entry read, List<Entry> commits, long seed) {
    int saw = (int) read.saw;
    assertThat(saw).isBetween(0, commits.size());
    long[] state = saw == 0 ? new long[REGISTERS] : commits.get(saw - 1).registers;
    assertThat(read.registers)
        .as("seed %d: a state after commit %d: %s", seed, saw, Arrays.toString(state))
        .isEqualTo(state);
    if (saw > 0) {
      assertThat(commits.get(saw - 1).begin)
          .as("seed %d: the beginning of commit %d, seen before it began", seed, saw)
          .isLessThan(read.end);
    }
    if (saw < commits.size()) {
      assertThat(commits.get(saw).end)
          .as("seed %d: the end of commit %d, not seen afterwards", seed, saw + 1)
          .isGreaterThan(read.begin);
    }
  }
}
