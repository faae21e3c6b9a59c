// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.time.Duration;
import java.util.List;

/** Takes a look at a store: pins the last commit, and reads its free log and its catalog. */
final class Survey {
  private final Handle handle;
  private final ReadView view;
  private long entries;
  private long contentBytes;

  private Survey(Handle handle, ReadView view) {
    this.handle = handle;
    this.view = view;
  }

  static StoreStatistics of(Handle handle) {
    // Before the pin: this look is none of them.
    List<StoreReader> readers = handle.longReaders.list(handle.storage.nanoTime());
    ReadView view = handle.beginRead(false);
    try {
      StoreStatistics result = new Survey(handle, view).take(readers);
      view.done();
      return result;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    } finally {
      handle.endRead(view);
    }
  }

  private StoreStatistics take(List<StoreReader> readers) {
    Meta meta = view.meta;
    PageFile file = view.generation.file;
    file.mapLog(meta);
    FreeLogReader reader = new FreeLogReader(file, handle.path.toString());
    reader.load(meta);
    long freeLogPages = reader.log.pages + reader.log.sparePages;
    countEntries();
    Counters counters = handle.counters;
    return new StoreStatistics(
        file.fileBytes(),
        handle.mappedBytes(),
        handle.redo.fileBytes(),
        view.tree.pageSize,
        meta.generation(),
        meta.txn(),
        handle.shared.durable(),
        handle.shared.steady(),
        meta.pageCount(),
        meta.pageCount() - reader.sets.free.count() - reader.sets.waiting.pages() - freeLogPages,
        reader.sets.free.count(),
        reader.sets.waiting.pages(),
        freeLogPages,
        meta.tables(),
        entries,
        contentBytes,
        readers.size(),
        readers.isEmpty() ? Duration.ZERO : readers.getFirst().held(),
        handle.processes().size(),
        counters.commits.get(),
        counters.pagesWritten.get(),
        counters.pagesCopied.get(),
        counters.turnWaits.sum(),
        Duration.ofNanos(counters.turnWaitNanos.sum()),
        counters.steadySyncs.sum(),
        counters.redoSyncs.sum(),
        counters.sinceSync(handle.storage.nanoTime()));
  }

  /** Adds up the records of all tables: those in the meta replace those in the catalog. */
  private void countEntries() {
    Meta meta = view.meta;
    TableState state = new TableState();
    TreeCursor cursor = new TreeCursor(view.tree);
    Catalog.recordKey(0, view.key);
    boolean more = cursor.ceiling(meta.catalogRoot(), meta.catalogBirth(), view.key, true);
    for (; more; more = cursor.next()) {
      view.locate(cursor.segment(), cursor.offset(), cursor.index());
      if (view.valueBytes != Meta.TABLE_BYTES) {
        return; // the names follow
      }
      int at = meta.find(view.valueSegment.get(LE_LONG_UNALIGNED, view.valueOffset));
      if (at >= 0) {
        state.read(meta.segment, at);
      } else {
        state.read(view.valueSegment, view.valueOffset);
      }
      entries += state.entries;
      contentBytes += state.content;
      view.done(); // what a lost snapshot looks like need not end
    }
  }
}
