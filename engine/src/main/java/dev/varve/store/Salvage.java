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
import java.util.BitSet;
import java.util.HashMap;
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
  private static final int STEP = 4096;

  private final Storage storage;
  private final DamagedFile file;
  private final StoreCheck.Progress progress;
  private final List<StoreCheck.Finding> findings = new ArrayList<>();
  private final List<StoreSalvage.SavedTable> saved = new ArrayList<>();
  private long problems;
  private long damagedPages;
  private long savedEntries;
  private long lostEntries;
  private long read;

  /** Pages that were met, and those that hold nothing of the last state. */
  private final BitSet met = new BitSet();

  private final BitSet free = new BitSet();

  /** A page for each level that is being walked. */
  private final List<MemorySegment> buffers = new ArrayList<>();

  private final Key key = new Key();
  private final Map<Long, TableState> records = new TreeMap<>();
  private final Map<Long, String> names = new TreeMap<>();

  /** The births of the leaves that records and names are from, where these were searched for. */
  private final Map<Object, Long> births = new HashMap<>();

  /** Gets the leaves of a walk. */
  private interface LeafVisitor {
    void leaf(MemorySegment leaf);
  }

  private Salvage(Storage storage, StorageFile file, StoreCheck.Progress progress) {
    this.storage = storage;
    this.file = new DamagedFile(file);
    this.progress = progress;
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
    whole &= meta != null && catalog(meta);
    if (!whole) {
      searchCatalog();
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
    PageFile pages = new PageFile(file.file, file.pageShift);
    try {
      pages.map(meta.pageCount());
      pages.mapLog(meta);
      FreeLogReader reader = new FreeLogReader(pages, file.file.path().toString());
      reader.load(meta);
      reader.sets.forEachFree(
          (page, count, birth, freed) -> free.set((int) page, (int) (page + count)));
      reader.sets.forEachWaiting(
          (page, count, birth, freed) -> free.set((int) page, (int) (page + count)));
      reader.sets.forEachStaged(
          (page, count, birth, freed) -> free.set((int) page, (int) (page + count)));
      if (meta.logPage() != 0) {
        free.set((int) meta.logPage(), (int) (meta.logPage() + reader.log.pages));
      }
      return true;
    } catch (VarveException | InternalError e) {
      damaged(
          meta.logPage(), "free log", "it is not known which pages are free: " + e.getMessage());
      free.clear();
      return false;
    } finally {
      pages.unmap();
    }
  }

  /** Reads the catalog that a meta leads to; returns whether it was whole. */
  private boolean catalog(Meta meta) {
    boolean whole =
        walk(meta.catalogRoot(), meta.catalogBirth(), "catalog", leaf -> catalogLeaf(leaf, true));
    for (int i = 0; i < meta.records(); i++) {
      TableState state = new TableState();
      state.read(meta.segment, Meta.record(i));
      records.put(state.id, state);
    }
    return whole;
  }

  /** Takes over what a leaf of the catalog says; if that is not sure, what is newer than known. */
  private void catalogLeaf(MemorySegment leaf, boolean isSure) {
    int count = Node.count(leaf, 0);
    for (int i = 0; i < count; i++) {
      long value = Node.value(leaf, 0, Node.slot(leaf, 0, i));
      if (isRecord(leaf, i)) {
        TableState state = new TableState();
        state.read(leaf, value);
        if (isNewer(state.id, Node.birth(leaf, 0), isSure)) {
          records.put(state.id, state);
        }
      } else if (isName(leaf, i)) {
        long id = leaf.get(LE_LONG_UNALIGNED, value);
        if (isNewer("name " + id, Node.birth(leaf, 0), isSure)) {
          names.put(id, Catalog.name(key));
        }
      }
    }
  }

  /** Whether a node may be a leaf of the catalog. Leaves of tables may look the same. */
  private boolean isLikeCatalog(MemorySegment node) {
    boolean isLike = Node.level(node, 0) == 0;
    int count = Node.count(node, 0);
    for (int i = 0; isLike && i < count; i++) {
      isLike = isRecord(node, i) || isName(node, i);
    }
    return isLike;
  }

  private static boolean isRecord(MemorySegment leaf, int i) {
    long slot = Node.slot(leaf, 0, i);
    long at = Node.key(leaf, 0, slot);
    return !Node.isLong(slot)
        && !Node.isValueInRun(leaf, 0, slot)
        && Catalog.isRecord(leaf, at, Node.keyBytes(slot))
        && Node.valueBytes(leaf, 0, slot) == Meta.TABLE_BYTES
        && leaf.get(LE_LONG_UNALIGNED, Node.value(leaf, 0, slot))
            == Long.reverseBytes(leaf.get(LE_LONG_UNALIGNED, at + 1));
  }

  /** Whether an entry may be the name of a table, which then is the key. */
  private boolean isName(MemorySegment leaf, int i) {
    long slot = Node.slot(leaf, 0, i);
    long at = Node.key(leaf, 0, slot);
    int bytes = Node.keyBytes(slot);
    boolean isLike =
        !Node.isLong(slot)
            && !Node.isValueInRun(leaf, 0, slot)
            && bytes > 1
            && bytes <= 1 + Catalog.MAX_NAME_BYTES
            && leaf.get(BYTE, at) == 1
            && Node.valueBytes(leaf, 0, slot) == 8;
    if (!isLike) {
      return false;
    }
    key.set(leaf, at, bytes);
    byte[] name = Catalog.name(key).getBytes(StandardCharsets.UTF_8);
    return MemorySegment.mismatch(
            MemorySegment.ofArray(name), 0, name.length, leaf, at + 1, at + bytes)
        < 0;
  }

  /** Whether what was found is newer than what was known; what the meta leads to is the newest. */
  private boolean isNewer(Object what, long birth, boolean isSure) {
    Long known = births.get(what);
    if (isSure || known == null || Long.compareUnsigned(known, birth) < 0) {
      births.put(what, isSure ? -1L : birth);
      return true;
    }
    return false;
  }

  /** Searches for leaves of the catalog that nothing leads to. */
  private void searchCatalog() {
    MemorySegment buffer = file.newBuffer();
    for (long page = FreeSpace.FIRST_PAGE; page < file.pageCount; page++) {
      if (isStray(page) && file.isNode(page, buffer) && isLikeCatalog(buffer)) {
        catalogLeaf(buffer, false);
      }
    }
    // A table whose record is from an older state may have its root elsewhere by now.
    records
        .values()
        .removeIf(
            state ->
                state.root != 0
                    && births.getOrDefault(state.id, -1L) != -1
                    && !isAt(state, buffer));
  }

  private boolean isAt(TableState state, MemorySegment buffer) {
    return file.isNode(state.root, buffer) && Node.birth(buffer, 0) == state.birth;
  }

  private boolean isStray(long page) {
    return !met.get((int) page) && !free.get((int) page);
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
    if (page >= 0 && page < file.pageCount && met.get((int) page)) {
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
    met.set((int) page);
    tell(1);
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

  private void tell(long pages) {
    long before = read / STEP;
    read += pages;
    if (read / STEP != before) {
      progress.at(Math.min(read, file.pageCount), file.pageCount);
    }
  }

  // Copying.

  /** Copies all that can be saved. Returns how many leaves were found that nothing leads to. */
  private long copy(Draft draft, Meta result) {
    NavigableMap<byte[], byte[]> catalog = new TreeMap<>(Arrays::compareUnsigned);
    boolean whole = true;
    long id = 0;
    for (Map.Entry<Long, String> name : names.entrySet()) {
      if (!records.containsKey(name.getKey())) {
        problem(0, "table " + name.getValue(), "it is not known where its entries are");
        whole = false;
      }
    }
    for (TableState state : records.values()) {
      String known = names.get(state.id);
      String name = known == null ? LOST + "table " + state.id : known;
      if (known == null) {
        problem(0, name, "the name is lost");
      }
      TreeBuilder table = new TreeBuilder(draft);
      whole &= walk(state.root, state.birth, "table " + name, leaf -> addLeaf(leaf, table, name));
      add(catalog, ++id, name, table, draft, state.entries);
    }
    long stray = 0;
    if (!whole || problems > 0) {
      int number = 0;
      int catalogs = 0;
      for (NavigableMap<byte[], Stray> group : strays()) {
        boolean isCatalog = group.firstEntry().getValue().isCatalog;
        String name = LOST + (isCatalog ? "catalog " + ++catalogs : Integer.toString(++number));
        TreeBuilder table = new TreeBuilder(draft);
        for (Stray leaf : group.values()) {
          for (long page : leaf.pages) {
            MemorySegment buffer = file.newBuffer();
            if (file.isNode(page, buffer)) {
              addLeaf(buffer, table, name);
              stray++;
            }
          }
        }
        add(catalog, ++id, name, table, draft, -1);
      }
    }
    finish(draft, result, catalog, id);
    return stray;
  }

  private void add(
      NavigableMap<byte[], byte[]> catalog,
      long id,
      String wanted,
      TreeBuilder table,
      Draft draft,
      long expected) {
    String name = wanted;
    for (int i = 0; catalog.containsKey(nameKey(name)); i++) {
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
    catalog.put(bytes(Catalog.recordKey(id, key)), record);
    byte[] value = new byte[8];
    MemorySegment.ofArray(value).set(LE_LONG_UNALIGNED, 0, id);
    catalog.put(nameKey(name), value);
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

  private void finish(Draft draft, Meta meta, NavigableMap<byte[], byte[]> catalog, long tables) {
    TreeBuilder builder = new TreeBuilder(draft);
    MemorySegment value = Arena.ofAuto().allocate(Meta.TABLE_BYTES, 8);
    catalog.forEach(
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
    Mapping run = count == 0 || met.get((int) page) ? null : file.run(page, birth, kind, length);
    if (run == null) {
      damaged(page, name, "is not the run of " + length + " bytes that is meant");
    } else {
      met.set((int) page, (int) (page + count));
      tell(count);
    }
    return run;
  }

  // Leaves that nothing leads to.

  /** Leaves of one table, which follow each other: those below a branch, or one alone. */
  private static final class Stray {
    final long birth;
    final List<Long> pages;
    final byte[] first;
    final byte[] last;
    final boolean isCatalog;

    Stray(long birth, List<Long> pages, byte[] first, byte[] last, boolean isCatalog) {
      this.birth = birth;
      this.pages = pages;
      this.first = first;
      this.last = last;
      this.isCatalog = isCatalog;
    }
  }

  /**
   * Finds leaves that nothing leads to, in groups whose keys do not overlap, the newest first: so
   * that no entry takes the place of another one, and the first group has what was written last.
   */
  private List<NavigableMap<byte[], Stray>> strays() {
    List<Stray> found = new ArrayList<>();
    List<Long> branches = new ArrayList<>();
    List<Long> leaves = new ArrayList<>();
    MemorySegment buffer = file.newBuffer();
    for (long page = FreeSpace.FIRST_PAGE; page < file.pageCount; page++) {
      if (isStray(page) && file.isNode(page, buffer)) {
        (Node.level(buffer, 0) == 1 ? branches : leaves).add(page);
        if (Node.level(buffer, 0) > 1) {
          leaves.removeLast();
        }
      }
      tell(1);
    }
    for (long page : branches) {
      if (file.isNode(page, buffer)) {
        stray(buffer, found);
      }
    }
    for (long page : leaves) {
      if (isStray(page) && file.isNode(page, buffer)) {
        met.set((int) page);
        add(Node.birth(buffer, 0), new ArrayList<>(List.of(page)), found);
      }
    }
    found.sort((a, b) -> Long.compareUnsigned(b.birth, a.birth));
    List<NavigableMap<byte[], Stray>> groups = new ArrayList<>();
    for (Stray stray : found) {
      int group = 0;
      while (group < groups.size() && overlaps(groups.get(group), stray)) {
        group++;
      }
      if (group == groups.size()) {
        groups.add(new TreeMap<>(Arrays::compareUnsigned));
      }
      groups.get(group).put(stray.first, stray);
    }
    return groups;
  }

  /** Takes the leaves below a branch that nothing else has. */
  private void stray(MemorySegment branch, List<Stray> found) {
    List<Long> pages = new ArrayList<>();
    long birth = Node.birth(branch, 0);
    MemorySegment child = file.newBuffer();
    for (int i = 0; i < Node.count(branch, 0); i++) {
      long page = Node.child(branch, 0, i);
      if (page >= FreeSpace.FIRST_PAGE
          && page < file.pageCount
          && isStray(page)
          && file.isNode(page, child)
          && Node.level(child, 0) == 0
          && Node.birth(child, 0) == Node.childBirth(branch, 0, i)) {
        met.set((int) page);
        pages.add(page);
      }
    }
    if (!pages.isEmpty()) {
      add(birth, pages, found);
    }
  }

  private void add(long birth, List<Long> pages, List<Stray> found) {
    MemorySegment leaf = file.newBuffer();
    byte[] first = {};
    byte[] last = {};
    if (file.isNode(pages.getFirst(), leaf)) {
      first = part(leaf, 0);
    }
    if (file.isNode(pages.getLast(), leaf)) {
      // A long key is known by its first bytes only: what begins like it counts as overlapping.
      int at = Node.count(leaf, 0) - 1;
      last = part(leaf, at);
      if (Node.isLong(Node.slot(leaf, 0, at))) {
        last = Arrays.copyOf(last, last.length + 8);
        Arrays.fill(last, last.length - 8, last.length, (byte) -1);
      }
    }
    boolean isCatalog = true;
    for (long page : pages) {
      isCatalog &= file.isNode(page, leaf) && isLikeCatalog(leaf);
    }
    found.add(new Stray(birth, pages, first, last, isCatalog));
  }

  private static byte[] part(MemorySegment leaf, int i) {
    long slot = Node.slot(leaf, 0, i);
    byte[] bytes = new byte[Node.keyBytes(slot)];
    MemorySegment.copy(leaf, BYTE, Node.key(leaf, 0, slot), bytes, 0, bytes.length);
    return bytes;
  }

  private static boolean overlaps(NavigableMap<byte[], Stray> group, Stray stray) {
    if (group.firstEntry().getValue().isCatalog != stray.isCatalog) {
      return true;
    }
    Map.Entry<byte[], Stray> before = group.floorEntry(stray.last);
    return before != null && Arrays.compareUnsigned(before.getValue().last, stray.first) >= 0;
  }
}
