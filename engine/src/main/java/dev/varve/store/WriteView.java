// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The view of the writer: the last commit, and what the transaction has changed. */
final class WriteView extends View {
  private static final long MANY_WAITING = 256;
  private static final long LOOK_NANOS = 100_000_000;

  private TreeWriter writer;
  private TreeLoader loader;
  private FreeSpace free;
  private final Meta committed = new Meta();
  private final TableState catalog = new TableState();
  private final TableState evicted = new TableState();
  private final Key catalogKey = new Key();
  private final List<Savepoint> savepoints = new ArrayList<>();
  private final List<Cursor> cursors = new ArrayList<>();

  /** Who is told how the transaction ends. */
  private final List<Settling> settling = new ArrayList<>();

  private long[] needed = new long[64];

  /** What is changed, for the redo log. */
  final RedoOperations operations = new RedoOperations();

  private int lastSavepoint;
  private long lastLook;
  private long lastEnd;

  /** The txn of the commit that the transaction began from. */
  private long before;

  /** The txn whose free space and meta this knows; 0 when it must look anew. */
  private long known;

  private boolean isActive;
  private boolean isChanged;

  /** How many entries were put and removed, and for how long the transaction waited to begin. */
  private long entriesChanged;

  long turnWaitNanos;

  /** Whether staged pages became free at the beginning. */
  private boolean hasFreedStaged;

  /** What ended a change in the middle, if one did: then only a rollback helps. */
  private boolean isBroken;

  /** Whether a source of entries is asked for them, which must not use the transaction. */
  private boolean isLoading;

  /** What is restored when a nested transaction is rolled back. */
  private record Savepoint(
      int number,
      int mark,
      int operations,
      long written,
      long entriesChanged,
      int settling,
      Meta meta,
      TableState catalog,
      List<TableState> states,
      boolean changed) {}

  WriteView(Handle handle, Generation generation) {
    this(handle, generation, new FreeSpace(generation.file, handle.path.toString()));
  }

  private WriteView(Handle handle, Generation generation, FreeSpace free) {
    super(handle, generation, new TreeWriter(generation.file, generation.verifier, free.pages));
    this.writer = (TreeWriter) tree;
    this.loader = new TreeLoader(writer, new LoadedPages(generation.file, free));
    this.free = free;
  }

  /** Goes over to the file that a compaction has put in the place of the former one. */
  private void use(Generation now) {
    generation = now;
    free = new FreeSpace(now.file, handle.path.toString());
    writer = new TreeWriter(now.file, now.verifier, free.pages);
    loader = new TreeLoader(writer, new LoadedPages(now.file, free));
    tree = writer;
  }

  /** Begins a transaction; the handle has the writer's turn. */
  void begin() {
    long last = handle.shared.published();
    long knew = known;
    known = 0; // until all has succeeded
    if (knew != last) {
      if (!handle.shared.copyRing(last, committed)) {
        throw handle.corruptRing(last);
      }
      Generation now = handle.generation(committed);
      if (now == null) {
        throw handle.corruptRing(last);
      }
      if (now != generation) {
        use(now);
      }
      now.file.map(committed.pageCount());
      now.file.mapLog(committed);
      free.load(committed);
    }
    lookForTheDead();
    before = last;
    lookForLongReaders();
    long txn = Txn.next(last);
    meta.copyFrom(committed);
    meta.unreplayed(0);
    free.begin(txn, needed, collect());
    handle.staging.begin();
    hasFreedStaged = free.stages.freeOver(handle.staging);
    known = last;
    meta.txn(txn);
    catalog.clear();
    catalog.set(meta.catalogRoot(), meta.catalogBirth());
    lastSavepoint = 0;
    isChanged = false;
    isBroken = false;
    isLoading = false;
    isActive = true;
    writer.begin(txn, 0);
    writer.written(0);
    entriesChanged = 0;
  }

  /** Frees what dead handles hold back, if much is held back; looks ten times a second at most. */
  private void lookForTheDead() {
    if (free.sets.waiting.pages() > MANY_WAITING || free.stages.hasOthers(handle.slots.owner())) {
      long now = handle.storage.nanoTime();
      if (now - lastLook > LOOK_NANOS) {
        lastLook = now;
        handle.slots.owners().reclaim();
        handle.longReaders.look(now);
      }
    }
  }

  /** Ends snapshots that hold back pages for longer than the limit, if there is one. */
  private void lookForLongReaders() {
    Duration limit = handle.options.readerLimit();
    if (!limit.isZero()) {
      long now = handle.storage.nanoTime();
      if (now - lastEnd > Math.min(LOOK_NANOS, limit.toNanos() / 8)) {
        lastEnd = now;
        handle.longReaders.end(now, limit);
      }
    }
  }

  /** Whether a transaction has begun and not ended. */
  boolean isActive() {
    return isActive;
  }

  /** Returns the txn of the commit that the transaction began from. */
  long before() {
    return before;
  }

  private int collect() {
    while (true) {
      try {
        return handle.slots.collect(needed);
      } catch (IllegalArgumentException e) {
        needed = new long[2 * needed.length];
      }
    }
  }

  /**
   * Publishes what was changed.
   *
   * @return the txn, or 0 if nothing was changed
   */
  long commit() {
    checkWhole();
    if (!isChanged) {
      abort();
      return 0;
    }
    try {
      flushTables();
      meta.catalog(catalog.root, catalog.birth);
      free.commit(meta);
      handle.checkWriter();
    } catch (Throwable e) {
      abort();
      throw e;
    }
    try {
      handle.shared.publish(meta);
    } catch (Throwable e) {
      handle.poison(e);
      throw e;
    }
    known = 0;
    free.committed();
    committed.copyFrom(meta);
    known = meta.txn();
    Counters.add(handle.counters.commits, 1);
    Counters.add(handle.counters.pagesWritten, writer.written());
    end();
    handle.staging.committed();
    settle(0, true);
    return meta.txn();
  }

  /** Returns how many pages the transaction has written for tables, or the last one did. */
  long pagesWritten() {
    return writer.written();
  }

  /** Returns how many entries the transaction has put and removed, or the last one did. */
  long entriesChanged() {
    return entriesChanged;
  }

  /** Whether the transaction that was committed last shall be synced, since the disk is full. */
  boolean usedReserve() {
    return free.pages.usedReserve();
  }

  /** Undoes everything. */
  void abort() {
    settle(0, false);
    end();
    free.abort();
  }

  private void end() {
    isActive = false;
    Counters.add(handle.counters.pagesCopied, writer.copiedSince());
    forget(0);
    savepoints.clear();
    numbers.clear();
    cursors.clear();
  }

  // Savepoints.

  /** Begins a nested transaction. */
  void push() {
    checkWhole();
    List<TableState> copies = new ArrayList<>();
    for (TableState state : states) {
      TableState copy = new TableState();
      copy.copyFrom(state);
      copies.add(copy);
    }
    Meta metaCopy = new Meta();
    metaCopy.copyFrom(meta);
    TableState catalogCopy = new TableState();
    catalogCopy.copyFrom(catalog);
    savepoints.add(
        new Savepoint(
            current(),
            free.undo.mark(),
            operations.mark(),
            writer.written(),
            entriesChanged,
            settling.size(),
            metaCopy,
            catalogCopy,
            copies,
            isChanged));
    writer.begin(meta.txn(), ++lastSavepoint);
    numbers.add(lastSavepoint);
  }

  /** The numbers of the savepoints that are open, innermost last. */
  private final List<Integer> numbers = new ArrayList<>();

  private int current() {
    return numbers.isEmpty() ? 0 : numbers.getLast();
  }

  /** Ends a nested transaction and keeps what it did. */
  void release() {
    checkWhole();
    Savepoint savepoint = pop();
    writer.begin(meta.txn(), savepoint.number);
  }

  /** Ends a nested transaction and undoes what it did. */
  void rollback() {
    parkCursors();
    Savepoint savepoint = pop();
    free.undo.rollback(savepoint.mark);
    operations.rollback(savepoint.operations);
    writer.written(savepoint.written);
    entriesChanged = savepoint.entriesChanged;
    settle(savepoint.settling, false);
    meta.copyFrom(savepoint.meta);
    catalog.copyFrom(savepoint.catalog);
    forget(0);
    for (TableState state : savepoint.states) {
      if (state.table != null) {
        add(state.table, state.id).copyFrom(state);
      }
    }
    isChanged = savepoint.changed;
    isBroken = false;
    writer.begin(meta.txn(), savepoint.number);
  }

  private Savepoint pop() {
    numbers.removeLast();
    return savepoints.removeLast();
  }

  /** Throws if a change ended in the middle: then only a rollback helps. */
  void checkWhole() {
    checkNotLoading();
    if (isBroken) {
      throw new IllegalStateException(
          "a change of this transaction ended in an exception; roll the transaction back, or the"
              + " nested one that it was made in");
    }
  }

  /** Throws if a source of entries is at work. */
  void checkNotLoading() {
    if (isLoading) {
      throw new IllegalStateException(
          "a source of entries used the transaction that loads them; let it read through a"
              + " transaction of its own");
    }
  }

  @Override
  boolean isCatalogOurs() {
    return meta.catalogChange() == meta.txn();
  }

  @Override
  void done() {}

  @Override
  RuntimeException failed(Throwable thrown) {
    return handle.failed(thrown);
  }

  // Changes.

  private void beginChange() {
    free.pages.keepReserve();
    beginFreeing();
  }

  /** Begins a change that only frees. */
  private void beginFreeing() {
    checkWhole();
    parkCursors();
    changes++;
    isBroken = true;
  }

  private void endChange() {
    isChanged = true;
    isBroken = false;
  }

  /** Returns a table to change, which is created if there is none of that name. */
  TableState tableForWriting(ByteTable table) {
    TableState state = table(table);
    return state == null ? create(table) : state;
  }

  TableState create(ByteTable table) {
    beginChange();
    long id = meta.nextTableId();
    Key name = name(table.nameBytes());
    writer.put(catalog, name, 8);
    writer.valueSegment().set(LE_LONG_UNALIGNED, writer.valueOffset(), id);
    TableState state = add(table, id);
    state.isChanged = true;
    putRecord(state);
    meta.nextTableId(id + 1);
    meta.tables(meta.tables() + 1);
    catalogChanged();
    operations.create(table);
    endChange();
    return state;
  }

  /** Writes the record of a table into the catalog. */
  private void putRecord(TableState state) {
    writer.put(catalog, Catalog.recordKey(state.id, catalogKey), Meta.TABLE_BYTES);
    state.write(writer.valueSegment(), writer.valueOffset());
  }

  private void catalogChanged() {
    meta.catalog(catalog.root, catalog.birth);
    meta.catalogChange(meta.txn());
  }

  /** Removes a table. */
  void drop(TableState state) {
    beginFreeing();
    long id = state.id;
    ByteTable table = state.table;
    entriesChanged += state.entries;
    writer.dropAll(state);
    writer.delete(catalog, Catalog.recordKey(id, catalogKey));
    if (table != null) {
      writer.delete(catalog, name(table.nameBytes()));
    }
    states.remove(state);
    meta.remove(id);
    meta.tables(meta.tables() - 1);
    catalogChanged();
    operations.drop(table);
    endChange();
  }

  /** Removes all entries of a table. */
  void clear(TableState state) {
    beginFreeing();
    entriesChanged += state.entries;
    writer.dropAll(state);
    state.isChanged = true;
    operations.clear(state.table);
    endChange();
  }

  /** Puts an entry of {@link #key}, whose value the caller writes to where it is located. */
  boolean put(TableState state, long bytes) {
    beginChange();
    boolean had = writer.put(state, key, bytes);
    entriesChanged++;
    valueSegment = writer.valueSegment();
    valueOffset = writer.valueOffset();
    valueBytes = bytes;
    state.isChanged = true;
    operations.put(state.table, key, bytes);
    return had;
  }

  // Stages.

  /** Makes the file a step longer, if there is no run for a stage. Returns whether there is. */
  boolean growTowards(long count, long step) {
    beginChange();
    boolean isThere = free.growth.growTowards(count, step);
    endChange();
    return isThere;
  }

  /** Takes a run for a stage. */
  StagedRun stage(long count) {
    beginChange();
    long page = free.pages.take(count);
    free.stages.stage(page, count, handle.slots.owner());
    endChange();
    return new StagedRun(page, count, meta.txn());
  }

  /** Takes more pages behind a staged run. Returns the longer run, or null if they are not free. */
  @Nullable StagedRun extend(StagedRun run, long more) {
    beginChange();
    boolean longer = free.pages.takeBehind(run.page(), run.count(), more);
    if (longer) {
      unstage(run);
      free.stages.stage(run.page(), run.count() + more, handle.slots.owner());
    }
    endChange();
    return longer ? new StagedRun(run.page(), run.count() + more, meta.txn()) : null;
  }

  private void unstage(StagedRun run) {
    if (!free.stages.unstage(run.page(), run.count(), handle.slots.owner(), run.txn())) {
      throw handle.slots.lost();
    }
  }

  /** Has the transaction, which has freed stages, commit though it changes nothing else. */
  void keepFreedStaged() {
    isChanged |= hasFreedStaged;
  }

  /** Puts an entry of {@link #key}, whose value is that of a stage. */
  boolean attach(TableState state, StagedValue value) {
    beginChange();
    operations.giveUp();
    long bytes = value.byteSize();
    StagedRun run = value.runIn(generation);
    long page;
    if (run != null) {
      page = run.page();
      unstage(run);
      if (value.deadLeaders() != handle.shared.deadLeaders()) { // it may not be on the disk
        value.copyTo(generation.file, page);
      }
      writer.adoptRun(page, run.count(), bytes);
    } else { // the store was compacted since it was complete
      page = writer.takeRun(bytes);
      value.copyTo(generation.file, page);
      writer.initRun(
          writer.pages.segment(page), writer.pages.offset(page), page, Node.VALUE_RUN, bytes);
    }
    boolean had = writer.put(state, key, bytes, page);
    state.isChanged = true;
    endChange();
    return had;
  }

  /** Is told how a transaction ends. */
  @FunctionalInterface
  interface Settling {
    /** What was done up to now is published, or undone. */
    void settled(boolean forGood);
  }

  /** Has somebody told how the transaction ends, or the nested one that is open. */
  void whenSettled(Settling who) {
    settling.add(who);
  }

  private void settle(int from, boolean forGood) {
    while (settling.size() > from) {
      settling.removeLast().settled(forGood);
    }
  }

  // Puts.

  /** Says that the value of a put will be written until the next change. */
  void reserved() {
    operations.giveUp();
    endChange();
  }

  /** Says that the value of a put was written. */
  void putDone() {
    operations.value(valueSegment, valueOffset);
    endChange();
  }

  /**
   * Appends entries to a table, all or none.
   *
   * @return how many they were
   */
  long load(ByteTable table, EntrySource source) {
    push();
    long count;
    try {
      count = loadAll(tableForWriting(table), source);
    } catch (Throwable e) {
      rollback();
      throw e;
    }
    release();
    return count;
  }

  private long loadAll(TableState state, EntrySource source) {
    EntrySource.Entry entry = new EntrySource.Entry();
    beginChange();
    operations.giveUp();
    long count = 0;
    for (; next(source, entry); count++) {
      if (count == 0) {
        loader.begin(state);
      }
      loader.add(state, entry, count);
    }
    entriesChanged += count;
    if (count > 0) {
      loader.end(state);
      state.isChanged = true;
    }
    endChange();
    return count;
  }

  private boolean next(EntrySource source, EntrySource.Entry entry) {
    entry.clear();
    isLoading = true;
    boolean more;
    try {
      more = source.next(entry);
    } finally {
      isLoading = false;
    }
    if (more && !entry.isSet()) {
      throw new IllegalArgumentException(
          "a source of entries to be loaded must set key and value of each; set both, or return"
              + " false");
    }
    return more;
  }

  /** Removes the entries from {@link #key} on, up to an end that stays, null for none. */
  long deleteRange(TableState state, @Nullable Key end) {
    TreeCursor cursor = new TreeCursor(tree);
    long count = 0;
    while (cursor.ceiling(state.root, state.birth, key, true)) {
      tree.loadKey(cursor.segment(), cursor.offset(), cursor.index(), key);
      if (end != null && key.compareTo(end) >= 0) {
        break;
      }
      delete(state);
      count++;
    }
    return count;
  }

  boolean delete(TableState state) {
    beginFreeing();
    boolean had = writer.delete(state, key);
    if (had) {
      entriesChanged++;
      state.isChanged = true;
      operations.delete(state.table, key);
      endChange();
    } else {
      isBroken = false;
    }
    return had;
  }

  /** Puts the records of changed tables into the meta, those that do not fit into the catalog. */
  private void flushTables() {
    int kept = 0;
    for (int i = 0; i < states.size(); i++) {
      TableState state = states.get(i);
      if (state.isChanged) {
        int at = meta.find(state.id);
        if (at >= 0) {
          state.write(meta.segment, at);
          state.isChanged = false;
        } else {
          kept++;
        }
      }
    }
    if (kept == 0) {
      return;
    }
    for (int i = 0; i < states.size(); i++) {
      TableState state = states.get(i);
      if (state.isChanged) {
        if (meta.records() == Meta.MAX_TABLES) {
          evicted.read(meta.segment, Meta.record(0));
          putRecord(evicted);
          meta.remove(evicted.id);
        }
        int at = Meta.record(meta.records());
        state.write(meta.segment, at);
        meta.records(meta.records() + 1);
        state.isChanged = false;
      }
    }
  }

  // Cursors, which stay where they are when the tree changes.

  void opened(Cursor cursor) {
    cursors.add(cursor);
  }

  void closed(Cursor cursor) {
    cursors.remove(cursor);
  }

  private void parkCursors() {
    for (int i = 0; i < cursors.size(); i++) {
      cursors.get(i).park();
    }
  }
}
