// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * Reading the trees of a state: checked access to their nodes, and search within them.
 *
 * <p>For one thread. Whatever a page holds, a method ends, stays within the mapping, and throws an
 * exception if it cannot make sense of it.
 */
class Tree {
  static final int MAX_LEVELS = 20;

  final PageVerifier verifier;
  final int pageSize;

  /** The pages mapped; a writer replaces them as the file grows. */
  PageMap pages;

  Tree(PageMap pages, PageVerifier verifier) {
    this.pages = pages;
    this.verifier = verifier;
    this.pageSize = 1 << pages.pageShift();
  }

  /** Checks that a node is the one a reference means, at the level that is expected. */
  final void check(MemorySegment s, long b, long page, long birth, int level) {
    if (Node.number(s, b) != page || Node.birth(s, b) != birth || Node.level(s, b) != level) {
      throw verifier.misplaced(s, b, page, birth, level);
    }
    verifier.node(s, b, page, birth);
  }

  /** Returns the level of the root of a tree, having checked it. */
  final int checkRoot(MemorySegment s, long b, long page, long birth) {
    int level = Math.min(Node.level(s, b), MAX_LEVELS);
    check(s, b, page, birth, level);
    return level;
  }

  /** Pushes the root of a tree, not empty, on a path that is empty. */
  final void pushRoot(NodePath path, long root, long birth) {
    MemorySegment s = pages.segment(root);
    long b = pages.offset(root);
    path.clear();
    path.push(s, b, checkRoot(s, b, root, birth));
  }

  /** Pushes a child of the node at the top of a path, which is a branch. */
  final void pushChild(NodePath path, int index) {
    int top = path.depth;
    MemorySegment s = path.segment[top];
    long b = path.offset[top];
    path.index[top] = index;
    long page = Node.child(s, b, index);
    long birth = Node.childBirth(s, b, index);
    MemorySegment cs = pages.segment(page);
    long cb = pages.offset(page);
    check(cs, cb, page, birth, path.level - 1);
    path.push(cs, cb, path.level - 1);
  }

  /** Finds a key: the path leads to the leaf where it is or would be. Returns what search does. */
  final int find(NodePath path, long root, long birth, Key key) {
    pushRoot(path, root, birth);
    while (path.level > 0) {
      pushChild(path, child(path.segment[path.depth], path.offset[path.depth], key));
    }
    int at = search(path.segment[path.depth], path.offset[path.depth], key);
    path.index[path.depth] = at < 0 ? ~at : at;
    return at;
  }

  /** Returns which child of a branch a key is below. */
  final int child(MemorySegment s, long b, Key key) {
    int at = search(s, b, 1, key);
    return at >= 0 ? at : ~at - 1;
  }

  /** Returns where in a leaf a key is, or the complement of where it would be. */
  final int search(MemorySegment s, long b, Key key) {
    return search(s, b, 0, key);
  }

  private int search(MemorySegment s, long b, int first, Key key) {
    int count = Node.count(s, b);
    if (first >= count) {
      return ~first; // a branch with one child, whose prefix means nothing
    }
    int prefix = Node.prefix(s, b);
    int at = prefix > key.length() ? ~first : searchHeads(s, b, first, count, prefix, key);
    return at >= 0 || prefix == 0 ? at : besidePrefix(s, b, first, count, prefix, key, at);
  }

  /** The same, as if the key had the prefix of the node, as each key has that is found. */
  private int searchHeads(MemorySegment s, long b, int first, int count, int prefix, Key key) {
    int low = first;
    int high = count - 1;
    int head = key.head(prefix) ^ Integer.MIN_VALUE;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      long slot = Node.slot(s, b, middle);
      int other = (int) (slot >>> 32) ^ Integer.MIN_VALUE;
      int order = Integer.compare(head, other);
      if (order == 0) {
        order = compare(key, s, b, slot);
        if (order == 0) {
          return middle;
        }
      }
      if (order > 0) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return ~low;
  }

  /**
   * Returns where a key would be that is not there: at a place that was found as if it had the
   * prefix; or below or above all keys, if it has not. That is looked at last, and only of such
   * keys, since it mostly costs a cache miss.
   */
  private static int besidePrefix(
      MemorySegment s, long b, int first, int count, int prefix, Key key, int at) {
    long any = Node.key(s, b, Node.slot(s, b, first));
    int common = key.common(s, any, prefix);
    if (common == prefix) {
      return at;
    }
    return key.compareTo(s, any, prefix, common) < 0 ? ~first : ~count;
  }

  /** Compares a key with that of an entry. */
  final int compare(Key key, MemorySegment s, long b, long slot) {
    if (!Node.isLong(slot)) {
      return key.compareTo(s, Node.key(s, b, slot), Node.keyBytes(slot), 0);
    }
    long run = Node.keyRun(s, b, slot);
    long page = s.get(LE_LONG_UNALIGNED, run);
    int length = keyLength(s, run);
    MemorySegment rs = run(s, run, Node.KEY_RUN, length);
    return key.compareTo(rs, pages.offset(page) + Node.CONTENT, length, 0);
  }

  /** Whether the key of an entry is this one. */
  final boolean isKey(MemorySegment s, long b, int i, Key key) {
    return compare(key, s, b, Node.slot(s, b, i)) == 0;
  }

  /** Copies the key of an entry. */
  final void loadKey(MemorySegment s, long b, int i, Key target) {
    long slot = Node.slot(s, b, i);
    if (!Node.isLong(slot)) {
      target.set(s, Node.key(s, b, slot), Node.keyBytes(slot));
      return;
    }
    long run = Node.keyRun(s, b, slot);
    long page = s.get(LE_LONG_UNALIGNED, run);
    int length = keyLength(s, run);
    MemorySegment rs = run(s, run, Node.KEY_RUN, length);
    target.set(rs, pages.offset(page) + Node.CONTENT, length);
  }

  /** Returns the length of the key of an entry. */
  final int keyLength(MemorySegment s, long b, int i) {
    long slot = Node.slot(s, b, i);
    return Node.isLong(slot) ? keyLength(s, Node.keyRun(s, b, slot)) : Node.keyBytes(slot);
  }

  private int keyLength(MemorySegment s, long reference) {
    long length = s.get(LE_LONG_UNALIGNED, reference + 16);
    if (length < 0 || length > Key.MAX_BYTES) {
      throw verifier.corrupt(
          s, reference, "length of a long key", "at most " + Key.MAX_BYTES, length);
    }
    return (int) length;
  }

  /**
   * Returns the segment of the run that a reference in a cell means, having checked it. Its content
   * begins {@link Node#CONTENT} bytes behind {@link PageMap#offset} of its page.
   */
  final MemorySegment run(MemorySegment s, long reference, int kind, long length) {
    long page = s.get(LE_LONG_UNALIGNED, reference);
    long birth = s.get(LE_LONG_UNALIGNED, reference + 8);
    if (length < 0 || length >>> pages.pageShift() > pages.pageCount()) {
      String expected = "at most " + pages.pageCount() + " pages";
      throw verifier.corrupt(s, reference, "length of a run", expected, length);
    }
    long count = runPages(length);
    if (pages.isMissing(page, count)) {
      pages = pages.mapping(page, count);
    }
    MemorySegment rs = pages.segment(page);
    verifier.run(rs, pages.offset(page), page, birth, kind, length);
    return rs;
  }

  /** Returns how many pages a run with so much content has. */
  final long runPages(long length) {
    return (Node.CONTENT + length + pageSize - 1) >>> pages.pageShift();
  }
}
