// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Threads at work at once, with freed memory poisoned. */
@Tag("once")
class SkipListChurnTest {

  private static final long OPERATIONS = Long.getLong("varve.map.churn", 150_000);

  /** A value that says whose it is. */
  private static long value(long key, long salt) {
    return (key * 0x9E37_79B9_7F4A_7C15L & ~0xFFFFL) | (salt & 0xFFFF);
  }

  private static void checkValue(long key, long value) {
    if ((value & ~0xFFFFL) != value(key, 0)) {
      throw new AssertionError(
          "Key " + key + " has a value of another: " + Long.toHexString(value));
    }
  }

  private interface Work {
    void run(int thread) throws Exception;
  }

  private static void inParallel(int threads, boolean virtual, Work work)
      throws InterruptedException {
    AtomicLong failures = new AtomicLong();
    List<Throwable> thrown = new ArrayList<>();
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      int thread = i;
      Runnable body =
          () -> {
            try {
              work.run(thread);
            } catch (Throwable e) {
              failures.incrementAndGet();
              synchronized (thrown) {
                thrown.add(e);
              }
            }
          };
      all.add(virtual ? Thread.ofVirtual().unstarted(body) : new Thread(body));
    }
    all.forEach(Thread::start);
    for (Thread thread : all) {
      thread.join();
    }
    if (!thrown.isEmpty()) {
      throw new AssertionError(failures + " threads failed", thrown.get(0));
    }
  }

  /** Each thread knows exactly what its own keys have, all threads share all nodes. */
  @ParameterizedTest
  @CsvSource({"3, 30", "4, 100", "7, 1000", "124, 3000"})
  void everyThreadFindsItsOwn(int maxEntries, int keys) throws InterruptedException {
    int threads = 4;
    try (SkipListMap map = new SkipListMap(Lists.tiny(maxEntries), false, false, null)) {
      inParallel(
          threads,
          false,
          thread -> {
            Random random = new Random(thread);
            long[] mine = new long[keys];
            boolean[] there = new boolean[keys];
            SkipListCursor cursor = map.cursor();
            for (long step = 0; step < OPERATIONS; step++) {
              int index = random.nextInt(keys);
              long key = (long) index * threads + thread;
              boolean shrinking = step / (keys * 3L) % 2 == 1;
              int kind = random.nextInt(10);
              if (kind < (shrinking ? 2 : 5)) {
                long value = value(key, step);
                long old = map.getAndPut(key, value, 0);
                check(there[index] ? mine[index] : 0, old, key);
                mine[index] = value;
                there[index] = true;
              } else if (kind < 7) {
                long old = map.getAndRemove(key, 0);
                check(there[index] ? mine[index] : 0, old, key);
                there[index] = false;
              } else if (kind < 9) {
                check(there[index] ? mine[index] : 0, map.get(key, 0), key);
              } else {
                boolean found = cursor.ceiling(key);
                if (there[index] && (!found || cursor.longKey() != key)) {
                  throw new AssertionError("lost key " + key);
                }
                long last = -1;
                for (int i = 0; i < 20 && found; i++) {
                  if (cursor.longKey() <= last) {
                    throw new AssertionError("out of order");
                  }
                  last = cursor.longKey();
                  checkValue(last, cursor.longValue());
                  found = cursor.next();
                }
              }
            }
          });
      Validator validator = Validator.checkButHints(map.list());
      assertThat(validator.missingHints() + validator.staleHints()).isLessThanOrEqualTo(threads);
    }
  }

  private static void check(long expected, long actual, long key) {
    if (expected != actual) {
      throw new AssertionError(
          "Key "
              + key
              + " has "
              + Long.toHexString(actual)
              + " and not "
              + Long.toHexString(expected));
    }
  }

  @Test
  void byteStringsWithValuesOfAllSizes() throws InterruptedException {
    int threads = 4;
    int keys = 200;
    try (SkipListMap map = new SkipListMap(Lists.tiny(4), true, true, null)) {
      inParallel(
          threads,
          false,
          thread -> {
            Random random = new Random(thread);
            MemorySegment key = MemorySegment.ofArray(new byte[24]);
            MemorySegment value = MemorySegment.ofArray(new long[2048]);
            long[] salts = new long[keys];
            boolean[] there = new boolean[keys];
            for (long step = 0; step < OPERATIONS / 4; step++) {
              int index = random.nextInt(keys);
              int keyBytes = 9 + index % 16;
              key.fill((byte) 'k');
              key.set(ValueLayout.JAVA_BYTE, keyBytes - 1, (byte) index);
              key.set(ValueLayout.JAVA_BYTE, 7, (byte) thread);
              MemorySegment k = key.asSlice(0, keyBytes);
              long salt = thread * 1000L + index;
              int size = random.nextInt(30) == 0 ? 1 + random.nextInt(1500) : 1 + random.nextInt(8);
              switch (random.nextInt(4)) {
                case 0, 1 -> {
                  for (int i = 0; i < size; i++) {
                    value.setAtIndex(ValueLayout.JAVA_LONG, i, salt + step + i);
                  }
                  map.put(k, value.asSlice(0, size * 8L));
                  salts[index] = salt + step;
                  there[index] = true;
                }
                case 2 -> {
                  if (map.remove(k) != there[index]) {
                    throw new AssertionError("remove of " + index);
                  }
                  there[index] = false;
                }
                default -> {
                  long bytes = map.get(k, value);
                  if (bytes >= 0 != there[index]) {
                    throw new AssertionError("get of " + index);
                  }
                  for (int i = 0; i < bytes / 8; i++) {
                    if (value.getAtIndex(ValueLayout.JAVA_LONG, i) != salts[index] + i) {
                      throw new AssertionError("value of " + index + " at " + i);
                    }
                  }
                }
              }
            }
          });
      Validator.checkButHints(map.list());
    }
  }

  @Test
  void countersLoseNothing() throws InterruptedException {
    int threads = 8;
    int counters = 5;
    long each = OPERATIONS / 2;
    try (SkipListMap map = new SkipListMap(Lists.tiny(3), false, false, null)) {
      inParallel(
          threads,
          false,
          thread -> {
            Random random = new Random(thread);
            for (long i = 0; i < each; i++) {
              map.addAndGet(random.nextInt(counters), 1);
              // Neighbours come and go, so that nodes split and merge under the counters.
              long other = 100 + random.nextInt(20);
              if (random.nextBoolean()) {
                map.put(other, 1);
              } else {
                map.remove(other);
              }
            }
          });
      long sum = 0;
      for (int i = 0; i < counters; i++) {
        sum += map.get(i, 0);
      }
      assertThat(sum).isEqualTo(threads * each);
      Validator.checkButHints(map.list());
    }
  }

  @Test
  void aQueueGivesEveryEntryOnce() throws InterruptedException {
    int entries = (int) (OPERATIONS / 4);
    try (SkipListMap map = new SkipListMap(Lists.tiny(4), false, false, null)) {
      AtomicIntegerArray seen = new AtomicIntegerArray(2 * entries);
      AtomicLong polled = new AtomicLong();
      inParallel(
          4,
          false,
          thread -> {
            if (thread < 2) {
              for (int i = 0; i < entries; i++) {
                map.put(2L * i + thread, value(2L * i + thread, 0));
              }
            } else {
              SkipListCursor cursor = map.cursor();
              while (polled.get() < 2L * entries) {
                if (thread == 2 ? map.pollFirst(cursor) : map.pollLast(cursor)) {
                  checkValue(cursor.longKey(), cursor.longValue());
                  seen.incrementAndGet((int) cursor.longKey());
                  polled.incrementAndGet();
                }
              }
            }
          });
      for (int i = 0; i < 2 * entries; i++) {
        assertThat(seen.get(i)).isEqualTo(1);
      }
      assertThat(map.size()).isZero();
    }
  }

  @Test
  void aMovingWindowStaysSmall() throws InterruptedException {
    long moves = OPERATIONS * 4;
    try (SkipListMap map = SkipListMap.builder().longKeys().longValues().build()) {
      long window = 10_000;
      for (long i = 0; i < moves; i++) {
        map.put(i, value(i, 0));
        if (i >= window) {
          assertThat(map.remove(i - window)).isTrue();
        }
        if (i == 2 * window) {
          assertThat(map.statistics().nodes()).isLessThan(1000);
        }
      }
      assertThat(map.statistics().nodes()).isLessThan(1000);
      assertThat(map.statistics().heldBytes()).isLessThanOrEqualTo(2 << 20);
      Validator.check(map.list());
    }
  }

  @Test
  void manyVirtualThreads() throws InterruptedException {
    try (SkipListMap map = SkipListMap.builder().longKeys().longValues().build()) {
      inParallel(
          10_000,
          true,
          thread -> {
            for (int i = 0; i < 20; i++) {
              map.addAndGet(thread % 100, 1);
              map.put(1000L + thread * 20L + i, thread);
              Thread.yield();
            }
          });
      long sum = 0;
      for (int i = 0; i < 100; i++) {
        sum += map.get(i, 0);
      }
      assertThat(sum).isEqualTo(200_000);
      assertThat(map.size()).isEqualTo(200_100);
      assertThat(map.statistics().heldBytes()).isLessThan(12 << 20);
    }
  }

  @Test
  void clearWhileOthersWrite() throws InterruptedException {
    try (SkipListMap map = new SkipListMap(Lists.tiny(4), false, false, null)) {
      AtomicBoolean done = new AtomicBoolean();
      inParallel(
          3,
          false,
          thread -> {
            if (thread == 0) {
              for (int i = 0; i < 300; i++) {
                map.clear();
              }
              done.set(true);
            } else {
              SkipListCursor cursor = map.cursor();
              for (long i = 0; !done.get(); i++) {
                long key = i % 500 * 2 + thread - 1;
                map.put(key, value(key, i));
                long value = map.get(key, -1);
                if (value != -1) {
                  checkValue(key, value);
                }
                if (cursor.next()) {
                  checkValue(cursor.longKey(), cursor.longValue());
                }
              }
            }
          });
      map.clear();
      assertThat(map.size()).isZero();
      assertThat(map.cursor().first()).isFalse();
      Validator.check(map.list());
    }
  }
}
