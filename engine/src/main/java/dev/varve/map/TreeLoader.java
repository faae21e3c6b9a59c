// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Fills an empty tree from the left: each level has one node that is open, and a full one is
 * followed by another, whose separator goes up. The last node of each level that stays open is the
 * right edge; what is above all becomes the root at the end.
 */
final class TreeLoader {

  private final Tree tree;
  private final TreeLayout layout;
  private final TreeMemory memory;
  private final TreeNodes nodes;

  /** The open node of each level, how many keys it has, and the separator before it. */
  private final int[] open = new int[TreeLayout.MAX_LEVEL + 2];

  private final int[] counts = new int[TreeLayout.MAX_LEVEL + 2];
  private final long[] lowFences = new long[TreeLayout.MAX_LEVEL + 2];

  private int top;
  private long lastKey;
  private long lastRef;
  private long entries;

  TreeLoader(Tree tree) {
    this.tree = tree;
    layout = tree.layout;
    memory = tree.memory;
    nodes = tree.writer.nodes;
  }

  void load(SortedSource source) {
    if (tree.size() != 0) {
      throw new IllegalStateException("Only an empty map can be loaded; clear it before");
    }
    boolean done = false;
    memory.beginLoad();
    try {
      openNode(0);
      if (layout.variableKeys || layout.variableValues) {
        while (source.advance()) {
          add(source);
        }
      } else {
        addNumbers(source);
      }
      finish();
      done = true;
    } finally {
      memory.endLoad();
      if (!done) {
        memory.clear();
      }
    }
  }

  private void openNode(int level) {
    memory.reserveNodes(1);
    int node = memory.takeNode();
    nodes.setLink(node, 0, 0);
    open[level] = node;
    counts[level] = 0;
  }

  /** Adds entries whose keys and values are numbers, the fast way. */
  private void addNumbers(SortedSource source) {
    int capacity = layout.leafCapacity;
    int valuesBehind = layout.values - TreeLayout.KEYS;
    Words words = memory.words(open[0]);
    long at = memory.base(open[0]) + TreeLayout.KEYS;
    int count = 0;
    long last = 0;
    while (source.advance()) {
      long key = source.key();
      if (Long.compareUnsigned(key, last) <= 0 && entries + count > 0) {
        throw unordered(entries + count);
      }
      if (count == capacity) {
        counts[0] = count;
        entries += count;
        nextLeaf(key, 0);
        words = memory.words(open[0]);
        at = memory.base(open[0]) + TreeLayout.KEYS;
        count = 0;
      }
      words.setPlain(at + count, key);
      words.setPlain(at + count + valuesBehind, source.value());
      count++;
      last = key;
    }
    counts[0] = count;
    entries += count;
  }

  private static IllegalArgumentException unordered(long entry) {
    return new IllegalArgumentException(
        "Entry " + entry + " is not above the one before; bulk load needs ascending keys");
  }

  private void nextLeaf(long key, long separator) {
    int leaf = open[0];
    int prefix = close(0, separator);
    openNode(0);
    nodes.setLink(leaf, prefix, open[0]);
    lowFences[0] = separator;
    addChild(1, key, separator, leaf, open[0]);
  }

  private void add(SortedSource source) {
    MemorySegment bytes = layout.variableKeys ? source.keyBytes() : null;
    long key = bytes == null ? source.key() : 0;
    long ref = bytes == null ? 0 : newKey(bytes);
    boolean ascends =
        entries == 0
            || (bytes == null ? Long.compareUnsigned(key, lastKey) > 0 : ascends(ref, lastRef));
    if (!ascends) {
      throw unordered(entries);
    }
    long value = layout.variableValues ? newValue(source.valueBytes()) : source.value();
    if (counts[0] == layout.leafCapacity) {
      nextLeaf(key, bytes == null ? 0 : newSeparator(ref));
    }
    int leaf = open[0];
    int slot = counts[0]++;
    nodes.setKey(leaf, 0, slot, bytes == null ? key : nodes.tag(ref, 0), ref);
    nodes.set(leaf, layout.values + slot, value);
    lastKey = key;
    lastRef = ref;
    entries++;
  }

  private long newKey(MemorySegment bytes) {
    int length = CsbTreeMap.checkSize("key", bytes.byteSize(), Tree.MAX_KEY_BYTES);
    return tree.newBlob(bytes, length);
  }

  private long newValue(MemorySegment bytes) {
    int length = CsbTreeMap.checkSize("value", bytes.byteSize(), Tree.MAX_VALUE_BYTES);
    return tree.newBlob(bytes, length);
  }

  private boolean ascends(long ref, long before) {
    int common = nodes.commonPrefix(ref, before);
    int bytes = TreeBlobs.bytes(ref);
    int its = TreeBlobs.bytes(before);
    return common == its
        ? bytes > its
        : common < bytes
            && Long.compareUnsigned(nodes.tag(ref, common), nodes.tag(before, common)) > 0;
  }

  private long newSeparator(long ref) {
    return tree.writer.newSeparator(lastRef, ref);
  }

  /** Ends a node that a separator follows, and returns its prefix length. */
  private int close(int level, long separator) {
    int node = open[level];
    int count = counts[level];
    nodes.pad(node, level, count);
    tree.writer.prefixed(node, level, count, lowFences[level], separator);
    nodes.leave(node, level, count);
    return nodes.prefix(node);
  }

  private void addChild(int level, long key, long ref, int before, int child) {
    if (level > top) {
      openNode(level);
      lowFences[level] = 0;
      nodes.setChild(open[level], 0, before);
      top = level;
    }
    if (counts[level] == layout.innerCapacity) {
      int node = open[level];
      int prefix = close(level, ref);
      nodes.setLink(node, prefix, 0);
      openNode(level);
      lowFences[level] = ref;
      nodes.setChild(open[level], 0, child);
      addChild(level + 1, key, ref, node, open[level]);
      return;
    }
    int slot = counts[level]++;
    nodes.setKey(open[level], level, slot, ref == 0 ? key : nodes.tag(ref, 0), ref);
    nodes.setChild(open[level], slot + 1, child);
  }

  private void finish() {
    for (int level = top - 1; level > 0; level--) {
      if (counts[level] == 0) {
        takeChild(level);
      }
    }
    for (int level = 0; level <= top; level++) {
      nodes.pad(open[level], level, counts[level]);
      nodes.leave(open[level], level, counts[level]);
    }
    int root = TreeMemory.ROOT;
    nodes.enter(root);
    nodes.enter(open[top]);
    nodes.copyBody(open[top], root);
    memory.freeNode(open[top]);
    nodes.leave(root, top, counts[top]);
    tree.setSize(entries);
  }

  /** Gives an inner node that has only one child the last child of the node before it. */
  private void takeChild(int level) {
    int node = open[level];
    int parent = open[level + 1];
    int between = counts[level + 1] - 1;
    int before = nodes.child(parent, between);
    int count = nodes.count(before);
    nodes.setChild(node, 1, nodes.child(node, 0));
    nodes.setChild(node, 0, nodes.child(before, count));
    long ref = nodes.keyRef(parent, level + 1, between);
    nodes.setKey(node, level, 0, tag(nodes.key(parent, between), ref), ref);
    long last = nodes.keyRef(before, level, count - 1);
    nodes.setKey(parent, level + 1, between, tag(nodes.key(before, count - 1), last), last);
    nodes.enter(before);
    nodes.setPad(before, count - 1);
    nodes.leave(before, level, count - 1);
    counts[level] = 1;
  }

  private long tag(long key, long ref) {
    return layout.variableKeys ? nodes.tag(ref, 0) : key;
  }
}
