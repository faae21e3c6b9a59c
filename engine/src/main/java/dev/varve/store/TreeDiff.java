// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.MemorySegment;

/**
 * Finds what differs between two states of a tree that are in one file, both pinned. What they
 * share is not read: it takes time for the pages that differ and those beside them.
 */
final class TreeDiff {
  /** Is told what differs, in the order of the keys. */
  interface Visitor {
    /** An entry is new, or has another value: the one that a cursor of the later state is at. */
    void put(Key key, MemorySegment s, long b, long slot);

    /** An entry is gone. */
    void delete(Key key);
  }

  private final Tree before;
  private final Tree after;
  private final TreeCursor old;
  private final TreeCursor now;
  private final Key oldKey = new Key();
  private final Key nowKey = new Key();

  TreeDiff(Tree before, Tree after) {
    this.before = before;
    this.after = after;
    this.old = new TreeCursor(before);
    this.now = new TreeCursor(after);
  }

  void run(TableState from, TableState to, Visitor visitor) {
    boolean hasOld = old.first(from.root, from.birth);
    boolean hasNow = now.first(to.root, to.birth);
    while (hasOld || hasNow) {
      if (hasOld && hasNow && TreeCursor.skipShared(old, now)) {
        hasOld = old.isAtEntry();
        hasNow = now.isAtEntry();
        continue;
      }
      if (hasOld) {
        before.loadKey(old.segment(), old.offset(), old.index(), oldKey);
      }
      if (hasNow) {
        after.loadKey(now.segment(), now.offset(), now.index(), nowKey);
      }
      int order = !hasOld ? 1 : !hasNow ? -1 : oldKey.compareTo(nowKey);
      if (order < 0) {
        visitor.delete(oldKey);
      } else if (order > 0 || !isSameValue()) {
        visitor.put(nowKey, now.segment(), now.offset(), slot(now));
      }
      hasOld = order <= 0 ? old.next() : hasOld;
      hasNow = order >= 0 ? now.next() : hasNow;
    }
  }

  private static long slot(TreeCursor cursor) {
    return Node.slot(cursor.segment(), cursor.offset(), cursor.index());
  }

  /** Whether the values are the same, or references to the same run. */
  private boolean isSameValue() {
    MemorySegment a = old.segment();
    MemorySegment b = now.segment();
    long aSlot = slot(old);
    long bSlot = slot(now);
    int bytes = Node.valueBytes(a, old.offset(), aSlot);
    long from = Node.value(a, old.offset(), aSlot);
    long to = Node.value(b, now.offset(), bSlot);
    return bytes == Node.valueBytes(b, now.offset(), bSlot)
        && Node.isValueInRun(a, old.offset(), aSlot) == Node.isValueInRun(b, now.offset(), bSlot)
        && MemorySegment.mismatch(a, from, from + bytes, b, to, to + bytes) < 0;
  }
}
