// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.lang.invoke.VarHandle;

/**
 * The writer's access to nodes.
 *
 * <p>A node that readers can reach changes only between {@link #enter} and {@link #leave}: the
 * header says busy before the first change (a store, then a fence), and a new version after the
 * last (a releasing store, which pairs with the acquiring load of a reader's header).
 */
final class TreeNodes {

  final TreeLayout layout;
  final TreeMemory memory;

  TreeNodes(TreeLayout layout, TreeMemory memory) {
    this.layout = layout;
    this.memory = memory;
  }

  long word(int node, int i) {
    return memory.words(node).getPlain(memory.base(node) + i);
  }

  void set(int node, int i, long word) {
    memory.words(node).setPlain(memory.base(node) + i, word);
  }

  int count(int node) {
    return TreeLayout.count(word(node, TreeLayout.HEADER));
  }

  int level(int node) {
    return TreeLayout.level(word(node, TreeLayout.HEADER));
  }

  int prefix(int node) {
    return TreeLayout.prefixBytes(word(node, TreeLayout.LINK));
  }

  int nextLeaf(int node) {
    return TreeLayout.nextLeaf(word(node, TreeLayout.LINK));
  }

  void setLink(int node, int prefix, int nextLeaf) {
    set(node, TreeLayout.LINK, TreeLayout.link(prefix, nextLeaf));
  }

  long key(int node, int i) {
    return word(node, TreeLayout.KEYS + i);
  }

  /** The reference of a key, or 0 if keys are numbers. */
  long keyRef(int node, int level, int i) {
    return layout.variableKeys ? word(node, layout.refs(level) + i) : 0;
  }

  void setKey(int node, int level, int i, long key, long ref) {
    set(node, TreeLayout.KEYS + i, key);
    if (layout.variableKeys) {
      set(node, layout.refs(level) + i, ref);
    }
  }

  int child(int node, int i) {
    return (int) (word(node, layout.children + (i >> 1)) >>> ((i & 1) << 5));
  }

  void setChild(int node, int i, int child) {
    int at = layout.children + (i >> 1);
    int shift = (i & 1) << 5;
    long word = word(node, at) & ~(TreeLayout.LOW << shift);
    set(node, at, word | (child & TreeLayout.LOW) << shift);
  }

  /** Marks the places from a key on as without one. */
  void pad(int node, int level, int from) {
    for (int i = from; i < layout.capacity(level); i++) {
      setPad(node, i);
    }
  }

  void setPad(int node, int i) {
    set(node, TreeLayout.KEYS + i, TreeLayout.PAD);
  }

  void enter(int node) {
    Words words = memory.words(node);
    long base = memory.base(node);
    words.setOpaque(base, words.getPlain(base) | TreeLayout.BUSY);
    VarHandle.storeStoreFence();
  }

  void leave(int node, int level, int count) {
    Words words = memory.words(node);
    long base = memory.base(node);
    words.setRelease(base, TreeLayout.next(words.getPlain(base), level, count));
  }

  /** Moves words within a node or between two. */
  private void move(int from, int fromWord, int to, int toWord, int count) {
    memory
        .words(from)
        .copyTo(memory.base(from) + fromWord, memory.words(to), memory.base(to) + toWord, count);
  }

  /** Moves keys with what is beside them, but children. */
  void moveKeys(int from, int first, int to, int at, int level, int count) {
    move(from, TreeLayout.KEYS + first, to, TreeLayout.KEYS + at, count);
    if (layout.variableKeys) {
      int refs = layout.refs(level);
      move(from, refs + first, to, refs + at, count);
    }
    if (level == 0) {
      move(from, layout.values + first, to, layout.values + at, count);
    }
  }

  void moveChildren(int from, int first, int to, int at, int count) {
    if (from == to && first < at) {
      for (int i = count - 1; i >= 0; i--) {
        setChild(to, at + i, child(from, first + i));
      }
    } else {
      for (int i = 0; i < count; i++) {
        setChild(to, at + i, child(from, first + i));
      }
    }
  }

  /** Copies all but the header. */
  void copyBody(int from, int to) {
    move(from, TreeLayout.LINK, to, TreeLayout.LINK, layout.nodeWords - TreeLayout.LINK);
  }

  /** The tag of a key in a node whose keys have that many bytes in common. */
  long tag(long ref, int prefix) {
    return TreeBlobs.tag(memory.open(), memory.slabShift, ref, prefix);
  }

  int commonPrefix(long refA, long refB) {
    return TreeBlobs.commonPrefix(memory.open(), memory.slabShift, refA, refB);
  }

  /** What the keys between two fences have in common; 0 stands for no fence. */
  int prefixBetween(long low, long high) {
    return low == 0 || high == 0 ? 0 : commonPrefix(low, high);
  }

  /** Computes all tags of a node anew. */
  void retag(int node, int level, int count, int prefix) {
    if (layout.variableKeys) {
      for (int i = 0; i < count; i++) {
        set(node, TreeLayout.KEYS + i, tag(keyRef(node, level, i), prefix));
      }
    }
  }
}
