// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.file.Storage;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Appends records to a set: one sequence of records in files {@code PREFIX-000001.vrec}, {@code
 * PREFIX-000002.vrec}, ... of a directory, numbered from 0 over all of them. When a file is long or
 * old enough the next one is begun; files that need not be kept are deleted, the oldest first. The
 * file that is written to is never deleted, and numbers are never given twice.
 *
 * <p>Acknowledgement, errors and durability are those of {@link RecordWriter}; going on to the next
 * file acknowledges all before. If that fails, the call throws whose record is not kept, and the
 * next call tries again. One writer a set, by its lock {@code PREFIX.lock}. For any number of
 * threads, which share syncs as those of a {@linkplain RecordWriterBuilder#shared shared} writer.
 * Appending allocates nothing on the heap.
 *
 * {@snippet :
 * try (RecordSetWriter writer =
 *     RecordSetWriter.builder(directory, "events")
 *         .maxFileAge(Duration.ofHours(1))
 *         .keepAge(Duration.ofDays(7))
 *         .append()) {
 *   writer.append("varve".getBytes(StandardCharsets.UTF_8));
 *   writer.flush();
 * }
 * }
 */
public final class RecordSetWriter implements AutoCloseable {
  private static final System.Logger LOGGER = System.getLogger(RecordSetWriter.class.getName());
  private static final SecureRandom RANDOM = new SecureRandom();

  private final RecordSetOptions options;
  private final Storage storage;
  private final WriterLock fileLock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<SetFile> older = new ArrayDeque<>();
  private final long setId;

  /** The file that is written to; whether it exists is seen when it is opened. */
  private long place;

  private long first;
  private long created;
  private @Nullable RecordWriter writer;

  /** About how long the file would be if all was written; not less. */
  private long bytes;

  /** Whether the last file could not be closed, and was not opened again since. */
  private boolean unfinished;

  /**
   * Whether a file may have been deleted or named since the directory was synced: at first by the
   * writer before, however it ended.
   */
  private boolean unsynced = true;

  private boolean closed;

  private RecordSetWriter(RecordSetOptions options, WriterLock fileLock) {
    this.options = options;
    this.storage = options.file().storage();
    this.fileLock = fileLock;
    List<SetFile> files = SetFile.list(storage, options.directory(), options.prefix());
    if (files.isEmpty()) {
      long id = 0;
      while (id == 0) {
        id = RANDOM.nextLong();
      }
      setId = id;
      place = 1;
    } else {
      SetFile last = files.getLast();
      older.addAll(files.subList(0, files.size() - 1));
      setId = last.setId();
      place = last.place();
      first = last.first();
      created = last.created();
    }
    current();
  }

  /**
   * Returns settings for writing a set.
   *
   * @param directory where its files are
   * @param prefix how their names begin
   * @return a new builder
   * @throws IllegalArgumentException if the prefix cannot begin a file name
   */
  public static RecordSetWriterBuilder builder(Path directory, String prefix) {
    return new RecordSetWriterBuilder(directory, prefix);
  }

  static RecordSetWriter open(RecordSetOptions options) {
    ShardNames.createDirectory(options.file().storage(), options.directory());
    WriterLock lock =
        WriterLock.take(options.file().storage(), options.directory().resolve(options.prefix()));
    try {
      return new RecordSetWriter(options, lock);
    } catch (RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  /** Returns the writer of the last file, which is created or opened if it is not. */
  private RecordWriter current() {
    RecordWriter open = writer;
    if (open == null) {
      if (!storage.exists(path())) {
        created = storage.currentTimeMillis();
      }
      open =
          RecordWriter.open(path(), options.file().ofSet(setId, first), RecordWriter.Mode.APPEND);
      writer = open;
      unfinished = false;
      bytes = open.statistics().fileBytes();
    }
    return open;
  }

  private Path path() {
    return SetFile.path(options.directory(), options.prefix(), place);
  }

  /**
   * Appends a record.
   *
   * @param record its bytes, native or heap
   * @return its number in the set, from 0
   * @throws IllegalArgumentException if it is longer than {@link RecordWriter#MAX_RECORD_BYTES}
   * @throws dev.varve.FullException if the disk is full; the record is not kept
   * @throws dev.varve.StorageException if a write failed; the record is not kept
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws ClosedException if the writer is closed
   */
  public long append(MemorySegment record) {
    return append(record, 0, Objects.requireNonNull(record, "record").byteSize());
  }

  /**
   * Appends an array as a record.
   *
   * @param record its bytes
   * @return its number in the set, from 0
   * @throws dev.varve.FullException if the disk is full; the record is not kept
   * @throws dev.varve.StorageException if a write failed; the record is not kept
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws ClosedException if the writer is closed
   */
  public long append(byte[] record) {
    return append(
        MemorySegment.ofArray(Objects.requireNonNull(record, "record")), 0, record.length);
  }

  /**
   * Appends a part of a segment as a record.
   *
   * @param segment holds the bytes, native or heap
   * @param offset where they begin
   * @param length how many there are
   * @return the record's number in the set, from 0
   * @throws IndexOutOfBoundsException if the part is not within the segment
   * @throws IllegalArgumentException if it is longer than {@link RecordWriter#MAX_RECORD_BYTES}
   * @throws dev.varve.FullException if the disk is full; the record is not kept
   * @throws dev.varve.StorageException if a write failed; the record is not kept
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws ClosedException if the writer is closed
   */
  public long append(MemorySegment segment, long offset, long length) {
    Objects.requireNonNull(segment, "segment");
    lock.lock();
    try {
      checkOpen();
      RecordWriter open = current();
      if (isDue(open, length)) {
        open = next(open);
      }
      long number = first + open.append(segment, offset, length);
      bytes += WriterShard.cost(length, options.file().blockSize());
      return number;
    } finally {
      lock.unlock();
    }
  }

  /** Tells whether a record begins the next file. */
  private boolean isDue(RecordWriter open, long length) {
    long most = options.maxFileBytes();
    long cost = WriterShard.cost(length, options.file().blockSize());
    boolean old =
        options.maxFileMillis() != Long.MAX_VALUE
            && storage.currentTimeMillis() - created >= options.maxFileMillis();
    if ((!old && bytes + cost <= most) || open.count() == 0) {
      return false;
    }
    if (old) {
      return true;
    }
    // Compressed records take less: look how long the file really is, unless little would be won.
    open.flush();
    bytes = open.statistics().fileBytes();
    return most - bytes < most / 64 || bytes + cost > most;
  }

  /** Closes the file and begins the next one. */
  private RecordWriter next(RecordWriter old) {
    old.flush();
    long count = old.count();
    writer = null;
    unfinished = true;
    old.close();
    unfinished = false;
    older.add(new SetFile(path(), place, setId, first, created, old.statistics().fileBytes()));
    place++;
    first += count;
    RecordWriter fresh = current();
    unsynced = false; // The new file's name was made durable.
    try {
      deleteOlder();
    } catch (VarveException e) {
      LOGGER.log(System.Logger.Level.WARNING, path() + ": could not delete older files", e);
    }
    return fresh;
  }

  /**
   * Begins the next file, unless the last one has no record yet.
   *
   * @throws dev.varve.FullException if the disk is full
   * @throws dev.varve.StorageException if it failed
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws ClosedException if the writer is closed
   */
  public void rotate() {
    lock.lock();
    try {
      checkOpen();
      RecordWriter open = current();
      if (open.count() > 0) {
        next(open);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Deletes the files that need not be kept, as is done each time a file is begun.
   *
   * @return how many were deleted
   * @throws dev.varve.StorageException if it failed
   * @throws ClosedException if the writer is closed
   */
  public int retain() {
    lock.lock();
    try {
      checkOpen();
      current(); // If the next file could not be created, the one before is still the last.
      return deleteOlder();
    } finally {
      lock.unlock();
    }
  }

  private int deleteOlder() {
    long total = bytes;
    for (SetFile file : older) {
      total += file.bytes();
    }
    int deleted = 0;
    while (!older.isEmpty() && isExpired(total)) {
      SetFile file = older.getFirst();
      if (unsynced) {
        // Or power loss could bring back a file without the one behind it, or leave none at all.
        storage.syncDirectory(options.directory());
        unsynced = false;
      }
      unsynced = true;
      try {
        storage.delete(file.path());
      } catch (NotFoundException e) {
        LOGGER.log(System.Logger.Level.DEBUG, "somebody else has deleted it", e);
      }
      older.removeFirst();
      total -= file.bytes();
      deleted++;
    }
    return deleted;
  }

  /** Tells whether the oldest file need not be kept. */
  private boolean isExpired(long total) {
    boolean old = false;
    if (options.keepMillis() != Long.MAX_VALUE) {
      List<SetFile> files = new ArrayList<>(older);
      long ended = files.size() > 1 ? files.get(1).created() : created;
      old = storage.currentTimeMillis() - ended > options.keepMillis();
    }
    return old || older.size() + 1 > options.keepFiles() || total > options.keepBytes();
  }

  /**
   * Writes all records to the file, where readers find them; under SYNC also makes them durable.
   *
   * @throws dev.varve.FullException if the disk is full; calling again tries again
   * @throws dev.varve.StorageException if a write failed, and calling again tries again; or a sync
   *     failed, and the writer is poisoned
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws ClosedException if the writer is closed
   */
  public void flush() {
    unlocked(RecordWriter::flush);
  }

  /**
   * Writes all records to the file and makes those of the last file durable; those before are,
   * under ASYNC and SYNC.
   *
   * @throws dev.varve.FullException if the disk is full; calling again tries again
   * @throws dev.varve.StorageException if a write failed, and calling again tries again; or the
   *     sync failed, and the writer is poisoned
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws ClosedException if the writer is closed
   */
  public void sync() {
    unlocked(RecordWriter::sync);
  }

  /**
   * Has something done with the writer of the last file, once more if that was closed since. Other
   * threads append meanwhile, so that several share a sync.
   */
  void unlocked(Consumer<RecordWriter> action) {
    boolean done = false;
    while (!done) {
      RecordWriter open;
      lock.lock();
      try {
        checkOpen();
        open = current();
      } finally {
        lock.unlock();
      }
      try {
        action.accept(open);
        done = true;
      } catch (ClosedException e) {
        // The next file was begun meanwhile, after all of this one was flushed: now its turn.
        LOGGER.log(System.Logger.Level.TRACE, "the next file was begun", e);
      }
    }
  }

  /**
   * Returns the number that the next record gets.
   *
   * @return how many records the set ever had
   * @throws ClosedException if the writer is closed
   */
  public long count() {
    lock.lock();
    try {
      checkOpen();
      return first + current().count();
    } finally {
      lock.unlock();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("writer of set " + options.directory().resolve(options.prefix()));
    }
  }

  /**
   * Writes all records and an index, and closes the set; under ASYNC and SYNC all is durable then.
   * Closing again has no effect.
   *
   * @throws dev.varve.FullException if the disk is full; records that were not flushed are lost,
   *     and all is closed all the same
   * @throws dev.varve.StorageException if a write or sync failed; likewise
   * @throws dev.varve.PoisonedException if a sync failed before; likewise
   */
  @Override
  public void close() {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      try {
        // Who opens a file that could not be closed writes again what may not be durable.
        RecordWriter open = unfinished ? current() : writer;
        writer = null;
        if (open != null) {
          open.close();
        }
      } finally {
        fileLock.close();
      }
    } finally {
      lock.unlock();
    }
  }
}
