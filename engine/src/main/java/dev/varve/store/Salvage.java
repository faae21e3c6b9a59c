// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.ConflictException;
import dev.varve.UnavailableException;
import dev.varve.VarveException;
import dev.varve.file.FileAccess;
import dev.varve.file.Mapping;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Saves what a damaged data file still holds. First what the last steady meta that is right leads
 * to, around what is damaged. If something was in the way, then the leaves that are sound and that
 * neither anything leads to nor the free log calls free: their table is not known.
 */
final class Salvage {
  private static final String LOST = "lost+found/";

  private final Storage storage;
  private final DamagedFile file;
  private final StoreCheck.Progress progress;
  private final SalvagedPages pages;
  private final SalvagedCatalog catalog;
  private final List<StoreCheck.Finding> findings = new ArrayList<>();
  private final List<StoreSalvage.SavedTable> saved = new ArrayList<>();
  private long problems;
  private long damagedPages;
  private long savedEntries;
  private long lostEntries;

  /** A page for each level that is being walked. */
  private final List<MemorySegment> buffers = new ArrayList<>();

  private final Key key = new Key();

  /** Gets the leaves of a walk. */
  private interface LeafVisitor {
    void leaf(MemorySegment leaf);
  }

  private Salvage(Storage storage, StorageFile file, StoreCheck.Progress progress) {
    this.storage = storage;
    this.file = new DamagedFile(file);
    this.progress = progress;
    this.pages = new SalvagedPages(this.file.pageCount, progress);
    this.catalog = new SalvagedCatalog(this.file, pages);
    if (this.file.pageCount > Integer.MAX_VALUE) {
      throw new UnavailableException(
          file.path() + " has more than 2^31 pages, which cannot be salvaged at once");
    }
  }

  static StoreSalvage run(Storage storage, Path damaged, Path copy, StoreCheck.Progress progress) {
    Path from = storage.realPath(damaged);
    Path to = storage.realPath(copy);
    if (storage.exists(to)) {
      throw new ConflictException(
          "salvage to " + to + ": there is a file of that name; choose another name");
    }
    Gate gate = new Gate(storage, from.resolveSibling(from.getFileName() + "-lock"));
    if (storage.exists(gate.lockFile()) && gate.isAnyoneIn()) {
      throw new ConflictException(
          "store " + from + " is open; close all handles of it before it is salvaged");
    }
    try (StorageFile file = storage.open(from, FileAccess.READ)) {
      StoreSalvagedEvent event = StoreSalvagedEvent.start();
      StoreSalvage report = new Salvage(storage, file, progress).run(to);
      if (event != null) {
        event.emit(from, to, report);
      }
      return report;
    }
  }

  private StoreSalvage run(Path to) {
    progress.at(0, file.pageCount);
    if (!file.hasHeader) {
      damaged(0, "header", "is not right; pages are taken for " + file.pageSize + " bytes long");
    }
    if (file.file.size() % file.pageSize != 0) {
      problem(file.pageCount, "file", "ends within a page");
    }
    Meta meta = meta();
    // What the older one of two states calls free may be of the newer one.
    boolean whole = meta != null && isNewest() && freePages(meta);
    whole &= meta != null && readCatalog(meta);
    if (!whole) {
      catalog.search();
    }
    ThreadLocalRandom random = ThreadLocalRandom.current();
    StoreHeader header =
        new StoreHeader(
            file.pageShift, random.nextLong(), random.nextLong(), storage.currentTimeMillis());
    long txn = meta == null ? Txn.FIRST : Math.max(1, meta.txn());
    Path path = to.resolveSibling(to.getFileName() + "-new");
    Draft draft = new Draft(storage, path, header, txn);
    long[] stray = new long[1];
    draft.publish(
        to,
        () -> {
          Meta result = new Meta();
          stray[0] = copy(draft, result);
          return result;
        });
    progress.at(file.pageCount, file.pageCount);
    return new StoreSalvage(
        meta == null ? 0 : meta.txn(),
        saved,
        savedEntries,
        lostEntries,
        damagedPages,
        stray[0],
        problems,
        findings);
  }

  private void problem(long page, String place, String problem) {
    problems++;
    if (findings.size() < StoreCheck.MOST_FINDINGS) {
      findings.add(new StoreCheck.Finding(page, place, problem));
    }
  }

  private void damaged(long page, String place, String what) {
    damagedPages++;
    problem(page, place, what);
  }

  // What leads to the tables.

  private @Nullable Meta meta() {
    try {
      return new SteadyMetas(file.file, file.pageShift).newest();
    } catch (VarveException e) {
      damaged(1, "steady metas", "neither is valid, nor is it known which state was last");
      return null;
    }
  }

  private boolean isNewest() {
    if (new SteadyMetas(file.file, file.pageShift).areBothValid()) {
      return true;
    }
    damaged(1, "steady metas", "one is not valid, and may have been that of the last state");
    return false;
  }

  /** Finds which pages are free; returns whether that is known. */
  private boolean freePages(Meta meta) {
    PageFile mapped = new PageFile(file.file, file.pageShift);
    try {
      mapped.map(meta.pageCount());
      mapped.mapLog(meta);
      FreeLogReader reader = new FreeLogReader(mapped, file.file.path().toString());
      reader.load(meta);
      pages.free(reader);
      return true;
    } catch (VarveException | InternalError e) {
      damaged(
          meta.logPage(), "free log", "it is not known which pages are free: " + e.getMessage());
      return false;
    } finally {
      mapped.unmap();
    }
  }

  /** Reads the catalog that a meta leads to; returns whether it was whole. */
  private boolean readCatalog(Meta meta) {
    boolean whole =
        walk(meta.catalogRoot(), meta.catalogBirth(), "catalog", leaf -> catalog.leaf(leaf, true));
    catalog.meta(meta);
    return whole;
  }

  // Walking.

  /** Walks a tree around what is damaged. Returns whether nothing was. */
  private boolean walk(long root, long birth, String place, LeafVisitor visitor) {
    if (root == 0) {
      return true;
    }
    return walk(root, birth, -1, place, visitor, 0);
  }

  private boolean walk(
      long page, long birth, int level, String place, LeafVisitor visitor, int depth) {
    if (buffers.size() == depth) {
      buffers.add(file.newBuffer());
    }
    MemorySegment node = buffers.get(depth);
    if (pages.isMet(page)) {
      damaged(page, place, "has a second use");
      return false;
    }
    boolean good =
        file.isNode(page, node)
            && Node.birth(node, 0) == birth
            && (level < 0 || Node.level(node, 0) == level);
    if (!good) {
      damaged(page, place, "is not the page born by " + Txn.toString(birth) + " that is meant");
      return false;
    }
    pages.meet(page, 1);
    pages.tell(1);
    if (Node.level(node, 0) == 0) {
      visitor.leaf(node);
      return true;
    }
    boolean whole = true;
    int count = Node.count(node, 0);
    for (int i = 0; i < count; i++) {
      whole &=
          walk(
              Node.child(node, 0, i),
              Node.childBirth(node, 0, i),
              Node.level(node, 0) - 1,
              place,
              visitor,
              depth + 1);
    }
    return whole;
  }

  // Copying.

  /** Copies all that can be saved. Returns how many leaves were found that nothing leads to. */
  private long copy(Draft draft, Meta result) {
    NavigableMap<byte[], byte[]> copied = new TreeMap<>(Arrays::compareUnsigned);
    boolean whole = true;
    long id = 0;
    for (Map.Entry<Long, String> name : catalog.names.entrySet()) {
      if (!catalog.records.containsKey(name.getKey())) {
        problem(0, "table " + name.getValue(), "it is not known where its entries are");
        whole = false;
      }
    }
    for (TableState state : catalog.records.values()) {
      String known = catalog.names.get(state.id);
      String name = known == null ? LOST + "table " + state.id : known;
      if (known == null) {
        problem(0, name, "the name is lost");
      }
      TreeBuilder table = new TreeBuilder(draft);
      whole &= walk(state.root, state.birth, "table " + name, leaf -> addLeaf(leaf, table, name));
      add(copied, ++id, name, table, draft, state.entries);
    }
    long stray = 0;
    if (!whole || problems > 0) {
      int number = 0;
      int catalogs = 0;
      StrayLeaves strays = new StrayLeaves(file, pages, catalog);
      for (NavigableMap<byte[], StrayLeaves.Stray> group : strays.find()) {
        boolean isCatalog = group.firstEntry().getValue().isCatalog;
        String name = LOST + (isCatalog ? "catalog " + ++catalogs : Integer.toString(++number));
        TreeBuilder table = new TreeBuilder(draft);
        for (StrayLeaves.Stray leaf : group.values()) {
          for (long page : leaf.pages) {
            MemorySegment buffer = file.newBuffer();
            if (file.isNode(page, buffer)) {
              addLeaf(buffer, table, name);
              stray++;
            }
          }
        }
        add(copied, ++id, name, table, draft, -1);
      }
    }
    finish(draft, result, copied, id);
    return stray;
  }

  private void add(
      NavigableMap<byte[], byte[]> copied,
      long id,
      String wanted,
      TreeBuilder table,
      Draft draft,
      long expected) {
    String name = wanted;
    for (int i = 0; copied.containsKey(nameKey(name)); i++) {
      name = LOST + "table " + id + "'".repeat(i); // two tables were found under one name
    }
    long root = table.finish();
    TableState state = new TableState();
    state.id = id;
    state.set(root, root == 0 ? 0 : draft.txn);
    state.entries = table.entries;
    state.content = table.content;
    byte[] record = new byte[Meta.TABLE_BYTES];
    MemorySegment aligned = Arena.ofAuto().allocate(Meta.TABLE_BYTES, 8);
    state.write(aligned, 0);
    MemorySegment.copy(aligned, BYTE, 0, record, 0, record.length);
    copied.put(bytes(Catalog.recordKey(id, key)), record);
    byte[] value = new byte[8];
    MemorySegment.ofArray(value).set(LE_LONG_UNALIGNED, 0, id);
    copied.put(nameKey(name), value);
    savedEntries += table.entries;
    saved.add(new StoreSalvage.SavedTable(name, table.entries, expected));
    if (expected >= 0 && expected != table.entries) {
      problem(root, "table " + name, table.entries + " entries of " + expected + " were saved");
    }
  }

  private byte[] nameKey(String name) {
    return bytes(Catalog.nameKey(name.getBytes(StandardCharsets.UTF_8), key));
  }

  private static byte[] bytes(Key key) {
    byte[] bytes = new byte[key.length()];
    MemorySegment.copy(key.bytes(), BYTE, 0, bytes, 0, bytes.length);
    return bytes;
  }

  private void finish(Draft draft, Meta meta, NavigableMap<byte[], byte[]> copied, long tables) {
    TreeBuilder builder = new TreeBuilder(draft);
    MemorySegment value = Arena.ofAuto().allocate(Meta.TABLE_BYTES, 8);
    copied.forEach(
        (k, v) -> {
          key.set(MemorySegment.ofArray(k), 0, k.length);
          MemorySegment.copy(v, 0, value, BYTE, 0, v.length);
          builder.add(key, value, 0, v.length);
        });
    long root = builder.finish();
    meta.catalog(root, root == 0 ? 0 : draft.txn);
    meta.tables(tables);
    meta.nextTableId(tables + 1);
    meta.catalogChange(draft.txn);
    draft.finish(meta);
  }

  /** Adds the entries of a leaf to a table, as far as their runs are sound. */
  private void addLeaf(MemorySegment leaf, TreeBuilder table, String name) {
    int count = Node.count(leaf, 0);
    for (int i = 0; i < count; i++) {
      long slot = Node.slot(leaf, 0, i);
      if (!loadKey(leaf, slot, name) || !table.isNext(key)) {
        lostEntries++;
        problem(Node.number(leaf, 0), name, "entry " + i + " is lost");
        continue;
      }
      long at = Node.value(leaf, 0, slot);
      if (!Node.isValueInRun(leaf, 0, slot)) {
        table.add(key, leaf, at, Node.valueBytes(leaf, 0, slot));
        continue;
      }
      try (Mapping run = run(leaf, at, Node.VALUE_RUN, name)) {
        if (run == null) {
          lostEntries++;
          continue;
        }
        table.add(key, run.segment(), Node.CONTENT, run.segment().byteSize() - Node.CONTENT);
      }
    }
  }

  private boolean loadKey(MemorySegment leaf, long slot, String name) {
    if (!Node.isLong(slot)) {
      key.set(leaf, Node.key(leaf, 0, slot), Node.keyBytes(slot));
      return true;
    }
    long at = Node.keyRun(leaf, 0, slot);
    long length = leaf.get(LE_LONG_UNALIGNED, at + 16);
    if (length < 0 || length > Key.MAX_BYTES) {
      return false;
    }
    try (Mapping run = run(leaf, at, Node.KEY_RUN, name)) {
      if (run != null) {
        key.set(run.segment(), Node.CONTENT, (int) length);
      }
      return run != null;
    }
  }

  /** Maps the run that a reference means, null if it is damaged or was met before. */
  private @Nullable Mapping run(MemorySegment leaf, long at, int kind, String name) {
    long page = leaf.get(LE_LONG_UNALIGNED, at);
    long birth = leaf.get(LE_LONG_UNALIGNED, at + 8);
    long length = leaf.get(LE_LONG_UNALIGNED, at + 16);
    long count = file.runPages(page, length);
    Mapping run = count == 0 || pages.isMet(page) ? null : file.run(page, birth, kind, length);
    if (run == null) {
      damaged(page, name, "is not the run of " + length + " bytes that is meant");
    } else {
      pages.meet(page, count);
      pages.tell(count);
    }
    return run;
  }
}
