// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A handle that gets another life between any two accesses of somebody who comes by a link. */
class SkipListHandleTest {

  private static final long SOUGHT = 7;

  /** Merges the node of the key away and has its handle taken for a node far to the right. */
  private static void reuse(SkipListMap map) {
    for (long key = 1; key <= 3; key++) {
      map.remove(key);
    }
    map.put(16, 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"get", "ceiling", "floor", "put", "remove"})
  void aLinkToAFormerLifeLeadsNowhere(String operation) {
    Consumer<SkipListMap> checked =
        switch (operation) {
          case "get" -> map -> assertThat(map.get(SOUGHT, -1)).isEqualTo(1);
          case "ceiling" ->
              map -> {
                SkipListCursor cursor = map.cursor();
                assertThat(cursor.ceiling(SOUGHT)).isTrue();
                assertThat(cursor.longKey()).isEqualTo(SOUGHT);
              };
          case "floor" ->
              map -> {
                SkipListCursor cursor = map.cursor();
                assertThat(cursor.floor(SOUGHT)).isTrue();
                assertThat(cursor.longKey()).isEqualTo(SOUGHT);
              };
          case "put" ->
              map -> {
                assertThat(map.getAndPut(SOUGHT, 2, -1)).isEqualTo(1);
                assertThat(map.get(SOUGHT, -1)).isEqualTo(2);
              };
          default ->
              map -> {
                assertThat(map.getAndRemove(SOUGHT, -1)).isEqualTo(1);
                assertThat(map.contains(SOUGHT)).isFalse();
              };
        };
    int access = 1;
    for (boolean happened = true; happened; access++) {
      Between between = new Between();
      try (SkipListMap map =
          new SkipListMap(
              Lists.tiny(4),
              false,
              false,
              words -> new StoppingWords(Lists.array(words), between))) {
        for (long key = 0; key < 16; key++) {
          map.put(key, 1); // four nodes of four
        }
        map.remove(5);
        map.remove(6);
        between.at(access, () -> reuse(map));
        checked.accept(map);
        happened = between.happened();
        Validator.checkButHints(map.list());
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("access " + access, e);
      }
    }
    assertThat(access).isGreaterThan(10);
  }
}
