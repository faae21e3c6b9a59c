// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Appends entries to a tree in the order of their keys, without a search: each page is filled to
 * its end, once, and the branches grow with the leaves below. The last node of each level is open;
 * its prefix is 0 until it is left.
 *
 * <p>New leaves and value runs are made in private memory and written to the file, many leaves at
 * once: a page that is first stored to through a mapping costs a page fault, ten times as much.
 *
 * <p>For who holds the writer's turn; nothing else may change the tree between {@link #begin} and
 * {@link #end}.
 */
final class TreeLoader {
  private static final int BUFFER_BYTES = 256 << 10;

  private final TreeWriter writer;
  private final int pageSize;

  /** The leaves that are not written yet. */
  private MemorySegment buffer = MemorySegment.NULL;

  /** The pages that were taken for them, and how many have a leaf. */
  private long bufferPage;

  private int bufferCount;
  private int bufferUsed;

  /** Where value runs are made. */
  private MemorySegment run = MemorySegment.NULL;

  /** The open nodes, by level. */
  private final MemorySegment[] segment = new MemorySegment[Tree.MAX_LEVELS + 1];

  private final long[] offset = new long[Tree.MAX_LEVELS + 1];
  private int levels;

  /** The last key of the tree, if it has one. */
  private Key last = new Key();

  private Key key = new Key();
  private final Key separator = new Key();

  TreeLoader(TreeWriter writer) {
    this.writer = writer;
    this.pageSize = writer.pageSize;
  }

  /** Opens the end of a tree. */
  void begin(TableState table) {
    if (buffer.byteSize() == 0) {
      buffer = Arena.ofAuto().allocate(BUFFER_BYTES, pageSize);
      run = Arena.ofAuto().allocate(BUFFER_BYTES, pageSize);
    }
    bufferCount = 0;
    bufferUsed = 0;
    if (table.root == 0) {
      levels = 1;
      table.set(openLeaf(), writer.txn());
      return;
    }
    NodePath path = writer.ownLast(table);
    levels = path.depth + 1;
    for (int level = 0; level < levels; level++) {
      MemorySegment s = path.segment[path.depth - level];
      long b = path.offset[path.depth - level];
      segment[level] = s;
      offset[level] = b;
      Node.prefix(s, b, 0);
    }
    writer.loadKey(segment[0], offset[0], Node.count(segment[0], offset[0]) - 1, last);
  }

  /** Opens a leaf in the buffer. Returns its page. */
  private long openLeaf() {
    if (bufferUsed == bufferCount) {
      flush();
      bufferPage = writer.takeUpTo(BUFFER_BYTES / pageSize);
      bufferCount = writer.takenPages();
    }
    long page = bufferPage + bufferUsed;
    segment[0] = buffer;
    offset[0] = (long) bufferUsed * pageSize;
    writer.initNode(buffer, offset[0], page, 0);
    bufferUsed++;
    return page;
  }

  /** Writes the leaves of the buffer, which are closed. */
  private void flush() {
    if (bufferUsed > 0) {
      writer.write(bufferPage, 0, buffer.asSlice(0, (long) bufferUsed * pageSize));
      bufferUsed = 0;
    }
  }

  /** Writes a value as a run, piece by piece, and the reference to it. */
  private void writeRun(MemorySegment s, long reference, EntrySource.Entry entry, long bytes) {
    long page = writer.takeRun(bytes);
    writer.initRun(run, 0, page, Node.VALUE_RUN, bytes);
    long at = 0;
    for (long from = 0, start = Node.CONTENT; from < bytes; start = 0) {
      long part = Math.min(bytes - from, run.byteSize() - start);
      entry.copyValue(from, run, start, part);
      writer.write(page, at, run.asSlice(0, start + part));
      at += start + part;
      from += part;
    }
    writer.writeReference(s, reference, page, writer.txn(), bytes);
  }

  private void open(int level, long page) {
    segment[level] = writer.pages.segment(page);
    offset[level] = writer.pages.offset(page);
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
    if (!Node.fits(segment[0], offset[0], Node.entryBytes(0, keyBytes, isLong, bytes), pageSize)) {
      nextLeaf(table);
    }
    MemorySegment s = segment[0];
    long b = offset[0];
    long at = append(s, b, key, isLong ? writer.writeKeyRun(key) : 0, bytes, inRun);
    long slot = Node.slot(s, b, (int) at);
    long value = Node.value(s, b, slot);
    if (inRun) {
      writeRun(s, value, entry, valueBytes);
    } else {
      entry.copyValue(0, s, value, valueBytes);
    }
    table.entries++;
    table.content += key.length() + valueBytes;
    Key former = last;
    last = key;
    key = former;
  }

  /** Appends an entry to a node, in which it must fit. Returns its index. */
  private int append(
      MemorySegment s, long b, Key entryKey, long keyRun, int valueBytes, boolean inRun) {
    boolean isLong = keyRun != 0;
    int keyBytes = isLong ? writer.maxKeyInNode : entryKey.length();
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
      writer.writeReference(s, Node.keyRun(s, b, Node.slot(s, b, at)), keyRun, entryKey.length());
    }
    return at;
  }

  private void nextLeaf(TableState table) {
    close(0);
    long page = openLeaf();
    int length = key.common(last.bytes(), 0, last.length()) + 1;
    separator.set(key.bytes(), 0, length);
    boolean isLong = length > writer.maxKeyInNode;
    addChild(table, 1, isLong ? writer.writeKeyRun(separator) : 0, page);
  }

  /** Appends a child to the open node of a level; if there is no room, to a new one. */
  private void addChild(TableState table, int level, long keyRun, long child) {
    if (level == levels) {
      if (level > Tree.MAX_LEVELS) {
        throw new IllegalStateException("a tree of more than " + level + " levels");
      }
      long root = writer.newNode(level);
      open(level, root);
      addFirst(level, table.root);
      table.set(root, writer.txn());
      levels++;
    }
    MemorySegment s = segment[level];
    long b = offset[level];
    boolean isLong = keyRun != 0;
    int keyBytes = isLong ? writer.maxKeyInNode : separator.length();
    if (Node.fits(s, b, Node.entryBytes(level, keyBytes, isLong, 0), pageSize)) {
      Node.child(s, b, append(s, b, separator, keyRun, 0, false), child, writer.txn());
    } else {
      close(level);
      long page = writer.newNode(level);
      open(level, page);
      addFirst(level, child);
      addChild(table, level + 1, keyRun, page); // the key goes up
    }
  }

  /** Appends the first child to a branch, whose key is empty. */
  private void addFirst(int level, long child) {
    MemorySegment s = segment[level];
    long b = offset[level];
    Node.insert(s, b, 0, separator.bytes(), 0, 0, false, 0, false, writer.scratch(), pageSize);
    Node.child(s, b, 0, child, writer.txn());
  }

  private void close(int level) {
    MemorySegment s = segment[level];
    long b = offset[level];
    Node.prefix(s, b, Node.commonPrefix(s, b, pageSize));
  }

  /** Closes the tree; its nodes are then as others. */
  void end() {
    for (int level = 0; level < levels; level++) {
      close(level);
    }
    int left = bufferCount - bufferUsed;
    if (left > 0) {
      writer.giveBack(bufferPage + bufferUsed, left);
    }
    flush();
  }
}
