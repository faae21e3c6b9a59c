// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.FullException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * The changes of one entry: find the node, decide on the old value, build the next image, swap the
 * handle. The swap is where the change takes effect; if it fails, somebody else's succeeded.
 */
final class SkipListUpdates {

  /** What {@link #update} does. */
  enum Kind {
    PUT,
    PUT_IF_ABSENT,
    REPLACE,
    REPLACE_IF_EQUAL,
    REMOVE,
    REMOVE_IF_EQUAL,
    ADD,
    COMPUTE,
    /** A hint, unless there is one of a node that lives. */
    POST
  }

  /** Nothing changes. */
  static final int KEEP = 0;

  /** The new value is put. */
  static final int STORE = 1;

  /** The entry is removed. */
  static final int DROP = 2;

  private final SkipList list;

  SkipListUpdates(SkipList list) {
    this.list = list;
  }

  /**
   * Changes the entry of op's key.
   *
   * @return whether anything changed; the old value is in op
   * @throws FullException if the budget is used up; nothing has changed
   */
  boolean update(SkipListOp op, int level, Kind kind) {
    while (true) {
      list.find(op, level);
      if (SkipListHandle.isFrozen(op.word)) {
        list.merges.help(op.helper(), op.link);
        continue;
      }
      if (!readOld(op, level)) {
        continue;
      }
      int action = decide(op, level, kind);
      if (action == KEEP) {
        return false;
      }
      if (action == STORE || action == DROP) {
        if (apply(op, level, action)) {
          return true;
        }
      }
    }
  }

  /**
   * Finds the entry of op's key.
   *
   * @return whether there is one; then its value is in op's old fields as far as wanted
   */
  boolean read(SkipListOp op) {
    do {
      list.findLive(op);
    } while (!readOld(op, 0));
    return op.found;
  }

  /** Reads the old value into op as far as wanted; false if the image has changed. */
  private boolean readOld(SkipListOp op, int level) {
    op.oldBytes = -1;
    if (!op.found) {
      return true;
    }
    if (list.isInline(level)) {
      op.oldNumber = op.value;
      return true;
    }
    if (level > 0 || !list.bytesValues) {
      op.oldNumber = list.cells.number(op, op.value);
      return op.still();
    }
    if (op.wantsOld) {
      op.oldBytes = list.cells.copyValue(op, op.value, op.scratch);
      if (op.oldBytes > op.scratch.byteSize()) {
        op.scratch =
            MemorySegment.ofArray(new long[Math.max(16, SkipListCells.wordsOf(op.oldBytes))]);
        op.oldBytes = list.cells.copyValue(op, op.value, op.scratch);
      }
      return op.oldBytes >= 0;
    }
    if (op.oldTarget == null) {
      return true;
    }
    op.oldBytes = list.cells.copyValue(op, op.value, op.oldTarget);
    return op.oldBytes >= 0;
  }

  private int decide(SkipListOp op, int level, Kind kind) {
    boolean found = op.found;
    return switch (kind) {
      case PUT -> STORE;
      case PUT_IF_ABSENT -> found ? KEEP : STORE;
      case REPLACE -> found ? STORE : KEEP;
      case REPLACE_IF_EQUAL -> found ? ifEqual(op, level, STORE) : KEEP;
      case REMOVE -> found ? DROP : KEEP;
      case REMOVE_IF_EQUAL -> found ? ifEqual(op, level, DROP) : KEEP;
      case ADD -> {
        op.newNumber = found ? op.oldNumber + op.expectedNumber : op.expectedNumber;
        yield STORE;
      }
      case COMPUTE -> {
        int action = Objects.requireNonNull(op.remapping).apply(op);
        yield action == DROP && !found ? KEEP : action;
      }
      case POST ->
          !list.isAlive(op.newNumber) || (found && list.isAlive(op.oldNumber)) ? KEEP : STORE;
    };
  }

  /** The action if the value is the expected one, KEEP if not, -1 if the image has changed. */
  private int ifEqual(SkipListOp op, int level, int action) {
    if (level > 0 || !list.bytesValues) {
      return op.oldNumber == op.expectedNumber ? action : KEEP;
    }
    int equal = list.cells.valueEquals(op, op.value, Objects.requireNonNull(op.expectedBytes));
    return equal < 0 ? -1 : equal == 1 ? action : KEEP;
  }

  /** Builds and swaps; false if the image has changed. */
  boolean apply(SkipListOp op, int level, int action) {
    boolean urgent = action == DROP || level > 0;
    long value = action == STORE ? newValue(op, level, urgent) : 0;
    int count = op.count + (action == DROP ? -1 : op.found ? 0 : 1);
    long right = 0;
    boolean done = false;
    try {
      if (count > list.geometry.maxEntries()) {
        right = split(op, level, value, urgent);
        done = right != 0;
      } else {
        done = rebuild(op, action, count, value, urgent);
      }
    } finally {
      if (!done && action == STORE && !list.isInline(level)) {
        freeCell(value);
      }
    }
    if (done) {
      try {
        finish(op, level, action, right);
      } catch (IllegalStateException e) {
        // It has taken effect: if the generation has ended since, there is nothing left to do.
        if (!list.isClosed()) {
          throw e;
        }
      }
    }
    return done;
  }

  /** What is left to do after the change has taken effect. */
  private void finish(SkipListOp op, int level, int action, long right) {
    list.freeImage(op.image);
    if (op.found && !list.isInline(level)) {
      freeCell(op.value);
    }
    if (level == 0 && op.found != (action == STORE)) {
      list.entries.add(action == STORE ? 1 : -1);
    }
    if (right != 0) {
      list.hints.post(op.helper(), right, level + 1);
    }
    if (action == DROP && op.next != 0 && isSparse(op.count - 1)) {
      absorb(op);
    }
    if (op.heals) {
      list.hints.heal(op);
    }
  }

  private void absorb(SkipListOp op) {
    try {
      list.merges.absorb(op.helper(), op.link);
    } catch (FullException e) {
      // The removal has taken effect all the same.
    }
  }

  private boolean isSparse(int count) {
    return count <= list.geometry.maxEntries() / 4;
  }

  private long newValue(SkipListOp op, int level, boolean urgent) {
    if (list.isInline(level)) {
      return op.newNumber;
    }
    long value =
        list.cells.store(
            op.keyWords,
            list.bytesKeys ? op.keyBytes : 0,
            level > 0 || !list.bytesValues ? null : op.newBytes,
            op.newNumber,
            urgent);
    if (value == 0) {
      throw full();
    }
    list.cellBytes.add(SkipListCells.totalBytes(value));
    return value;
  }

  void freeCell(long value) {
    list.cellBytes.add(-SkipListCells.totalBytes(value));
    list.cells.free(value);
  }

  FullException full() {
    return new FullException(
        "The skip list has used up its budget; remove entries, clear it, or build it with a bigger"
            + " budget",
        list.geometry.budget(),
        list.space.heldBytes(),
        FullException.UNKNOWN);
  }

  /** The same node with one entry more, less, or changed. */
  private boolean rebuild(SkipListOp op, int action, int count, long value, boolean urgent) {
    int image = list.newImage(op.level, count, urgent);
    if (image == 0) {
      throw full();
    }
    SkipListImageBuilder to = op.builder.on(list.space, image);
    to.copyFrame(op);
    to.copy(op, 0, op.slot, 0);
    int behind = op.found ? op.slot + 1 : op.slot;
    int target = op.slot;
    if (action == STORE) {
      to.set(target++, op.key, value);
    }
    to.copy(op, behind, op.count, target);
    if (!op.swap(SkipListHandle.next(op.word, image))) {
      list.freeImage(image);
      return false;
    }
    return true;
  }

  /**
   * A new entry into a full node: the node keeps the left part, a new one gets the right.
   *
   * @return the link of the new node, or 0 if the image has changed
   */
  private long split(SkipListOp op, int level, long value, boolean urgent) {
    int all = op.count + 1;
    // Entries put in ascending order leave full nodes behind.
    int leftCount = op.next == 0 && op.slot == op.count ? op.count : (all + 1) / 2;
    long rightLink = list.newNode(urgent);
    int left = list.newImage(level, leftCount, urgent);
    int right = list.newImage(level, all - leftCount, urgent);
    long fence = 0;
    boolean done = false;
    try {
      if (rightLink == 0 || left == 0 || right == 0) {
        throw full();
      }
      SkipListImageBuilder toLeft = op.builder.on(list.space, left);
      SkipListImageBuilder toRight = op.otherBuilder.on(list.space, right);
      copyWith(op, value, 0, leftCount, toLeft);
      copyWith(op, value, leftCount, all, toRight);
      toLeft.copyFrame(op);
      toRight.copyFrame(op);
      long low = toRight.words.getPlain(toRight.at + SkipListImage.KEYS);
      if (list.bytesKeys) {
        fence =
            fenceOf(op, toRight.words.getPlain(toRight.at + SkipListImage.value(toRight.room, 0)));
        if (fence == 0) {
          return 0;
        }
      }
      toRight.frame(SkipListImage.SELF, rightLink);
      toRight.frame(SkipListImage.LOW, low);
      toRight.frame(SkipListImage.LOW_CELL, fence);
      toLeft.frame(SkipListImage.NEXT, rightLink);
      toLeft.frame(SkipListImage.HIGH, low);
      toLeft.frame(SkipListImage.HIGH_CELL, fence);
      list.publish(rightLink, right);
      done = op.swap(SkipListHandle.next(op.word, left));
      if (!done) {
        list.retract(rightLink);
        rightLink = 0;
        right = 0;
      }
    } finally {
      if (!done) {
        undo(rightLink, left, right, fence);
      }
    }
    return rightLink;
  }

  void undo(long node, int left, int right, long fence) {
    if (node != 0) {
      list.space.freeHandle(SkipListHandle.id(node));
    }
    if (left != 0) {
      list.freeImage(left);
    }
    if (right != 0) {
      list.freeImage(right);
    }
    if (fence != 0) {
      freeCell(fence);
    }
  }

  /** A cell with the key of an entry, new or of op's image; 0 if that has changed. */
  private long fenceOf(SkipListOp op, long value) {
    SkipListOp helper = op.helper();
    if (!helper.key(op, 0, value)) {
      return 0;
    }
    long fence = list.cells.storeKey(helper.keyWords, helper.keyBytes, true);
    if (fence == 0) {
      throw full();
    }
    list.cellBytes.add(SkipListCells.totalBytes(fence));
    return fence;
  }

  /** Copies entries from..to of op's image as they are with the new one at its slot. */
  private static void copyWith(
      SkipListOp op, long value, int from, int to, SkipListImageBuilder target) {
    int slot = op.slot;
    target.copy(op, Math.min(from, slot), Math.min(to, slot), 0);
    if (from <= slot && slot < to) {
      target.set(slot - from, op.key, value);
    }
    int begin = Math.max(from, slot + 1);
    if (begin < to) {
      target.copy(op, begin - 1, to - 1, begin - from);
    }
  }
}
