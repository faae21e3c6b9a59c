// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** All operations on segments, for all kinds of maps, against a TreeMap, with the validator. */
@Tag("once")
class SkipListModelTest {

  private final Random random = new Random();
  private final TreeMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);
  private boolean byteKeys;
  private boolean byteValues;
  private int maxEntries;
  private String where = "";

  private byte[] key() {
    int number = random.nextInt(30 * maxEntries);
    if (!byteKeys) {
      byte[] key = new byte[8];
      key[7] = (byte) number;
      key[6] = (byte) (number >> 8);
      key[0] = (byte) (number % 3 << 6);
      return key;
    }
    // Many share their first eight bytes, some are prefixes of others, some end in zeros.
    byte[] key = new byte[number % 19];
    for (int i = key.length - 1, rest = number / 19; i >= 0 && i > key.length - 3; i--) {
      key[i] = (byte) (rest % 7 * 37);
      rest /= 7;
    }
    return key;
  }

  private byte[] value() {
    if (!byteValues) {
      byte[] value = new byte[8];
      random.nextBytes(value);
      return random.nextInt(4) == 0 ? new byte[8] : value;
    }
    int size = random.nextInt(20) == 0 ? random.nextInt(13_000) : random.nextInt(60);
    byte[] value = new byte[size];
    random.nextBytes(value);
    return value;
  }

  private static MemorySegment segment(byte[] bytes) {
    return MemorySegment.ofArray(bytes);
  }

  private final MemorySegment target = MemorySegment.ofArray(new byte[16_384]);

  private byte @org.jspecify.annotations.Nullable [] told(long bytes) {
    return bytes < 0 ? null : target.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
  }

  @ParameterizedTest
  @CsvSource({
    "false, false, 3", "false, true, 3", "true, false, 3", "true, true, 3",
    "false, false, 124", "false, true, 124", "true, false, 124", "true, true, 124",
    "true, true, 5"
  })
  void behavesAsATreeMap(boolean byteKeys, boolean byteValues, int maxEntries) {
    this.byteKeys = byteKeys;
    this.byteValues = byteValues;
    this.maxEntries = maxEntries;
    for (int seed = 0; seed < 4; seed++) {
      random.setSeed(seed);
      model.clear();
      try (SkipListMap map =
          new SkipListMap(Lists.tiny(maxEntries), byteKeys, byteValues, Lists::array)) {
        SkipListCursor cursor = map.cursor();
        for (int step = 0; step < 2500; step++) {
          where = "seed " + seed + " step " + step;
          step(map, cursor, (step / 500) % 2 == 0);
          if (step % 5 == 0) {
            Validator.check(map.list());
          }
          assertThat(map.size()).as(where).isEqualTo(model.size());
          if (step % 250 == 249) {
            iterate(cursor);
          }
        }
        while (!model.isEmpty()) {
          boolean last = random.nextBoolean();
          Map.Entry<byte[], byte[]> polled = last ? model.pollLastEntry() : model.pollFirstEntry();
          assertThat(last ? map.pollLast(cursor) : map.pollFirst(cursor)).isTrue();
          at(cursor, true, polled);
          Validator.check(map.list());
        }
        assertThat(map.pollFirst(cursor)).isFalse();
        assertThat(map.pollLast(cursor)).isFalse();
      }
    }
  }

  private void step(SkipListMap map, SkipListCursor cursor, boolean growing) {
    byte[] key = key();
    byte[] value = value();
    byte[] old = model.get(key);
    int kind = random.nextInt(growing ? 20 : 26);
    where += " kind " + kind;
    switch (kind) {
      case 0, 1, 2 -> {
        map.put(segment(key), segment(value));
        model.put(key, value);
      }
      case 3, 4 -> {
        assertThat(told(map.getAndPut(segment(key), segment(value), target)))
            .as(where)
            .isEqualTo(old);
        model.put(key, value);
      }
      case 5, 6 -> {
        assertThat(map.putIfAbsent(segment(key), segment(value))).as(where).isEqualTo(old == null);
        model.putIfAbsent(key, value);
      }
      case 7 -> {
        assertThat(map.replace(segment(key), segment(value))).as(where).isEqualTo(old != null);
        model.replace(key, value);
      }
      case 8 -> {
        byte[] expected = old == null || random.nextBoolean() ? value() : old;
        boolean same = Arrays.equals(expected, old);
        assertThat(map.replaceIf(segment(key), segment(expected), segment(value)))
            .as(where)
            .isEqualTo(same);
        if (same) {
          model.put(key, value);
        }
      }
      case 9 -> {
        byte[] expected = old == null || random.nextBoolean() ? value() : old;
        boolean same = Arrays.equals(expected, old);
        assertThat(map.removeIf(segment(key), segment(expected))).as(where).isEqualTo(same);
        if (same) {
          model.remove(key);
        }
      }
      case 10 -> {
        boolean drop = random.nextBoolean();
        boolean there =
            map.compute(
                segment(key),
                was -> {
                  assertThat(was == null ? null : was.toArray(ValueLayout.JAVA_BYTE))
                      .as(where)
                      .isEqualTo(old);
                  return drop ? null : segment(value);
                });
        assertThat(there).as(where).isNotEqualTo(drop);
        if (drop) {
          model.remove(key);
        } else {
          model.put(key, value);
        }
      }
      case 11 -> {
        assertThat(told(map.get(segment(key), target))).as(where).isEqualTo(old);
        assertThat(map.contains(segment(key))).as(where).isEqualTo(old != null);
      }
      case 12 -> at(cursor, cursor.ceiling(segment(key)), model.ceilingEntry(key));
      case 13 -> at(cursor, cursor.higher(segment(key)), model.higherEntry(key));
      case 14 -> at(cursor, cursor.floor(segment(key)), model.floorEntry(key));
      case 15 -> at(cursor, cursor.lower(segment(key)), model.lowerEntry(key));
      case 16 -> at(cursor, cursor.first(), model.firstEntry());
      case 17 -> at(cursor, cursor.last(), model.lastEntry());
      case 18 -> {
        Map.Entry<byte[], byte[]> first = model.pollFirstEntry();
        at(cursor, map.pollFirst(cursor), first);
      }
      case 19 -> {
        if (random.nextInt(60) == 0) {
          map.clear();
          model.clear();
        } else {
          Map.Entry<byte[], byte[]> last = model.pollLastEntry();
          at(cursor, map.pollLast(cursor), last);
        }
      }
      case 20, 21 -> {
        assertThat(told(map.getAndRemove(segment(key), target))).as(where).isEqualTo(old);
        model.remove(key);
      }
      default -> {
        assertThat(map.remove(segment(key))).as(where).isEqualTo(old != null);
        model.remove(key);
      }
    }
  }

  private void at(
      SkipListCursor cursor,
      boolean found,
      Map.@org.jspecify.annotations.Nullable Entry<byte[], byte[]> expected) {
    assertThat(found).as(where).isEqualTo(expected != null);
    assertThat(cursor.isAtEntry()).isEqualTo(found);
    if (expected != null) {
      assertThat(cursor.key().toArray(ValueLayout.JAVA_BYTE))
          .as(where)
          .isEqualTo(expected.getKey());
      assertThat(cursor.value().toArray(ValueLayout.JAVA_BYTE))
          .as(where)
          .isEqualTo(expected.getValue());
    }
  }

  private void iterate(SkipListCursor cursor) {
    boolean more = cursor.first();
    for (Map.Entry<byte[], byte[]> entry : model.entrySet()) {
      at(cursor, more, entry);
      more = cursor.next();
    }
    at(cursor, more, null);
    more = cursor.last();
    for (Map.Entry<byte[], byte[]> entry : model.descendingMap().entrySet()) {
      at(cursor, more, entry);
      more = cursor.previous();
    }
    at(cursor, more, null);
  }
}
