// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Cursors whose node is changed by others between any two of their accesses. */
class SkipListCursorTest {

  private static MemorySegment text(String text) {
    return MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String key(int i) {
    return "shared beginning " + i;
  }

  @ParameterizedTest
  @ValueSource(strings = {"value", "before", "behind", "clear"})
  void theNextEntryIsTheNext(String change) {
    Consumer<SkipListMap> others =
        switch (change) {
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
                map.put(text(key(2)), text("2"));
                map.put(text(key(3)), text("3"));
              };
        };
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
        assertThat(cursor.ceiling(text(key(1)))).isTrue();
        between.at(access, () -> others.accept(map));
        for (int i = 2; i <= 3; i++) {
          assertThat(cursor.next()).as("access %d", access).isTrue();
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
}
