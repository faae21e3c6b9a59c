// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Threads at work on one map at once, with freed memory poisoned. Each changes keys of its own, and
 * so knows exactly what must be there, in nodes that it shares with all others.
 *
 * <p>A round for each shape of map; long runs go on with other seeds for {@code
 * varve.map.churn.seconds}, 600 unless set, for each kind of map.
 */
@Tag("once")
class MapChurnTest {

  private static final int THREADS = 4;
  private static final long STEPS = Boolean.getBoolean("varve.long") ? 400_000 : 60_000;
  private static final long SECONDS =
      Long.getLong("varve.map.churn.seconds", Boolean.getBoolean("varve.long") ? 600 : 0);

  private record Shape(int keys, Supplier<AnyMap> map) {}

  private static final List<Shape> SKIP_LISTS =
      List.of(
          new Shape(30, () -> AnyMap.skipList(Lists.tiny(3), false)),
          new Shape(200, () -> AnyMap.skipList(Lists.tiny(4), true)),
          new Shape(1_000, () -> AnyMap.skipList(Lists.tiny(7), false)),
          new Shape(3_000, () -> AnyMap.skipList(Lists.tiny(60), false)),
          new Shape(2_000, () -> AnyMap.skipList(Lists.tiny(60), true)));

  private static final List<Shape> TREES =
      List.of(
          new Shape(100, () -> AnyMap.tree(256, false)),
          new Shape(300, () -> AnyMap.tree(256, true)),
          new Shape(2_000, () -> AnyMap.tree(256, false)),
          new Shape(5_000, () -> AnyMap.tree(2048, false)),
          new Shape(2_000, () -> AnyMap.tree(2048, true)));

  /** A value that says whose it is. */
  static long value(long key, long salt) {
    return (key * 0x9E37_79B9_7F4A_7C15L & ~0xFFFFL) | (1 + (salt & 0x7FFF));
  }

  static void checkValue(long key, long value) {
    if ((value & ~0xFFFFL) != (value(key, 0) & ~0xFFFFL)) {
      throw new AssertionError(
          "key " + key + " has a value of another: " + Long.toHexString(value));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"skip list", "tree"})
  void nothingIsLost(String kind) throws InterruptedException {
    List<Shape> shapes = kind.equals("tree") ? TREES : SKIP_LISTS;
    long begin = System.nanoTime();
    long rounds = 0;
    long operations = 0;
    long held = 0;
    while (rounds < shapes.size() || System.nanoTime() - begin < SECONDS * 1_000_000_000L) {
      Shape shape = shapes.get((int) (rounds % shapes.size()));
      long seed = rounds++;
      try (AnyMap map = shape.map.get()) {
        AtomicLong expected = new AtomicLong();
        Parallel.run(
            THREADS,
            thread -> {
              Churn churn = new Churn(map.session(), shape.keys, thread, seed);
              churn.run();
              expected.addAndGet(churn.entries());
            });
        assertThat(map.size()).as("%s, seed %d", kind, seed).isEqualTo(expected.get());
        map.validate();
        held = Math.max(held, map.heldBytes());
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError(kind + ", " + shape.keys + " keys, seed " + seed, e);
      }
      operations += THREADS * STEPS;
    }
    System.out.printf(
        "%s: %,d operations in %d rounds and %d s, at most %d KiB%n",
        kind, operations, rounds, (System.nanoTime() - begin) / 1_000_000_000, held >> 10);
  }

  /** What one thread does. */
  private static final class Churn {
    private final AnyMap.Session map;
    private final int thread;
    private final Random random;
    private final long[] mine;

    Churn(AnyMap.Session map, int keys, int thread, long seed) {
      this.map = map;
      this.thread = thread;
      this.random = new Random(seed * THREADS + thread);
      this.mine = new long[keys];
    }

    private long key(int index) {
      return (long) index * THREADS + thread;
    }

    long entries() {
      long entries = 0;
      for (int i = 0; i < mine.length; i++) {
        check(i, map.get(key(i)));
        entries += mine[i] == 0 ? 0 : 1;
      }
      return entries;
    }

    void run() {
      for (long step = 0; step < STEPS; step++) {
        int index = random.nextInt(mine.length);
        boolean shrinks = step / (mine.length * 3L) % 2 == 1;
        int kind = random.nextInt(100);
        if (kind < (shrinks ? 20 : 45)) {
          long value = value(key(index), step);
          check(index, map.put(key(index), value));
          mine[index] = value;
        } else if (kind < 65) {
          check(index, map.remove(key(index)));
          mine[index] = 0;
        } else if (kind < 85) {
          check(index, map.get(key(index)));
        } else if (kind < 95) {
          long other = random.nextInt(mine.length * THREADS);
          long value = map.get(other);
          if (value != 0) {
            checkValue(other, value);
          }
        } else {
          scan(index);
        }
      }
    }

    /** Meets all keys of its own that are there, in order, and none else of its own. */
    private void scan(int from) {
      long last = key(from) - 1;
      int next = from;
      boolean more = map.ceiling(key(from));
      for (int met = 0; met < 40; met++, more = map.next()) {
        long key = more ? map.key() : key(mine.length);
        if (key <= last) {
          throw new AssertionError("key " + key + " after " + last);
        }
        last = key;
        for (; next < mine.length && key(next) < key; next++) {
          if (mine[next] != 0) {
            throw new AssertionError("a scan did not meet key " + key(next));
          }
        }
        if (!more) {
          return;
        }
        if (key % THREADS == thread) {
          check(next++, map.value());
        } else {
          checkValue(key, map.value());
        }
      }
    }

    private void check(int index, boolean found) {
      if (found != (mine[index] != 0)) {
        throw new AssertionError("key " + key(index) + (found ? " is there" : " is lost"));
      }
    }

    private void check(int index, long value) {
      if (value != mine[index]) {
        throw new AssertionError(
            "key "
                + key(index)
                + " has "
                + Long.toHexString(value)
                + " and not "
                + Long.toHexString(mine[index]));
      }
    }
  }
}
