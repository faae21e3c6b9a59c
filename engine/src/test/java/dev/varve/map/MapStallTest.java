// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.memory.SlabPool;
import dev.varve.memory.Words;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A reader that stands still, at any access, while others change all of the map many times. */
@Tag("once")
class MapStallTest {

  private static final int ENTRIES = 200;
  private static final int CHANGES = 1_200;

  private final SlabPool pool = new SlabPool(64 << 10, 4 << 20);

  private AnyMap map(String kind, boolean bytes, Runnable hook) {
    if (kind.equals("skip list")) {
      return new AnyMap.OfSkipList(
          new SkipListMap(
              Lists.tiny(8), bytes, bytes, words -> new StoppingWords(Lists.array(words), hook)));
    }
    TreeLayout layout = new TreeLayout(256, bytes, bytes);
    return new AnyMap.OfTree(
        new Tree(
            layout,
            new TreeMemory(
                layout,
                pool,
                Long.MAX_VALUE,
                true,
                slab -> new StoppingWords(Words.over(slab.segment()), hook))));
  }

  private static void change(AnyMap.Session session, int first, int changes) {
    for (int i = first; i < first + changes; i++) {
      long key = i * 7 % ENTRIES;
      session.remove(key);
      session.put(key, MapChurnTest.value(key, i));
    }
  }

  @ParameterizedTest
  @CsvSource({"skip list, false", "skip list, true", "tree, false", "tree, true"})
  void holdsBackNothing(String kind, boolean bytes) {
    int access = 1;
    for (boolean happened = true; happened; access++) {
      Between between = new Between();
      try (AnyMap map = map(kind, bytes, between)) {
        AnyMap.Session reader = map.session();
        AnyMap.Session others = map.session();
        change(others, 0, CHANGES);
        long held = map.heldBytes();
        between.at(access, () -> change(others, CHANGES, CHANGES));
        MapChurnTest.checkValue(77, reader.get(77));
        assertThat(reader.ceiling(78)).isTrue();
        MapChurnTest.checkValue(78, reader.value());
        happened = between.happened();
        // The others' memory varies a little by itself: a slab.
        long slab = kind.equals("tree") ? 64 << 10 : 16 << 10;
        assertThat(map.heldBytes()).as("access %d", access).isLessThanOrEqualTo(held + slab);
        map.validate();
      }
    }
    assertThat(access).isGreaterThan(10);
  }
}
