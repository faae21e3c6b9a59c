// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Checks the invariants of a skip list that nobody is at work on. */
final class Validator {

  private final SkipList list;
  private final Map<Integer, Set<Integer>> used = new HashMap<>();
  private long nodes;
  private long entries;
  private int missingHints;
  private int staleHints;

  private Validator(SkipList list) {
    this.list = list;
  }

  /** Checks everything, and that every node has its hint and every hint its node. */
  static void check(SkipList list) {
    Validator validator = checkButHints(list);
    assertThat(validator.missingHints).as("nodes without hints").isZero();
    assertThat(validator.staleHints).as("hints without nodes").isZero();
  }

  /** Checks everything but that hints are complete, which stopped or racing threads may prevent. */
  static Validator checkButHints(SkipList list) {
    Validator validator = new Validator(list);
    validator.walk();
    return validator;
  }

  int missingHints() {
    return missingHints;
  }

  int staleHints() {
    return staleHints;
  }

  private void use(int sizeClass, int ref) {
    assertThat(used.computeIfAbsent(sizeClass, c -> new HashSet<>()).add(ref))
        .as("block %x of class %d is used once", ref, sizeClass)
        .isTrue();
  }

  private void useCell(long value) {
    int ref = (int) value;
    int keyBytes = list.cells.keyBytesOf(value);
    int left =
        SkipListCells.wordsOf(keyBytes)
            + SkipListCells.wordsOf(SkipListCells.totalBytes(value) - keyBytes);
    do {
      use(SkipListSizeClass.ofWords(1 + Math.min(left, SkipListSizeClass.MAX_WORDS - 1)), ref);
      left -= SkipListSizeClass.MAX_WORDS - 1;
      ref = (int) list.space.words(ref).getPlain(list.space.at(ref));
    } while (left > 0);
  }

  private void walk() {
    SkipListOp op = new SkipListOp(list);
    if (list.bytesKeys) {
      useCell(list.leastCell);
    }
    assertThat(op.load(list.root())).isTrue();
    int level = op.level;
    long first = list.root();
    Map<Long, Long> hints = null;
    while (true) {
      Map<Long, Long> below = new HashMap<>();
      List<Long> lows = walkLevel(first, level, below);
      if (hints == null) {
        missingHints += lows.size() - 1; // what needs a level above
      } else {
        for (long link : lows) {
          if (hints.remove(link) == null) {
            missingHints++;
          }
        }
        staleHints += hints.size();
      }
      if (level == 0) {
        assertThat(first).isEqualTo(list.first);
        break;
      }
      hints = below;
      assertThat(op.load(first)).isTrue();
      long value = op.valueAt(0);
      first = list.isInline(level) ? value : list.cells.number(op, value);
      level--;
    }
    assertThat(list.entries.sum()).as("size").isEqualTo(entries);
    assertThat(list.nodes.sum()).as("nodes").isEqualTo(nodes);
    for (int c = 0; c < SkipListSizeClass.COUNT; c++) {
      int sizeClass = c;
      list.space.forEachFree(c, ref -> use(sizeClass, ref));
      assertThat((long) used.getOrDefault(c, Set.of()).size())
          .as("blocks of class %d in use or free", c)
          .isEqualTo(list.space.cut(c));
    }
  }

  private List<Long> walkLevel(long first, int level, Map<Long, Long> hints) {
    List<Long> links = new ArrayList<>();
    SkipListOp op = new SkipListOp(list);
    SkipListOp high = new SkipListOp(list);
    long link = first;
    while (link != 0) {
      assertThat(op.load(link)).as("node lives").isTrue();
      assertThat(SkipListHandle.isFrozen(op.word)).as("frozen").isFalse();
      assertThat(op.level).isEqualTo(level);
      assertThat(op.count).isBetween(0, list.geometry.maxEntries());
      nodes++;
      use(SkipListSizeClass.HANDLE, SkipListHandle.id(link));
      use(SkipListImage.sizeClass(op.room), op.image);
      if (link == first) {
        assertThat(op.frame(SkipListImage.LOW)).isZero();
        assertThat(op.frame(SkipListImage.LOW_CELL)).isEqualTo(list.leastCell);
      } else {
        assertThat(op.frame(SkipListImage.LOW)).isEqualTo(high.key);
        assertThat(compare(high, op, op.frame(SkipListImage.LOW), op.frame(SkipListImage.LOW_CELL)))
            .isZero();
        if (list.bytesKeys) {
          useCell(op.frame(SkipListImage.LOW_CELL));
        }
      }
      SkipListOp last = new SkipListOp(list);
      assertThat(last.keyOfLow(op)).isTrue();
      for (int i = 0; i < op.count; i++) {
        long key = op.keyAt(i);
        long value = op.valueAt(i);
        int order = compare(last, op, key, value);
        assertThat(order).as("order").isLessThanOrEqualTo(i == 0 ? 0 : -1);
        assertThat(last.key(op, key, list.bytesKeys ? value : 0)).isTrue();
        if (!list.isInline(level)) {
          useCell(value);
        }
        if (level > 0) {
          long child = list.isInline(level) ? value : list.cells.number(op, value);
          SkipListOp node = new SkipListOp(list);
          if (node.load(child)) {
            assertThat(node.level).isEqualTo(level - 1);
            assertThat(
                    compare(
                        last,
                        node,
                        node.frame(SkipListImage.LOW),
                        node.frame(SkipListImage.LOW_CELL)))
                .as("hint is the low bound")
                .isZero();
          }
          hints.put(child, key);
        } else {
          entries++;
        }
      }
      if (op.next != 0) {
        assertThat(high.key(op, op.frame(SkipListImage.HIGH), op.frame(SkipListImage.HIGH_CELL)))
            .isTrue();
        assertThat(compare(last, op, high.key, op.frame(SkipListImage.HIGH_CELL))).isNegative();
      }
      links.add(link);
      link = op.next;
    }
    return links;
  }

  private int compare(SkipListOp with, SkipListOp op, long key, long cell) {
    int order = Long.compareUnsigned(with.key, key);
    return order != 0 || !list.bytesKeys
        ? order
        : list.cells.compareKey(with.keyWords, with.keyBytes, cell);
  }
}
