// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;

import java.lang.foreign.MemorySegment;

/** Moves over the entries of a tree. For one thread; nothing may change the tree meanwhile. */
final class TreeCursor {
  private static final int CACHE_LINE = 64;

  /** How many bytes of a leaf are touched ahead at most: what a small first-level cache holds. */
  private static final int AHEAD = 16384;

  private final Tree tree;
  private final NodePath path = new NodePath();

  /** Whether values were read in this leaf, so that those of the next will be, too. */
  private boolean readsValues;

  /** Keeps the compiler from dropping what is read ahead. */
  @SuppressWarnings("UnusedVariable")
  private long ahead;

  TreeCursor(Tree tree) {
    this.tree = tree;
  }

  /** Whether the cursor is at an entry. */
  boolean isAtEntry() {
    return path.depth >= 0;
  }

  void clear() {
    path.clear();
  }

  /** Returns the segment of the leaf that the cursor is in. */
  MemorySegment segment() {
    return path.segment[path.depth];
  }

  long offset() {
    return path.offset[path.depth];
  }

  int index() {
    return path.index[path.depth];
  }

  boolean first(long root, long birth) {
    path.clear();
    if (root == 0) {
      return false;
    }
    tree.pushRoot(path, root, birth);
    down(true);
    return true;
  }

  boolean last(long root, long birth) {
    path.clear();
    if (root == 0) {
      return false;
    }
    tree.pushRoot(path, root, birth);
    down(false);
    return true;
  }

  /** Goes to the entry with the smallest key that is not less than one, or greater than it. */
  boolean ceiling(long root, long birth, Key key, boolean orEqual) {
    path.clear();
    if (root == 0) {
      return false;
    }
    int at = tree.find(path, root, birth, key);
    if (at >= 0 && !orEqual) {
      path.index[path.depth]++;
    }
    return index() < Node.count(segment(), offset()) || nextLeaf();
  }

  /** Goes to the entry with the largest key that is not greater than one, or less than it. */
  boolean floor(long root, long birth, Key key, boolean orEqual) {
    path.clear();
    if (root == 0) {
      return false;
    }
    int at = tree.find(path, root, birth, key);
    return (at >= 0 && orEqual) || previous();
  }

  boolean next() {
    return nextInLeaf() || nextLeaf();
  }

  boolean previous() {
    return previousInLeaf() || previousLeaf();
  }

  /** Goes to the next entry of the leaf; if there is none, {@link #nextLeaf} must follow. */
  boolean nextInLeaf() {
    return ++path.index[path.depth] < Node.count(segment(), offset());
  }

  /**
   * Goes to the previous entry of the leaf; if there is none, {@link #previousLeaf} must follow.
   */
  boolean previousInLeaf() {
    return --path.index[path.depth] >= 0;
  }

  boolean nextLeaf() {
    do {
      path.pop();
      if (path.depth < 0) {
        return false;
      }
    } while (index() + 1 >= Node.count(segment(), offset()));
    tree.pushChild(path, index() + 1);
    down(true);
    lookAhead(1);
    return true;
  }

  boolean previousLeaf() {
    do {
      path.pop();
      if (path.depth < 0) {
        return false;
      }
    } while (index() == 0);
    tree.pushChild(path, index() - 1);
    down(false);
    lookAhead(-1);
    return true;
  }

  /** Tells that the value of the entry is read. */
  void readsValue() {
    readsValues = true;
  }

  /** Touches the leaf after this one, so that its cache lines come while this one is read. */
  private void lookAhead(int step) {
    boolean all = readsValues;
    readsValues = false;
    int top = path.depth - 1;
    int next = top < 0 ? -1 : path.index[top] + step;
    if (next < 0 || next >= Node.count(path.segment[top], path.offset[top])) {
      return;
    }
    long page = Node.child(path.segment[top], path.offset[top], next);
    if (page < 0 || page >= tree.pages.pageCount()) {
      return; // whoever goes there will tell
    }
    MemorySegment s = tree.pages.segment(page);
    long b = tree.pages.offset(page);
    long end = b + Math.min(all ? AHEAD : 2 * CACHE_LINE, tree.pageSize);
    long sum = 0;
    for (long at = b; at < end; at += CACHE_LINE) {
      sum += s.get(BYTE, at);
    }
    ahead = sum;
  }

  /**
   * Moves two cursors of trees in one file, both at entries, behind the largest subtree that both
   * trees share and are at the beginning of.
   *
   * @return false if there is none; then they stay
   */
  static boolean skipShared(TreeCursor a, TreeCursor b) {
    int most = Math.min(a.path.depth, b.path.depth);
    int shared = 0;
    while (shared <= most && a.isAtStartOfSame(b, shared)) {
      shared++;
    }
    if (shared == 0) {
      return false;
    }
    a.leave(shared - 1);
    b.leave(shared - 1);
    return true;
  }

  /** Whether both are at the first entry of the same page, so many levels above the leaves. */
  private boolean isAtStartOfSame(TreeCursor other, int level) {
    int i = path.depth - level;
    int k = other.path.depth - level;
    MemorySegment s = path.segment[i];
    MemorySegment o = other.path.segment[k];
    return path.index[i] == 0
        && other.path.index[k] == 0
        && Node.number(s, path.offset[i]) == Node.number(o, other.path.offset[k])
        && Node.birth(s, path.offset[i]) == Node.birth(o, other.path.offset[k]);
  }

  /** Goes behind the node that is so many levels above the leaf. */
  private void leave(int levels) {
    for (int i = 0; i < levels; i++) {
      path.pop();
    }
    nextLeaf();
  }

  /** Goes down to the first or last entry below the last node of the path. */
  private void down(boolean toFirst) {
    while (path.level > 0) {
      tree.pushChild(path, toFirst ? 0 : Node.count(segment(), offset()) - 1);
    }
    path.index[path.depth] = toFirst ? 0 : Node.count(segment(), offset()) - 1;
  }
}
