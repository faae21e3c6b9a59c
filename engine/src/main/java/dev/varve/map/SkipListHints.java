// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.FullException;

/**
 * The entries of the levels above 0, which say where to look. They follow what happens below, and
 * an operation has long taken effect when it comes here: nothing that fails here makes it fail.
 */
final class SkipListHints {

  private final SkipList list;

  SkipListHints(SkipList list) {
    this.list = list;
  }

  /** Announces a node in a level, which is made if it does not exist. */
  void post(SkipListOp op, long link, int level) {
    try {
      if (op.load(link) && op.keyOfLow(op)) {
        put(op, link, level);
      }
    } catch (FullException e) {
      // The system has no memory: the node is found one step to the right, and posted later.
    }
  }

  private void put(SkipListOp op, long link, int level) {
    if (!growTo(op.helper(), level)) {
      return;
    }
    op.newNumber = link;
    op.newBytes = null;
    if (list.updates.update(op, level, SkipListUpdates.Kind.POST) && !list.isAlive(link)) {
      take(op, link, level);
    }
  }

  /** Removes the hint of a node that is gone, at op's key. */
  void take(SkipListOp op, long link, int level) {
    try {
      if (levelOfRoot(op.helper()) >= level) {
        op.expectedNumber = link;
        list.updates.update(op, level, SkipListUpdates.Kind.REMOVE_IF_EQUAL);
      }
    } catch (FullException e) {
      // As above: who comes by looks to the left.
    }
  }

  /** Repairs what a writer met on its way. */
  void heal(SkipListOp op) {
    long missing = op.missingLink;
    long dead = op.deadLink;
    op.missingLink = 0;
    op.deadLink = 0;
    if (missing != 0) {
      post(op.helper(), missing, op.missingLevel);
    }
    if (dead != 0) {
      SkipListOp helper = op.helper();
      helper.key(op.deadKey);
      take(helper, dead, op.deadLevel);
    }
  }

  private int levelOfRoot(SkipListOp op) {
    while (!op.load(list.root())) {
      // The root's node lives as long as the map; only another image was caught.
    }
    return op.level;
  }

  /** Puts a level on top if needed; its first node has a hint of the one that was the root. */
  private boolean growTo(SkipListOp op, int level) {
    while (levelOfRoot(op) < level) {
      long below = op.link;
      long node = list.newNode(true);
      int image = list.newImage(level, 1, true);
      long value = below;
      if (list.bytesKeys) {
        value = list.cells.store(op.keyWords, 0, null, below, true);
      }
      if (node == 0 || image == 0 || value == 0) {
        return false;
      }
      SkipListImageBuilder to = op.builder.on(list.space, image);
      to.copyFrame(op);
      to.frame(SkipListImage.SELF, node);
      to.frame(SkipListImage.NEXT, 0);
      to.frame(SkipListImage.LOW, 0);
      to.frame(SkipListImage.LOW_CELL, list.leastCell);
      to.set(0, 0, value);
      list.publish(node, image);
      if (!list.growRoot(below, node)) {
        list.retract(node);
        if (list.bytesKeys) {
          list.cells.free(value);
        }
      }
    }
    return true;
  }
}
