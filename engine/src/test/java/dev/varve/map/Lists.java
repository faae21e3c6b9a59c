// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.util.concurrent.atomic.AtomicLongArray;

/** Skip lists for tests: tiny nodes, poison, over arrays. */
final class Lists {

  private Lists() {}

  /** Slabs of 16 KiB, pages of 4 KiB. */
  static SkipListGeometry tiny(int maxEntries) {
    return new SkipListGeometry(10, 256, maxEntries, 2, 1L << 30, true);
  }

  static Words array(long words) {
    return Words.over(new AtomicLongArray((int) words));
  }

  static SkipList longs(int maxEntries) {
    return new SkipList(tiny(maxEntries), false, false, Lists::array, new SkipListOps());
  }

  static boolean put(SkipList list, long key, long value) {
    SkipListOp op = list.take();
    op.key(key);
    op.heals = true;
    op.newNumber = value;
    list.updates.update(op, 0, SkipListUpdates.Kind.PUT);
    boolean found = op.found;
    list.give(op);
    return found;
  }

  static boolean remove(SkipList list, long key) {
    SkipListOp op = list.take();
    op.key(key);
    op.heals = true;
    boolean done = list.updates.update(op, 0, SkipListUpdates.Kind.REMOVE);
    list.give(op);
    return done;
  }
}
