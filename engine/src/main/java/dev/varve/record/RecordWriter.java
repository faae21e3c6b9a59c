// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Appends records, byte strings of 0 bytes to 1 GiB, to a record file.
 *
 * <p>A record is acknowledged when {@link #flush} or {@link #sync} returns: it is then in the file,
 * survives the death of the process, and readers that open the file find it. Until then it may be
 * in memory only. With {@link Acknowledge#EACH} it survives the death of the process, and followers
 * see it, as soon as the append returns. What survives power loss is said by {@link
 * RecordWriterBuilder#durability}, at either setting once it was flushed.
 *
 * <p>When the disk is full or a write fails, the call throws whose data could not be kept; nothing
 * that was appended before is lost, and the same bytes are written again by the next call. After a
 * sync that failed every call throws {@link dev.varve.PoisonedException}.
 *
 * <p>One writer a file. For one thread at a time, or any number if it was built {@linkplain
 * RecordWriterBuilder#shared shared}. One that is not shared throws {@link IllegalStateException}
 * and changes nothing when it is seen to be used by two threads at once; that is likely, not
 * certain, and what slips through can damage the file. Appending allocates nothing on the heap.
 *
 * {@snippet :
 * try (RecordWriter writer = RecordWriter.builder(path).metadata("unit", "mm").create()) {
 *   writer.append("varve".getBytes(StandardCharsets.UTF_8));
 *   writer.flush();
 * }
 * }
 */
public final class RecordWriter implements AutoCloseable {
  /** The longest record, in bytes. */
  public static final int MAX_RECORD_BYTES = Format.MAX_RECORD;

  /** What to do with a file that exists. */
  enum Mode {
    CREATE,
    REPLACE,
    APPEND
  }

  private static final VarHandle USER;

  static {
    try {
      USER = MethodHandles.lookup().findVarHandle(RecordWriter.class, "user", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Path path;
  private final Storage storage;
  private final Durability durability;
  private final WriterLock fileLock;
  private final StorageFile file;
  final PartWriter part;
  private final long before;
  private final @Nullable ReentrantLock lock;
  private final @Nullable SyncGroup group;
  private final @Nullable RecordSyncTimer timer;
  private long recordBytes;
  private long appended;
  private volatile boolean closed;
  private boolean released;

  /**
   * Which thread is in a writer that is not shared, or 0; opaque, since what is certain costs more.
   */
  @SuppressWarnings("UnusedVariable") // it is, by its handle
  private long user;

  private RecordWriter(
      Path path, WriterOptions options, WriterLock fileLock, StorageFile file, WriterState state) {
    this.path = path;
    this.storage = options.storage();
    this.durability = options.durability();
    this.fileLock = fileLock;
    this.file = file;
    this.before = state.before();
    this.part = new PartWriter(storage, file, state, options);
    boolean timed = durability.level() == Durability.Level.ASYNC;
    this.lock = options.shared() || timed ? new ReentrantLock() : null;
    this.group = lock == null ? null : new SyncGroup(lock, part);
    this.timer = timed ? new RecordSyncTimer(this, durability.maxAge()) : null;
  }

  /**
   * Returns settings for writing a file.
   *
   * @param path the file, in a directory that exists
   * @return a new builder
   */
  public static RecordWriterBuilder builder(Path path) {
    return new RecordWriterBuilder(path);
  }

  /** Opens a file, which has one lock and one live file, whatever links lead to it. */
  static RecordWriter open(Path named, WriterOptions options, Mode mode) {
    Path path = options.storage().realPath(named);
    byte[] metadata = Metadata.encode(options.metadata());
    WriterLock lock = WriterLock.take(options.storage(), path);
    StorageFile file = null;
    RecordWriter writer = null;
    boolean begun = false;
    try {
      WriterState state;
      if (exists(options.storage(), path, mode)) {
        file = options.storage().open(path, FileAccess.WRITE);
        try (Recovery recovery =
            new Recovery(file, id -> Salvage.settled(options.storage(), path, id))) {
          state = recovery.recover();
        }
      } else {
        state = NewFile.create(path, metadata, options);
        file = options.storage().open(path, FileAccess.WRITE);
      }
      writer = new RecordWriter(path, options, lock, file, state);
      writer.begin(state, options.acknowledge(), named);
      begun = true;
    } finally {
      if (!begun) {
        if (writer != null) {
          writer.part.close();
        }
        if (file != null) {
          file.close();
        }
        lock.close();
      }
    }
    if (writer.timer != null) {
      writer.timer.start();
    }
    return writer;
  }

  /** Takes over what a writer that died has published, and begins to publish. */
  private void begin(WriterState state, Acknowledge acknowledge, Path named) {
    long epoch = Salvage.into(part, storage, file, state, named);
    if (timer != null && group != null && part.sealed() > state.end()) {
      group.appended(storage);
    }
    if (acknowledge == Acknowledge.EACH) {
      part.publish(path, epoch);
    } else {
      LiveFile.retire(storage, path);
    }
  }

  private static boolean exists(Storage storage, Path path, Mode mode) {
    if (!storage.exists(path)) {
      return false;
    }
    try (StorageFile file = storage.open(path, FileAccess.READ)) { // which a directory refuses
      if (mode == Mode.CREATE) {
        throw new ConflictException(
            "record file " + path + " exists; append to it, replace it, or choose another name");
      }
      return mode == Mode.APPEND && file.size() > 0;
    }
  }

  /**
   * Appends a record.
   *
   * @param record its bytes, native or heap
   * @return its number in the file, from 0
   * @throws IllegalArgumentException if it is longer than {@link #MAX_RECORD_BYTES}
   * @throws dev.varve.FullException if the disk is full; the record is not kept
   * @throws dev.varve.StorageException if a write failed; the record is not kept
   * @throws dev.varve.PoisonedException if a sync failed before, or records cannot be published any
   *     more, see {@link Acknowledge#EACH}
   * @throws ClosedException if the writer is closed
   */
  public long append(MemorySegment record) {
    return append(record, 0, Objects.requireNonNull(record, "record").byteSize());
  }

  /**
   * Appends a part of a segment as a record.
   *
   * @param segment holds the bytes, native or heap
   * @param offset where they begin
   * @param length how many there are
   * @return the record's number in the file, from 0
   * @throws IndexOutOfBoundsException if the part is not within the segment
   * @throws IllegalArgumentException if it is longer than {@link #MAX_RECORD_BYTES}
   * @throws dev.varve.FullException if the disk is full; the record is not kept
   * @throws dev.varve.StorageException if a write failed; the record is not kept
   * @throws dev.varve.PoisonedException if a sync failed before, or records cannot be published any
   *     more, see {@link Acknowledge#EACH}
   * @throws ClosedException if the writer is closed
   */
  public long append(MemorySegment segment, long offset, long length) {
    Objects.checkFromIndexSize(
        offset, length, Objects.requireNonNull(segment, "segment").byteSize());
    if (length > MAX_RECORD_BYTES) {
      throw new IllegalArgumentException(
          "record is " + length + " bytes long; expected at most " + MAX_RECORD_BYTES);
    }
    enter();
    try {
      checkOpen();
      long number = before + part.records();
      part.append(segment, offset, length);
      recordBytes += length;
      appended++;
      if (timer != null && group != null) {
        group.appended(storage);
      }
      return number;
    } finally {
      exit();
    }
  }

  /**
   * Appends an array as a record.
   *
   * @param record its bytes
   * @return its number in the file, from 0
   * @throws dev.varve.FullException if the disk is full; the record is not kept
   * @throws dev.varve.StorageException if a write failed; the record is not kept
   * @throws dev.varve.PoisonedException if a sync failed before, or records cannot be published any
   *     more, see {@link Acknowledge#EACH}
   * @throws ClosedException if the writer is closed
   */
  public long append(byte[] record) {
    return append(MemorySegment.ofArray(Objects.requireNonNull(record, "record")));
  }

  /**
   * Appends what remains in a buffer as a record. The buffer stays as it is.
   *
   * @param record its bytes
   * @return its number in the file, from 0
   * @throws IllegalArgumentException if it is longer than {@link #MAX_RECORD_BYTES}
   * @throws dev.varve.FullException if the disk is full; the record is not kept
   * @throws dev.varve.StorageException if a write failed; the record is not kept
   * @throws dev.varve.PoisonedException if a sync failed before, or records cannot be published any
   *     more, see {@link Acknowledge#EACH}
   * @throws ClosedException if the writer is closed
   */
  public long append(ByteBuffer record) {
    return append(MemorySegment.ofBuffer(Objects.requireNonNull(record, "record")));
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
    enter();
    try {
      checkOpen();
      if (durability.level() == Durability.Level.SYNC) {
        syncPart();
      } else {
        part.flush();
      }
    } finally {
      exit();
    }
  }

  /**
   * Writes all records to the file and makes them durable, at every level of durability.
   *
   * @throws dev.varve.FullException if the disk is full; calling again tries again
   * @throws dev.varve.StorageException if a write failed, and calling again tries again; or the
   *     sync failed, and the writer is poisoned
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws ClosedException if the writer is closed
   */
  public void sync() {
    enter();
    try {
      checkOpen();
      syncPart();
    } finally {
      exit();
    }
  }

  private void syncPart() {
    if (group == null) {
      part.sync();
    } else {
      group.sync();
    }
  }

  /** Syncs if a record waits longer than an age in nanoseconds. */
  void syncOlderThan(long age) {
    lock();
    try {
      if (!closed && group != null) {
        group.syncOlderThan(age, storage.nanoTime());
      }
    } finally {
      unlock();
    }
  }

  /**
   * Returns the number that the next record gets: how many are in the file, lost ones included.
   *
   * @return the number of records
   * @throws ClosedException if the writer is closed
   */
  public long count() {
    lock();
    try {
      checkOpen();
      return before + part.records();
    } finally {
      unlock();
    }
  }

  /**
   * Returns what this writer has done.
   *
   * @return a snapshot
   */
  public RecordWriterStatistics statistics() {
    lock();
    try {
      return new RecordWriterStatistics(
          appended, recordBytes, part.blocks(), before + part.written(), part.fileBytes());
    } finally {
      unlock();
    }
  }

  /**
   * Writes all records and an index, and closes the file; under ASYNC and SYNC all is durable then.
   * Closing again has no effect.
   *
   * @throws dev.varve.FullException if the disk is full; records that were not acknowledged are
   *     lost, those that were are taken over by the next writer, and the file is closed all the
   *     same
   * @throws dev.varve.StorageException if a write or sync failed; likewise
   * @throws dev.varve.PoisonedException if a sync failed before; likewise
   */
  @Override
  public void close() {
    enter();
    try {
      closed = true;
      if (group != null) {
        group.awaitIdle();
      }
      if (released) {
        return;
      }
      released = true;
      if (timer != null) {
        timer.stop();
      }
      try {
        part.finish(durability.level() != Durability.Level.NONE);
      } finally {
        try {
          part.close();
        } finally {
          file.close();
          fileLock.close();
        }
      }
    } finally {
      exit();
    }
  }

  Path path() {
    return path;
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("writer of record file " + path);
    }
  }

  private void enter() {
    lock();
    if (lock == null) {
      long other = (long) USER.getOpaque(this);
      if (other != 0) {
        throw new IllegalStateException(
            "the writer of record file "
                + path
                + " is used by thread #"
                + other
                + " at this moment; build it shared, or let one thread at a time use it");
      }
      USER.setOpaque(this, Thread.currentThread().threadId());
    }
  }

  private void exit() {
    if (lock == null) {
      USER.setOpaque(this, 0L);
    }
    unlock();
  }

  private void lock() {
    if (lock != null) {
      lock.lock();
    }
  }

  private void unlock() {
    if (lock != null) {
      lock.unlock();
    }
  }
}
