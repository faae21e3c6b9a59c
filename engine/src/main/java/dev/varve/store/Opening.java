// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.PoisonedException;
import dev.varve.RecoveryNeededException;
import dev.varve.StorageException;
import dev.varve.UnavailableException;
import dev.varve.file.FileAccess;
import dev.varve.file.Mapping;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Words;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Opens a store: creates it, joins those who have it open, or recovers it. */
final class Opening {
  private final Storage storage;
  private final Path path;
  private final StoreOptions options;
  private final Path sharedPath;
  private final Gate gate;
  private boolean isNew;
  private long cut;

  Opening(Storage storage, Path path, StoreOptions options) {
    this.storage = storage;
    this.path = storage.realPath(path);
    this.options = options;
    this.sharedPath = sibling("-shm");
    this.gate = new Gate(storage, sibling("-lock"), !options.isImmutable());
  }

  private Path sibling(String suffix) {
    return path.resolveSibling(path.getFileName() + suffix);
  }

  @SuppressWarnings("try") // the lock is held, not used
  Handle open() {
    if (!storage.exists(path) && options.mustExist()) {
      throw new NotFoundException(
          "store " + path + " does not exist, and is not to be created; check the path");
    }
    checkFileSystem();
    checkUnlocked();
    try (ProcessLock held = takeGate()) {
      if (!storage.exists(path) && !options.isImmutable()) {
        create();
      }
      FileAccess access = options.isReadOnly() ? FileAccess.READ : FileAccess.WRITE;
      StorageFile file = storage.open(path, access);
      try {
        return options.isImmutable() ? openImmutable(file) : open(file);
      } catch (InternalError e) {
        file.close();
        throw new StorageException(
            "store "
                + path
                + " cannot be opened: an access to its mapped file failed; look at the disk, and"
                + " whether somebody cut the file",
            e);
      } catch (Throwable e) {
        file.close();
        throw e;
      }
    }
  }

  /**
   * Refuses what is no store before a lock file is made beside it, which could not be deleted
   * again: others may be opening it. A store has its whole header from when it has its name.
   */
  private void checkUnlocked() {
    if (gate.isNeeded() && !storage.exists(gate.lockFile()) && storage.exists(path)) {
      try (StorageFile file = storage.open(path, FileAccess.READ)) {
        StoreHeader.read(file);
      }
    }
  }

  private ProcessLock takeGate() {
    try {
      return gate.take(options.timeout());
    } catch (StorageException e) {
      throw notWritable(e);
    }
  }

  /** Tells of another way to read, where files beside the store cannot be made or written. */
  private StorageException notWritable(StorageException e) {
    return storage.exists(path)
        ? new StorageException(
            e.getMessage()
                + ". If nobody writes to the store, as on read-only media, open it with"
                + " StoreOptions.immutable()",
            e)
        : e;
  }

  /** Refuses, before anything is touched, a file system that other machines may have, too. */
  private void checkFileSystem() {
    Optional<String> type = storage.fileSystemType(path);
    if (!options.allowsNetworkFileSystem()
        && type.isPresent()
        && NetworkFileSystems.contains(type.get())) {
      throw new UnavailableException(
          "store "
              + path
              + " is on a network file system ("
              + type.get()
              + "), where mapped memory and locks are not safe, and a local one is needed; move it,"
              + " or open it with allowNetworkFileSystem, from one machine at a time");
    }
  }

  // Creation.

  private void create() {
    if (gate.isAnyoneIn()) {
      throw new ConflictException(
          "store "
              + path
              + " is missing, and others have it open; somebody deleted or renamed it. Put it back,"
              + " or close them");
    }
    Path draft = sibling("-new");
    if (storage.exists(draft)) {
      storage.delete(draft);
    }
    int shift = Integer.numberOfTrailingZeros(options.pageSize());
    ThreadLocalRandom random = ThreadLocalRandom.current();
    StoreHeader header =
        new StoreHeader(shift, random.nextLong(), random.nextLong(), storage.currentTimeMillis());
    try (StorageFile file = storage.open(draft, FileAccess.CREATE_NEW);
        Arena arena = Arena.ofConfined()) {
      MemorySegment pages = arena.allocate(3L << shift, 8);
      header.write(pages);
      Meta meta = new Meta(pages.asSlice(1L << shift, Meta.BYTES));
      meta.txn(Txn.FIRST);
      meta.pageCount(FreeSpace.FIRST_PAGE);
      meta.nextTableId(1);
      meta.seal();
      file.write(0, pages);
      file.sync();
    } catch (RuntimeException | Error e) {
      Draft.delete(storage, draft, e); // on a full disk it is in the way
      throw e;
    }
    storage.rename(draft, path);
    storage.syncDirectory(directory());
    isNew = true;
  }

  private Path directory() {
    Path directory = path.getParent();
    if (directory == null) {
      throw new IllegalArgumentException("a store is a file, and " + path + " is no name of one");
    }
    return directory;
  }

  // Opening.

  private Handle open(StorageFile file) {
    StoreHeader header = StoreHeader.read(file);
    SteadyMetas metas = new SteadyMetas(file, header.pageShift());
    long identity = Switch.identity(file);
    long boot = SharedState.boot(storage.bootId());
    long session = session(file);
    Shared known = known(header, boot);
    try {
      boolean others = known == null ? gate.isAnyoneIn() : slots(known).owners().reclaim();
      if (known != null && (others || boot != 0) && known.state.poison() == 0) {
        new Switch(storage, path, known.state).end(); // which somebody left who died
      }
      boolean isSame =
          known != null && known.state.session() == session && known.state.identity() == identity;
      Shared same = isSame ? known : null;
      if (others) {
        checkJoining(known, same);
      } else {
        storage.syncDirectory(directory());
      }
      if (same != null && others) {
        return finish(file, header, same, true, null);
      }
      if (same != null && boot != 0 && isTrusted(same, metas, file, header.pageShift())) {
        same.state.clearPoison();
        return finish(file, header, same, false, null);
      }
      Meta meta = newest(metas, boot == 0 ? null : known);
      RedoRecords records = records(header, session, meta);
      recover(file, header, metas, meta, records);
      if (known != null) {
        known.mapping.close();
      }
      known = shared(SharedState.create(storage, sharedPath));
      known.state.initialise(header.firstId(), header.lastId(), boot, identity, meta);
      known.state.session(session); // the redo log's, until it is replayed
      Handle handle = finish(file, header, known, false, records);
      if (!isNew) {
        StoreRecoveredEvent.emit(path.toString(), meta.txn(), records.size(), cut);
      }
      return handle;
    } catch (Throwable e) {
      if (known != null) {
        known.mapping.close();
      }
      throw e;
    }
  }

  /**
   * Opens a store that nobody changes, which has been closed by all: with a shared state of its
   * own, in memory, and without a lock.
   */
  private Handle openImmutable(StorageFile file) {
    StoreHeader header = StoreHeader.read(file);
    Meta meta = new SteadyMetas(file, header.pageShift()).newest();
    checkLength(file, header, meta);
    long session = session(file);
    if (meta.unreplayed() != 0
        || !records(header, session, meta).isEmpty()
        || !isAtRest(header, session, meta)) {
      throw new RecoveryNeededException(
          "store "
              + path
              + " is open, or was not closed by all who had it open; it can be opened as immutable"
              + " when it was opened for writing once, and closed");
    }
    Shared own = shared(new OwnMemory(Arena.ofAuto().allocate(SharedState.FILE_BYTES, 8)));
    own.state.initialise(header.firstId(), header.lastId(), 0, Switch.identity(file), meta);
    own.state.session(session);
    return finish(file, header, own, true, null);
  }

  /**
   * Whether {@code NAME-shm} does not say that the store is in use, or was when somebody died, or
   * that another meta is the newest.
   */
  private boolean isAtRest(StoreHeader header, long session, Meta meta) {
    if (!storage.exists(sharedPath)) {
      return true;
    }
    try (StorageFile file = storage.open(sharedPath, FileAccess.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment words = arena.allocate(SharedState.FILE_BYTES, 8);
      boolean isWhole = file.size() == SharedState.FILE_BYTES;
      file.read(0, words);
      SharedState state = new SharedState(Words.over(words), path.toString());
      boolean isOfThis =
          isWhole
              && state.isInitialised(header.firstId(), header.lastId())
              && state.session() == session;
      return !isOfThis || (state.isAtRest() && state.steady() == meta.txn());
    }
  }

  /** Memory of this handle alone, in place of a mapped file. */
  private record OwnMemory(MemorySegment segment) implements Mapping {
    @Override
    public void force(long offset, long length) {}

    @Override
    public void close() {}
  }

  private RedoRecords records(StoreHeader header, long session, Meta meta) {
    return RedoRecords.read(
        storage, sibling(RedoLog.SUFFIX), header.firstId(), header.lastId(), session, meta);
  }

  /** What processes share, mapped. */
  private record Shared(Mapping mapping, SharedState state) {}

  private Shared shared(Mapping mapping) {
    return new Shared(mapping, new SharedState(Words.over(mapping.segment()), path.toString()));
  }

  /** Maps what processes share, if it is there, of this store and of this boot. */
  private @Nullable Shared known(StoreHeader header, long boot) {
    Mapping mapping;
    try {
      mapping = SharedState.open(storage, sharedPath);
    } catch (StorageException e) {
      throw notWritable(e);
    }
    if (mapping == null) {
      return null;
    }
    Shared shared = shared(mapping);
    if (shared.state.isInitialised(header.firstId(), header.lastId())
        && shared.state.boot() == boot) {
      return shared;
    }
    mapping.close();
    return null;
  }

  private Slots slots(Shared shared) {
    return new Slots(shared.state, gate, options.timeout());
  }

  /**
   * Checks that a store which others have open can be joined; null if it is not known to be theirs.
   */
  private void checkJoining(@Nullable Shared known, @Nullable Shared same) {
    if (known != null && known.state.poison() != 0) {
      throw new PoisonedException(
          "store "
              + path
              + " is open and refuses work after a failure; it can be opened when all its handles"
              + " are closed");
    }
    if (same == null) {
      throw new ConflictException(
          "store "
              + path
              + " is open, and its file or the file "
              + sharedPath
              + " is not the one that it was opened with; close all handles of it first");
    }
  }

  private Handle finish(
      StorageFile file,
      StoreHeader header,
      Shared known,
      boolean others,
      @Nullable RedoRecords records) {
    SharedState shared = known.state;
    Slots slots = slots(known);
    slots.claim();
    Generation generation = null;
    try {
      long opened = shared.steady();
      Meta last = new Meta();
      while (!shared.copyRing(shared.published(), last)) {
        Thread.onSpinWait();
      }
      generation = new Generation(options, path.toString(), file, header.pageShift(), opened, last);
      Handle handle =
          new Handle(storage, path, options, generation, known.mapping, shared, gate, slots);
      if (!others && !options.isReadOnly()) {
        if (records != null && !records.isEmpty()) {
          records.replay(handle);
          handle.syncer.force(options.timeout());
        }
        boolean isLogUsed = shared.published() != shared.steady() && handle.redo.isReady();
        if (shared.nextSteady() != shared.steady() || shared.isRewriting() || isLogUsed) {
          handle.syncer.force(options.timeout());
        }
        if (shared.published() == shared.steady()) {
          generation.newSession(shared, ThreadLocalRandom.current().nextLong());
        }
      }
      return handle;
    } catch (Throwable e) {
      slots.release();
      if (generation != null) {
        generation.unmap();
      }
      throw e;
    }
  }

  private long session(StorageFile file) {
    MemorySegment word = MemorySegment.ofArray(new long[1]);
    file.read(StoreHeader.SESSION, word);
    return word.get(LE_LONG, 0);
  }

  // Recovery.

  /** Whether the state that is shared, when nobody has the store open, is the last commit. */
  private boolean isTrusted(Shared known, SteadyMetas metas, StorageFile file, int pageShift) {
    SharedState shared = known.state;
    Meta newestMeta = metas.newest();
    long newest = newestMeta.txn();
    long published = shared.published();
    long steady = shared.steady();
    boolean good =
        shared.poison() != SharedState.SYNC_FAILED
            && newestMeta.unreplayed() == 0
            && (newest == steady || newest == shared.nextSteady())
            && Long.compareUnsigned(published, newest) >= 0
            && published - steady < Txn.MAX_UNSYNCED;
    Meta last = new Meta();
    if (!good || !shared.copyRing(published, last)) {
      return false;
    }
    // The file must be the one that the last commit was made in: its free log says so.
    PageFile pages = new PageFile(file, pageShift);
    try {
      pages.map(last.pageCount());
      pages.mapLog(last);
      new FreeLogReader(pages, path.toString()).load(last);
      return true;
    } catch (CorruptionException e) {
      return false;
    } finally {
      pages.unmap();
    }
  }

  /** Returns the meta of the state that recovery begins with. */
  private static Meta newest(SteadyMetas metas, @Nullable Shared failed) {
    Meta meta = metas.newest();
    if (failed != null && failed.state.poison() == SharedState.SYNC_FAILED) {
      Meta steady = metas.find(failed.state.steady());
      return steady == null ? meta : steady;
    }
    return meta;
  }

  /**
   * Goes back to a steady state: all that later commits wrote counts for nothing, but for the
   * records of the redo log. Gives its meta a number that is beyond theirs.
   */
  private void recover(
      StorageFile file, StoreHeader header, SteadyMetas metas, Meta meta, RedoRecords records) {
    long bytes = checkLength(file, header, meta);
    if (options.isReadOnly()) {
      throw new RecoveryNeededException(
          "store "
              + path
              + " was not closed cleanly, or was moved, and must be recovered, which an opening for"
              + " reading only cannot do; open it for writing once, and close it");
    }
    cut = file.size() - bytes;
    file.truncate(bytes);
    long steady = meta.txn();
    meta.txn(Txn.afterLoss(steady));
    meta.unreplayed(records.isEmpty() ? 0 : records.from());
    metas.write(meta, steady);
    file.sync();
  }

  /** Returns how long the file must be, which it is. */
  private long checkLength(StorageFile file, StoreHeader header, Meta meta) {
    long bytes = meta.pageCount() << header.pageShift();
    if (file.size() < bytes) {
      throw new CorruptionException(
          "store",
          path.toString(),
          file.size(),
          bytes + " bytes, as its steady meta says",
          file.size() + " bytes",
          "the file was cut; restore a backup, or salvage what it still holds");
    }
    return bytes;
  }
}
