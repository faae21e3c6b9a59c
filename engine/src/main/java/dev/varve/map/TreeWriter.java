// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What the writer does to a tree: it finds the place of a key, and then inserts, changes or deletes
 * there. The caller holds the lock of the tree.
 *
 * <p>Whatever memory an operation needs is taken before it changes anything.
 */
final class TreeWriter {

  final TreeLayout layout;
  final TreeMemory memory;
  final TreeNodes nodes;
  private final TreeMerges merges;

  /** The way to the place: the node of each level, and the child or entry in it. */
  final int[] path = new int[TreeLayout.MAX_LEVEL + 2];

  final int[] slots = new int[TreeLayout.MAX_LEVEL + 2];

  /** The level of the root. */
  int height;

  TreeWriter(TreeLayout layout, TreeMemory memory) {
    this.layout = layout;
    this.memory = memory;
    this.nodes = new TreeNodes(layout, memory);
    this.merges = new TreeMerges(this);
  }

  /**
   * Goes to the place of a key.
   *
   * @param number the key, or anything if keys have variable size
   * @param bytes the key, or null if keys are numbers
   * @return whether it is there
   */
  boolean locate(long number, @Nullable MemorySegment bytes, long offset, int length) {
    int node = TreeMemory.ROOT;
    height = nodes.level(node);
    for (int level = height; level > 0; level--) {
      int slot = bound(node, level, number, bytes, offset, length, true);
      path[level] = node;
      slots[level] = slot;
      node = nodes.child(node, slot);
    }
    int slot = bound(node, 0, number, bytes, offset, length, false);
    path[0] = node;
    slots[0] = slot;
    if (slot == nodes.count(node)) {
      return false;
    }
    if (bytes == null) {
      return nodes.key(node, slot) == number;
    }
    int prefix = nodes.prefix(node);
    long ref = nodes.keyRef(node, 0, slot);
    return nodes.key(node, slot) == TreeBlobs.tag(bytes, offset, length, prefix)
        && TreeSearch.compare(memory.open(), memory.slabShift, ref, prefix, bytes, offset, length)
            == 0;
  }

  /**
   * Goes to a place that a reader has found, unless what is done there may need the way to it.
   *
   * @return whether it went there
   */
  boolean goTo(int leaf, int slot, boolean found) {
    int count = nodes.count(leaf);
    if (found ? merges.isDue(count - 1) : count == layout.leafCapacity) {
      return false;
    }
    path[0] = leaf;
    slots[0] = slot;
    return true;
  }

  private int bound(
      int node,
      int level,
      long number,
      @Nullable MemorySegment bytes,
      long offset,
      int length,
      boolean orEqual) {
    long base = memory.base(node);
    int end = layout.keysEnd(level);
    int count = nodes.count(node);
    if (bytes != null) {
      return TreeSearch.bound(
          memory.open(),
          memory.slabShift,
          memory.words(node),
          base,
          end,
          base + layout.refs(level),
          count,
          nodes.prefix(node),
          bytes,
          offset,
          length,
          orEqual);
    }
    return Math.min(
        count,
        orEqual
            ? TreeSearch.upperBound(memory.words(node), base, end, number)
            : TreeSearch.lowerBound(memory.words(node), base, end, number));
  }

  /** The value at the place. */
  long value() {
    return nodes.word(path[0], layout.values + slots[0]);
  }

  /** Changes the value at the place; the caller frees what the old one referred to afterwards. */
  void setValue(long value) {
    int leaf = path[0];
    nodes.enter(leaf);
    nodes.set(leaf, layout.values + slots[0], value);
    nodes.leave(leaf, 0, nodes.count(leaf));
  }

  /**
   * Inserts at the place.
   *
   * @param key the key, or anything if keys have variable size
   * @param ref the blob of the key, or 0 if keys are numbers
   * @throws dev.varve.FullException if there is no memory; nothing has changed
   */
  void insert(long key, long ref, long value) {
    int leaf = path[0];
    int count = nodes.count(leaf);
    if (count == layout.leafCapacity) {
      split(key, ref, value);
      return;
    }
    nodes.enter(leaf);
    putEntry(leaf, slots[0], count, tag(leaf, key, ref), ref, value);
    nodes.leave(leaf, 0, count + 1);
  }

  private long tag(int node, long key, long ref) {
    return layout.variableKeys ? nodes.tag(ref, nodes.prefix(node)) : key;
  }

  private void putEntry(int leaf, int slot, int count, long key, long ref, long value) {
    nodes.moveKeys(leaf, slot, leaf, slot + 1, 0, count - slot);
    nodes.setKey(leaf, 0, slot, key, ref);
    nodes.set(leaf, layout.values + slot, value);
  }

  private void split(long key, long ref, long value) {
    int full = 1;
    while (full <= height && nodes.count(path[full]) == layout.innerCapacity) {
      full++;
    }
    boolean grows = full > height;
    memory.reserveNodes(full + (grows ? 1 : 0));
    int leaf = path[0];
    int slot = slots[0];
    int count = layout.leafCapacity;
    boolean appends = slot == count && nodes.nextLeaf(leaf) == 0;
    int at = appends ? count : (count + 1) / 2;
    boolean isLeft = slot <= at && !appends;
    long separator = 0;
    if (layout.variableKeys) {
      long last = isLeft && slot == at ? ref : nodes.keyRef(leaf, 0, at - 1);
      long first = appends ? ref : nodes.keyRef(leaf, 0, at);
      separator = newSeparator(last, first);
    }
    if (grows) {
      growRoot();
      leaf = path[0];
    }
    for (int level = 0; level <= full; level++) {
      nodes.enter(path[level]);
    }
    int right = memory.takeNode();
    nodes.moveKeys(leaf, at, right, 0, 0, count - at);
    nodes.pad(right, 0, count - at);
    nodes.pad(leaf, 0, at);
    int leftPrefix = nodes.prefix(leaf);
    nodes.setLink(right, leftPrefix, nodes.nextLeaf(leaf));
    nodes.setLink(leaf, leftPrefix, right);
    int target = isLeft ? leaf : right;
    int room = isLeft ? at : count - at;
    putEntry(target, isLeft ? slot : slot - at, room, tag(leaf, key, ref), ref, value);
    int leftCount = isLeft ? at + 1 : at;
    int rightCount = isLeft ? count - at : count - at + 1;
    long first = nodes.key(right, 0);
    prefixed(leaf, 0, leftCount, lowFence(1, slots[1]), separator);
    prefixed(right, 0, rightCount, separator, highFence(1, slots[1]));
    nodes.leave(right, 0, rightCount);
    nodes.leave(leaf, 0, leftCount);
    insertChild(1, first, separator, right);
  }

  /** Makes the shortest key that is above one and not above another. */
  long newSeparator(long last, long first) {
    int bytes = nodes.commonPrefix(last, first) + 1;
    long address = memory.takeBlob(bytes);
    TreeBlobs.copy(memory.open(), memory.slabShift, address, first, bytes);
    return TreeBlobs.ref(address, bytes);
  }

  /** Gives a node that is entered the prefix that its fences have in common. */
  void prefixed(int node, int level, int count, long low, long high) {
    if (layout.variableKeys) {
      int prefix = nodes.prefixBetween(low, high);
      if (prefix != nodes.prefix(node)) {
        nodes.setLink(node, prefix, nodes.nextLeaf(node));
        nodes.retag(node, level, count, prefix);
      }
    }
  }

  /** The key that no key of a child is below, 0 for none. */
  long lowFence(int level, int slot) {
    int at = slot;
    for (int each = level; each <= height; each++) {
      if (at > 0) {
        return nodes.keyRef(path[each], each, at - 1);
      }
      at = slots[each + 1];
    }
    return 0;
  }

  /** The key that all keys of a child are below, 0 for none. */
  long highFence(int level, int slot) {
    int at = slot;
    for (int each = level; each <= height; each++) {
      if (at < nodes.count(path[each])) {
        return nodes.keyRef(path[each], each, at);
      }
      at = slots[each + 1];
    }
    return 0;
  }

  /** Moves what the root has into a child, its only one; the root stays busy. */
  private void growRoot() {
    int root = TreeMemory.ROOT;
    int count = nodes.count(root);
    nodes.enter(root);
    int child = memory.takeNode();
    nodes.copyBody(root, child);
    nodes.leave(child, height, count);
    path[height] = child;
    height++;
    path[height] = root;
    slots[height] = 0;
    nodes.setLink(root, 0, 0);
    nodes.pad(root, height, 0);
    nodes.setChild(root, 0, child);
    nodes.set(
        root,
        TreeLayout.HEADER,
        TreeLayout.next(nodes.word(root, TreeLayout.HEADER), height, 0) | TreeLayout.BUSY);
  }

  /** Inserts a child beside the one on the way, in nodes that are entered. */
  private void insertChild(int from, long fromKey, long fromRef, int fromChild) {
    long key = fromKey;
    long ref = fromRef;
    int child = fromChild;
    for (int level = from; ; level++) {
      int node = path[level];
      int slot = slots[level];
      int count = nodes.count(node);
      if (count < layout.innerCapacity) {
        putChild(node, level, slot, count, key, ref, child);
        nodes.leave(node, level, count + 1);
        return;
      }
      int middle = slot == count ? count - 1 : count / 2;
      long middleKey = nodes.key(node, middle);
      long middleRef = nodes.keyRef(node, level, middle);
      int right = memory.takeNode();
      int rightCount = count - middle - 1;
      nodes.moveKeys(node, middle + 1, right, 0, level, rightCount);
      nodes.moveChildren(node, middle + 1, right, 0, rightCount + 1);
      nodes.pad(right, level, rightCount);
      nodes.pad(node, level, middle);
      nodes.setLink(right, nodes.prefix(node), 0);
      int leftCount = middle;
      if (slot <= middle) {
        putChild(node, level, slot, leftCount++, key, ref, child);
      } else {
        putChild(right, level, slot - middle - 1, rightCount++, key, ref, child);
      }
      prefixed(node, level, leftCount, lowFence(level + 1, slots[level + 1]), middleRef);
      prefixed(right, level, rightCount, middleRef, highFence(level + 1, slots[level + 1]));
      nodes.leave(right, level, rightCount);
      nodes.leave(node, level, leftCount);
      key = middleKey;
      ref = middleRef;
      child = right;
    }
  }

  private void putChild(int node, int level, int slot, int count, long key, long ref, int child) {
    nodes.moveKeys(node, slot, node, slot + 1, level, count - slot);
    nodes.moveChildren(node, slot + 1, node, slot + 2, count - slot);
    nodes.setKey(node, level, slot, tag(node, key, ref), ref);
    nodes.setChild(node, slot + 1, child);
  }

  /** Deletes the entry at the place; the caller frees what the value referred to before. */
  void delete() {
    int leaf = path[0];
    int slot = slots[0];
    int count = nodes.count(leaf) - 1;
    long ref = nodes.keyRef(leaf, 0, slot);
    boolean merge = height > 0 && merges.isDue(count) && merges.findSibling(count);
    nodes.enter(leaf);
    nodes.moveKeys(leaf, slot + 1, leaf, slot, 0, count - slot);
    nodes.setPad(leaf, count);
    if (merge) {
      merges.mergeLeaf(count);
    } else {
      nodes.leave(leaf, 0, count);
    }
    if (layout.variableKeys) {
      freeBlob(ref);
    }
  }

  void freeBlob(long ref) {
    memory.freeBlob(TreeBlobs.address(ref), TreeBlobs.bytes(ref));
  }
}
