// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.file.FileAccess;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import dev.varve.record.OnDamage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/**
 * Writes records into a TFRecord file.
 *
 * {@snippet class = "dev.varve.record.tfrecord.TfRecordSnippetsTest" region = "write"}
 *
 * <p>Records are collected in memory. {@link #flush} hands them to the operating system, and they
 * then survive the death of the process; what {@link #sync} has returned for survives the loss of
 * power. A call that could not be honoured throws: a {@link #write} that throws took no record, and
 * what earlier ones took is kept and written by the next call that can. After a failed sync the
 * writer is poisoned.
 *
 * <p>One writer a file: while it is open, a file of the same name with {@code .lock} behind it is
 * locked. For one thread at a time. Writing allocates nothing on the heap.
 */
public final class TfRecordWriter implements AutoCloseable {
  private static final long BUFFER_BYTES = 1 << 20;

  private final Storage storage;
  private final Path lockFile;
  private final ProcessLock lock;
  private final StorageFile file;
  private final Crc32c crc = new Crc32c();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer = arena.allocate(BUFFER_BYTES);

  /** Where in the file the buffer goes, and how much is in it. */
  private long end;

  private long used;
  private long records;
  private boolean closed;

  /** Whether the file has the beginning of a record behind its end, which was not taken. */
  private boolean stale;

  private TfRecordWriter(Storage storage, Path lockFile, ProcessLock lock, StorageFile file) {
    this.storage = storage;
    this.lockFile = lockFile;
    this.lock = lock;
    this.file = file;
    this.end = file.size();
    crc.keepView(buffer);
  }

  /**
   * Creates a file.
   *
   * @param path the file
   * @return a writer that the caller closes
   * @throws dev.varve.ConflictException if the file exists
   * @throws BusyException if it has a writer
   * @throws dev.varve.NotFoundException if its directory is missing
   */
  public static TfRecordWriter create(Path path) {
    return create(Storage.real(), path);
  }

  /**
   * Creates a file of a storage.
   *
   * @param storage where the file is to be
   * @param path the file
   * @return a writer that the caller closes
   * @throws dev.varve.ConflictException if the file exists
   * @throws BusyException if it has a writer
   * @throws dev.varve.NotFoundException if its directory is missing
   */
  public static TfRecordWriter create(Storage storage, Path path) {
    return open(storage, path, false);
  }

  /**
   * Opens a file behind its last record, or creates it. Reads all of it first: what is appended
   * behind damage could never be read.
   *
   * @param path the file
   * @return a writer that the caller closes
   * @throws dev.varve.CorruptionException if the file is damaged or its last record cut off; what
   *     is intact can be copied to another file
   * @throws BusyException if it has a writer
   * @throws dev.varve.NotFoundException if its directory is missing
   */
  public static TfRecordWriter append(Path path) {
    return append(Storage.real(), path);
  }

  /**
   * Opens a file of a storage behind its last record, or creates it, as {@link #append(Path)}.
   *
   * @param storage where the file is
   * @param path the file
   * @return a writer that the caller closes
   * @throws dev.varve.CorruptionException if the file is damaged or its last record cut off; what
   *     is intact can be copied to another file
   * @throws BusyException if it has a writer
   * @throws dev.varve.NotFoundException if its directory is missing
   */
  public static TfRecordWriter append(Storage storage, Path path) {
    return open(storage, path, true);
  }

  private static TfRecordWriter open(Storage storage, Path path, boolean append) {
    Objects.requireNonNull(storage, "storage");
    Objects.requireNonNull(path, "path");
    if (path.getFileName() == null) {
      throw new IllegalArgumentException("\"" + path + "\" is a directory; pass a file");
    }
    Path real = storage.realPath(path);
    Path lockFile = real.resolveSibling(real.getFileName() + ".lock");
    ProcessLock lock =
        storage
            .tryLock(lockFile, 0, LockMode.EXCLUSIVE)
            .orElseThrow(
                () ->
                    new BusyException(
                        "file \""
                            + path
                            + "\" has a writer already, which holds \""
                            + lockFile
                            + "\"; close that one first"));
    try {
      boolean exists = append && storage.exists(path);
      if (exists) {
        try (TfRecordReader reader = TfRecordReader.open(storage, path, OnDamage.FAIL)) {
          while (reader.next()) {}
        }
      }
      StorageFile file = storage.open(path, exists ? FileAccess.WRITE : FileAccess.CREATE_NEW);
      return new TfRecordWriter(storage, lockFile, lock, file);
    } catch (Throwable e) {
      release(storage, lockFile, lock);
      throw e;
    }
  }

  private static void release(Storage storage, Path lockFile, ProcessLock lock) {
    try {
      storage.delete(lockFile);
    } finally {
      lock.close();
    }
  }

  /**
   * Adds a record.
   *
   * @param record its bytes, which are copied; native or heap
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if there is no space; the record is not taken
   * @throws dev.varve.StorageException if writing failed; the record is not taken
   * @throws dev.varve.PoisonedException if a sync failed before
   */
  public void write(MemorySegment record) {
    write(record, 0, Objects.requireNonNull(record, "record").byteSize());
  }

  /**
   * Adds a record.
   *
   * @param record its bytes, which are copied
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if there is no space; the record is not taken
   * @throws dev.varve.StorageException if writing failed; the record is not taken
   * @throws dev.varve.PoisonedException if a sync failed before
   */
  public void write(byte[] record) {
    write(MemorySegment.ofArray(Objects.requireNonNull(record, "record")));
  }

  /**
   * Adds a part of a segment as a record.
   *
   * @param segment holds the bytes, which are copied; native or heap
   * @param offset where they begin
   * @param length how many there are
   * @throws IndexOutOfBoundsException if the part is not within the segment
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if there is no space; the record is not taken
   * @throws dev.varve.StorageException if writing failed; the record is not taken
   * @throws dev.varve.PoisonedException if a sync failed before
   */
  public void write(MemorySegment segment, long offset, long length) {
    checkOpen();
    Objects.checkFromIndexSize(
        offset, length, Objects.requireNonNull(segment, "segment").byteSize());
    long frame = TfRecordLayout.HEADER_BYTES + length + TfRecordLayout.FOOTER_BYTES;
    if (used + frame > BUFFER_BYTES) {
      writeBuffer();
    }
    long begin = end;
    long before = used;
    try {
      TfRecordLayout.putHeader(buffer, used, length, crc);
      used += TfRecordLayout.HEADER_BYTES;
      crc.reset();
      for (long done = 0; done < length; ) {
        makeRoom(1);
        long piece = Math.min(length - done, BUFFER_BYTES - used);
        MemorySegment.copy(segment, offset + done, buffer, used, piece);
        crc.update(buffer, used, piece);
        used += piece;
        done += piece;
      }
      makeRoom(TfRecordLayout.FOOTER_BYTES);
      buffer.set(LE_INT_UNALIGNED, used, TfRecordLayout.masked(crc.value()));
      used += TfRecordLayout.FOOTER_BYTES;
    } catch (RuntimeException | Error e) {
      stale |= frame > BUFFER_BYTES;
      end = begin;
      used = before;
      throw e;
    }
    records++;
  }

  private void makeRoom(long bytes) {
    if (used + bytes > BUFFER_BYTES) {
      writeBuffer();
    }
  }

  private void writeBuffer() {
    if (used > 0) {
      file.write(end, buffer.asSlice(0, used));
      end += used;
      used = 0;
    }
  }

  private void cut() {
    if (stale) {
      file.truncate(end);
      stale = false;
    }
  }

  /**
   * Hands all records to the operating system: readers see them, and they survive the death of this
   * process.
   *
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if there is no space; the records are kept
   * @throws dev.varve.StorageException if writing failed; the records are kept
   * @throws dev.varve.PoisonedException if a sync failed before
   */
  public void flush() {
    checkOpen();
    cut();
    writeBuffer();
  }

  /**
   * Flushes, and returns when all records and the name of the file are on the disk.
   *
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if there is no space; the records are kept
   * @throws dev.varve.StorageException if writing failed; the records are kept; or if syncing
   *     failed, which poisons this writer
   * @throws dev.varve.PoisonedException if a sync failed before
   */
  public void sync() {
    flush();
    file.sync();
    Path directory = path().toAbsolutePath().getParent();
    if (directory != null) {
      storage.syncDirectory(directory);
    }
  }

  /**
   * Returns the number of records that this writer took.
   *
   * @return all of them, flushed or not
   */
  public long records() {
    return records;
  }

  /**
   * Returns the file.
   *
   * @return the path as it was given
   */
  public Path path() {
    return file.path();
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("TFRecord writer \"" + path() + "\"");
    }
  }

  /**
   * Flushes, and closes whether or not that succeeds: to repeat a flush that failed, do so before.
   * Does not sync. Bytes that a failed write left behind the last record are cut off. Closing again
   * has no effect.
   *
   * @throws dev.varve.FullException if there is no space for the last records, which are then lost
   * @throws dev.varve.StorageException if writing the last records failed, which are then lost
   * @throws dev.varve.PoisonedException if a sync failed before
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    try {
      cut();
      writeBuffer();
    } finally {
      closed = true;
      try {
        file.close();
      } finally {
        try {
          release(storage, lockFile, lock);
        } finally {
          arena.close();
        }
      }
    }
  }
}
