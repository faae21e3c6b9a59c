// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a transaction works with: the meta of its state, the trees, and scratch memory. Kept by the
 * handle between transactions. For one thread at a time.
 */
abstract class View {
  final Handle handle;
  final Meta meta = new Meta();

  /** The file that the state is in, and how it is read; others after a compaction. */
  Generation generation;

  Tree tree;
  final NodePath path = new NodePath();
  final Key key = new Key();
  private final Key name = new Key();

  /** The tables that were used, as this transaction sees them. */
  final List<TableState> states = new ArrayList<>();

  /** Spare ones. */
  private final List<TableState> spare = new ArrayList<>();

  /** Where the value is that was located last. */
  MemorySegment valueSegment = MemorySegment.NULL;

  long valueOffset;
  long valueBytes;

  /** The segment that was last given to a reader of values, and what it was made of. */
  private MemorySegment readOnly = MemorySegment.NULL;

  private MemorySegment readOnlyOf = MemorySegment.NULL;

  /** Goes up with each change, after which values may be elsewhere; 0 where only is read. */
  long changes;

  View(Handle handle, Generation generation, Tree tree) {
    this.handle = handle;
    this.generation = generation;
    this.tree = tree;
  }

  /**
   * Checks that the state is still there, after an operation has read from it and before its result
   * is returned.
   */
  abstract void done();

  /** Whether the catalog is not that of a commit, so that nothing of it may be remembered. */
  boolean isCatalogOurs() {
    return false;
  }

  /** Returns what an operation that ended by an exception throws. */
  abstract RuntimeException failed(Throwable thrown);

  // Tables.

  /** Returns a table, or null if there is none of that name. */
  final @Nullable TableState table(ByteTable table) {
    for (int i = 0; i < states.size(); i++) {
      TableState state = states.get(i);
      if (state.table == table || table.isSame(state.table)) {
        return state;
      }
    }
    long id = isCatalogOurs() ? -1 : table.id(meta.catalogChange());
    if (id < 0) {
      id = findId(table.nameBytes());
      if (!isCatalogOurs()) {
        done(); // else it may be anything
        table.id(meta.catalogChange(), id);
      }
    }
    if (id == 0) {
      return null;
    }
    for (int i = 0; i < states.size(); i++) {
      TableState state = states.get(i);
      if (state.id == id) { // through another object of that name
        return state;
      }
    }
    return load(table, id);
  }

  /** Returns the id of the table of a name, 0 if there is none. */
  final long findId(byte[] tableName) {
    name(tableName);
    if (!findInCatalog(8)) {
      return 0;
    }
    return valueSegment.get(LE_LONG_UNALIGNED, valueOffset);
  }

  final Key name(byte[] tableName) {
    return Catalog.nameKey(tableName, name);
  }

  private boolean findInCatalog(int bytes) {
    if (meta.catalogRoot() == 0
        || tree.find(path, meta.catalogRoot(), meta.catalogBirth(), name) < 0) {
      return false;
    }
    locate(path);
    if (valueBytes != bytes) {
      throw tree.verifier.corrupt(
          path.segment[path.depth],
          path.offset[path.depth],
          "entry of the catalog",
          bytes + " bytes",
          valueBytes);
    }
    return true;
  }

  private TableState load(ByteTable table, long id) {
    MemorySegment record = meta.segment;
    long at = meta.find(id);
    if (at < 0) {
      Catalog.recordKey(id, name);
      if (!findInCatalog(Meta.TABLE_BYTES)) {
        throw tree.verifier.corrupt(
            meta.catalogRoot(), "catalog", "a record of table " + id, "none");
      }
      record = valueSegment;
      at = valueOffset;
    }
    TableState state = add(table, id);
    state.read(record, at);
    if (state.id != id) {
      forget(states.size() - 1);
      throw tree.verifier.corrupt(
          meta.catalogRoot(), "catalog", "a record of table " + id, "one of another table");
    }
    return state;
  }

  final TableState add(ByteTable table, long id) {
    TableState state = spare.isEmpty() ? new TableState() : spare.removeLast();
    state.clear();
    state.table = table;
    state.id = id;
    states.add(state);
    return state;
  }

  /** Forgets tables from an index on. */
  final void forget(int from) {
    while (states.size() > from) {
      TableState state = states.removeLast();
      state.table = null;
      if (spare.size() < 64) {
        spare.add(state);
      }
    }
  }

  // Entries.

  /** Returns the segment of the value, read-only. */
  final MemorySegment readOnlyValue() {
    MemorySegment segment = valueSegment;
    if (readOnlyOf != segment) {
      readOnly = segment.asReadOnly();
      readOnlyOf = segment;
    }
    return readOnly;
  }

  /** Finds the entry of {@link #key} and locates its value. */
  final boolean find(@Nullable TableState state) {
    if (state == null || state.root == 0 || tree.find(path, state.root, state.birth, key) < 0) {
      return false;
    }
    locate(path);
    return true;
  }

  /** Locates the value of the entry that a path leads to. */
  final void locate(NodePath to) {
    locate(to.segment[to.depth], to.offset[to.depth], to.index[to.depth]);
  }

  final void locate(MemorySegment s, long b, int i) {
    long slot = Node.slot(s, b, i);
    long at = Node.value(s, b, slot);
    if (!Node.isValueInRun(s, b, slot)) {
      valueSegment = s;
      valueOffset = at;
      valueBytes = Node.valueBytes(s, b, slot);
      return;
    }
    valueBytes = s.get(LE_LONG_UNALIGNED, at + 16);
    valueSegment = tree.run(s, at, Node.VALUE_RUN, valueBytes);
    valueOffset = tree.pages.offset(s.get(LE_LONG_UNALIGNED, at)) + Node.CONTENT;
  }

  /** Counts the entries from {@link #key} on, up to an end that is not counted, null for none. */
  final long count(@Nullable TableState state, @Nullable Key end) {
    TreeCursor cursor = new TreeCursor(tree);
    if (state == null || !cursor.ceiling(state.root, state.birth, key, true)) {
      return 0;
    }
    long count = 0;
    do {
      MemorySegment s = cursor.segment();
      long b = cursor.offset();
      int last = Node.count(s, b) - 1;
      if (end != null && tree.compare(end, s, b, Node.slot(s, b, last)) <= 0) {
        int at = tree.search(s, b, end);
        return count + Math.max(0, (at < 0 ? ~at : at) - cursor.index());
      }
      count += last + 1 - cursor.index();
      done(); // what a lost snapshot looks like need not end
    } while (cursor.nextLeaf());
    return count;
  }

  /** Returns the names of all tables. */
  final List<String> tableNames() {
    List<String> names = new ArrayList<>();
    TreeCursor cursor = new TreeCursor(tree);
    Catalog.firstName(name);
    boolean more = cursor.ceiling(meta.catalogRoot(), meta.catalogBirth(), name, true);
    for (; more; more = cursor.next()) {
      tree.loadKey(cursor.segment(), cursor.offset(), cursor.index(), name);
      names.add(Catalog.name(name));
    }
    return names;
  }
}
