// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.MemorySegment;

/** The nodes from the root of a tree to the one that is looked at, and the entry in each. */
final class NodePath {
  final MemorySegment[] segment = new MemorySegment[Tree.MAX_LEVELS + 1];
  final long[] offset = new long[Tree.MAX_LEVELS + 1];
  final int[] index = new int[Tree.MAX_LEVELS + 1];

  /** The place of the last node, -1 when there is none. */
  int depth = -1;

  /** The level of the last node. */
  int level;

  void clear() {
    depth = -1;
  }

  void push(MemorySegment s, long b, int nodeLevel) {
    depth++;
    segment[depth] = s;
    offset[depth] = b;
    level = nodeLevel;
  }

  void pop() {
    depth--;
    level++;
  }

  /** Puts a node before all others, whose child with an index the first one is. */
  void pushBelow(MemorySegment s, long b, int i) {
    for (int d = depth; d >= 0; d--) {
      segment[d + 1] = segment[d];
      offset[d + 1] = offset[d];
      index[d + 1] = index[d];
    }
    depth++;
    segment[0] = s;
    offset[0] = b;
    index[0] = i;
  }
}
