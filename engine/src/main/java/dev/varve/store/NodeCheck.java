// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Checks that a node is well formed within its page, so that nothing read from it leads outside.
 */
final class NodeCheck {
  private NodeCheck() {}

  /** Returns what is wrong with a node, or null. Whether its keys are in order is not looked at. */
  static @Nullable String fault(MemorySegment s, long b, int pageSize) {
    int kind = Node.kind(s, b);
    int level = Node.level(s, b);
    int count = Node.count(s, b);
    int heap = Node.heap(s, b);
    if (kind != (level == 0 ? Node.LEAF : Node.BRANCH) || level > Tree.MAX_LEVELS) {
      return "kind " + kind + " at level " + level;
    }
    if (count == 0 || Node.HEADER + Node.SLOT * count + heap > pageSize) {
      return count + " entries and " + heap + " bytes of cells";
    }
    int first = pageSize - heap;
    int bytes = 0;
    for (int i = 0; i < count; i++) {
      long slot = Node.slot(s, b, i);
      int cell = Node.cell(slot);
      int room = pageSize - cell;
      int key = Node.keyBytes(slot) + (Node.isLong(slot) ? Node.RUN : 0);
      if (cell < first || room < (level == 0 ? 4 : 16) + key || isKeyWrong(slot, pageSize)) {
        return "entry " + i + " at " + cell + " with a key of " + Node.keyBytes(slot) + " bytes";
      }
      if (level == 0) {
        int value = Node.valueBytes(s, b, slot);
        boolean inRun = Node.isValueInRun(s, b, slot);
        if (value > room - 4 - key || (inRun && value != Node.RUN)) {
          return "entry " + i + " with a value of " + value + " bytes";
        }
      } else if (i == 0 && Node.keyBytes(slot) != 0) {
        return "a first key of " + Node.keyBytes(slot) + " bytes";
      }
      int own = i >= (level == 0 ? 0 : 1) ? Node.keyBytes(slot) : Node.prefix(s, b);
      if (own < Node.prefix(s, b)) {
        return "entry " + i + " with a key shorter than the prefix of " + Node.prefix(s, b);
      }
      bytes += Node.entryBytes(s, b, i) - Node.SLOT;
    }
    if (bytes != heap - Node.dead(s, b)) {
      return bytes + " bytes of cells, where " + (heap - Node.dead(s, b)) + " are counted";
    }
    return null;
  }

  private static boolean isKeyWrong(long slot, int pageSize) {
    int limit = pageSize / 8;
    return Node.isLong(slot) ? Node.keyBytes(slot) != limit : Node.keyBytes(slot) > limit;
  }
}
