// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import org.jspecify.annotations.Nullable;

/**
 * Finds the entries next to a key, and takes the first or the last one out.
 *
 * <p>Where the answer is not in the node that covers the key, the nodes on the way are held in a
 * chain of ops, one the helper of the other; if all their images are still current after the answer
 * was read, then it was the answer at that moment.
 */
final class SkipListNavigation {

  private final SkipList list;

  SkipListNavigation(SkipList list) {
    this.list = list;
  }

  /**
   * Finds the least entry at or above op's key.
   *
   * @param op with the key
   * @param higher whether it must be above
   * @return the op, of op's chain, whose slot the entry is in, to be read and then checked by
   *     {@link #stands}; or null if there is none
   */
  @Nullable SkipListOp ceiling(SkipListOp op, boolean higher) {
    while (true) {
      list.findLive(op);
      int slot = higher && op.found ? op.slot + 1 : op.slot;
      SkipListOp last = op;
      boolean whole = true;
      while (whole && slot >= last.count && last.next != 0) {
        SkipListOp right = last.helper();
        whole = right.load(last.next);
        if (whole && SkipListHandle.isFrozen(right.word)) {
          list.merges.help(right.helper(), last.next);
          whole = false;
        }
        last = right;
        slot = 0;
      }
      if (whole) {
        if (slot < last.count) {
          last.slot = slot;
          return last;
        }
        if (stands(op, last)) {
          return null;
        }
      }
    }
  }

  /**
   * Finds the greatest entry at or below op's key, or below the place that op means.
   *
   * @param op with the key
   * @return as {@link #ceiling}
   */
  @Nullable SkipListOp floor(SkipListOp op) {
    if (op.isBelowAll()) {
      return null;
    }
    while (true) {
      list.findLive(op);
      int slot = op.found ? op.slot : op.slot - 1;
      SkipListOp last = op;
      boolean whole = true;
      while (whole && slot < 0 && last.link != list.first) {
        SkipListOp left = last.helper();
        whole = left.keyOfLow(last);
        if (whole) {
          left.below = true;
          list.find(left, 0);
          if (SkipListHandle.isFrozen(left.word)) {
            list.merges.help(left.helper(), left.link);
            whole = false;
          }
        }
        last = left;
        slot = left.count - 1;
      }
      if (whole) {
        if (slot >= 0) {
          last.slot = slot;
          return last;
        }
        if (stands(op, last)) {
          return null;
        }
      }
    }
  }

  /** Whether all images from op to the last one of its chain are current. */
  boolean stands(SkipListOp op, SkipListOp last) {
    SkipListOp each = op;
    while (each != last) {
      if (!each.still()) {
        return false;
      }
      each = each.nextInChain();
    }
    return last.still();
  }

  /**
   * Removes the first or the last entry.
   *
   * @param op to work with
   * @param last which
   * @param cursor where the entry is read to
   * @return whether there was one
   */
  boolean poll(SkipListOp op, boolean last, SkipListCursor cursor) {
    while (true) {
      op.keyOfLeast();
      op.above = last;
      list.findLive(op);
      if (op.count > 0) {
        op.slot = last ? op.count - 1 : 0;
        op.found = true;
        op.value = op.valueAt(op.slot);
        if (cursor.read(op) && list.updates.apply(op, 0, SkipListUpdates.DROP)) {
          return true;
        }
      } else if (!last && op.next != 0) {
        list.merges.absorb(op.helper(), op.link);
      } else if (op.link == list.first) {
        return false;
      } else if (op.swap(SkipListHandle.frozen(op.word))) {
        list.merges.help(op.helper(), op.link);
      }
    }
  }
}
