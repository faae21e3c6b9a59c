// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.ClosedException;
import dev.varve.NotFoundException;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * A reader of a {@link StreamCache} from which several threads take batches: each batch goes to
 * exactly one of them, in order of hand-out.
 *
 * {@snippet class="dev.varve.arrow.StreamCacheSnippetsTest" region="shared"}
 *
 * <p>Leases outlive the reader, which must be closed itself. A failure to load a batch does not
 * consume it.
 */
public final class SharedReader implements AutoCloseable {

  private final CacheCore cache;
  private final Cursor cursor;
  private final int[] columns;
  private final BufferAllocator allocator;
  private volatile boolean closed;

  SharedReader(CacheCore cache, Cursor cursor, int[] columns, BufferAllocator allocator) {
    this.cache = cache;
    this.cursor = cursor;
    this.columns = columns;
    this.allocator = allocator;
  }

  /**
   * Takes the next batch, having it pulled from the source if it is not cached yet.
   *
   * @return the batch, or empty at the end of the stream or of the reader's range
   * @throws IOException as {@link StreamReader#loadNextBatch()}
   */
  public Optional<BatchLease> next() throws IOException {
    return Optional.ofNullable(take(Cursor.NEVER));
  }

  /**
   * Takes the next batch if it comes within a time.
   *
   * @param timeout how long to wait at most; not at all if it is negative
   * @return the batch, or empty at the end or when the time is over; {@link #atEnd} tells which
   * @throws IOException as {@link StreamReader#loadNextBatch()}
   */
  public Optional<BatchLease> next(Duration timeout) throws IOException {
    return Optional.ofNullable(take(System.nanoTime() + StreamReader.nanos(timeout)));
  }

  private @Nullable BatchLease take(long deadline) throws IOException {
    while (true) {
      requireOpen();
      long batch = cursor.await(deadline);
      if (batch < 0) {
        return null;
      }
      BatchLease lease;
      try {
        lease = cache.lease(columns, allocator, () -> cursor.pin(batch));
      } catch (NotFoundException e) {
        if (!cursor.isNext(batch)) {
          continue; // Another thread took it, and it was released behind that.
        }
        throw e;
      }
      boolean mine = false;
      try {
        mine = cursor.take(batch);
      } finally {
        if (!mine) {
          lease.close();
        }
      }
      if (mine) {
        return lease;
      }
    }
  }

  /**
   * Returns whether every batch of the stream, or of the reader's range, was taken.
   *
   * @return whether {@link #next()} will find nothing more
   * @throws IOException as {@link StreamReader#loadNextBatch()}
   */
  public boolean atEnd() throws IOException {
    requireOpen();
    return cursor.await(System.nanoTime()) == Cursor.END;
  }

  private void requireOpen() {
    if (closed) {
      throw new ClosedException("shared stream reader");
    }
  }

  /**
   * Returns the batch that comes next; of a shuffled reader, how many were taken.
   *
   * @return the number, from 0
   */
  public long position() {
    return cursor.position();
  }

  /** Ends the reader, and waits in other threads with {@link ClosedException}. Idempotent. */
  @Override
  public void close() {
    closed = true;
    cursor.cancel();
    cache.released(cursor);
  }
}
