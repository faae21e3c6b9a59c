// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.ClosedException;
import dev.varve.record.SkippedRegion;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * Writes records into a file in disky's format. Without compression the file is byte for byte what
 * disky itself writes.
 *
 * {@snippet class = "dev.varve.record.disky.DiskySnippetsTest" region = "write"}
 *
 * <p><b>Durability.</b> Records are collected into chunks. A full chunk is handed to the operating
 * system by the next {@link #write} or by {@link #flush} or {@link #close}, and then survives the
 * death of the process; all that {@link #sync} has returned for survives the loss of power, too.
 *
 * <p><b>Failures.</b> A call that could not be honoured throws, also where the failure is that of
 * an earlier chunk: a {@link #write} that throws took no record, and what earlier ones took is kept
 * and written by the next {@link #write}, {@link #flush} or {@link #close} that can. So after a
 * {@link dev.varve.FullException} work goes on once there is space. After a failed sync the writer
 * is poisoned: close it, and open it again.
 *
 * <p><b>One writer a file.</b> While it is open there is a file of the same name with {@code .lock}
 * behind it, locked; another writer, also of another process, gets a {@link
 * dev.varve.BusyException}. Readers need no lock: the file never becomes shorter, and a chunk that
 * was written never changes.
 *
 * <p><b>Threads.</b> Any number may use it; one call runs at a time.
 */
public final class DiskyWriter implements AutoCloseable {
  /** The most bytes that a record may have: 2^30. */
  public static final long MAX_RECORD_BYTES = 1L << 30;

  private final WriterFile file;
  private final BlockOutput out;
  private final ChunkBuilder chunk;
  private final Optional<SkippedRegion> repaired;
  private long end;
  private long records;
  private boolean closed;

  DiskyWriter(WriterFile file, ChunkBuilder chunk, long end, Optional<SkippedRegion> repaired) {
    this.file = file;
    this.out = new BlockOutput(file.file());
    this.chunk = chunk;
    this.end = end;
    this.repaired = repaired;
  }

  /**
   * Begins to describe a writer.
   *
   * @param path the file
   * @return a builder with default settings
   */
  public static DiskyWriterBuilder builder(Path path) {
    return new DiskyWriterBuilder(path);
  }

  /**
   * Adds a record.
   *
   * @param record its bytes, which are copied; native or heap
   * @throws IllegalArgumentException if it has more than {@link #MAX_RECORD_BYTES} bytes
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if the chunk before could not be written for lack of space
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws dev.varve.StorageException if the chunk before could not be written
   */
  public synchronized void write(MemorySegment record) {
    Objects.requireNonNull(record, "record");
    checkOpen();
    if (record.byteSize() > MAX_RECORD_BYTES) {
      throw new IllegalArgumentException(
          "a record for "
              + name()
              + " has "
              + record.byteSize()
              + " bytes; at most "
              + MAX_RECORD_BYTES
              + " are permitted; split it");
    }
    if (chunk.isFull()) {
      writeChunk();
    }
    chunk.add(record);
    records++;
  }

  /**
   * Adds a record.
   *
   * @param record its bytes, which are copied
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if the chunk before could not be written for lack of space
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws dev.varve.StorageException if the chunk before could not be written
   */
  public void write(byte[] record) {
    write(MemorySegment.ofArray(Objects.requireNonNull(record, "record")));
  }

  /**
   * Hands all records to the operating system: readers see them, and they survive the death of this
   * process. Ends the current chunk, so frequent flushes make a file of many small chunks.
   *
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if there is no space; the records are kept
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws dev.varve.StorageException if writing failed; the records are kept
   */
  public synchronized void flush() {
    checkOpen();
    if (!chunk.isEmpty()) {
      writeChunk();
    }
  }

  /**
   * Flushes, and returns when all records are on the disk.
   *
   * @throws ClosedException if this writer is closed
   * @throws dev.varve.FullException if there is no space; the records are kept
   * @throws dev.varve.PoisonedException if a sync failed before
   * @throws dev.varve.StorageException if writing failed; the records are kept; or if syncing
   *     failed, which poisons this writer
   */
  public synchronized void sync() {
    flush();
    file.file().sync();
  }

  /**
   * Returns the number of records that this writer took.
   *
   * @return all of them, flushed or not
   */
  public synchronized long records() {
    return records;
  }

  /**
   * Returns what was made good when the file was opened for appending: the remains of a chunk that
   * a writer did not finish, which were covered up and hold no records.
   *
   * @return the region, from the end of the last intact chunk to the end of the file; empty if the
   *     file was whole
   */
  public Optional<SkippedRegion> repaired() {
    return repaired;
  }

  /**
   * Returns the file.
   *
   * @return the path as it was given
   */
  public Path path() {
    return file.file().path();
  }

  /**
   * Flushes, and closes whether or not that succeeds: to repeat a flush that failed, do so before.
   * Does not sync. Closing again has no effect.
   *
   * @throws dev.varve.FullException if there is no space for the last records, which are then lost
   * @throws dev.varve.PoisonedException if a sync failed before, and there were records since
   * @throws dev.varve.StorageException if writing the last records failed, which are then lost
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    try {
      flush();
    } finally {
      closed = true;
      try {
        file.close();
      } finally {
        chunk.close();
      }
    }
  }

  private void writeChunk() {
    chunk.seal();
    long next = BlockLayout.end(end, chunk.bytes());
    out.write(end, next, chunk.parts());
    end = next;
    chunk.clear();
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException(name());
    }
  }

  private String name() {
    return "disky writer \"" + path() + "\"";
  }
}
