// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.memory.Faults;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Brings a copy of a store, which nobody else has open, up to date with later snapshots. Each one
 * is a txn of the copy, though nobody ever sees it alone.
 */
final class Delta {
  private final PageFile pages;
  private final TreeWriter writer;
  private final FreeSpace free;
  private final Meta meta;
  private final TableState catalog = new TableState();
  private final Key key = new Key();

  /**
   * What is changed by entries that differ: the catalog, or the table that is brought up to date.
   */
  private TableState changing = catalog;

  private long changes;

  /**
   * Opens a copy for changes.
   *
   * @param meta of the copy, which is kept up to date
   */
  Delta(Draft draft, Meta meta) {
    String name = draft.file.path().toString();
    this.meta = meta;
    this.pages = new PageFile(draft.file, draft.pageShift);
    pages.map(meta.pageCount());
    pages.mapLog(meta);
    this.free = new FreeSpace(pages, name);
    this.writer = new TreeWriter(pages, new PageVerifier(name, draft.pageShift, 0, 0), free.pages);
  }

  /**
   * Brings the copy from one snapshot to a later one.
   *
   * @return how many entries differed
   */
  long apply(ReadView from, ReadView to) {
    changes = 0;
    if (from.meta.txn() == to.meta.txn()) {
      return 0;
    }
    long last = begin();
    catalog.clear();
    catalog.set(meta.catalogRoot(), meta.catalogBirth());
    Set<Long> tables = new TreeSet<>();
    addRecords(from.meta, tables);
    addRecords(to.meta, tables);
    names(from, to, tables);
    TreeDiff diff = new TreeDiff(from.tree, to.tree);
    for (long id : tables) {
      table(from, to, id, diff);
    }
    meta.tables(to.meta.tables());
    meta.nextTableId(to.meta.nextTableId());
    meta.catalogChange(to.meta.catalogChange());
    meta.catalog(catalog.root, catalog.birth);
    commit(last);
    from.done();
    to.done();
    return changes;
  }

  /** Gives the copy another txn, in which nothing changes. */
  void skip() {
    commit(begin());
  }

  /** Begins a txn of the copy. Returns the last one. */
  private long begin() {
    long last = meta.txn();
    long txn = Txn.next(last);
    pages.mapLog(meta);
    free.load(meta);
    free.begin(txn, new long[0], 0);
    writer.begin(txn, 0);
    meta.txn(txn);
    return last;
  }

  private void commit(long last) {
    free.commit(meta);
    Tree tree = writer;
    tree.pages = pages.map();
    Sealer.seal(tree, meta, last, false);
    free.committed();
    Faults.surface();
  }

  /** Unmaps the copy, whose pages are complete. */
  void close() {
    pages.unmap();
  }

  private static void addRecords(Meta from, Set<Long> tables) {
    for (int i = 0; i < from.records(); i++) {
      tables.add(from.segment.get(LE_LONG_UNALIGNED, Meta.record(i) + Meta.TABLE_ID));
    }
  }

  /** Brings the names of tables up to date, and notes the tables whose records differ. */
  private void names(ReadView from, ReadView to, Set<Long> tables) {
    TableState old = new TableState();
    old.set(from.meta.catalogRoot(), from.meta.catalogBirth());
    TableState now = new TableState();
    now.set(to.meta.catalogRoot(), to.meta.catalogBirth());
    changing = catalog;
    new TreeDiff(from.tree, to.tree)
        .run(
            old,
            now,
            new TreeDiff.Visitor() {
              @Override
              public void put(Key entry, MemorySegment s, long b, long slot) {
                if (isRecord(entry)) {
                  tables.add(id(entry));
                } else {
                  Delta.this.put(to, entry, s, b, slot);
                }
              }

              @Override
              public void delete(Key entry) {
                if (isRecord(entry)) {
                  tables.add(id(entry));
                } else {
                  Delta.this.delete(from, entry);
                }
              }
            });
  }

  private static boolean isRecord(Key entry) {
    return Catalog.isRecord(entry.bytes(), 0, entry.length());
  }

  private static long id(Key entry) {
    return Long.reverseBytes(entry.bytes().get(LE_LONG_UNALIGNED, 1));
  }

  /** Brings a table up to date. */
  private void table(ReadView from, ReadView to, long id, TreeDiff diff) {
    TableState old = record(from.tree, from.meta, id);
    TableState now = record(to.tree, to.meta, id);
    TableState copy = record(writer, meta, id);
    if (now == null) {
      if (copy != null) {
        writer.dropAll(copy);
        writer.delete(catalog, Catalog.recordKey(id, key));
        changes++;
      }
      return;
    }
    if (copy == null) {
      copy = new TableState();
      copy.id = id;
    }
    changing = copy;
    if (now.root == 0) {
      writer.dropAll(copy);
    } else {
      diff.run(
          old == null ? new TableState() : old,
          now,
          new TreeDiff.Visitor() {
            @Override
            public void put(Key entry, MemorySegment s, long b, long slot) {
              Delta.this.put(to, entry, s, b, slot);
            }

            @Override
            public void delete(Key entry) {
              Delta.this.delete(from, entry);
            }
          });
    }
    if (copy.entries != now.entries || copy.content != now.content) {
      throw writer.verifier.corrupt(
          copy.root,
          "copy of table " + id,
          now.entries + " entries of " + now.content + " bytes",
          copy.entries + " of " + copy.content);
    }
    writer.put(catalog, Catalog.recordKey(id, key), Meta.TABLE_BYTES);
    copy.write(writer.valueSegment(), writer.valueOffset());
  }

  /** Returns the record of a table in a state, null if there is none. */
  private @Nullable TableState record(Tree tree, Meta state, long id) {
    MemorySegment segment = state.segment;
    long at = state.find(id);
    if (at < 0) {
      long root = tree == writer ? catalog.root : state.catalogRoot();
      long birth = tree == writer ? catalog.birth : state.catalogBirth();
      NodePath path = new NodePath();
      if (root == 0 || tree.find(path, root, birth, Catalog.recordKey(id, key)) < 0) {
        return null;
      }
      segment = path.segment[path.depth];
      long b = path.offset[path.depth];
      long slot = Node.slot(segment, b, path.index[path.depth]);
      at = Node.value(segment, b, slot);
    }
    TableState found = new TableState();
    found.read(segment, at);
    return found;
  }

  private void put(ReadView to, Key entry, MemorySegment s, long b, long slot) {
    long at = Node.value(s, b, slot);
    long bytes = Node.valueBytes(s, b, slot);
    MemorySegment value = s;
    if (Node.isValueInRun(s, b, slot)) {
      bytes = s.get(LE_LONG_UNALIGNED, at + 16);
      value = to.tree.run(s, at, Node.VALUE_RUN, bytes);
      at = to.tree.pages.offset(s.get(LE_LONG_UNALIGNED, at)) + Node.CONTENT;
    }
    writer.put(changing, entry, bytes);
    MemorySegment.copy(value, at, writer.valueSegment(), writer.valueOffset(), bytes);
    changed(to);
  }

  private void delete(ReadView from, Key entry) {
    writer.delete(changing, entry);
    changed(from);
  }

  private void changed(ReadView view) {
    changes++;
    view.done();
    view.handle.checkOpen();
  }
}
