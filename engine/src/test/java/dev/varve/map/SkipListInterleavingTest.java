// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Runs a few operations of two or three threads in thousands of interleavings of their accesses,
 * and looks for an order of the operations that explains the results.
 */
class SkipListInterleavingTest {

  private static final int RUNS = Integer.getInteger("varve.map.interleavings", 2500);
  private static final long NONE = Long.MIN_VALUE;

  private enum Kind {
    PUT,
    PUT_IF_ABSENT,
    REMOVE,
    GET,
    ADD,
    REPLACE_IF,
    REMOVE_IF,
    CEILING,
    HIGHER,
    FLOOR,
    LOWER,
    FIRST,
    LAST,
    POLL_FIRST,
    POLL_LAST
  }

  private static final class Operation {
    final Kind kind;
    final long key;
    final long value;
    int begin;
    int end;
    long result;

    Operation(Kind kind, long key, long value) {
      this.kind = kind;
      this.key = key;
      this.value = value;
    }

    void run(SkipListMap map, SkipListCursor cursor) {
      result =
          switch (kind) {
            case PUT -> map.getAndPut(key, value, NONE);
            case PUT_IF_ABSENT -> map.putIfAbsent(key, value) ? 1 : 0;
            case REMOVE -> map.getAndRemove(key, NONE);
            case GET -> map.get(key, NONE);
            case ADD -> map.addAndGet(key, 1000);
            case REPLACE_IF -> map.replaceIf(key, key, value) ? 1 : 0;
            case REMOVE_IF -> map.removeIf(key, key) ? 1 : 0;
            case CEILING -> told(cursor, cursor.ceiling(key));
            case HIGHER -> told(cursor, cursor.higher(key));
            case FLOOR -> told(cursor, cursor.floor(key));
            case LOWER -> told(cursor, cursor.lower(key));
            case FIRST -> told(cursor, cursor.first());
            case LAST -> told(cursor, cursor.last());
            case POLL_FIRST -> told(cursor, map.pollFirst(cursor));
            case POLL_LAST -> told(cursor, map.pollLast(cursor));
          };
    }

    private static long told(SkipListCursor cursor, boolean found) {
      return found ? cursor.longKey() * 100_000 + cursor.longValue() : NONE;
    }

    private static long told(Map.Entry<Long, Long> entry) {
      return entry == null ? NONE : entry.getKey() * 100_000 + entry.getValue();
    }

    private static long told(Long value) {
      return value == null ? NONE : value;
    }

    long model(TreeMap<Long, Long> map) {
      return switch (kind) {
        case PUT -> told(map.put(key, value));
        case PUT_IF_ABSENT -> map.putIfAbsent(key, value) == null ? 1 : 0;
        case REMOVE -> told(map.remove(key));
        case GET -> told(map.get(key));
        case ADD -> map.merge(key, 1000L, Long::sum);
        case REPLACE_IF -> map.replace(key, key, value) ? 1 : 0;
        case REMOVE_IF -> map.remove(key, key) ? 1 : 0;
        case CEILING -> told(map.ceilingEntry(key));
        case HIGHER -> told(map.higherEntry(key));
        case FLOOR -> told(map.floorEntry(key));
        case LOWER -> told(map.lowerEntry(key));
        case FIRST -> told(map.firstEntry());
        case LAST -> told(map.lastEntry());
        case POLL_FIRST -> told(map.pollFirstEntry());
        case POLL_LAST -> told(map.pollLastEntry());
      };
    }

    @Override
    public String toString() {
      return kind + "(" + key + ", " + value + ") = " + result + " @" + begin + ".." + end;
    }
  }

  /** Whether the operations, in some order that time allows, give their results and the end. */
  private static boolean explains(
      List<Operation> left, TreeMap<Long, Long> before, TreeMap<Long, Long> end) {
    if (left.isEmpty()) {
      return before.equals(end);
    }
    int firstEnd = left.stream().mapToInt(o -> o.end).min().orElseThrow();
    for (Operation next : left) {
      if (next.begin < firstEnd) {
        TreeMap<Long, Long> after = new TreeMap<>(before);
        if (next.model(after) == next.result) {
          List<Operation> rest = new ArrayList<>(left);
          rest.remove(next);
          if (explains(rest, after, end)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 8, 20, 50})
  void everyHistoryHasAnOrder(int switchEvery) throws InterruptedException {
    Kind[] kinds = Kind.values();
    for (int seed = 0; seed < RUNS; seed++) {
      Random random = new Random(seed * 4L + switchEvery);
      Interleaver interleaver = new Interleaver(seed, switchEvery);
      try (SkipListMap map =
          new SkipListMap(
              Lists.tiny(3),
              false,
              false,
              words -> new StoppingWords(Lists.array(words), interleaver))) {
        TreeMap<Long, Long> before = new TreeMap<>();
        int filled = random.nextInt(12);
        for (long key = 0; key < filled; key++) {
          map.put(key * 2, key * 2);
          before.put(key * 2, key * 2);
        }
        for (long key = 0; key < filled; key++) {
          if (random.nextBoolean()) {
            map.remove(key * 2);
            before.remove(key * 2);
          }
        }
        int threads = 2 + random.nextInt(2);
        int each = threads == 2 ? 3 : 2;
        List<Operation> all = new ArrayList<>();
        List<Runnable> bodies = new ArrayList<>();
        int[] clock = {0};
        for (int i = 0; i < threads; i++) {
          List<Operation> mine = new ArrayList<>();
          for (int j = 0; j < each; j++) {
            Kind kind = random.nextInt(3) == 0 ? Kind.REMOVE : kinds[random.nextInt(kinds.length)];
            mine.add(new Operation(kind, random.nextInt(24), 100 + all.size() + j));
          }
          all.addAll(mine);
          SkipListCursor cursor = map.cursor();
          bodies.add(
              () -> {
                for (Operation operation : mine) {
                  operation.begin = clock[0]++;
                  operation.run(map, cursor);
                  operation.end = clock[0]++;
                }
              });
        }
        interleaver.runAll(bodies);
        TreeMap<Long, Long> end = new TreeMap<>();
        SkipListCursor cursor = map.cursor();
        while (cursor.next()) {
          end.put(cursor.longKey(), cursor.longValue());
        }
        assertThat(explains(all, before, end))
            .as("seed %d, switch every %d: %s from %s to %s", seed, switchEvery, all, before, end)
            .isTrue();
        Validator.checkButHints(map.list());
      }
    }
  }
}
