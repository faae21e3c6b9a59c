// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Appends records to a {@link ShardedWriter} through a batch of its own, so that threads with a
 * producer each do not get in each other's way.
 *
 * <p>A record is acknowledged when {@link #flush} returns, or its future completes. If a record of
 * this producer could not be kept, its next call throws, once, and says how many; the record of
 * that call is not taken then. For any number of threads; appending allocates nothing on the heap
 * for each record.
 */
public final class RecordProducer implements AutoCloseable {
  private final ShardedWriter writer;
  private final ReentrantLock lock = new ReentrantLock();
  private final Losses losses = new Losses();
  private final List<CompletableFuture<WrittenRecord>> futures = new ArrayList<>();
  private final List<Integer> indexes = new ArrayList<>();
  private @Nullable RecordBatch batch;
  private boolean closed;

  RecordProducer(ShardedWriter writer) {
    this.writer = writer;
  }

  /**
   * Appends a record. Waits while the queue is full.
   *
   * @param record its bytes, native or heap
   * @throws IllegalArgumentException if it is longer than {@link RecordWriter#MAX_RECORD_BYTES}
   * @throws dev.varve.FullException if the disk was full for earlier records; this one is not taken
   * @throws dev.varve.StorageException if earlier records could not be kept; likewise
   * @throws dev.varve.PoisonedException if earlier records could not be synced; likewise
   * @throws ClosedException if the producer or writer is closed
   */
  public void append(MemorySegment record) {
    append(record, 0, Objects.requireNonNull(record, "record").byteSize());
  }

  /**
   * Appends an array as a record. Waits while the queue is full.
   *
   * @param record its bytes
   * @throws dev.varve.FullException if the disk was full for earlier records; this one is not taken
   * @throws dev.varve.StorageException if earlier records could not be kept; likewise
   * @throws dev.varve.PoisonedException if earlier records could not be synced; likewise
   * @throws ClosedException if the producer or writer is closed
   */
  public void append(byte[] record) {
    append(MemorySegment.ofArray(Objects.requireNonNull(record, "record")), 0, record.length);
  }

  /**
   * Appends a part of a segment as a record. Waits while the queue is full.
   *
   * @param segment holds the bytes, native or heap
   * @param offset where they begin
   * @param length how many there are
   * @throws IndexOutOfBoundsException if the part is not within the segment
   * @throws IllegalArgumentException if it is longer than {@link RecordWriter#MAX_RECORD_BYTES}
   * @throws dev.varve.FullException if the disk was full for earlier records; this one is not taken
   * @throws dev.varve.StorageException if earlier records could not be kept; likewise
   * @throws dev.varve.PoisonedException if earlier records could not be synced; likewise
   * @throws ClosedException if the producer or writer is closed
   */
  public void append(MemorySegment segment, long offset, long length) {
    append(segment, offset, length, null);
  }

  /**
   * Appends a record, to be told what became of it. It is written soon, together with others that
   * wait. Waits while the queue is full.
   *
   * <p>What depends on the future runs in the thread that writes, unless it is asynchronous; it is
   * to be short, and cannot flush or close.
   *
   * @param record its bytes, native or heap
   * @return completes when the record is flushed, and synced under SYNC; or with the error for
   *     which it is not kept
   * @throws IllegalArgumentException if it is longer than {@link RecordWriter#MAX_RECORD_BYTES}
   * @throws ClosedException if the producer or writer is closed
   */
  public CompletableFuture<WrittenRecord> appendAsync(MemorySegment record) {
    CompletableFuture<WrittenRecord> future = new CompletableFuture<>();
    append(record, 0, Objects.requireNonNull(record, "record").byteSize(), future);
    return future;
  }

  /**
   * Appends an array as a record, to be told what became of it, as {@link
   * #appendAsync(MemorySegment)}.
   *
   * @param record its bytes
   * @return completes when the record is flushed, and synced under SYNC; or with the error for
   *     which it is not kept
   * @throws ClosedException if the producer or writer is closed
   */
  public CompletableFuture<WrittenRecord> appendAsync(byte[] record) {
    return appendAsync(MemorySegment.ofArray(Objects.requireNonNull(record, "record")));
  }

  private void append(
      MemorySegment segment,
      long offset,
      long length,
      @Nullable CompletableFuture<WrittenRecord> future) {
    Objects.checkFromIndexSize(
        offset, length, Objects.requireNonNull(segment, "segment").byteSize());
    if (length > RecordWriter.MAX_RECORD_BYTES) {
      throw new IllegalArgumentException(
          "record is " + length + " bytes long; expected at most " + RecordWriter.MAX_RECORD_BYTES);
    }
    RecordBatch full = null;
    try {
      lock.lock();
      try {
        checkOpen();
        if (future == null) {
          losses.report(writer.name());
        }
        RecordBatch open = batch;
        if (open == null || !open.fits(length)) {
          RecordBatch fresh = writer.newBatch();
          full = detach();
          batch = fresh;
          open = fresh;
        }
        open.add(segment, offset, length);
        if (future != null) {
          futures.add(future);
          indexes.add(open.count() - 1);
          if (futures.size() == 1) {
            writer.ask(this);
          }
        }
      } finally {
        lock.unlock();
      }
    } finally {
      if (full != null) {
        writer.put(full);
      }
    }
  }

  /** Takes the batch from the producer; the lock is held. */
  private @Nullable RecordBatch detach() {
    RecordBatch detached = batch;
    if (detached != null) {
      detached.ticket = new Ticket(this, writer.begin(), futures, indexes);
      futures.clear();
      indexes.clear();
      batch = null;
    }
    return detached;
  }

  /** Takes the batch if somebody waits for a record of it. */
  @Nullable RecordBatch takeAwaited() {
    lock.lock();
    try {
      return futures.isEmpty() ? null : detach();
    } finally {
      lock.unlock();
    }
  }

  /** Hands over what there is. */
  void handOver(boolean closing) {
    RecordBatch detached;
    lock.lock();
    try {
      closed |= closing;
      detached = detach();
    } finally {
      lock.unlock();
    }
    if (detached != null) {
      writer.put(detached);
    }
  }

  void lost(long records, Throwable error) {
    losses.add(records, error);
    writer.lost(records, error);
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("producer of " + writer.name());
    }
  }

  /**
   * Waits until all records that were appended are in their files, where readers find them; under
   * SYNC they are durable too.
   *
   * @throws dev.varve.FullException if the disk was full for records of this producer, which are
   *     not kept
   * @throws dev.varve.StorageException if records of this producer could not be kept
   * @throws dev.varve.PoisonedException if records of this producer could not be synced
   * @throws ClosedException if the producer or writer is closed
   */
  public void flush() {
    lock.lock();
    try {
      checkOpen();
    } finally {
      lock.unlock();
    }
    writer.flushAll(false);
    losses.report(writer.name());
  }

  /**
   * Flushes, and closes the producer; the writer stays open. Where the writer is being closed by
   * another thread, waits for that, which flushes. Closing again has no effect.
   *
   * @throws dev.varve.FullException if the disk was full for records of this producer, which are
   *     not kept
   * @throws dev.varve.StorageException if records of this producer could not be kept
   * @throws dev.varve.PoisonedException if records of this producer could not be synced
   */
  @Override
  public void close() {
    handOver(true);
    writer.remove(this);
    losses.report(writer.name());
  }
}
