// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.map.TreeCursor.Seek;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Operations of threads with their results, and whether an order of them explains these. */
final class MapHistory {

  static final long NONE = Long.MIN_VALUE;

  enum Kind {
    PUT,
    PUT_IF_ABSENT,
    REMOVE,
    /** Tells only whether there was an entry. */
    STORE,
    /** Tells only whether there was an entry. */
    DELETE,
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

  /** What only reads. */
  static final Set<Kind> READS =
      EnumSet.of(
          Kind.GET, Kind.CEILING, Kind.HIGHER, Kind.FLOOR, Kind.LOWER, Kind.FIRST, Kind.LAST);

  /** A map as one thread uses it. */
  interface Subject {
    /** Does it and tells the result as one number, as the model does. */
    long run(Kind kind, long key, long value);
  }

  static final class Operation {
    final Kind kind;
    final long key;
    final long value;
    private int begin;
    private int end;
    private long result;

    Operation(Kind kind, long key, long value) {
      this.kind = kind;
      this.key = key;
      this.value = value;
    }

    void run(Subject subject, int[] clock) {
      begin = clock[0]++;
      result = subject.run(kind, key, value);
      end = clock[0]++;
    }

    private static long told(Map.Entry<Long, Long> entry) {
      return entry == null ? NONE : MapHistory.told(entry.getKey(), entry.getValue());
    }

    private static long told(Long value) {
      return value == null ? NONE : value;
    }

    private long model(TreeMap<Long, Long> map) {
      return switch (kind) {
        case PUT -> told(map.put(key, value));
        case PUT_IF_ABSENT -> map.putIfAbsent(key, value) == null ? 1 : 0;
        case REMOVE -> told(map.remove(key));
        case STORE -> map.put(key, value) != null ? 1 : 0;
        case DELETE -> map.remove(key) != null ? 1 : 0;
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

  private MapHistory() {}

  private static long told(long key, long value) {
    return key * 100_000 + value;
  }

  /** Whether the operations, in some order that time allows, give their results and the end. */
  static boolean explains(
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

  /** All entries of a map that nobody is at work on. */
  static TreeMap<Long, Long> entries(AnyMap map) {
    TreeMap<Long, Long> all = new TreeMap<>();
    AnyMap.Session session = map.session();
    for (boolean more = session.ceiling(0); more; more = session.next()) {
      all.put(session.key(), session.value());
    }
    return all;
  }

  static Subject of(SkipListMap map) {
    return map.list().bytesKeys ? ofBytes(map) : ofNumbers(map);
  }

  private static Subject ofNumbers(SkipListMap map) {
    SkipListCursor cursor = map.cursor();
    return (kind, key, value) ->
        switch (kind) {
          case PUT -> map.getAndPut(key, value, NONE);
          case PUT_IF_ABSENT -> map.putIfAbsent(key, value) ? 1 : 0;
          case REMOVE -> map.getAndRemove(key, NONE);
          case STORE -> map.getAndPut(key, value, NONE) != NONE ? 1 : 0;
          case DELETE -> map.remove(key) ? 1 : 0;
          case GET -> map.get(key, NONE);
          case ADD -> map.addAndGet(key, 1000);
          case REPLACE_IF -> map.replaceIf(key, key, value) ? 1 : 0;
          case REMOVE_IF -> map.removeIf(key, key) ? 1 : 0;
          case CEILING -> numbers(cursor, cursor.ceiling(key));
          case HIGHER -> numbers(cursor, cursor.higher(key));
          case FLOOR -> numbers(cursor, cursor.floor(key));
          case LOWER -> numbers(cursor, cursor.lower(key));
          case FIRST -> numbers(cursor, cursor.first());
          case LAST -> numbers(cursor, cursor.last());
          case POLL_FIRST -> numbers(cursor, map.pollFirst(cursor));
          case POLL_LAST -> numbers(cursor, map.pollLast(cursor));
        };
  }

  private static long numbers(SkipListCursor cursor, boolean found) {
    return found ? told(cursor.longKey(), cursor.longValue()) : NONE;
  }

  private static Subject ofBytes(SkipListMap map) {
    SkipListCursor cursor = map.cursor();
    AnyMap.Codec codec = new AnyMap.Codec();
    AnyMap.Codec other = new AnyMap.Codec();
    MemorySegment target = MemorySegment.ofArray(new long[AnyMap.Codec.MOST_WORDS]);
    return (kind, key, value) -> {
      MemorySegment k = codec.key(key);
      MemorySegment v = codec.value(value);
      return switch (kind) {
        case PUT -> value(target, map.getAndPut(k, v, target));
        case PUT_IF_ABSENT -> map.putIfAbsent(k, v) ? 1 : 0;
        case REMOVE -> value(target, map.getAndRemove(k, target));
        case STORE -> map.getAndPut(k, v, target) >= 0 ? 1 : 0;
        case DELETE -> map.remove(k) ? 1 : 0;
        case GET -> value(target, map.get(k, target));
        case ADD -> {
          long[] sum = {0};
          map.compute(
              k,
              old -> {
                sum[0] = old == null ? 1000 : AnyMap.Codec.valueOf(old) + 1000;
                return other.value(sum[0]);
              });
          yield sum[0];
        }
        case REPLACE_IF -> map.replaceIf(k, other.value(key), v) ? 1 : 0;
        case REMOVE_IF -> map.removeIf(k, other.value(key)) ? 1 : 0;
        case CEILING -> bytes(cursor, cursor.ceiling(k));
        case HIGHER -> bytes(cursor, cursor.higher(k));
        case FLOOR -> bytes(cursor, cursor.floor(k));
        case LOWER -> bytes(cursor, cursor.lower(k));
        case FIRST -> bytes(cursor, cursor.first());
        case LAST -> bytes(cursor, cursor.last());
        case POLL_FIRST -> bytes(cursor, map.pollFirst(cursor));
        case POLL_LAST -> bytes(cursor, map.pollLast(cursor));
      };
    };
  }

  private static long value(MemorySegment target, long bytes) {
    return bytes < 0 ? NONE : AnyMap.Codec.valueOf(target.asSlice(0, bytes));
  }

  private static long bytes(SkipListCursor cursor, boolean found) {
    return found
        ? told(AnyMap.Codec.number(cursor.key()), AnyMap.Codec.valueOf(cursor.value()))
        : NONE;
  }

  static Subject of(Tree tree) {
    TreeCursor cursor = tree.cursor();
    boolean bytes = tree.layout.variableKeys;
    AnyMap.Codec codec = new AnyMap.Codec();
    MemorySegment target = MemorySegment.ofArray(new long[AnyMap.Codec.MOST_WORDS]);
    return (kind, key, value) -> {
      MemorySegment k = bytes ? codec.key(key) : null;
      MemorySegment v = bytes ? codec.value(value) : null;
      int keyBytes = bytes ? (int) k.byteSize() : 0;
      int valueBytes = bytes ? (int) v.byteSize() : 0;
      return switch (kind) {
        case STORE ->
            tree.update(Tree.Mode.PUT, key, k, keyBytes, value, v, valueBytes, NONE) == NONE
                ? 0
                : 1;
        case PUT_IF_ABSENT ->
            tree.update(Tree.Mode.IF_ABSENT, key, k, keyBytes, value, v, valueBytes, NONE) == NONE
                ? 1
                : 0;
        case DELETE -> tree.remove(key, k, keyBytes, NONE) == NONE ? 0 : 1;
        case GET ->
            bytes
                ? value(
                    target,
                    tree.reader.read(
                        0, k, 0, keyBytes, TreeReader.Want.BYTES, TreeReader.ABSENT, target, 0))
                : tree.reader.get(key, NONE);
        case CEILING -> tree(tree, cursor, cursor.seek(Seek.CEILING, key, k, 0, keyBytes));
        case HIGHER -> tree(tree, cursor, cursor.seek(Seek.HIGHER, key, k, 0, keyBytes));
        case FLOOR -> tree(tree, cursor, cursor.seek(Seek.FLOOR, key, k, 0, keyBytes));
        case LOWER -> tree(tree, cursor, cursor.seek(Seek.LOWER, key, k, 0, keyBytes));
        case FIRST -> tree(tree, cursor, cursor.seekEnd(true));
        case LAST -> tree(tree, cursor, cursor.seekEnd(false));
        default -> throw new IllegalArgumentException(kind.name());
      };
    };
  }

  private static long tree(Tree tree, TreeCursor cursor, boolean found) {
    if (!found) {
      return NONE;
    }
    MemorySegment bytes = cursor.bytes();
    return tree.layout.variableKeys
        ? told(
            AnyMap.Codec.number(bytes.asSlice(cursor.keyOffset(), cursor.keyBytes())),
            AnyMap.Codec.valueOf(bytes.asSlice(cursor.valueOffset(), cursor.valueBytes())))
        : told(cursor.key(), cursor.value());
  }
}
