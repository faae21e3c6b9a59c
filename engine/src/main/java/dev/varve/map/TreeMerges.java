// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * Merging of nodes after a deletion. It takes no memory: leaves are merged whole, and inner nodes
 * share children out by moving separators, never by making new ones.
 */
final class TreeMerges {

  /** A leaf looks for company only now and then, because that reads other leaves. */
  private static final int LEAF_STEP = 4;

  private final TreeWriter writer;
  private final TreeLayout layout;
  private final TreeMemory memory;
  private final TreeNodes nodes;

  /** Which separator of the parent is between the leaves to be merged. */
  private int between;

  TreeMerges(TreeWriter writer) {
    this.writer = writer;
    this.layout = writer.layout;
    this.memory = writer.memory;
    this.nodes = writer.nodes;
  }

  /** Whether a leaf that has so many entries left shall look for a sibling to merge with. */
  boolean isDue(int count) {
    return count <= layout.leafCapacity / 2 && count % LEAF_STEP == 0;
  }

  /** Looks for a sibling that the leaf on the way can be merged with. */
  boolean findSibling(int count) {
    int parent = writer.path[1];
    int slot = writer.slots[1];
    if (slot < nodes.count(parent) && fits(count, nodes.child(parent, slot + 1))) {
      between = slot;
      return true;
    }
    if (slot > 0 && fits(count, nodes.child(parent, slot - 1))) {
      between = slot - 1;
      return true;
    }
    return false;
  }

  private boolean fits(int count, int sibling) {
    return count == 0 || count + nodes.count(sibling) <= layout.leafCapacity * 3 / 4;
  }

  /** Merges the leaf on the way, which is entered and has so many entries left. */
  void mergeLeaf(int count) {
    int parent = writer.path[1];
    int left = nodes.child(parent, between);
    int right = nodes.child(parent, between + 1);
    int leaf = writer.path[0];
    nodes.enter(parent);
    nodes.enter(leaf == left ? right : left);
    int leftCount = leaf == left ? count : nodes.count(left);
    int rightCount = leaf == left ? nodes.count(right) : count;
    int total = leftCount + rightCount;
    nodes.moveKeys(right, 0, left, leftCount, 0, rightCount);
    int prefix = mergedPrefix(1, parent);
    if (prefix != nodes.prefix(left) || prefix != nodes.prefix(right)) {
      nodes.retag(left, 0, total, prefix);
    }
    nodes.setLink(left, prefix, nodes.nextLeaf(right));
    long separator = nodes.keyRef(parent, 1, between);
    nodes.leave(left, 0, total);
    memory.freeNode(right);
    removeChild(parent, 1, between);
    if (layout.variableKeys) {
      writer.freeBlob(separator);
    }
    balance(1);
  }

  /** What all keys of the two children beside a separator have in common. */
  private int mergedPrefix(int level, int parent) {
    return layout.variableKeys
        ? nodes.prefixBetween(writer.lowFence(level, between), writer.highFence(level, between + 1))
        : nodes.prefix(parent);
  }

  /** Removes a separator and the child behind it, and leaves the node. */
  private void removeChild(int node, int level, int slot) {
    int count = nodes.count(node);
    nodes.moveKeys(node, slot + 1, node, slot, level, count - slot - 1);
    nodes.moveChildren(node, slot + 2, node, slot + 1, count - slot - 1);
    nodes.setPad(node, count - 1);
    nodes.leave(node, level, count - 1);
  }

  private void balance(int from) {
    for (int level = from; ; level++) {
      int node = writer.path[level];
      int count = nodes.count(node);
      if (level == writer.height) {
        if (count == 0) {
          shrinkRoot();
        }
        return;
      }
      if (count >= layout.innerCapacity / 3) {
        return;
      }
      int parent = writer.path[level + 1];
      int slot = writer.slots[level + 1];
      between = slot < nodes.count(parent) ? slot : slot - 1;
      int left = nodes.child(parent, between);
      int right = nodes.child(parent, between + 1);
      nodes.enter(parent);
      nodes.enter(left);
      nodes.enter(right);
      if (nodes.count(left) + nodes.count(right) < layout.innerCapacity * 3 / 4) {
        mergeInner(level, parent, left, right);
      } else {
        shareInner(level, parent, left, right);
        return;
      }
    }
  }

  private void mergeInner(int level, int parent, int left, int right) {
    int leftCount = nodes.count(left);
    int rightCount = nodes.count(right);
    int total = leftCount + rightCount + 1;
    nodes.setKey(
        left,
        level,
        leftCount,
        nodes.key(parent, between),
        nodes.keyRef(parent, level + 1, between));
    nodes.moveKeys(right, 0, left, leftCount + 1, level, rightCount);
    nodes.moveChildren(right, 0, left, leftCount + 1, rightCount + 1);
    int prefix = mergedPrefix(level + 1, parent);
    nodes.setLink(left, prefix, 0);
    nodes.retag(left, level, total, prefix);
    nodes.leave(left, level, total);
    memory.freeNode(right);
    removeChild(parent, level + 1, between);
  }

  /** Shares the children of two nodes out evenly. */
  private void shareInner(int level, int parent, int left, int right) {
    int leftCount = nodes.count(left);
    int rightCount = nodes.count(right);
    int newLeft = (leftCount + rightCount) / 2;
    int newRight = leftCount + rightCount - newLeft;
    long key = nodes.key(parent, between);
    long ref = nodes.keyRef(parent, level + 1, between);
    int moved = newLeft - leftCount;
    long newKey;
    long newRef;
    if (moved >= 0) {
      nodes.setKey(left, level, leftCount, key, ref);
      nodes.moveKeys(right, 0, left, leftCount + 1, level, moved - 1);
      nodes.moveChildren(right, 0, left, leftCount + 1, moved);
      newKey = nodes.key(right, moved - 1);
      newRef = nodes.keyRef(right, level, moved - 1);
      nodes.moveKeys(right, moved, right, 0, level, newRight);
      nodes.moveChildren(right, moved, right, 0, newRight + 1);
    } else {
      moved = -moved;
      nodes.moveKeys(right, 0, right, moved, level, rightCount);
      nodes.moveChildren(right, 0, right, moved, rightCount + 1);
      nodes.setKey(right, level, moved - 1, key, ref);
      nodes.moveKeys(left, newLeft + 1, right, 0, level, moved - 1);
      nodes.moveChildren(left, newLeft + 1, right, 0, moved);
      newKey = nodes.key(left, newLeft);
      newRef = nodes.keyRef(left, level, newLeft);
    }
    if (layout.variableKeys) {
      newKey = nodes.tag(newRef, nodes.prefix(parent));
      int prefix = nodes.prefixBetween(writer.lowFence(level + 1, between), newRef);
      nodes.setLink(left, prefix, 0);
      nodes.retag(left, level, newLeft, prefix);
      prefix = nodes.prefixBetween(newRef, writer.highFence(level + 1, between + 1));
      nodes.setLink(right, prefix, 0);
      nodes.retag(right, level, newRight, prefix);
    }
    nodes.pad(left, level, newLeft);
    nodes.pad(right, level, newRight);
    nodes.setKey(parent, level + 1, between, newKey, newRef);
    nodes.leave(left, level, newLeft);
    nodes.leave(right, level, newRight);
    nodes.leave(parent, level + 1, nodes.count(parent));
  }

  /** Takes what the only child of the root has into the root. */
  private void shrinkRoot() {
    int root = TreeMemory.ROOT;
    int child = nodes.child(root, 0);
    int level = nodes.level(child);
    int count = nodes.count(child);
    nodes.enter(root);
    nodes.enter(child);
    nodes.copyBody(child, root);
    memory.freeNode(child);
    nodes.leave(root, level, count);
  }
}
