// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Stops a thread at every access to memory in turn, for ever as far as the others can tell, while
 * they do everything there is to do: that is what lock-free means.
 */
@Tag("array")
class SkipListStopTest {

  private static final int KEYS = 40;

  /** Where the victim stops. */
  private static final class Stop implements Runnable {
    final CountDownLatch stopped = new CountDownLatch(1);
    final CountDownLatch resumed = new CountDownLatch(1);
    volatile Thread victim;
    int left;

    @Override
    public void run() {
      if (Thread.currentThread() == victim && --left == 0) {
        stopped.countDown();
        try {
          if (!resumed.await(5, TimeUnit.MINUTES)) {
            throw new AssertionError("nobody let the victim go on");
          }
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
    }
  }

  /** Runs an operation on one key with a stop at each access; tells how many there were. */
  private static int stopEverywhere(
      int filled, LongPredicate thinned, Consumer<SkipListMap> operation, long victimKey)
      throws InterruptedException {
    for (int access = 1; ; access++) {
      Stop stop = new Stop();
      try (SkipListMap map =
          new SkipListMap(
              Lists.tiny(4), false, false, words -> new StoppingWords(Lists.array(words), stop))) {
        TreeMap<Long, Long> model = new TreeMap<>();
        for (long i = 0; i < filled; i++) {
          map.put(i * 100, i);
          model.put(i * 100, i);
        }
        for (long i = 0; i < filled; i++) {
          if (thinned.test(i)) {
            map.remove(i * 100);
            model.remove(i * 100);
          }
        }
        stop.left = access;
        Throwable[] failure = new Throwable[1];
        Thread victim =
            new Thread(
                () -> {
                  try {
                    operation.accept(map);
                  } catch (Throwable e) {
                    failure[0] = e;
                  }
                });
        stop.victim = victim;
        victim.start();
        while (!stop.stopped.await(1, TimeUnit.MILLISECONDS) && victim.isAlive()) {
          // one of both comes
        }
        boolean finished = stop.stopped.getCount() > 0;
        work(map, model, victimKey, "access " + access);
        stop.resumed.countDown();
        victim.join();
        assertThat(failure[0]).as("access %d", access).isNull();
        work(map, model, victimKey, "after access " + access);
        // What racing writers may leave behind heals; what is wrong stays.
        Validator validator = Validator.checkButHints(map.list());
        assertThat(validator.missingHints()).as("access %d", access).isLessThanOrEqualTo(1);
        assertThat(validator.staleHints()).as("access %d", access).isLessThanOrEqualTo(1);
        if (finished) {
          return access;
        }
      }
    }
  }

  /** All that the others do; each result is checked, but what the victim's key may have. */
  private static void work(
      SkipListMap map, TreeMap<Long, Long> model, long victimKey, String where) {
    SkipListCursor cursor = map.cursor();
    for (int round = 0; round < 2; round++) {
      for (long i = 0; i < KEYS; i++) {
        long key = i * 100 + 50;
        map.put(key, i);
        model.put(key, i);
      }
      check(map, cursor, model, victimKey, where);
      for (long i = 0; i < KEYS; i++) {
        long key = i * 100 + (i % 3 == 0 ? 0 : 50);
        if (key != victimKey) {
          assertThat(map.remove(key)).as(where).isEqualTo(model.remove(key) != null);
        }
      }
      check(map, cursor, model, victimKey, where);
      for (long key : model.keySet().stream().mapToLong(k -> k).toArray()) {
        if (key != victimKey) {
          map.remove(key);
          model.remove(key);
        }
      }
      check(map, cursor, model, victimKey, where);
    }
    for (long i = 0; i < KEYS; i++) {
      if (i * 100 != victimKey) {
        map.put(i * 100, i);
        model.put(i * 100, i);
      }
    }
    check(map, cursor, model, victimKey, where);
    assertThat(map.addAndGet(7777_7777, 5)).isEqualTo(5);
    assertThat(map.getAndRemove(7777_7777, 0)).isEqualTo(5);
  }

  private static void check(
      SkipListMap map,
      SkipListCursor cursor,
      TreeMap<Long, Long> model,
      long victimKey,
      String where) {
    boolean more = cursor.first();
    for (long key : model.keySet()) {
      if (more && cursor.longKey() == victimKey && key != victimKey) {
        more = cursor.next();
      }
      if (key == victimKey) {
        if (more && cursor.longKey() == victimKey) {
          more = cursor.next();
        }
        continue;
      }
      assertThat(more).as(where).isTrue();
      assertThat(cursor.longKey()).as(where).isEqualTo(key);
      assertThat(cursor.longValue()).as(where).isEqualTo(model.get(key));
      assertThat(map.get(key, -1)).as(where).isEqualTo(model.get(key));
      more = cursor.next();
    }
    assertThat(!more || cursor.longKey() == victimKey && !cursor.next()).as(where).isTrue();
    if (!model.isEmpty() && model.lastKey() != victimKey) {
      assertThat(
              cursor.last()
                  && (cursor.longKey() == victimKey || cursor.longKey() == model.lastKey()))
          .as(where)
          .isTrue();
    }
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void putThatSplits() throws InterruptedException {
    assertThat(stopEverywhere(20, i -> false, map -> map.put(1001, 1), 1001)).isGreaterThan(100);
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void putThatGrowsTheList() throws InterruptedException {
    // The fifth entry splits the first node, and makes a level.
    assertThat(stopEverywhere(4, i -> false, map -> map.put(201, 1), 201)).isGreaterThan(100);
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void removeThatMerges() throws InterruptedException {
    assertThat(
            stopEverywhere(
                20,
                i -> i % 4 >= 2, // nodes of two entries
                map -> map.remove(800),
                800))
        .isGreaterThan(100);
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void pollOfBothEnds() throws InterruptedException {
    assertThat(
            stopEverywhere(
                12,
                i -> false,
                map -> {
                  SkipListCursor cursor = map.cursor();
                  map.put(0x7FFF_FFFF_FFFF_FFFFL, 1);
                  map.pollLast(cursor);
                },
                0x7FFF_FFFF_FFFF_FFFFL))
        .isGreaterThan(50);
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void reads() throws InterruptedException {
    assertThat(
            stopEverywhere(
                20,
                i -> false,
                map -> {
                  map.get(700, -1);
                  SkipListCursor cursor = map.cursor();
                  cursor.floor(750);
                  cursor.next();
                  cursor.previous();
                },
                -1))
        .isGreaterThan(50);
  }

  /** A seek that passes a node answers for one moment, not for two that the others lie between. */
  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void aSeekIsOfOneMoment() throws InterruptedException {
    boolean finished = false;
    for (int access = 1; !finished; access++) {
      Stop stop = new Stop();
      try (SkipListMap map =
          new SkipListMap(
              Lists.tiny(4), false, false, words -> new StoppingWords(Lists.array(words), stop))) {
        for (long i = 0; i < 8; i++) {
          map.put(i * 100, i); // nodes of 0 to 300 and of 400 to 700
        }
        stop.left = access;
        long[] found = {-1};
        Thread victim =
            new Thread(
                () -> {
                  SkipListCursor cursor = map.cursor();
                  found[0] = cursor.ceiling(301) ? cursor.longKey() : -1;
                });
        stop.victim = victim;
        victim.start();
        while (!stop.stopped.await(1, TimeUnit.MILLISECONDS) && victim.isAlive()) {
          // one of both comes
        }
        finished = stop.stopped.getCount() > 0;
        map.put(350, 1);
        map.remove(400);
        stop.resumed.countDown();
        victim.join();
        assertThat(found[0]).as("access %d", access).isIn(350L, 400L);
      }
    }
  }
}
