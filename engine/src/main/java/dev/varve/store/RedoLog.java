// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Hash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The redo log: what commits with SYNC have changed since the last steady sync, in a small file
 * that is cheap to sync.
 *
 * <pre>
 *   header   0    8    magic "VARVELOG"        record   0    8    checksum
 *            8    4    version, 1                       8    8    txn
 *            12   4    zero                             16   8    txn of the commit before
 *            16   16   store id                         24   8    length of the operations
 *            32   8    session of the data file         32   ...  operations
 *            40   8    checksum of bytes 0 to 40
 * </pre>
 *
 * <p>Who has the writer's turn writes records, who has the turn of its leader syncs it, and who
 * leads a steady sync makes it ready. What its words in {@code NAME-shm} mean, and in which order
 * they change, says docs/store-invariants.md.
 */
final class RedoLog {
  static final String SUFFIX = "-log";
  static final int START = 4096;
  static final int RECORD_HEADER = 32;
  static final int RECORD_TXN = 8;
  static final int RECORD_BEFORE = 16;
  static final int RECORD_BYTES = 24;

  private static final long FILE_BYTES = 8L << 20;
  private static final long MIN_FILE_BYTES = 3 * START;
  static final long MAX_FILE_BYTES = 64L << 20;

  /** {@code VARVELOG}, little-endian. */
  private static final long MAGIC = 0x474F4C4556524156L;

  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 48;
  private static final int CHECKSUM = 40;

  private final SharedState shared;
  private final Storage storage;
  private final Path path;
  private volatile @Nullable Opened opened;

  /** The file, how long a half of it is, and the checksum of its header. */
  private record Opened(StorageFile file, long half, long checksum) {}

  RedoLog(Handle handle) {
    this.shared = handle.shared;
    this.storage = handle.storage;
    this.path = handle.path.resolveSibling(handle.path.getFileName() + SUFFIX);
  }

  // Format.

  /** Returns a header of a store and session. */
  static MemorySegment header(long firstId, long lastId, long session) {
    MemorySegment header = Arena.ofAuto().allocate(HEADER_BYTES, 8);
    header.set(LE_LONG, 0, MAGIC);
    header.set(LE_INT, 8, VERSION);
    header.set(LE_LONG, 16, firstId);
    header.set(LE_LONG, 24, lastId);
    header.set(LE_LONG, 32, session);
    header.set(LE_LONG, CHECKSUM, Hash.XXH3.hash(header, 0, CHECKSUM));
    return header;
  }

  /** Returns the checksum in a header. */
  static long checksum(MemorySegment header) {
    return header.get(LE_LONG, CHECKSUM);
  }

  /** Returns how long a half of a log of so many bytes is. */
  static long half(long fileBytes) {
    return (fileBytes - START) / 2 & -8;
  }

  /** Returns the checksum of a record, its bytes from an offset to an end. */
  static long checksum(long ofHeader, MemorySegment bytes, long from, long end) {
    return ofHeader + Hash.XXH3.hash(bytes, from + RECORD_TXN, end - from - RECORD_TXN);
  }

  // Making it ready.

  /** Whether there is a log for this session. */
  boolean isReady() {
    long session = shared.redo(SharedState.REDO_SESSION);
    return session != 0 && session == shared.session();
  }

  /**
   * Makes the log ready for this session, unless it is. The caller has the turn of a leader, and
   * has made the session durable. If it cannot be had, there is none.
   */
  synchronized void prepare() {
    if (isReady()) {
      return;
    }
    close();
    try {
      MemorySegment header = header(shared.firstId(), shared.lastId(), shared.session());
      StorageFile file = makeFile();
      if (file == null) {
        return;
      }
      opened = new Opened(file, half(file.size()), checksum(header));
      file.write(0, header);
      file.sync();
      storage.syncDirectory(directory());
      shared.redo(SharedState.REDO_LAST, 0);
      shared.redo(SharedState.REDO_OTHER, 0);
      shared.redo(SharedState.REDO_BASE, 0);
      shared.redo(SharedState.REDO_BROKEN, 0);
      shared.redo(SharedState.REDO_IDENTITY, identity(file));
      shared.redo(SharedState.REDO_SESSION, shared.session());
    } catch (VarveException e) {
      if (opened != null) {
        discard();
      }
    }
  }

  private Path directory() {
    Path directory = path.getParent();
    return directory == null ? path : directory;
  }

  /** Opens or makes the file, whose header is still to be written; null if it is not ours. */
  private @Nullable StorageFile makeFile() {
    if (storage.exists(path)) {
      StorageFile file = storage.open(path, FileAccess.WRITE);
      boolean keep = false;
      try {
        if (!isOurs(file)) {
          return null;
        }
        keep = file.size() >= MIN_FILE_BYTES && file.size() <= MAX_FILE_BYTES;
      } finally {
        if (!keep) {
          file.close();
        }
      }
      if (keep) {
        return file;
      }
      storage.delete(path);
    }
    StorageFile file = storage.open(path, FileAccess.CREATE_NEW);
    try {
      file.extend(FILE_BYTES);
      return file;
    } catch (RuntimeException | Error e) {
      file.close();
      storage.delete(path);
      throw e;
    }
  }

  /** Whether it is a log, or what is left of one that was being made. */
  private static boolean isOurs(StorageFile file) {
    MemorySegment word = MemorySegment.ofArray(new long[1]);
    file.read(0, word);
    long magic = word.get(LE_LONG, 0);
    return magic == MAGIC || magic == 0;
  }

  /** Returns how long the file is, whoever made it and whenever; 0 when there is none. */
  long fileBytes() {
    if (!storage.exists(path)) {
      return 0;
    }
    try (StorageFile file = storage.open(path, FileAccess.READ)) {
      return file.size();
    } catch (NotFoundException e) { // the last handle to close has just deleted it
      return 0;
    }
  }

  private void discard() {
    close();
    try {
      storage.delete(path);
    } catch (VarveException e) {
      // It counts for nothing, and the next one to make a log comes across it.
    }
  }

  private static long identity(StorageFile file) {
    return Hash.XXH3.hash(file.key().getBytes(StandardCharsets.UTF_8));
  }

  /** Returns the log of this session, null if there is none. */
  private @Nullable Opened opened() {
    Opened current = opened;
    return current != null || !isReady() ? current : open();
  }

  private synchronized @Nullable Opened open() {
    Opened current = opened;
    if (current != null) {
      return current;
    }
    StorageFile file = storage.exists(path) ? storage.open(path, FileAccess.WRITE) : null;
    if (file == null || identity(file) != shared.redo(SharedState.REDO_IDENTITY)) {
      if (file != null) {
        file.close();
      }
      shared.poison(SharedState.FILES_REPLACED);
      shared.checkPoison();
      return null;
    }
    MemorySegment header = header(shared.firstId(), shared.lastId(), shared.session());
    current = new Opened(file, half(file.size()), checksum(header));
    opened = current;
    return current;
  }

  synchronized void close() {
    Opened current = opened;
    opened = null;
    if (current != null) {
      current.file.close();
    }
  }

  /**
   * Deletes the log, of which nothing counts. Nobody else has the store open. Where another one was
   * put at its path meanwhile, its log stays.
   */
  synchronized void delete() {
    if (isReady()) {
      boolean isThere = isThere(); // while it is open, no other file has its identity
      shared.redo(SharedState.REDO_SESSION, 0);
      if (isThere) {
        discard();
      }
    }
  }

  /** Whether the file at the path is the log of this session. */
  private boolean isThere() {
    MemorySegment header = header(shared.firstId(), shared.lastId(), shared.session());
    MemorySegment found = MemorySegment.ofArray(new long[HEADER_BYTES / 8]);
    try (StorageFile file = storage.open(path, FileAccess.READ)) {
      file.read(0, found);
      return identity(file) == shared.redo(SharedState.REDO_IDENTITY) && found.mismatch(header) < 0;
    } catch (VarveException e) {
      return false;
    }
  }

  // Records.

  /**
   * Writes the record of a commit that was just published, if it can have one. The caller has the
   * writer's turn. If it has none, the commit is made durable by a steady sync.
   *
   * @param before the txn of the commit before
   * @param txn its txn
   * @return whether a half is full, which a steady sync makes free
   */
  boolean append(RedoOperations operations, long before, long txn) {
    try {
      if (operations.isTooMany() || !isReady()) {
        return false;
      }
      Opened log = opened();
      return log != null && append(log, operations, before, txn);
    } catch (VarveException e) {
      shared.redo(SharedState.REDO_LAST, 0);
      return false;
    }
  }

  private boolean append(Opened log, RedoOperations operations, long before, long txn) {
    MemorySegment record = operations.record();
    long bytes = record.byteSize();
    if (bytes > log.half / 4) {
      return false;
    }
    boolean goesOn =
        shared.redo(SharedState.REDO_LAST) == before && shared.redo(SharedState.REDO_BROKEN) == 0;
    long at = shared.redo(SharedState.REDO_END);
    long half = shared.redo(SharedState.REDO_HALF) & 1;
    boolean changes = !goesOn || at + bytes > START + (half + 1) * log.half;
    if (changes) {
      if (Long.compareUnsigned(shared.redo(SharedState.REDO_OTHER), shared.steady()) > 0) {
        return false;
      }
      half = 1 - half;
      at = START + half * log.half;
      shared.redo(SharedState.REDO_LAST, 0);
      shared.redo(SharedState.REDO_OTHER, before);
      shared.redo(SharedState.REDO_HALF, half);
      if (!goesOn) {
        shared.redo(SharedState.REDO_BASE, before);
        shared.redo(SharedState.REDO_BROKEN, 0);
      }
    }
    record.set(LE_LONG, RECORD_TXN, txn);
    record.set(LE_LONG, RECORD_BEFORE, before);
    record.set(LE_LONG, RECORD_BYTES, operations.bytes());
    record.set(LE_LONG, 0, checksum(log.checksum, record, 0, bytes));
    log.file.write(at, record);
    shared.redo(SharedState.REDO_END, at + bytes);
    shared.redo(SharedState.REDO_LAST, txn);
    return changes && goesOn;
  }

  // Syncing.

  /**
   * Returns the last txn that a sync of the log makes durable, with all before; 0 if it has none.
   */
  long last() {
    long last = shared.redo(SharedState.REDO_LAST);
    boolean isBroken = shared.redo(SharedState.REDO_BROKEN) != 0;
    long base = shared.redo(SharedState.REDO_BASE);
    boolean isOfUse = !isBroken && Long.compareUnsigned(base, shared.steady()) <= 0;
    return isOfUse && isReady() ? last : 0;
  }

  /** Whether a sync of the log makes a txn durable. */
  boolean covers(long txn) {
    return Long.compareUnsigned(last(), txn) >= 0;
  }

  /**
   * Syncs the log. The caller has the turn of its leader.
   *
   * @return the last txn that is durable by it, 0 for none
   */
  long sync() {
    Opened log = opened();
    long last = last();
    if (log == null || last == 0) {
      return 0;
    }
    try {
      log.file.sync();
    } catch (RuntimeException | Error e) {
      shared.poison(SharedState.SYNC_FAILED);
      throw e;
    }
    return last;
  }
}
