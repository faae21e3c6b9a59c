// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.LongPredicate;
import java.util.function.LongSupplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** How cursors of both maps move where they are at no entry. */
class MapCursorTest {
  /** What either cursor does, over a map of so many entries: 0, 10, 20, ... */
  record Moves(
      int entries,
      BooleanSupplier first,
      BooleanSupplier last,
      BooleanSupplier next,
      BooleanSupplier previous,
      LongPredicate ceiling,
      LongPredicate floor,
      LongSupplier key) {

    @Override
    public String toString() {
      return entries + " entries";
    }
  }

  /** One leaf, just as many as fit into one or two, and many. */
  static Stream<Moves> both() {
    return Stream.of(1, 3, 124, 125, 126, 127, 1000)
        .flatMap(entries -> Stream.of(tree(entries), list(entries, true), list(entries, false)));
  }

  private static Moves tree(int entries) {
    CsbTreeMap<Long, Long> map = CsbTreeMap.create(KeyCodecs.int64(), ValueCodecs.int64());
    LongStream.range(0, entries).forEach(key -> map.put(10 * key, key, 0));
    CsbTreeCursor cursor = map.cursor();
    return new Moves(
        entries,
        cursor::first,
        cursor::last,
        cursor::next,
        cursor::previous,
        cursor::ceiling,
        cursor::floor,
        cursor::key);
  }

  private static Moves list(int entries, boolean inline) {
    SkipListMap.Builder builder = SkipListMap.builder().longKeys();
    SkipListMap map = (inline ? builder.longValues() : builder).build();
    LongStream.range(0, entries).forEach(key -> map.put(number(10 * key), number(key)));
    SkipListCursor cursor = map.cursor();
    return new Moves(
        entries,
        cursor::first,
        cursor::last,
        cursor::next,
        cursor::previous,
        cursor::ceiling,
        cursor::floor,
        cursor::longKey);
  }

  private static MemorySegment number(long number) {
    return MemorySegment.ofArray(ByteBuffer.allocate(Long.BYTES).putLong(number).array());
  }

  @ParameterizedTest
  @MethodSource("both")
  void beyondTheEndsThereIsNoWayOnButBack(Moves to) {
    long last = 10L * (to.entries - 1);
    assertThat(to.next.getAsBoolean()).isTrue();
    assertThat(to.key.getAsLong()).isZero();
    for (int i = 1; i < to.entries; i++) {
      assertThat(to.next.getAsBoolean()).isTrue();
      assertThat(to.key.getAsLong()).isEqualTo(10L * i);
    }
    for (int i = 0; i < 3; i++) {
      assertThat(to.next.getAsBoolean()).isFalse();
    }
    for (int i = to.entries - 1; i >= 0; i--) {
      assertThat(to.previous.getAsBoolean()).isTrue();
      assertThat(to.key.getAsLong()).isEqualTo(10L * i);
    }
    for (int i = 0; i < 3; i++) {
      assertThat(to.previous.getAsBoolean()).isFalse();
    }
    assertThat(to.next.getAsBoolean()).isTrue();
    assertThat(to.key.getAsLong()).isZero();

    assertThat(to.ceiling.test(last + 1)).isFalse();
    assertThat(to.next.getAsBoolean()).isFalse();
    assertThat(to.previous.getAsBoolean()).isTrue();
    assertThat(to.key.getAsLong()).isEqualTo(last);
    assertThat(to.next.getAsBoolean()).isFalse();
    assertThat(to.first.getAsBoolean()).isTrue();
    assertThat(to.previous.getAsBoolean()).isFalse();
    assertThat(to.previous.getAsBoolean()).isFalse();
    assertThat(to.last.getAsBoolean()).isTrue();
    assertThat(to.key.getAsLong()).isEqualTo(last);
    assertThat(to.floor.test(last)).isTrue();
    assertThat(to.next.getAsBoolean()).isFalse();
  }

  @ParameterizedTest
  @MethodSource("both")
  void aNewOneComesFromBothEnds(Moves to) {
    assertThat(to.previous.getAsBoolean()).isTrue();
    assertThat(to.key.getAsLong()).isEqualTo(10L * (to.entries - 1));
  }

  /** What finds a map empty is nowhere, and finds what comes. */
  @Test
  void anEmptyMapHasNoEnds() {
    try (CsbTreeMap<Long, Long> tree = CsbTreeMap.create(KeyCodecs.int64(), ValueCodecs.int64());
        SkipListMap list = SkipListMap.builder().longKeys().longValues().build()) {
      CsbTreeCursor inTree = tree.cursor();
      SkipListCursor inList = list.cursor();
      for (BooleanSupplier move :
          List.<BooleanSupplier>of(
              inTree::next,
              inTree::previous,
              inTree::first,
              inTree::last,
              inList::next,
              inList::previous,
              inList::first,
              inList::last)) {
        assertThat(move.getAsBoolean()).isFalse();
      }
      tree.put(1, 1, 0);
      list.put(1, 1);
      assertThat(inTree.next()).isTrue();
      assertThat(inList.next()).isTrue();
    }
  }
}
