// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Checks the whole structure of a tree while nobody changes it; for tests. */
final class TreeValidator {

  private final TreeLayout layout;
  private final TreeMemory memory;
  private final TreeNodes nodes;
  private final Set<Integer> seen = new HashSet<>();
  private final Set<Long> blobs = new HashSet<>();
  private long entries;
  private long leaves;
  private long blobWords;
  private int previousLeaf = -1;

  private TreeValidator(TreeWriter writer) {
    layout = writer.layout;
    memory = writer.memory;
    nodes = writer.nodes;
  }

  /** Checks it, and returns how many entries there are. */
  static long validate(TreeWriter writer) {
    TreeValidator validator = new TreeValidator(writer);
    return validator.run();
  }

  private long run() {
    int height = nodes.level(TreeMemory.ROOT);
    node(TreeMemory.ROOT, height, null, null);
    check(nodes.nextLeaf(previousLeaf) == 0, previousLeaf, "is the last leaf but has a next one");
    check(seen.size() == memory.nodesInUse(), 0, "nodes in use are not all reachable");
    long bytes = (seen.size() * (long) layout.nodeWords + blobWords) * Long.BYTES;
    check(bytes == memory.bytesInUse(), 0, "bytes in use are not " + bytes);
    check(
        leaves < 4 || entries >= leaves * (layout.leafCapacity / 8),
        0,
        entries + " entries take " + leaves + " leaves");
    return entries;
  }

  private void node(int node, int level, @Nullable Key low, @Nullable Key high) {
    check(seen.add(node), node, "is reached twice");
    long header = nodes.word(node, TreeLayout.HEADER);
    check(TreeLayout.isReadable(header), node, "is busy or free");
    check(TreeLayout.level(header) == level, node, "is not of level " + level);
    int count = TreeLayout.count(header);
    check(count <= layout.capacity(level), node, "has too many keys");
    check(count > 0 || (node == TreeMemory.ROOT && level == 0), node, "is empty");
    int prefix = nodes.prefix(node);
    check(
        prefix == 0 || (low != null && high != null && low.common(high) >= prefix),
        node,
        "has a prefix that its fences do not have");
    for (int i = count; i < layout.capacity(level); i++) {
      check(nodes.key(node, i) == TreeLayout.PAD, node, "has something in place " + i);
    }
    Key last = low;
    for (int i = 0; i < count; i++) {
      Key key = key(node, level, i);
      boolean ordered = last == null || (i == 0 ? key.compare(last) >= 0 : key.compare(last) > 0);
      check(ordered, node, "has key " + i + " out of order");
      check(high == null || key.compare(high) < 0, node, "has key " + i + " beyond its fence");
      if (layout.variableKeys) {
        check(nodes.key(node, i) == nodes.tag(key.ref, prefix), node, "has a wrong tag " + i);
        blob(key.ref, node);
      }
      if (level == 0 && layout.variableValues) {
        blob(nodes.word(node, layout.values + i), node);
      }
      if (level > 0) {
        node(nodes.child(node, i), level - 1, i == 0 ? low : last, key);
      }
      last = key;
    }
    if (level > 0) {
      node(nodes.child(node, count), level - 1, last, high);
      check(nodes.nextLeaf(node) == 0, node, "is no leaf but has a next one");
    } else {
      check(
          previousLeaf < 0 || nodes.nextLeaf(previousLeaf) == node,
          previousLeaf,
          "is not linked to leaf " + node);
      previousLeaf = node;
      leaves++;
      entries += count;
    }
  }

  private void blob(long ref, int node) {
    check(blobs.add(TreeBlobs.address(ref)), node, "has a blob that is used twice");
    blobWords += TreeBlobs.wordsOfClass(TreeBlobs.classOf(TreeBlobs.wordsOf(TreeBlobs.bytes(ref))));
  }

  private Key key(int node, int level, int i) {
    return new Key(nodes.key(node, i), nodes.keyRef(node, level, i));
  }

  /** A key, by its reference if it has one. */
  private final class Key {
    final long number;
    final long ref;

    Key(long number, long ref) {
      this.number = number;
      this.ref = ref;
    }

    int common(Key other) {
      return nodes.commonPrefix(ref, other.ref);
    }

    int compare(Key other) {
      if (ref == 0) {
        return Long.compareUnsigned(number, other.number);
      }
      int common = common(other);
      int mine = TreeBlobs.bytes(ref);
      int its = TreeBlobs.bytes(other.ref);
      return common == mine || common == its
          ? Integer.compare(mine, its)
          : Long.compareUnsigned(nodes.tag(ref, common), nodes.tag(other.ref, common));
    }
  }

  private static void check(boolean holds, int node, String what) {
    if (!holds) {
      throw new AssertionError("node " + node + " " + what);
    }
  }
}
