// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.CorruptionException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Copies a snapshot into a {@link Draft}, all tables with their entries, names and ids. Every page
 * is read once, and its checksum is compared if it has one.
 */
final class Copier {
  private static final int STEP = 4096;

  private final ReadView view;
  private final Draft draft;
  private final StoreCheck.Progress progress;
  private final Tree tree;
  private final Key key = new Key();
  private final MemorySegment record = Arena.ofAuto().allocate(Meta.TABLE_BYTES, 8);
  private final TableState state = new TableState();
  private long done = FreeSpace.FIRST_PAGE;
  private long told;

  /** Where the value of the entry is that a cursor is at. */
  private MemorySegment value = MemorySegment.NULL;

  private long valueOffset;
  private long valueBytes;

  private Copier(ReadView view, long steady, Draft draft, StoreCheck.Progress progress) {
    this.view = view;
    this.draft = draft;
    this.progress = progress;
    PageMap pages = view.tree.pages;
    String file = view.handle.path.toString();
    this.tree =
        new Tree(pages, new PageVerifier(file, draft.pageShift, steady, view.meta.pageCount()));
  }

  /**
   * Copies what a view has pinned.
   *
   * @param steady what S was before the snapshot was pinned: pages born by then have checksums
   * @return the meta of the copy, which {@link Draft#seal} still has to write
   */
  static Meta copy(ReadView view, long steady, Draft draft, StoreCheck.Progress progress) {
    return new Copier(view, steady, draft, progress).copy();
  }

  private Meta copy() {
    progress.at(0, view.meta.pageCount());
    Meta meta = new Meta();
    meta.copyFrom(view.meta);
    meta.generation(0);
    while (meta.records() > 0) {
      meta.remove(meta.segment.get(LE_LONG_UNALIGNED, Meta.record(0) + Meta.TABLE_ID));
    }
    TreeBuilder catalog = new TreeBuilder(draft);
    TreeCursor cursor = new TreeCursor(tree);
    boolean more = cursor.first(view.meta.catalogRoot(), view.meta.catalogBirth());
    for (; more; more = next(cursor)) {
      locate(cursor);
      MemorySegment s = value;
      long at = valueOffset;
      long bytes = valueBytes;
      if (Catalog.isRecord(key.bytes(), 0, key.length())) {
        if (bytes != Meta.TABLE_BYTES) {
          throw damaged("a table record", Meta.TABLE_BYTES, bytes);
        }
        copyTable(s, at);
        s = record;
        at = 0;
        tree.loadKey(cursor.segment(), cursor.offset(), cursor.index(), key);
      }
      catalog.add(key, s, at, bytes);
    }
    if (catalog.entries != 2 * meta.tables()) {
      throw damaged("the catalog", 2 * meta.tables(), catalog.entries);
    }
    long root = catalog.finish();
    meta.catalog(root, root == 0 ? 0 : draft.txn);
    draft.finish(meta);
    view.done();
    progress.at(view.meta.pageCount(), view.meta.pageCount());
    return meta;
  }

  private CorruptionException damaged(String what, long expected, long actual) {
    return new CorruptionException(
        what,
        view.handle.path.toString(),
        0,
        expected + " bytes or entries",
        Long.toString(actual),
        "check the store, and restore a backup or salvage it");
  }

  /** Copies the table of a record in the catalog, and leaves the record of the copy. */
  private void copyTable(MemorySegment s, long at) {
    long id = s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ID);
    int newer = view.meta.find(id);
    state.read(newer < 0 ? s : view.meta.segment, newer < 0 ? at : newer);
    TreeBuilder table = new TreeBuilder(draft);
    TreeCursor cursor = new TreeCursor(tree);
    boolean more = cursor.first(state.root, state.birth);
    for (; more && table.entries < state.entries; more = next(cursor)) {
      locate(cursor);
      table.add(key, value, valueOffset, valueBytes);
    }
    if (more || table.entries != state.entries || table.content != state.content) {
      throw damaged("the entries of table " + id, state.entries, table.entries);
    }
    long root = table.finish();
    state.set(root, root == 0 ? 0 : draft.txn);
    state.write(record, 0);
  }

  private boolean next(TreeCursor cursor) {
    if (cursor.nextInLeaf()) {
      return true;
    }
    read(1);
    return cursor.nextLeaf();
  }

  /** Takes note of pages that were read. */
  private void read(long pages) {
    view.done();
    view.handle.checkOpen();
    done = Math.min(done + pages, view.meta.pageCount());
    if (done - told >= STEP) {
      told = done;
      progress.at(done, view.meta.pageCount());
    }
  }

  /** Loads the key of an entry, and finds its value. */
  private void locate(TreeCursor cursor) {
    MemorySegment s = cursor.segment();
    long b = cursor.offset();
    tree.loadKey(s, b, cursor.index(), key);
    long slot = Node.slot(s, b, cursor.index());
    long at = Node.value(s, b, slot);
    value = s;
    valueOffset = at;
    valueBytes = Node.valueBytes(s, b, slot);
    if (Node.isValueInRun(s, b, slot)) {
      valueBytes = s.get(LE_LONG_UNALIGNED, at + 16);
      value = tree.run(s, at, Node.VALUE_RUN, valueBytes);
      valueOffset = tree.pages.offset(s.get(LE_LONG_UNALIGNED, at)) + Node.CONTENT;
      read(tree.runPages(valueBytes));
    }
  }
}
