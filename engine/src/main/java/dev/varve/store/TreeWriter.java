// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Changing the trees of a state. For who holds the writer's turn.
 *
 * <p>Pages are changed by copy on write: a page that was born in this transaction, under a
 * savepoint not older than the current one, is changed in place; any other is copied to a page that
 * is taken, and freed. The B+tree is the textbook one: nodes split when full, and merge with a
 * neighbour when less than a quarter full; a node that grows at its end by keys in order is split
 * there, so that pages filled in order are full.
 *
 * <p>When a change ends by an exception, the tree is in no state to go on with: the transaction, or
 * its savepoint, is rolled back.
 */
final class TreeWriter extends Tree {
  private final PageFile file;
  private final TxnPages txnPages;
  private final int maxEntry;

  /** A longer key is in a run, but for so many first bytes of it. */
  final int maxKeyInNode;

  private final MemorySegment scratch;
  private final NodePath path = new NodePath();
  private final Key left = new Key();
  private final Key right = new Key();

  /** A separator on its way up, for each level. */
  private final List<Key> separators = new ArrayList<>();

  private long txn;
  private int savepoint;

  /** Pages that the transaction has taken and not given back, and how many were copies. */
  private long written;

  private long copied;

  /** The table whose last leaf the path leads to, where the last change was made at its end. */
  private @Nullable TableState appending;

  /** Where the value of the last put is to be written, and whether it is in a run. */
  private MemorySegment valueSegment = MemorySegment.NULL;

  private long valueOffset;

  TreeWriter(PageFile file, PageVerifier verifier, TxnPages txnPages) {
    super(file.map(), verifier);
    this.file = file;
    this.txnPages = txnPages;
    this.maxEntry = (pageSize - Node.HEADER) / 2;
    this.maxKeyInNode = pageSize / 8;
    this.scratch = Arena.ofAuto().allocate(pageSize, 64);
  }

  /** Begins a transaction, or goes on under another savepoint of it. */
  void begin(long newTxn, int newSavepoint) {
    pages = file.map();
    txn = newTxn;
    savepoint = newSavepoint;
    appending = null;
  }

  long txn() {
    return txn;
  }

  /** Returns how many pages were taken and not given back, of what was counted as before. */
  long written() {
    return written;
  }

  /** Says how many pages count as taken: 0 for a new transaction, those before one undone. */
  void written(long count) {
    written = count;
  }

  /** Returns how many pages were copies of pages of another state, since the last call. */
  long copiedSince() {
    long count = copied;
    copied = 0;
    return count;
  }

  /** A page of memory that is of no further use after a call. */
  MemorySegment scratch() {
    return scratch;
  }

  MemorySegment valueSegment() {
    return valueSegment;
  }

  long valueOffset() {
    return valueOffset;
  }

  // Pages.

  private boolean isOurs(MemorySegment s, long b) {
    return Node.birth(s, b) == txn && Node.savepoint(s, b) >= savepoint;
  }

  private long take(long count) {
    long page = txnPages.take(count);
    written += count;
    PageMap now = file.map();
    pages = now.isMissing(page, count) ? now.mapping(page, count) : now;
    return page;
  }

  private void freePage(MemorySegment s, long b) {
    free(Node.number(s, b), 1, Node.birth(s, b), isOurs(s, b));
  }

  private void free(long page, long count, long birth, boolean atOnce) {
    try {
      txnPages.free(page, count, birth, atOnce);
      written -= atOnce ? count : 0;
    } catch (IllegalStateException e) {
      throw verifier.corrupt(page, "page", "a page that is in use", "one that is free");
    }
  }

  /** Frees the run that a reference in a cell means. */
  private void freeRun(MemorySegment s, long reference, int kind) {
    long page = s.get(LE_LONG_UNALIGNED, reference);
    long length = s.get(LE_LONG_UNALIGNED, reference + 16);
    MemorySegment rs = run(s, reference, kind, length);
    long rb = pages.offset(page);
    free(page, runPages(length), Node.birth(rs, rb), isOurs(rs, rb));
  }

  /** Takes a run for so many bytes of content and writes its header. Returns its page. */
  private long newRun(int kind, long length) {
    long page = takeRun(length);
    initRun(pages.segment(page), pages.offset(page), page, kind, length);
    return page;
  }

  /** Takes the pages of a run for so many bytes of content. */
  long takeRun(long length) {
    return take(runPages(length));
  }

  /** Writes the header of a run. */
  void initRun(MemorySegment s, long b, long page, int kind, long length) {
    Node.init(s, b, page, txn, kind, 0, savepoint);
    s.set(LE_LONG, b + Node.CONTENT_LENGTH, length);
  }

  /**
   * Makes a run of what was staged, whose content is there. It is never ours under a savepoint:
   * what is freed of it stays as it is until the commit, since a rollback may bring the stage back.
   */
  void adoptRun(long page, long count, long length) {
    long used = runPages(length);
    if (used < count) {
      free(page + used, count - used, txn, false);
    }
    PageMap now = file.map();
    pages = now.isMissing(page, used) ? now.mapping(page, used) : now;
    MemorySegment s = pages.segment(page);
    long b = pages.offset(page);
    Node.init(s, b, page, txn, Node.VALUE_RUN, 0, -1);
    s.set(LE_LONG, b + Node.CONTENT_LENGTH, length);
  }

  // Descent.

  /** Makes the last node of a path ours, and its parent or table refer to it. */
  private void own(TableState table) {
    int d = path.depth;
    MemorySegment s = path.segment[d];
    long b = path.offset[d];
    if (isOurs(s, b)) {
      return;
    }
    long page = take(1);
    MemorySegment copy = pages.segment(page);
    long c = pages.offset(page);
    Node.copy(s, b, copy, c, pageSize);
    Node.identify(copy, c, page, txn, savepoint);
    copied++;
    freePage(s, b);
    path.segment[d] = copy;
    path.offset[d] = c;
    if (d == 0) {
      table.set(page, txn);
    } else {
      Node.child(path.segment[d - 1], path.offset[d - 1], path.index[d - 1], page, txn);
    }
  }

  /** Leads the path to the leaf for a key and makes all of it ours. Returns what search does. */
  private int descend(TableState table, Key key) {
    appending = null;
    pushRoot(path, table.root, table.birth);
    own(table);
    boolean last = true;
    while (path.level > 0) {
      MemorySegment s = path.segment[path.depth];
      long b = path.offset[path.depth];
      int child = child(s, b, key);
      last &= child == Node.count(s, b) - 1;
      pushChild(path, child);
      own(table);
    }
    int at = search(path.segment[path.depth], path.offset[path.depth], key);
    if (last && at == ~Node.count(path.segment[path.depth], path.offset[path.depth])) {
      appending = table;
    }
    return at;
  }

  /** Returns the path to the last leaf of a tree that is not empty, all of it ours. */
  NodePath ownLast(TableState table) {
    appending = null;
    pushRoot(path, table.root, table.birth);
    own(table);
    while (path.level > 0) {
      pushChild(path, Node.count(path.segment[path.depth], path.offset[path.depth]) - 1);
      own(table);
    }
    return path;
  }

  /** Whether a key belongs behind the last entry of the leaf that the path still leads to. */
  private boolean isAppended(TableState table, Key key) {
    if (appending != table) {
      return false;
    }
    MemorySegment s = path.segment[path.depth];
    long b = path.offset[path.depth];
    return compare(key, s, b, Node.slot(s, b, Node.count(s, b) - 1)) > 0;
  }

  // Putting.

  /**
   * Puts an entry, whose value of so many bytes the caller then writes where {@link #valueSegment}
   * and {@link #valueOffset} say. Returns whether there was an entry of that key.
   */
  boolean put(TableState table, Key key, long valueBytes) {
    boolean isLong = key.length() > maxKeyInNode;
    boolean inRun = isInRun(isLong ? maxKeyInNode : key.length(), isLong, valueBytes);
    return put(table, key, valueBytes, inRun ? newRun(Node.VALUE_RUN, valueBytes) : 0);
  }

  /** Puts an entry whose value is in a run that is ours, 0 for none. */
  boolean put(TableState table, Key key, long valueBytes, long valueRun) {
    boolean isLong = key.length() > maxKeyInNode;
    boolean inRun = valueRun != 0;
    int bytes = inRun ? Node.RUN : (int) valueBytes;
    int at;
    if (table.root == 0) {
      table.set(newNode(0), txn);
      pushRoot(path, table.root, table.birth);
      at = ~0;
      appending = table;
    } else if (isAppended(table, key)) {
      at = ~Node.count(path.segment[path.depth], path.offset[path.depth]);
    } else {
      at = descend(table, key);
    }
    boolean found = at >= 0;
    long keyRun = 0;
    if (found) {
      MemorySegment s = path.segment[path.depth];
      long b = path.offset[path.depth];
      long slot = Node.slot(s, b, at);
      table.content += valueBytes - valueLength(s, b, slot);
      boolean wasInRun = Node.isValueInRun(s, b, slot);
      if (wasInRun) {
        freeRun(s, Node.value(s, b, slot), Node.VALUE_RUN);
      }
      if (wasInRun == inRun && Node.valueBytes(s, b, slot) == bytes) {
        locate(s, b, slot, valueRun, valueBytes);
        return true;
      }
      if (isLong) {
        keyRun = s.get(LE_LONG_UNALIGNED, Node.keyRun(s, b, slot));
      }
      Node.remove(s, b, at);
    } else {
      at = ~at;
      table.entries++;
      table.content += key.length() + valueBytes;
      if (isLong) {
        keyRun = writeKeyRun(key);
      }
    }
    insert(table, path.depth, at, key, keyRun, bytes, inRun);
    int leaf = path.depth;
    MemorySegment s = path.segment[leaf];
    long b = path.offset[leaf];
    locate(s, b, Node.slot(s, b, path.index[leaf]), valueRun, valueBytes);
    return found;
  }

  /** Whether a value is in a run, of an entry with these parts. */
  boolean isInRun(int keyBytes, boolean isLong, long valueBytes) {
    return valueBytes > maxEntry
        || Node.entryBytes(0, keyBytes, isLong, (int) valueBytes) > maxEntry;
  }

  /** Says where the value of an entry is written, and writes the reference if that is in a run. */
  private void locate(MemorySegment s, long b, long slot, long valueRun, long valueBytes) {
    long at = Node.value(s, b, slot);
    if (valueRun == 0) {
      valueSegment = s;
      valueOffset = at;
      return;
    }
    writeReference(s, at, valueRun, valueBytes);
    valueSegment = pages.segment(valueRun);
    valueOffset = pages.offset(valueRun) + Node.CONTENT;
  }

  private void writeReference(MemorySegment s, long at, long run, long length) {
    writeReference(s, at, run, Node.birth(pages.segment(run), pages.offset(run)), length);
  }

  void writeReference(MemorySegment s, long at, long run, long birth, long length) {
    s.set(LE_LONG_UNALIGNED, at, run);
    s.set(LE_LONG_UNALIGNED, at + 8, birth);
    s.set(LE_LONG_UNALIGNED, at + 16, length);
  }

  private long writeKeyRun(Key key) {
    long run = newRun(Node.KEY_RUN, key.length());
    MemorySegment.copy(
        key.bytes(), 0, pages.segment(run), pages.offset(run) + Node.CONTENT, key.length());
    return run;
  }

  private long newNode(int level) {
    long page = take(1);
    initNode(pages.segment(page), pages.offset(page), page, level);
    return page;
  }

  /** Writes the header of a node without entries. */
  void initNode(MemorySegment s, long b, long page, int level) {
    Node.init(s, b, page, txn, level == 0 ? Node.LEAF : Node.BRANCH, level, savepoint);
  }

  /** Returns the length of the value of an entry. */
  long valueLength(MemorySegment s, long b, long slot) {
    return Node.isValueInRun(s, b, slot)
        ? s.get(LE_LONG_UNALIGNED, Node.value(s, b, slot) + 16)
        : Node.valueBytes(s, b, slot);
  }

  /**
   * Inserts an entry into a node of the path, which is split if it is full. Afterwards path and
   * index of this depth say where the entry is; those above may be of no use.
   */
  private void insert(
      TableState table, int depth, int i, Key key, long keyRun, int valueBytes, boolean inRun) {
    boolean isLong = keyRun != 0;
    int keyBytes = isLong ? maxKeyInNode : key.length();
    MemorySegment s = path.segment[depth];
    long b = path.offset[depth];
    int level = Node.level(s, b);
    int bytes = Node.entryBytes(level, keyBytes, isLong, valueBytes);
    if (!Node.fits(s, b, bytes, pageSize)) {
      int before = path.depth;
      split(table, depth, i, bytes, key, keyRun);
      depth += path.depth - before;
      s = path.segment[depth];
      b = path.offset[depth];
      i = path.index[depth];
      if (level > 0 && i == 0) { // the key went up
        keyBytes = 0;
        isLong = false;
      }
    }
    path.index[depth] = i;
    int prefix = Node.prefix(s, b);
    int first = level == 0 ? 0 : 1;
    if (prefix > 0 && i >= first) {
      boolean isOnly = Node.count(s, b) == first; // then there is no key to compare with
      int common = isOnly ? 0 : key.common(s, Node.key(s, b, Node.slot(s, b, first)), prefix);
      if (common < prefix) {
        Node.prefix(s, b, common);
      }
    }
    Node.insert(s, b, i, key.bytes(), 0, keyBytes, isLong, valueBytes, inRun, scratch, pageSize);
    if (isLong) {
      writeReference(s, Node.keyRun(s, b, Node.slot(s, b, i)), keyRun, key.length());
    }
    if (level > 0 && i == 0) { // what was the first entry has a key that counts now
      Node.prefix(s, b, Node.commonPrefix(s, b, pageSize));
    }
  }

  /**
   * Splits a node of the path, into which an entry of so many bytes shall be inserted. Afterwards
   * path and index say where it goes. If that is the first of a branch, its key has gone up.
   */
  private void split(TableState table, int depth, int i, int bytes, Key key, long keyRun) {
    if (depth == 0) {
      growRoot(table);
      depth = 1;
    }
    MemorySegment s = path.segment[depth];
    long b = path.offset[depth];
    int level = Node.level(s, b);
    int count = Node.count(s, b);
    int at = splitPoint(s, b, i, bytes, appending == table);
    long page = newNode(level);
    MemorySegment rs = pages.segment(page);
    long rb = pages.offset(page);
    // The left node keeps the first `at` entries, the new one counted.
    boolean goesLeft = i < at;
    int from = goesLeft ? at - 1 : at;
    Key separator = separator(level);
    long separatorRun = 0;
    boolean isKeyUp = !goesLeft && i == at;
    if (level == 0) {
      if (isKeyUp) {
        right.set(key.bytes(), 0, key.length());
      } else {
        loadKey(s, b, from, right);
      }
      if (goesLeft && i == at - 1) {
        left.set(key.bytes(), 0, key.length());
      } else {
        loadKey(s, b, goesLeft ? at - 2 : at - 1, left);
      }
      int length = right.common(left.bytes(), 0, left.length()) + 1;
      separator.set(right.bytes(), 0, length);
      if (length > maxKeyInNode) {
        separatorRun = writeKeyRun(separator);
      }
    } else if (isKeyUp) {
      separator.set(key.bytes(), 0, key.length());
      separatorRun = keyRun;
    } else {
      loadKey(s, b, from, separator);
      long slot = Node.slot(s, b, from);
      separatorRun = Node.isLong(slot) ? s.get(LE_LONG_UNALIGNED, Node.keyRun(s, b, slot)) : 0;
    }
    Node.append(rs, rb, s, b, from, count, pageSize);
    if (level > 0 && !isKeyUp) {
      Node.clearFirstKey(rs, rb);
    }
    Node.prefix(rs, rb, Node.commonPrefix(rs, rb, pageSize));
    Node.truncate(s, b, from, pageSize);

    int before = path.depth;
    insert(table, depth - 1, path.index[depth - 1] + 1, separator, separatorRun, 0, false);
    depth += path.depth - before;
    int parent = depth - 1;
    Node.child(path.segment[parent], path.offset[parent], path.index[parent], page, txn);
    if (goesLeft) {
      path.index[depth] = i;
      appending = null;
    } else {
      path.segment[depth] = rs;
      path.offset[depth] = rb;
      path.index[depth] = i - at;
    }
  }

  /** Puts a branch above the root, which is its only child. */
  private void growRoot(TableState table) {
    MemorySegment s = path.segment[0];
    long b = path.offset[0];
    long page = newNode(Node.level(s, b) + 1);
    MemorySegment rs = pages.segment(page);
    long rb = pages.offset(page);
    Node.insert(rs, rb, 0, scratch, 0, 0, false, 0, false, scratch, pageSize);
    Node.child(rs, rb, 0, Node.number(s, b), txn);
    path.pushBelow(rs, rb, 0);
    table.set(page, txn);
  }

  private Key separator(int level) {
    while (separators.size() <= level) {
      separators.add(new Key());
    }
    return separators.get(level);
  }

  /**
   * Returns how many entries the left part of a split keeps, where one of so many bytes comes in at
   * an index: at least one in each part, both fit, and about the same on both sides, unless keys
   * come in order.
   */
  private int splitPoint(MemorySegment s, long b, int i, int bytes, boolean inOrder) {
    int count = Node.count(s, b);
    if (inOrder && i == count) {
      return count;
    }
    int room = pageSize - Node.HEADER;
    int total = Node.usedBytes(s, b) + bytes;
    int sum = 0;
    for (int k = 0; k < count; k++) {
      int entry = k == i ? bytes : Node.entryBytes(s, b, k > i ? k - 1 : k);
      if (k > 0 && (sum + entry > room || sum + entry / 2 >= total / 2)) {
        return k;
      }
      sum += entry;
    }
    return count;
  }

  // Deleting.

  /** Removes an entry. Returns whether there was one. */
  boolean delete(TableState table, Key key) {
    if (table.root == 0) {
      return false;
    }
    appending = null;
    if (find(path, table.root, table.birth, key) < 0) {
      return false;
    }
    int at = descend(table, key);
    MemorySegment s = path.segment[path.depth];
    long b = path.offset[path.depth];
    long slot = Node.slot(s, b, at);
    table.entries--;
    table.content -= keyLength(s, b, at) + valueLength(s, b, slot);
    if (Node.isValueInRun(s, b, slot)) {
      freeRun(s, Node.value(s, b, slot), Node.VALUE_RUN);
    }
    freeKeyRun(s, b, at);
    Node.remove(s, b, at);
    shrink(table);
    return true;
  }

  private void freeKeyRun(MemorySegment s, long b, int i) {
    long slot = Node.slot(s, b, i);
    if (Node.isLong(slot)) {
      freeRun(s, Node.keyRun(s, b, slot), Node.KEY_RUN);
    }
  }

  /** Merges what a removal has left too empty, from the last node of the path up. */
  private void shrink(TableState table) {
    for (int d = path.depth; d > 0; d--) {
      MemorySegment s = path.segment[d];
      long b = path.offset[d];
      if (Node.count(s, b) == 0) {
        freePage(s, b);
        removeChild(d - 1, path.index[d - 1]);
      } else if (Node.usedBytes(s, b) >= (pageSize - Node.HEADER) / 4 || !merge(d)) {
        return;
      }
    }
    shrinkRoot(table);
  }

  /** Removes a child from a branch, and the key with it; the next becomes the first if it was. */
  private void removeChild(int depth, int i) {
    MemorySegment s = path.segment[depth];
    long b = path.offset[depth];
    freeKeyRun(s, b, i);
    Node.remove(s, b, i);
    if (i == 0 && Node.count(s, b) > 0) {
      freeKeyRun(s, b, 0);
      Node.clearFirstKey(s, b);
    }
  }

  private void shrinkRoot(TableState table) {
    MemorySegment s = path.segment[0];
    long b = path.offset[0];
    while (Node.level(s, b) > 0 && Node.count(s, b) == 1) {
      int level = Node.level(s, b) - 1;
      long page = Node.child(s, b, 0);
      long birth = Node.childBirth(s, b, 0);
      freePage(s, b);
      table.set(page, birth);
      s = pages.segment(page);
      b = pages.offset(page);
      check(s, b, page, birth, level);
    }
    if (Node.count(s, b) == 0) {
      freePage(s, b);
      table.set(0, 0);
    }
  }

  /** Merges a node of the path with a neighbour of the same parent, if both fit into one. */
  private boolean merge(int depth) {
    int i = path.index[depth - 1];
    boolean hasNext = i + 1 < Node.count(path.segment[depth - 1], path.offset[depth - 1]);
    return (hasNext && merge(depth, i, i + 1)) || (i > 0 && merge(depth, i, i - 1));
  }

  private boolean merge(int depth, int i, int neighbour) {
    MemorySegment ps = path.segment[depth - 1];
    long pb = path.offset[depth - 1];
    MemorySegment s = path.segment[depth];
    long b = path.offset[depth];
    int level = Node.level(s, b);
    long page = Node.child(ps, pb, neighbour);
    long birth = Node.childBirth(ps, pb, neighbour);
    MemorySegment ns = pages.segment(page);
    long nb = pages.offset(page);
    check(ns, nb, page, birth, level);

    int second = Math.max(i, neighbour); // whose key in the parent separates the two
    long slot = Node.slot(ps, pb, second);
    int down = level == 0 ? 0 : Node.keyBytes(slot) + (Node.isLong(slot) ? Node.RUN : 0);
    int room = pageSize - Node.HEADER;
    if (Node.usedBytes(s, b) + Node.usedBytes(ns, nb) + down > room - room / 8) {
      return false;
    }
    MemorySegment.copy(s, b, scratch, 0, Node.HEADER);
    Node.init(scratch, 0, Node.number(s, b), txn, Node.kind(s, b), level, Node.savepoint(s, b));
    boolean isFirst = i < neighbour;
    appendAll(isFirst ? s : ns, isFirst ? b : nb, ps, pb, -1);
    appendAll(isFirst ? ns : s, isFirst ? nb : b, ps, pb, level == 0 ? -1 : second);
    Node.prefix(scratch, 0, Node.commonPrefix(scratch, 0, pageSize));
    Node.copy(scratch, 0, s, b, pageSize);

    freePage(ns, nb);
    if (level == 0) {
      freeKeyRun(ps, pb, second);
    }
    Node.remove(ps, pb, second);
    path.index[depth - 1] = second - 1;
    Node.child(ps, pb, second - 1, Node.number(s, b), txn);
    return true;
  }

  /** Appends a node to the scratch one; its first entry with the key of an entry of the parent. */
  private void appendAll(MemorySegment s, long b, MemorySegment ps, long pb, int keyIndex) {
    int first = 0;
    if (keyIndex >= 0) {
      long slot = Node.slot(ps, pb, keyIndex);
      int at = Node.count(scratch, 0);
      Node.insert(
          scratch,
          0,
          at,
          ps,
          Node.key(ps, pb, slot),
          Node.keyBytes(slot),
          Node.isLong(slot),
          0,
          false,
          scratch,
          pageSize);
      Node.child(scratch, 0, at, Node.child(s, b, 0), Node.childBirth(s, b, 0));
      if (Node.isLong(slot)) {
        long own = Node.slot(scratch, 0, at);
        MemorySegment.copy(
            ps, Node.keyRun(ps, pb, slot), scratch, Node.keyRun(scratch, 0, own), Node.RUN);
      }
      first = 1;
    }
    Node.append(scratch, 0, s, b, first, Node.count(s, b), pageSize);
  }

  // Dropping.

  /** Frees every page of a tree. */
  void dropAll(TableState table) {
    appending = null;
    if (table.root != 0) {
      MemorySegment s = pages.segment(table.root);
      long b = pages.offset(table.root);
      drop(s, b, checkRoot(s, b, table.root, table.birth));
    }
    table.set(0, 0);
    table.entries = 0;
    table.content = 0;
  }

  private void drop(MemorySegment s, long b, int level) {
    int count = Node.count(s, b);
    for (int i = 0; i < count; i++) {
      freeKeyRun(s, b, i);
      if (level > 0) {
        long page = Node.child(s, b, i);
        MemorySegment cs = pages.segment(page);
        long cb = pages.offset(page);
        check(cs, cb, page, Node.childBirth(s, b, i), level - 1);
        drop(cs, cb, level - 1);
      } else if (Node.isValueInRun(s, b, Node.slot(s, b, i))) {
        freeRun(s, Node.value(s, b, Node.slot(s, b, i)), Node.VALUE_RUN);
      }
    }
    freePage(s, b);
  }
}
