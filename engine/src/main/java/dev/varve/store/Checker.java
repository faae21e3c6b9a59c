// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.CorruptionException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/**
 * Checks a snapshot of a store: header, steady metas, free log, catalog, all tables; and that each
 * page belongs to exactly one of them. Others may write meanwhile.
 */
final class Checker {
  private final Handle handle;
  private final ReadView view;
  private final long steady;
  private final CheckReport report;

  /** The records in the catalog, and the names, by table id. */
  private final Map<Long, TableState> records = new TreeMap<>();

  private final Map<Long, String> names = new TreeMap<>();

  private Checker(Handle handle, ReadView view, long steady, StoreCheck.Progress progress) {
    this.handle = handle;
    this.view = view;
    this.steady = steady;
    this.report = new CheckReport(view.meta.pageCount(), progress);
  }

  static StoreCheck check(Handle handle, StoreCheck.Progress progress) {
    handle.checkOpen();
    // Before the pin: so what the state shares with this steady state has its checksum.
    long steady = handle.shared.steady();
    ReadView view = handle.beginRead(false);
    try {
      StoreCheck result = new Checker(handle, view, steady, progress).check();
      view.done();
      return result;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    } finally {
      handle.endRead(view);
    }
  }

  private StoreCheck check() {
    header();
    metas();
    boolean free = freeSpace();
    catalog();
    names.forEach(this::table);
    if (free) {
      report.unclaimed();
    }
    return report.result(view.meta.txn());
  }

  private void header() {
    MemorySegment page = view.tree.pages.segment(0).asSlice(view.tree.pages.offset(0));
    try {
      StoreHeader.read(page, handle.path.toString());
    } catch (dev.varve.VarveException e) {
      report.problem(0, "header", String.valueOf(e.getMessage()));
    }
    for (long at = StoreHeader.BYTES; at < view.tree.pageSize; at += 8) {
      if (page.get(LE_LONG, at) != 0) {
        report.problem(0, "header", "byte " + at + " or one after it is not zero");
        return;
      }
    }
  }

  private void metas() {
    String[] faults = view.generation.metas.faults(handle);
    for (int i = 0; i < faults.length; i++) {
      if (!faults[i].isEmpty()) {
        report.problem(i + 1L, "steady metas", faults[i]);
      }
    }
    Meta meta = view.meta;
    Meta durable = view.generation.metas.find(meta.txn());
    if (durable != null && !durable.isSameState(meta)) {
      report.problem(1, "steady metas", "txn " + Txn.toString(meta.txn()) + " is another state");
    }
  }

  /** Checks the free log. Returns whether it can be read. */
  private boolean freeSpace() {
    Meta meta = view.meta;
    FreeLogReader reader = new FreeLogReader(view.generation.file, handle.path.toString());
    try {
      view.generation.file.mapLog(meta);
      reader.load(meta);
    } catch (CorruptionException e) {
      report.problem(meta.logPage(), "free log", String.valueOf(e.getMessage()));
      return false;
    }
    if (meta.logPage() != 0) {
      report.freeLogPages = reader.log.pages;
      report.claim(meta.logPage(), reader.log.pages, "free log");
      report.freeLogPages += reader.log.sparePages;
      if (reader.log.sparePages != 0) {
        report.claim(reader.log.sparePage, reader.log.sparePages, "spare run of the free log");
      }
    }
    reader.sets.forEachFree(
        (page, count, birth, freed) -> {
          report.freePages += count;
          report.claim(page, count, "free pages");
        });
    reader.sets.forEachWaiting(
        (page, count, birth, freed) -> {
          report.waitingPages += count;
          report.claim(page, count, "waiting pages");
        });
    reader.sets.forEachStaged(
        (page, count, birth, freed) -> {
          report.stagedPages += count;
          report.claim(page, count, "staged pages");
        });
    return true;
  }

  // Tables.

  private void catalog() {
    Meta meta = view.meta;
    TreeChecker tree = new TreeChecker(report, view, steady, "catalog", this::catalogEntry);
    tree.check(meta.catalogRoot(), meta.catalogBirth());
    for (long id : records.keySet()) {
      if (!names.containsKey(id)) {
        names.put(id, "without name, of id " + id);
        problem(id, "has a record and no name");
      }
    }
    for (long id : names.keySet()) {
      if (!records.containsKey(id)) {
        problem(id, "has a name and no record");
      }
    }
    if (meta.records() < 0 || meta.records() > Meta.MAX_TABLES) {
      report.problem(0, "meta", meta.records() + " table records");
      return;
    }
    if (meta.tables() != names.size()) {
      report.problem(0, "meta", meta.tables() + " tables, of " + names.size());
    }
    for (int i = 0; i < meta.records(); i++) {
      TableState state = new TableState();
      state.read(meta.segment, Meta.record(i));
      if (records.put(state.id, state) == null) {
        problem(state.id, "is in the meta and not in the catalog");
      }
    }
    report.tables = names.size();
  }

  private void problem(long id, String problem) {
    report.problem(view.meta.catalogRoot(), "catalog", "the table of id " + id + " " + problem);
  }

  private void catalogEntry(byte[] key, MemorySegment s, long value, long valueBytes, long page) {
    boolean isRecord = key.length == 9 && key[0] == 0 && valueBytes == Meta.TABLE_BYTES;
    boolean isName =
        key.length > 1
            && key.length <= 1 + Catalog.MAX_NAME_BYTES
            && key[0] == 1
            && valueBytes == 8;
    if (isRecord) {
      TableState state = new TableState();
      state.read(s, value);
      long id = ByteBuffer.wrap(key, 1, 8).getLong();
      records.put(id, state);
      if (state.id != id || id < 1 || id >= view.meta.nextTableId()) {
        report.problem(page, "catalog", "the record of table " + id + " has the id " + state.id);
      }
      if (s.get(LE_LONG_UNALIGNED, value + Meta.TABLE_CONTENT + 8) != 0) {
        report.problem(page, "catalog", "the record of table " + id + " does not end with zeros");
      }
    } else if (isName) {
      byte[] bytes = Arrays.copyOfRange(key, 1, key.length);
      String name = new String(bytes, StandardCharsets.UTF_8);
      long id = s.get(LE_LONG_UNALIGNED, value);
      if (!Arrays.equals(name.getBytes(StandardCharsets.UTF_8), bytes)) {
        report.problem(page, "catalog", "the name of the table of id " + id + " is not UTF-8");
      }
      if (names.put(id, name) != null) {
        problem(id, "has two names, of which " + name + " is one");
      }
    } else {
      report.problem(
          page,
          "catalog",
          "an entry with a key of "
              + key.length
              + " bytes, from "
              + (key.length == 0 ? "none" : key[0])
              + " on, and a value of "
              + valueBytes);
    }
  }

  private void table(long id, String name) {
    TableState state = records.get(id);
    if (state == null) {
      return;
    }
    String place = "table " + name;
    TreeChecker tree =
        new TreeChecker(report, view, steady, place, (key, segment, value, bytes, page) -> {});
    tree.check(state.root, state.birth);
    if (tree.entries != state.entries || tree.content != state.content) {
      report.problem(
          state.root,
          place,
          tree.entries
              + " entries of "
              + tree.content
              + " bytes, where its record says "
              + state.entries
              + " of "
              + state.content);
    }
    report.entries += tree.entries;
    report.contentBytes += tree.content;
  }
}
