// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.CorruptionException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds a tree in a {@link Draft} from entries in the order of their keys: from the bottom up,
 * each node full before the next one begins. For one thread.
 */
final class TreeBuilder {
  /** The node of a level that is being filled. */
  private static final class Level {
    final MemorySegment node;

    /** What separates it from the node before. */
    final Key separator = new Key();

    Level(MemorySegment node) {
      this.node = node;
    }
  }

  private final Draft draft;
  private final int pageSize;
  private final MemorySegment scratch;
  private final List<Level> levels = new ArrayList<>();
  private final Key last = new Key();

  long entries;

  /** Bytes of keys and values. */
  long content;

  TreeBuilder(Draft draft) {
    this.draft = draft;
    this.pageSize = draft.pageSize;
    this.scratch = Arena.ofAuto().allocate(pageSize, 64);
  }

  /** Tells whether a key is greater than that of the entry before. */
  boolean isNext(Key key) {
    return entries == 0 || key.compareTo(last) > 0;
  }

  /**
   * Adds an entry.
   *
   * @throws CorruptionException if its key is not greater than the one before
   */
  void add(Key key, MemorySegment value, long offset, long bytes) {
    if (!isNext(key)) {
      throw new CorruptionException(
          "order of keys",
          draft.file.path().toString(),
          0,
          "a key greater than " + last,
          key.toString(),
          "check the store that is copied, and restore a backup or salvage it");
    }
    boolean isLong = key.length() > pageSize / 8;
    int keyBytes = isLong ? pageSize / 8 : key.length();
    int most = (pageSize - Node.HEADER) / 2;
    boolean inRun = bytes > most || Node.entryBytes(0, keyBytes, isLong, (int) bytes) > most;
    long run = inRun ? draft.run(Node.VALUE_RUN, value, offset, bytes) : 0;
    int valueBytes = inRun ? Node.RUN : (int) bytes;
    Level leaf = level(0);
    if (!Node.fits(leaf.node, 0, Node.entryBytes(0, keyBytes, isLong, valueBytes), pageSize)) {
      emit(0);
      int separator = key.common(last.bytes(), 0, last.length()) + 1;
      leaf.separator.set(key.bytes(), 0, separator);
    }
    int at = Node.count(leaf.node, 0);
    insert(leaf, key, keyBytes, valueBytes, inRun);
    long place = Node.value(leaf.node, 0, Node.slot(leaf.node, 0, at));
    if (inRun) {
      reference(leaf.node, place, run, bytes);
    } else {
      MemorySegment.copy(value, offset, leaf.node, place, bytes);
    }
    last.set(key.bytes(), 0, key.length());
    entries++;
    content += key.length() + bytes;
  }

  /**
   * Ends the tree.
   *
   * @return its root, 0 if there was no entry
   */
  long finish() {
    if (entries == 0) {
      return 0;
    }
    int level = 0;
    while (level + 1 < levels.size()) {
      emit(level++);
      // That may have added a level, with two children then.
    }
    return write(level);
  }

  private Level level(int level) {
    if (level == levels.size()) {
      Level added = new Level(Arena.ofAuto().allocate(pageSize, 64));
      clear(added.node, level);
      levels.add(added);
    }
    return levels.get(level);
  }

  private static void clear(MemorySegment node, int level) {
    node.fill((byte) 0);
    Node.init(node, 0, 0, 0, level == 0 ? Node.LEAF : Node.BRANCH, level, 0);
  }

  /** Writes the node of a level, and adds it to the one above. */
  private void emit(int level) {
    Level full = levels.get(level);
    long page = write(level);
    addChild(level + 1, full.separator, page);
    clear(full.node, level);
  }

  private long write(int level) {
    MemorySegment node = levels.get(level).node;
    Node.prefix(node, 0, Node.commonPrefix(node, 0, pageSize));
    return draft.node(node);
  }

  private void addChild(int level, Key separator, long page) {
    Level branch = level(level);
    boolean isLong = separator.length() > pageSize / 8;
    int keyBytes = isLong ? pageSize / 8 : separator.length();
    if (!Node.fits(branch.node, 0, Node.entryBytes(level, keyBytes, isLong, 0), pageSize)) {
      emit(level);
    }
    int at = Node.count(branch.node, 0);
    if (at == 0) { // the key goes up
      branch.separator.set(separator.bytes(), 0, separator.length());
      insert(branch, separator, 0, 0, false);
    } else {
      insert(branch, separator, keyBytes, 0, false);
    }
    Node.child(branch.node, 0, at, page, draft.txn);
  }

  /** Appends an entry with so many bytes of a key in its cell; if there are more, in a run. */
  private void insert(Level level, Key key, int keyBytes, int valueBytes, boolean inRun) {
    boolean isLong = keyBytes > 0 && keyBytes < key.length();
    int at = Node.count(level.node, 0);
    Node.insert(
        level.node, 0, at, key.bytes(), 0, keyBytes, isLong, valueBytes, inRun, scratch, pageSize);
    if (isLong) {
      long run = draft.run(Node.KEY_RUN, key.bytes(), 0, key.length());
      reference(
          level.node, Node.keyRun(level.node, 0, Node.slot(level.node, 0, at)), run, key.length());
    }
  }

  private void reference(MemorySegment node, long at, long run, long length) {
    node.set(LE_LONG_UNALIGNED, at, run);
    node.set(LE_LONG_UNALIGNED, at + 8, draft.txn);
    node.set(LE_LONG_UNALIGNED, at + 16, length);
  }
}
