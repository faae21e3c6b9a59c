// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.ClosedException;
import dev.varve.log.LogFrame;
import java.io.IOException;
import java.time.Duration;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A reader of a {@link StreamCache}: an {@link ArrowReader} with a position of its own.
 *
 * <p>Batches are not copied: the vectors of the root lie over the cache's memory or its mapped
 * files, unless batches are compressed. They must not be written to. What was transferred out of
 * the root stays valid until it is released, whatever becomes of reader and cache. Only one byte a
 * batch is charged to the allocator.
 *
 * <p><b>Threads.</b> For one thread at a time: a call that finds another thread in the reader
 * throws. {@link #close} may come from any thread at any time, and cancels a wait.
 *
 * <p><b>Lifetime.</b> A reader works on after its cache was closed, for the batches that were
 * ingested. It must be closed itself.
 */
public final class StreamReader extends ArrowReader {

  private static final Duration CENTURY = Duration.ofDays(36_500);

  private final CacheCore cache;
  private final Cursor cursor;
  private final int[] columns;
  private @Nullable ReplayTarget target;
  private long lastBatch = -1;
  private boolean lastHot;
  private long bytes;

  private final ReaderGuard guard = new ReaderGuard(this::release);

  StreamReader(CacheCore cache, Cursor cursor, int[] columns, BufferAllocator allocator) {
    super(allocator);
    this.cache = cache;
    this.cursor = cursor;
    this.columns = columns;
  }

  @Override
  protected Schema readSchema() {
    return cache.schema.project(columns);
  }

  /**
   * Loads the next batch into the root, having it pulled from the source if it is not cached yet.
   *
   * @return false at the end of the stream or of the reader's range; the root is then empty
   * @throws UpstreamException if the source failed at this batch, or was never read so far
   * @throws dev.varve.FullException if the batch fits neither memory nor disk; it is still the next
   * @throws dev.varve.CorruptionException if the cached batch is damaged; it is still the next
   * @throws ClosedException if the reader was closed, or its cache was before the batch was
   *     ingested
   * @throws IllegalStateException if another thread is in the reader
   */
  @Override
  public boolean loadNextBatch() throws IOException {
    return load(Cursor.NEVER) == ReadResult.LOADED;
  }

  /**
   * Loads the next batch if it comes within a time.
   *
   * @param timeout how long to wait at most; not at all if it is negative
   * @return what came of it
   * @throws IOException as {@link #loadNextBatch()}, or if the thread is interrupted while it waits
   */
  public ReadResult loadNextBatch(Duration timeout) throws IOException {
    return load(System.nanoTime() + nanos(timeout));
  }

  /** A timeout in nanoseconds, none of which are negative or more than a century. */
  static long nanos(Duration timeout) {
    if (timeout.isNegative()) {
      return 0;
    }
    return timeout.compareTo(CENTURY) > 0 ? CENTURY.toNanos() : timeout.toNanos();
  }

  private ReadResult load(long deadline) throws IOException {
    guard.enter();
    try {
      VectorSchemaRoot root = getVectorSchemaRoot();
      ReplayTarget into = target;
      if (into == null) {
        into = new ReplayTarget(cache.schema, columns, root, getDictionaryVectors(), allocator);
        target = into;
      }
      while (true) {
        long batch = cursor.await(deadline);
        if (batch < 0) {
          root.clear();
          return batch == Cursor.END ? ReadResult.END : ReadResult.TIMEOUT;
        }
        LogFrame frame = cursor.pin(batch);
        boolean hot = frame.isHot();
        long size = frame.bytes();
        into.load(frame);
        if (cursor.take(batch)) {
          lastBatch = batch;
          lastHot = hot;
          bytes += size;
          return ReadResult.LOADED;
        }
      }
    } finally {
      guard.exit();
    }
  }

  /**
   * Returns the batch that comes next; of a shuffled reader, how many were read.
   *
   * @return the number, from 0
   */
  public long position() {
    return cursor.position();
  }

  /**
   * Goes to a batch, forward or back; of a shuffled reader, to a place in its order. The root keeps
   * what it has until the next load.
   *
   * @param batch the batch to load next, within the reader's range, which begins at its start
   * @throws IllegalArgumentException if it is outside the range or the stream
   * @throws dev.varve.NotFoundException if it was released behind the slowest reader
   * @throws IOException if the source fails before it
   */
  public void seek(long batch) throws IOException {
    guard.enter();
    try {
      cursor.seek(batch);
    } finally {
      guard.exit();
    }
  }

  /**
   * Returns how far the reader is behind the frontier. A shuffled reader, which needs its batches
   * to the last, counts from the first of them until then.
   *
   * @return the number of batches
   */
  public long lag() {
    return cursor.lag();
  }

  /**
   * Returns the number of the batch in the root.
   *
   * @return the number, or -1 before the first
   */
  public long lastBatch() {
    return lastBatch;
  }

  /**
   * Returns whether the batch in the root came from memory rather than from a file.
   *
   * @return whether it was hot
   */
  public boolean lastBatchHot() {
    return lastHot;
  }

  /** Bytes of the batches read, as they are cached. */
  @Override
  public long bytesRead() {
    return bytes;
  }

  /**
   * Releases the root and the reader's hold on the cache. Idempotent; ends a wait in another
   * thread.
   */
  @Override
  public void close() throws IOException {
    close(true);
  }

  @Override
  public void close(boolean closeReadSource) throws IOException {
    cursor.cancel();
    guard.close();
  }

  /** Ends a wait in another thread with {@link ClosedException}. */
  void cancel() {
    cursor.cancel();
  }

  private void release() throws IOException {
    try {
      ReplayTarget loaded = target;
      if (loaded != null) {
        loaded.clear();
      }
      super.close(true);
    } finally {
      cache.released(cursor);
    }
  }

  @Override
  protected void closeReadSource() {}
}
