// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.codec.KeyCodec;
import dev.varve.codec.ValueCodec;
import dev.varve.file.Durability;
import dev.varve.file.Storage;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A transactional store: named ordered tables in one file, which any number of threads and
 * processes use at the same time.
 *
 * <p>A transaction that reads sees one snapshot of all tables, for as long as it lasts; it waits
 * for nobody and nobody waits for it. One transaction writes at a time, of all threads and
 * processes; the others wait for their turn, up to a timeout. What it did is seen all at once when
 * it has committed, or not at all.
 *
 * {@snippet :
 * try (Store store = Store.open(Path.of("data.varve"))) {
 *   Table<String, Long> visits = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
 *   store.write(tx -> visits.put(tx, "home", 1L));
 *   long count = store.read(tx -> visits.get(tx, "home"));
 * }
 * }
 *
 * <p><b>Files.</b> {@code NAME} is the store; {@code NAME-shm} and {@code NAME-lock} beside it
 * belong to the processes that have it open. So does {@code NAME-log}, which commits with {@link
 * Durability#SYNC} make and the last close deletes; after a crash it belongs to the store. A store
 * that was closed by all may be copied or moved alone.
 *
 * <p><b>What commits survive</b> says {@link Durability}: always the death of the process.
 *
 * <p><b>Threads.</b> A store may be used by any number of them, a transaction and its cursors only
 * by the one that began it.
 *
 * <p><b>Closing.</b> Transactions that are open fail with {@link dev.varve.ClosedException} at
 * their next call; the last one to end lets go of the files.
 */
public final class Store implements AutoCloseable {
  private final Handle handle;
  private boolean closed;

  private Store(Handle handle) {
    this.handle = handle;
  }

  /**
   * Opens a store, or creates it.
   *
   * @param path its file
   * @return the store, which the caller closes
   * @throws dev.varve.VarveException as {@link #open(Path, StoreOptions)} does
   */
  public static Store open(Path path) {
    return open(path, StoreOptions.DEFAULT);
  }

  /**
   * Opens a store.
   *
   * @param path its file
   * @param options how
   * @return the store, which the caller closes
   * @throws dev.varve.NotFoundException if it is missing, and must not be or its directory is, too
   * @throws dev.varve.CorruptionException if the file is no store, or damaged
   * @throws dev.varve.FormatVersionException if it is of another format version, page size, kind of
   *     checksum or byte order than this release knows
   * @throws dev.varve.BusyException if all slots are in use, or another handle opens or closes for
   *     longer than the timeout
   * @throws dev.varve.RecoveryNeededException if it is to be opened for reading only, and was not
   *     closed by all, or was moved or copied; open it for writing once, and close it
   * @throws dev.varve.ConflictException if others have it open, and its file or those beside it are
   *     not the ones that they opened
   * @throws dev.varve.PoisonedException if other handles have it open and a sync of theirs failed
   * @throws dev.varve.UnavailableException if it is on a network file system, and that is not
   *     {@linkplain StoreOptions#allowNetworkFileSystem allowed}
   * @throws dev.varve.FullException if there is no space for the files
   * @throws dev.varve.StorageException if the operating system refuses, or fails
   */
  public static Store open(Path path, StoreOptions options) {
    Objects.requireNonNull(path, "path");
    Objects.requireNonNull(options, "options");
    return open(Storage.real(), path, options);
  }

  static Store open(Storage storage, Path path, StoreOptions options) {
    return new Store(new Opening(storage, path, options).open());
  }

  /**
   * Saves what a damaged store still holds into a new one. The damaged file is only read; nobody
   * may have it open.
   *
   * <p>What the last synced state leads to keeps its table; what is damaged is left out. If
   * something was in the way, entries are searched for whose table is not known, in pages that
   * nothing leads to and that are not known to be free: they are in tables {@code lost+found/1} and
   * so on, those that were written last in the first, and may be older than those which were saved
   * by name, or deleted. Nothing is saved that has not a right checksum; so commits that no sync
   * covered are lost. It takes as long as reading all of the file, twice.
   *
   * @param damaged the file of the store
   * @param target the new file, which must not exist, in a directory that does
   * @return what was saved, and what was lost
   * @throws dev.varve.NotFoundException if the damaged file is missing, or the directory of the new
   *     one
   * @throws dev.varve.ConflictException if there is a file of the new name, or the store is open
   * @throws dev.varve.FormatVersionException if the damaged file is of another format version
   * @throws dev.varve.FullException if there is no space for the new file
   * @throws dev.varve.StorageException if the new file cannot be written
   */
  public static StoreSalvage salvage(Path damaged, Path target) {
    return salvage(damaged, target, (pages, total) -> {});
  }

  /**
   * Saves what a damaged store still holds, as {@link #salvage(Path, Path)} does.
   *
   * @param damaged the file of the store
   * @param target the new file, which must not exist, in a directory that does
   * @param progress is told how far it has come
   * @return what was saved, and what was lost
   */
  public static StoreSalvage salvage(Path damaged, Path target, StoreCheck.Progress progress) {
    Objects.requireNonNull(damaged, "damaged");
    Objects.requireNonNull(target, "target");
    return Salvage.run(
        Storage.real(), damaged, target, Objects.requireNonNull(progress, "progress"));
  }

  // Reading.

  /**
   * Begins to read the last commit.
   *
   * @return a transaction, which the caller closes
   * @throws dev.varve.BusyException if there are too many snapshots, in all processes
   */
  public ReadTransaction beginRead() {
    return new ReadTransaction(handle, handle.beginRead(false));
  }

  /**
   * Begins to read what survives power loss: at least all commits with {@link Durability#SYNC} that
   * have returned. Where other commits came after these, it may make them durable, too, and wait
   * for that.
   *
   * @return a transaction, which the caller closes
   * @throws dev.varve.BusyException if there are too many snapshots, in all processes; or a sync
   *     lasts for longer than the timeout; or one is needed, and the store was opened for reading
   *     only
   * @throws dev.varve.StorageException if the sync failed; the store is poisoned then
   */
  public ReadTransaction beginReadDurable() {
    return new ReadTransaction(handle, handle.beginRead(true));
  }

  /**
   * Reads the last commit.
   *
   * @param <R> the type of the result
   * @param reading what to do
   * @return what it returns
   */
  public <R extends @Nullable Object> R read(
      Function<? super ReadTransaction, ? extends R> reading) {
    Objects.requireNonNull(reading, "reading");
    try (ReadTransaction transaction = beginRead()) {
      return reading.apply(transaction);
    }
  }

  // Writing.

  /**
   * Begins a transaction that writes, with the durability of the store. On a thread that has one
   * open it is nested: its commit is one into the outer transaction.
   *
   * @return a transaction, which the caller commits and closes
   * @throws dev.varve.BusyException if another one writes for longer than the timeout
   */
  public WriteTransaction beginWrite() {
    return beginWrite(handle.options.durability());
  }

  /**
   * Begins a transaction that writes.
   *
   * @param durability what its commit survives; of a nested one it means nothing
   * @return a transaction, which the caller commits and closes
   * @throws dev.varve.BusyException if another one writes for longer than the timeout
   */
  public WriteTransaction beginWrite(Durability durability) {
    Objects.requireNonNull(durability, "durability");
    return WriteTransaction.begin(handle, durability);
  }

  /**
   * Writes, and commits unless an exception is thrown.
   *
   * @param writing what to do
   */
  public void write(Consumer<? super WriteTransaction> writing) {
    Objects.requireNonNull(writing, "writing");
    try (WriteTransaction transaction = beginWrite()) {
      writing.accept(transaction);
      transaction.commit();
    }
  }

  /**
   * Writes and returns something, and commits unless an exception is thrown.
   *
   * @param <R> the type of the result
   * @param writing what to do
   * @return what it returns
   */
  public <R extends @Nullable Object> R compute(
      Function<? super WriteTransaction, ? extends R> writing) {
    Objects.requireNonNull(writing, "writing");
    try (WriteTransaction transaction = beginWrite()) {
      R result = writing.apply(transaction);
      transaction.commit();
      return result;
    }
  }

  /**
   * Begins a value whose size is not known, to be written piece by piece while others commit, and
   * put into a table at once.
   *
   * @return the value, which the caller closes
   * @throws IllegalStateException if the store was opened for reading only, or this thread has a
   *     transaction open that writes
   */
  public StagedValue stage() {
    return stage(StagedValue.UNKNOWN, StagedValue.BUFFER_BYTES);
  }

  /**
   * Begins a value of a known size, as {@link #stage()} does. All its space is taken now.
   *
   * @param byteSize how many bytes it shall have, 0 to 2^40
   * @return the value, which the caller closes
   * @throws IllegalStateException if the store was opened for reading only, or this thread has a
   *     transaction open that writes
   * @throws dev.varve.FullException if there is no space for it
   * @throws dev.varve.BusyException if another transaction writes for longer than the timeout
   */
  public StagedValue stage(long byteSize) {
    ByteTable.checkValue(byteSize);
    return stage(byteSize, StagedValue.BUFFER_BYTES);
  }

  /** As above, and for tests with a smaller buffer, so that smaller values are in pages. */
  StagedValue stage(long byteSize, int bufferBytes) {
    return StagedValue.create(handle, byteSize, bufferBytes);
  }

  /**
   * Makes all commits up to now survive power loss. A store that was opened for reading only
   * cannot; it waits until others have.
   *
   * @throws dev.varve.BusyException if that, or a sync of others, lasts for longer than the timeout
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws dev.varve.StorageException if this one fails; the store is poisoned then
   */
  public void sync() {
    handle.checkOpen();
    if (!handle.tryRetain()) {
      handle.checkOpen();
      return;
    }
    try {
      if (handle.options.isReadOnly()) {
        handle.awaitDurable(handle.shared.published());
      } else {
        handle.syncer.sync(handle.shared.published(), handle.options.timeout());
      }
    } finally {
      handle.release();
    }
  }

  /**
   * Returns the open snapshots of all processes, those first that this store has seen hold back
   * pages for the longest time. Others begin and end meanwhile.
   *
   * @return what was seen, a copy
   */
  public List<StoreReader> readers() {
    handle.retainOpen();
    try {
      return handle.longReaders.list(handle.storage.nanoTime());
    } finally {
      handle.release();
    }
  }

  /**
   * Returns which processes have the store open. One that has died is among them until somebody has
   * noticed.
   *
   * @return process ids, ascending, each once
   */
  public List<Long> processes() {
    handle.retainOpen();
    try {
      return handle.processes();
    } finally {
      handle.release();
    }
  }

  /**
   * Returns what the store is and does now: its size and what is free, its commits and syncs, who
   * reads. Others read and write meanwhile, and none of them is slower for it.
   *
   * <p>It begins a snapshot and reads the log of the free pages and the list of the tables, whose
   * lengths it takes time and memory in proportion to; less than a millisecond for most stores.
   *
   * @return an immutable copy
   * @throws dev.varve.BusyException if there are too many snapshots, in all processes
   * @throws dev.varve.SnapshotLostException if the snapshot was held for too long
   * @throws dev.varve.PoisonedException if the store is poisoned
   * @throws dev.varve.CorruptionException if the log or the list is damaged
   */
  public StoreStatistics statistics() {
    handle.retainOpen();
    try {
      return Survey.of(handle);
    } finally {
      handle.release();
    }
  }

  /**
   * Checks the last commit: every page of the file, all keys and counts, and the checksums of what
   * was synced. Takes as long as reading all of it; others read and write meanwhile.
   *
   * @return what was found; damage is a finding and no exception
   * @throws dev.varve.BusyException if there are too many snapshots, in all processes
   * @throws dev.varve.SnapshotLostException if the snapshot was held for too long
   * @throws dev.varve.PoisonedException if the file cannot be read
   */
  public StoreCheck check() {
    return check((pages, total) -> {});
  }

  /**
   * Checks the last commit, as {@link #check()} does.
   *
   * @param progress is told how far it has come
   * @return what was found; damage is a finding and no exception
   */
  public StoreCheck check(StoreCheck.Progress progress) {
    return Checker.check(handle, Objects.requireNonNull(progress, "progress"));
  }

  /**
   * Writes the last commit into a new file, which is a store of its own: the same tables, entries
   * and number of the last commit, in as few pages as they need. Others read and write meanwhile;
   * what they replace takes space in this store until the backup is done. What is copied is checked
   * as far as it has checksums.
   *
   * <p>The file gets its name when it is whole and durable. A backup that fails, or is killed,
   * leaves none of that name; what a killed one leaves, {@code NAME-new}, the next one to that name
   * removes.
   *
   * @param target the file, which must not exist, in a directory that does
   * @throws dev.varve.ConflictException if there is a file of that name
   * @throws dev.varve.NotFoundException if its directory is missing
   * @throws dev.varve.FullException if there is no space for it
   * @throws dev.varve.StorageException if it cannot be written
   * @throws dev.varve.CorruptionException if a page is damaged; {@link #check()} tells more
   * @throws dev.varve.BusyException if there are too many snapshots, in all processes, or another
   *     backup to that name goes on for longer than the timeout
   * @throws dev.varve.SnapshotLostException if the snapshot was held for too long
   */
  public void backup(Path target) {
    backup(target, (pages, total) -> {});
  }

  /**
   * Writes the last commit into a new file, as {@link #backup(Path)} does.
   *
   * @param target the file, which must not exist, in a directory that does
   * @param progress is told how far it has come
   */
  public void backup(Path target, StoreCheck.Progress progress) {
    Objects.requireNonNull(target, "target");
    Backup.write(handle, target, Objects.requireNonNull(progress, "progress"));
  }

  /**
   * Gives space back: copies the last commit into a new file, without what is free, and puts it in
   * the place of the file of the store. Others, in this process and in others, read and write
   * meanwhile; at its end the last changes are brought over while nobody else can write, which is
   * short. Transactions that are open go on with the old file, whose space is free when the last
   * handle that has it open has begun another transaction and ended those from before.
   *
   * <p>For that time there must be room for both files. A compaction that fails, or is killed,
   * leaves the store as it was; what a killed one leaves, {@code NAME-new}, the next one removes.
   *
   * @throws IllegalStateException if the store was opened for reading only, or this thread has a
   *     transaction open that writes
   * @throws dev.varve.FullException if there is no space for the new file
   * @throws dev.varve.BusyException if the store is being compacted already, or another transaction
   *     writes, for longer than the timeout
   * @throws dev.varve.CorruptionException if a page is damaged; {@link #check()} tells more
   * @throws dev.varve.SnapshotLostException if the snapshot was held for too long
   * @throws dev.varve.PoisonedException if the store is poisoned
   * @throws dev.varve.ConflictException if the store was replaced by another file meanwhile
   * @throws dev.varve.NotFoundException if its file was deleted
   * @throws dev.varve.StorageException if the new file cannot be written or get its name
   * @throws dev.varve.UnavailableException on Windows
   */
  public void compact() {
    compact((pages, total) -> {});
  }

  /**
   * Gives space back, as {@link #compact()} does.
   *
   * @param progress is told how far it has come
   */
  public void compact(StoreCheck.Progress progress) {
    Compaction.run(handle, Objects.requireNonNull(progress, "progress"));
  }

  // Tables.

  /**
   * Returns a table of typed keys and values. Nothing is looked up: the table is created by the
   * first entry that is put into it, and reads as empty before.
   *
   * @param <K> the type of the keys
   * @param <V> the type of the values
   * @param name 1 to 255 bytes as UTF-8
   * @param keys encodes the keys, whose bytes give the order
   * @param values encodes the values
   * @return the table, for any transaction of this store
   */
  public <K, V> Table<K, V> table(String name, KeyCodec<K> keys, ValueCodec<V> values) {
    return new Table<>(table(name), keys, values);
  }

  /**
   * Returns a table of bytes.
   *
   * @param name 1 to 255 bytes as UTF-8
   * @return the table, for any transaction of this store
   */
  public ByteTable table(String name) {
    Objects.requireNonNull(name, "name");
    return new ByteTable(handle, name);
  }

  /**
   * Returns the path of the file.
   *
   * @return the path
   */
  public Path path() {
    return handle.path;
  }

  /**
   * Closes the store. Commits that no sync covers are synced. Closing again has no effect.
   *
   * @throws dev.varve.VarveException if the sync failed, this one or an earlier one; the store is
   *     closed nevertheless
   */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    handle.close();
  }

  /** Returns for example {@code store data.varve}. */
  @Override
  public String toString() {
    return handle.toString();
  }
}
