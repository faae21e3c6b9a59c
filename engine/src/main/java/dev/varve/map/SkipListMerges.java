// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.FullException;

/**
 * Takes a node over into its left neighbour, in steps that any thread can go on with: freeze the
 * right one, swap the left one's image for one of both, end the right one.
 */
final class SkipListMerges {

  private final SkipList list;

  SkipListMerges(SkipList list) {
    this.list = list;
  }

  /**
   * Lets a node take over its right neighbour if both are small.
   *
   * @throws FullException if the system has no memory; whoever comes to the right one merges it
   */
  void absorb(SkipListOp op, long link) {
    if (!op.load(link) || op.next == 0 || SkipListHandle.isFrozen(op.word)) {
      return;
    }
    int count = op.count;
    long right = op.next;
    if (!op.load(right)) {
      return;
    }
    if (SkipListHandle.isFrozen(op.word)
        || (fits(count, op.count) && op.swap(SkipListHandle.frozen(op.word)))) {
      help(op, right);
    }
  }

  private boolean fits(int left, int right) {
    int most = list.geometry.maxEntries();
    return left + right <= (left == 0 || right == 0 ? most : most * 3 / 4);
  }

  /**
   * Merges a frozen node into its left neighbour, if that has not happened yet.
   *
   * @param op to work with
   * @param link of the node
   * @throws FullException if the system has no memory
   */
  void help(SkipListOp op, long link) {
    SkipListOp left = op.helper();
    while (op.load(link) && SkipListHandle.isFrozen(op.word)) {
      if (!left.keyOfLow(op)) {
        continue;
      }
      left.below = true;
      list.find(left, op.level);
      if (SkipListHandle.isFrozen(left.word)) {
        help(left.helper(), left.link);
      } else if (left.next != link) {
        // It stood frozen at a moment when it was nobody's neighbour: it was taken over. Who did so
        // may never come to end it.
        if (op.still()) {
          list.end(link, op.word);
        }
        return;
      } else if (left.count + op.count <= list.geometry.maxEntries()) {
        if (merge(left, op, link)) {
          return;
        }
      } else if (renew(left, op, link)) {
        return;
      }
    }
  }

  private boolean merge(SkipListOp left, SkipListOp right, long link) {
    int image = list.newImage(left.level, left.count + right.count, true);
    if (image == 0) {
      throw list.updates.full();
    }
    SkipListImageBuilder to = left.builder.on(list.space, image);
    to.copyFrame(left);
    to.copy(left, 0, left.count, 0);
    to.copy(right, 0, right.count, left.count);
    to.frame(SkipListImage.NEXT, right.frame(SkipListImage.NEXT));
    to.frame(SkipListImage.HIGH, right.frame(SkipListImage.HIGH));
    to.frame(SkipListImage.HIGH_CELL, right.frame(SkipListImage.HIGH_CELL));
    long fence = right.frame(SkipListImage.LOW_CELL);
    if (!right.still() || !left.swap(SkipListHandle.next(left.word, image))) {
      list.freeImage(image);
      return false;
    }
    list.freeImage(left.image);
    list.end(link, right.word);
    list.free(link, right.image);
    if (list.bytesKeys) {
      list.updates.freeCell(fence);
    }
    SkipListOp helper = left.helper();
    helper.key(left);
    list.hints.take(helper, link, left.level + 1);
    return true;
  }

  /** Moves what a frozen node has into a new one, because its neighbour has grown. */
  private boolean renew(SkipListOp left, SkipListOp right, long link) {
    long node = list.newNode(true);
    int image = list.newImage(left.level, left.count, true);
    int moved = list.newImage(right.level, right.count, true);
    if (node == 0 || image == 0 || moved == 0) {
      list.updates.undo(node, image, moved, 0);
      throw list.updates.full();
    }
    SkipListImageBuilder toLeft = left.builder.on(list.space, image);
    SkipListImageBuilder toRight = left.otherBuilder.on(list.space, moved);
    toLeft.copyFrame(left);
    toRight.copyFrame(right);
    toLeft.copy(left, 0, left.count, 0);
    toRight.copy(right, 0, right.count, 0);
    toLeft.frame(SkipListImage.NEXT, node);
    toRight.frame(SkipListImage.SELF, node);
    if (!right.still()) {
      list.updates.undo(node, image, moved, 0);
      return false;
    }
    list.publish(node, moved);
    if (!left.swap(SkipListHandle.next(left.word, image))) {
      list.retract(node);
      list.freeImage(image);
      return false;
    }
    list.freeImage(left.image);
    list.end(link, right.word);
    list.free(link, right.image);
    list.hints.post(left.helper(), node, left.level + 1);
    return true;
  }
}
