// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Appends entries to a tree in the order of their keys, without a search: each page is filled to
 * its end, once, and the branches grow with the leaves below. The last node of each level is open;
 * its prefix is 0 until it is left.
 *
 * <p>The open nodes are those at the end of the tree, until they are full, and then new ones in
 * private memory, which get their page and are written when they are left.
 *
 * <p>For who holds the writer's turn; nothing else may change the tree between {@link #begin} and
 * {@link #end}.
 */
final class TreeLoader {
  /** The open node of a level. */
  private static final class Level {
    MemorySegment segment = MemorySegment.NULL;
    long offset;

    /** Whether it has no page yet. */
    boolean isNew;

    /** Where new ones are made. */
    MemorySegment memory = MemorySegment.NULL;

    /** What separates a new one from the node before. */
    final Key separator = new Key();
  }

  private final TreeWriter writer;
  private final LoadedPages loaded;
  private final int pageShift;
  private final int pageSize;
  private final MemorySegment runHeader = Arena.ofAuto().allocate(Node.CONTENT, 8);
  private final Level[] open = new Level[Tree.MAX_LEVELS + 1];
  private int levels;

  /** How many levels the tree had before. */
  private int formerLevels;

  /** The last key of the tree, if it has one. */
  private Key last = new Key();

  private Key key = new Key();

  TreeLoader(TreeWriter writer, LoadedPages loaded) {
    this.writer = writer;
    this.loaded = loaded;
    this.pageSize = writer.pageSize;
    this.pageShift = Integer.numberOfTrailingZeros(pageSize);
  }

  /** Opens the end of a tree. */
  void begin(TableState table) {
    loaded.begin();
    if (table.root == 0) {
      formerLevels = 0;
      levels = 1;
      openNew(0);
      return;
    }
    NodePath path = writer.ownLast(table);
    formerLevels = path.depth + 1;
    levels = formerLevels;
    for (int level = 0; level < levels; level++) {
      Level node = level(level);
      node.segment = path.segment[path.depth - level];
      node.offset = path.offset[path.depth - level];
      node.isNew = false;
      Node.prefix(node.segment, node.offset, 0);
    }
    Level leaf = open[0];
    writer.loadKey(leaf.segment, leaf.offset, Node.count(leaf.segment, leaf.offset) - 1, last);
  }

  private Level level(int level) {
    if (level > Tree.MAX_LEVELS) {
      throw new IllegalStateException("a tree of more than " + level + " levels");
    }
    if (open[level] == null) {
      open[level] = new Level();
    }
    return open[level];
  }

  private void openNew(int level) {
    Level node = level(level);
    if (node.memory.byteSize() == 0) {
      node.memory = Arena.ofAuto().allocate(pageSize, 64);
    }
    node.segment = node.memory;
    node.offset = 0;
    node.isNew = true;
    writer.initNode(node.memory, 0, 0, level);
  }

  /**
   * Appends an entry.
   *
   * @param number how many were appended before
   * @throws IllegalArgumentException if its key is not greater than the last one
   */
  void add(TableState table, EntrySource.Entry entry, long number) {
    entry.loadKey(key);
    if (table.entries > 0 && key.compareTo(last) <= 0) {
      throw new IllegalArgumentException(
          (number == 0
                  ? "the first key to be loaded, "
                      + key
                      + ", is not behind the last one of the table, "
                  : "key " + number + " to be loaded, counted from 0, " + key + ", is not behind ")
              + (number == 0 ? "" : "the one before, ")
              + last
              + "; load entries in the unsigned order of the bytes of their keys, each key once");
    }
    long valueBytes = entry.valueBytes();
    boolean isLong = key.length() > writer.maxKeyInNode;
    int keyBytes = isLong ? writer.maxKeyInNode : key.length();
    boolean inRun = writer.isInRun(keyBytes, isLong, valueBytes);
    int bytes = inRun ? Node.RUN : (int) valueBytes;
    Level leaf = open[0];
    int needed = Node.entryBytes(0, keyBytes, isLong, bytes);
    if (!Node.fits(leaf.segment, leaf.offset, needed, pageSize)) {
      leave(table, 0);
      openNew(0);
      int length = key.common(last.bytes(), 0, last.length()) + 1;
      leaf.separator.set(key.bytes(), 0, length);
    }
    int at = append(leaf, key, keyBytes, bytes, inRun);
    long value = Node.value(leaf.segment, leaf.offset, Node.slot(leaf.segment, leaf.offset, at));
    if (inRun) {
      long run = beginRun(Node.VALUE_RUN, valueBytes);
      entry.writeValue(loaded, (run << pageShift) + Node.CONTENT);
      endRun(run, valueBytes);
      writer.writeReference(leaf.segment, value, run, writer.txn(), valueBytes);
    } else {
      entry.copyValue(leaf.segment, value);
    }
    table.entries++;
    table.content += key.length() + valueBytes;
    Key former = last;
    last = key;
    key = former;
  }

  /** Appends an entry to a node, in which it must fit. Returns its index. */
  private int append(Level node, Key entryKey, int keyBytes, int valueBytes, boolean inRun) {
    MemorySegment s = node.segment;
    long b = node.offset;
    boolean isLong = keyBytes > 0 && keyBytes < entryKey.length();
    int at = Node.count(s, b);
    Node.insert(
        s,
        b,
        at,
        entryKey.bytes(),
        0,
        keyBytes,
        isLong,
        valueBytes,
        inRun,
        writer.scratch(),
        pageSize);
    if (isLong) {
      int length = entryKey.length();
      long run = beginRun(Node.KEY_RUN, length);
      loaded.write((run << pageShift) + Node.CONTENT, entryKey.bytes(), 0, length);
      endRun(run, length);
      writer.writeReference(s, Node.keyRun(s, b, Node.slot(s, b, at)), run, writer.txn(), length);
    }
    return at;
  }

  /** Takes the pages of a run and writes its header. Returns its page. */
  private long beginRun(int kind, long length) {
    long page = loaded.take(writer.runPages(length));
    writer.initRun(runHeader, 0, page, kind, length);
    loaded.write(page << pageShift, runHeader, 0, Node.CONTENT);
    return page;
  }

  /** Writes the rest of the pages of a run. */
  private void endRun(long page, long length) {
    long end = Node.CONTENT + length;
    loaded.fill((page << pageShift) + end, (writer.runPages(length) << pageShift) - end);
  }

  /** Closes the open node of a level; if it is new, it is written and added to the one above. */
  private void leave(TableState table, int level) {
    close(level);
    Level node = open[level];
    if (node.isNew) {
      addChild(table, level + 1, node.separator, write(node));
    }
  }

  private long write(Level node) {
    long page = loaded.take(1);
    Node.number(node.segment, 0, page);
    loaded.write(page << pageShift, node.segment, 0, pageSize);
    return page;
  }

  /** Appends a child to the open node of a level; if there is no room, to a new one. */
  private void addChild(TableState table, int level, Key separator, long child) {
    if (level == levels) {
      openNew(level);
      levels++;
      if (level == formerLevels) {
        addFirst(open[level], table.root);
      }
    }
    Level node = open[level];
    boolean isLong = separator.length() > writer.maxKeyInNode;
    int keyBytes = isLong ? writer.maxKeyInNode : separator.length();
    if (Node.count(node.segment, node.offset) > 0) {
      int needed = Node.entryBytes(level, keyBytes, isLong, 0);
      if (Node.fits(node.segment, node.offset, needed, pageSize)) {
        int at = append(node, separator, keyBytes, 0, false);
        Node.child(node.segment, node.offset, at, child, writer.txn());
        return;
      }
      leave(table, level);
      openNew(level);
    }
    node.separator.set(separator.bytes(), 0, separator.length()); // the key goes up
    addFirst(node, child);
  }

  /** Appends the first child to a branch, whose key is empty. */
  private void addFirst(Level node, long child) {
    append(node, node.separator, 0, 0, false);
    Node.child(node.segment, node.offset, 0, child, writer.txn());
  }

  private void close(int level) {
    MemorySegment s = open[level].segment;
    long b = open[level].offset;
    Node.prefix(s, b, Node.commonPrefix(s, b, pageSize));
  }

  /** Whether there is no other node of a level: a new one beside the former root is another. */
  private boolean isRoot(int level) {
    return level == levels - 1 && !(open[level].isNew && levels == formerLevels);
  }

  /** Closes the tree; its nodes are then as others. */
  void end(TableState table) {
    int level = 0;
    for (; !isRoot(level); level++) {
      leave(table, level); // which may add a level, with two children then
    }
    close(level);
    if (open[level].isNew) {
      table.set(write(open[level]), writer.txn());
    }
    loaded.end();
    writer.written(writer.written() + loaded.taken());
  }
}
