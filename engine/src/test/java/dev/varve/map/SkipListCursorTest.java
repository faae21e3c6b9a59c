// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Cursors whose node is changed by others between any two of their accesses. */
class SkipListCursorTest {

  private static MemorySegment text(String text) {
    return MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String key(int i) {
    return "shared beginning " + i;
  }

  /** What others do to a map with the keys 0 to 4. */
  private static Consumer<SkipListMap> others(String change) {
    return switch (change) {
      case "value" -> map -> map.put(text(key(2)), text("another"));
      case "before" -> map -> map.remove(text(key(0)));
      case "behind" ->
          map -> {
            // Splits the node; cells that were read are used again for others.
            map.remove(text(key(4)));
            map.put(text(key(5)), text("five"));
            map.put(text(key(6)), text("six"));
            map.put(text(key(7)), text("seven"));
          };
      default ->
          map -> {
            map.clear();
            for (int i = 1; i <= 3; i++) {
              map.put(text(key(i)), text("" + i));
            }
          };
    };
  }

  @ParameterizedTest
  @CsvSource({
    "value, true",
    "before, true",
    "behind, true",
    "clear, true",
    "value, false",
    "before, false",
    "behind, false",
    "clear, false"
  })
  void theEntryBesideIsTheOneBeside(String change, boolean up) {
    int met = 0;
    for (int access = 1; ; access++, met++) {
      Between between = new Between();
      try (SkipListMap map =
          new SkipListMap(
              Lists.tiny(8), true, true, words -> new StoppingWords(Lists.array(words), between))) {
        for (int i = 0; i < 5; i++) {
          map.put(text(key(i)), text("" + i));
        }
        SkipListCursor cursor = map.cursor();
        assertThat(up ? cursor.ceiling(text(key(1))) : cursor.floor(text(key(3)))).isTrue();
        between.at(access, () -> others(change).accept(map));
        for (int i = 2; up ? i <= 3 : i >= 1; i += up ? 1 : -1) {
          assertThat(up ? cursor.next() : cursor.previous()).as("access %d", access).isTrue();
          String found =
              new String(cursor.key().toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
          assertThat(found).as("access %d", access).isEqualTo(key(i));
        }
        if (!between.happened()) {
          break;
        }
      }
    }
    assertThat(met).isGreaterThan(20);
  }

  /** Views are kept; one of another size, or of an array that has grown since, would be wrong. */
  @Test
  void viewsAreOfTheEntry() {
    String[] keys = {"a", "b".repeat(100), "c", "dd"};
    String[] values = {"12345", "1".repeat(500), "12", "x"};
    try (SkipListMap map = SkipListMap.builder().build()) {
      for (int i = 0; i < keys.length; i++) {
        map.put(text(keys[i]), text(values[i]));
      }
      SkipListCursor cursor = map.cursor();
      for (int i = 0; i < keys.length; i++) {
        assertThat(cursor.next()).isTrue();
        if (i != 1) {
          assertThat(cursor.key().mismatch(text(keys[i]))).as("key %d", i).isEqualTo(-1);
          assertThat(cursor.value().mismatch(text(values[i]))).as("value %d", i).isEqualTo(-1);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"values", "removals", "splits", "clear"})
  void numbersAreOfOneImage(String change) {
    Consumer<SkipListMap> others =
        switch (change) {
          case "values" ->
              map -> {
                // Twice, so that the blocks of the first images are used again.
                for (long key = 0; key < 40; key += 2) {
                  map.put(key, 100 + key);
                  map.put(key, 100 + key);
                }
              };
          case "removals" ->
              map -> {
                for (long key = 0; key < 40; key += 4) {
                  map.remove(key);
                }
              };
          case "splits" ->
              map -> {
                for (long key = 1; key < 40; key += 2) {
                  map.put(key, 100 + key);
                }
              };
          default ->
              map -> {
                map.clear();
                map.put(36, 136);
              };
        };
    int met = 0;
    for (int access = 1; ; access++, met++) {
      Between between = new Between();
      try (SkipListMap map =
          new SkipListMap(
              Lists.tiny(8),
              false,
              false,
              words -> new StoppingWords(Lists.array(words), between))) {
        for (long key = 0; key < 40; key += 2) {
          map.put(key, key);
        }
        SkipListCursor cursor = map.cursor();
        between.at(access, () -> others.accept(map));
        long expected = 5;
        for (boolean more = cursor.ceiling(5); more; more = cursor.next()) {
          long key = cursor.longKey();
          assertThat(key).as("access %d", access).isBetween(expected, 39L);
          assertThat(cursor.longValue()).as("access %d", access).isIn(key, 100 + key);
          if (change.equals("values")) {
            assertThat(key).as("access %d", access).isEqualTo(expected + expected % 2);
          }
          expected = Math.max(expected, key) + 1;
        }
        assertThat(cursor.isAtEntry()).isFalse();
        assertThat(expected).as("access %d", access).isGreaterThan(36);
        if (!between.happened()) {
          break;
        }
      }
    }
    assertThat(met).isGreaterThan(50);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void goesBothWaysFromWhereverItIs(boolean bytesValues) {
    Random random = new Random(4);
    try (SkipListMap map = new SkipListMap(Lists.tiny(8), false, bytesValues, Lists::array)) {
      TreeMap<Long, Long> model = new TreeMap<>();
      MemorySegment value = MemorySegment.ofArray(new long[1]);
      for (long key = 0; key < 200; key += 1 + random.nextInt(3)) {
        value.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, key + 1000);
        if (bytesValues) {
          map.put(number(key), value);
        } else {
          map.put(key, key + 1000);
        }
        model.put(key, key + 1000);
      }
      SkipListCursor cursor = map.cursor();
      @Nullable Long at = null;
      int side = 0;
      for (int step = 0; step < 20_000; step++) {
        long key = random.nextInt(204);
        int what = random.nextInt(20);
        boolean up = what < 4 ? what % 2 == 0 : random.nextInt(3) > 0;
        switch (what) {
          case 0 -> at = cursor.ceiling(key) ? model.ceilingKey(key) : null;
          case 1 -> at = cursor.floor(key) ? model.floorKey(key) : null;
          case 2 -> at = cursor.higher(key) ? model.higherKey(key) : null;
          case 3 -> at = cursor.lower(key) ? model.lowerKey(key) : null;
          default -> {
            if (at != null) {
              at = up ? model.higherKey(at) : model.lowerKey(at);
            } else if (side != (up ? 1 : -1)) {
              at = up ? model.firstKey() : model.lastKey();
            }
            assertThat(up ? cursor.next() : cursor.previous())
                .as("step %d", step)
                .isEqualTo(at != null);
          }
        }
        side = up ? 1 : -1;
        assertThat(cursor.isAtEntry()).as("step %d", step).isEqualTo(at != null);
        if (at != null) {
          assertThat(cursor.longKey()).as("step %d", step).isEqualTo(at);
          assertThat(
                  bytesValues
                      ? cursor.value().get(ValueLayout.JAVA_LONG_UNALIGNED, 0)
                      : cursor.longValue())
              .as("step %d", step)
              .isEqualTo(at + 1000);
        } else {
          assertThatThrownBy(cursor::longKey).isInstanceOf(NoSuchElementException.class);
        }
      }
    }
  }

  private static MemorySegment number(long key) {
    return MemorySegment.ofArray(ByteBuffer.allocate(Long.BYTES).putLong(key).array());
  }

  @Test
  void fetchingAheadInMemoryThatWasGivenBackIsNoError() {
    // Wherever in a copied image the cursor is when the map is cleared or closed.
    for (int steps = 1; steps < 200; steps++) {
      try (SkipListMap map = SkipListMap.builder().longKeys().longValues().build()) {
        for (long key = 0; key < 400; key++) {
          map.put(key, key);
        }
        SkipListCursor cursor = map.cursor();
        for (int i = 0; i < steps; i++) {
          assertThat(cursor.next()).isTrue();
        }
        map.clear();
        for (long key = steps; cursor.next(); key++) {
          assertThat(cursor.longKey()).isEqualTo(key);
        }
        assertThat(cursor.isAtEntry()).isFalse();
        map.close();
        assertThatThrownBy(cursor::next).isInstanceOf(ClosedException.class);
      }
    }
  }

  @Test
  void aCursorOfAnotherMapRemovesNothing() {
    try (SkipListMap map = SkipListMap.builder().longKeys().longValues().build();
        SkipListMap other = SkipListMap.builder().longKeys().longValues().build()) {
      other.put(1, 1);
      SkipListCursor cursor = other.cursor();
      assertThatThrownBy(() -> map.pollFirst(cursor)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> map.pollLast(cursor)).isInstanceOf(IllegalArgumentException.class);
      assertThat(other.size()).isOne();
    }
  }

  /** Whether what follows was copied already or lies in cells. */
  @Test
  void aCursorOfAClosedMapMovesNoMore() {
    for (boolean inline : new boolean[] {true, false}) {
      SkipListMap.Builder builder = SkipListMap.builder().longKeys();
      SkipListMap map = (inline ? builder.longValues() : builder).build();
      for (long key = 0; key < 50; key++) {
        map.put(number(key), number(key));
      }
      SkipListCursor cursor = map.cursor();
      assertThat(cursor.first()).isTrue();
      assertThat(cursor.next()).isTrue();
      map.close();
      assertThat(cursor.longKey()).isOne();
      assertThatThrownBy(cursor::next).isInstanceOf(ClosedException.class);
      assertThatThrownBy(cursor::previous).isInstanceOf(ClosedException.class);
      assertThatThrownBy(cursor::first).isInstanceOf(ClosedException.class);
    }
  }
}
