// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.ClosedException;
import dev.varve.log.LogFrame;
import dev.varve.log.LogReader;
import dev.varve.log.LogStatus;
import dev.varve.log.ReplayLog;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * What a stream cache and its readers share; it lives until the cache and the last reader are
 * closed.
 */
final class CacheCore {

  final ReplayLog log;
  final StreamSchema schema;
  final BufferAllocator allocator;
  final RowIndex rows;
  private final @Nullable Ingestion ingestion;
  private final boolean readOnly;
  private final boolean ownsAllocator;
  private final List<Cursor> cursors = new ArrayList<>();

  /** Readers of iterators, which have no close of their own; guarded by {@code cursors}. */
  private final Set<SharedReader> iterations = new HashSet<>();

  /** Leases that are being loaded, which need the allocator; guarded by {@code cursors}. */
  private int loads;

  private boolean closed;

  CacheCore(
      ReplayLog log,
      StreamSchema schema,
      BufferAllocator allocator,
      boolean ownsAllocator,
      RowIndex rows,
      @Nullable Ingestion ingestion,
      boolean readOnly) {
    this.log = log;
    this.schema = schema;
    this.allocator = allocator;
    this.ownsAllocator = ownsAllocator;
    this.rows = rows;
    this.ingestion = ingestion;
    this.readOnly = readOnly;
  }

  long count() {
    return log.count();
  }

  /** The frontier as of now, also where another process moves it. */
  long currentCount() {
    if (readOnly) {
      log.refresh();
    }
    return log.count();
  }

  /** How far the stream has come as of now, also where another process writes it. */
  LogStatus status() {
    if (readOnly) {
      log.refresh();
    }
    return log.status();
  }

  /** Pins a batch, also one that another process has ingested just now. */
  LogFrame pin(long batch) {
    long unused = batch < log.count() ? batch : currentCount();
    return log.batch(batch);
  }

  /** Loads a batch, during which an allocator of the cache's own stays open. */
  BatchLease lease(int[] columns, BufferAllocator into, Supplier<LogFrame> pinned) {
    synchronized (cursors) {
      loads++;
    }
    try {
      return new BatchLease(schema, columns, into, pinned.get());
    } finally {
      boolean last;
      synchronized (cursors) {
        loads--;
        last = isUnused();
      }
      if (last) {
        closeAllocator();
      }
    }
  }

  /** Rows before a batch, which is at most the frontier. */
  long rowsBefore(long batch) {
    noteRows(batch);
    return rows.rows(batch);
  }

  /** The batch that holds a row, or -1. */
  long batchOfRow(long row) {
    long count = currentCount();
    noteRows(count);
    return rows.batchOf(row, count);
  }

  /** Where another process ingests, the rows of its batches are noted when they are asked for. */
  private void noteRows(long count) {
    if (readOnly) {
      synchronized (rows) {
        for (long batch = rows.noted(); batch < count; batch++) {
          rows.expect(batch, log.tag(batch));
        }
      }
    }
  }

  boolean isExhausted() {
    return log.status() == LogStatus.COMPLETE;
  }

  /** How many batches were taken over without a copy. */
  long transfers() {
    return ingestion == null ? 0 : ingestion.transfers();
  }

  /** Has the source read ahead of a reader. */
  void reached(long position) {
    if (ingestion != null) {
      ingestion.reached(position);
    }
  }

  /** Waits for a batch; false at the end of the stream, at the deadline, or when cancelled. */
  boolean await(long batch, long deadline, BooleanSupplier cancelled)
      throws IOException, InterruptedException {
    if (log.count() > batch) {
      return true;
    }
    if (isExhausted()) {
      return log.count() > batch;
    }
    if (ingestion != null) {
      return ingestion.await(batch, deadline, cancelled);
    }
    return awaitOther(batch, deadline, cancelled);
  }

  /**
   * Without a source of its own, a cache gets batches only from another process that is writing it.
   */
  private boolean awaitOther(long batch, long deadline, BooleanSupplier cancelled)
      throws IOException, InterruptedException {
    log.refresh();
    while (readOnly && deadline != Cursor.NEVER && log.status() == LogStatus.OPEN) {
      long left = deadline - System.nanoTime();
      if (log.count() > batch || cancelled.getAsBoolean() || left <= 0) {
        return log.count() > batch;
      }
      boolean unused = log.awaitMoreThan(batch, Duration.ofNanos(Math.min(left, 50_000_000)));
    }
    LogStatus status = log.status();
    if (log.count() > batch) {
      return true;
    }
    return switch (status) {
      case COMPLETE -> false;
      case FAILED ->
          throw new UpstreamException(
              log.count(),
              "the source failed at batch " + log.count() + ": " + log.failure().orElse(""),
              null);
      case OPEN ->
          throw new UpstreamException(
              log.count(),
              "the stream was interrupted before batch "
                  + log.count()
                  + "; open the cache with a source positioned there to continue it"
                  + (readOnly ? ", or wait for its owner with a timeout" : ""),
              null);
    };
  }

  long ingestAll() throws IOException {
    try {
      boolean unused = await(Long.MAX_VALUE / 2, Cursor.NEVER, () -> false);
      return log.count();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException("interrupted while the rest of the stream was ingested")
              .initCause(e);
    }
  }

  void wake() {
    if (ingestion != null) {
      ingestion.wake();
    }
  }

  Cursor cursor(Start start, long end, OptionalLong seed) {
    long count = currentCount();
    long from = start.batch(count);
    LogReader reader = log.reader(Math.min(from, count));
    Cursor cursor = new Cursor(this, reader, from, end, seed);
    synchronized (cursors) {
      if (!closed) {
        cursors.add(cursor);
        return cursor;
      }
    }
    cursor.close(); // The cache was closed meanwhile, and its allocator may be gone.
    throw new ClosedException("stream cache");
  }

  /** A reader is gone. */
  void released(Cursor cursor) {
    cursor.close();
    boolean last;
    synchronized (cursors) {
      last = cursors.remove(cursor) && isUnused();
    }
    if (last) {
      closeAllocator();
    }
  }

  List<Long> lags() {
    synchronized (cursors) {
      return cursors.stream().map(Cursor::lag).toList();
    }
  }

  /** Has a reader that nobody else can close go with the cache. */
  void closeWithCache(SharedReader reader) {
    synchronized (cursors) {
      if (!closed) {
        iterations.add(reader);
        return;
      }
    }
    reader.close();
  }

  void ended(SharedReader reader) {
    reader.close();
    synchronized (cursors) {
      iterations.remove(reader);
    }
  }

  void close() {
    if (ingestion != null) {
      ingestion.close();
    }
    List<SharedReader> unfinished;
    synchronized (cursors) {
      unfinished = List.copyOf(iterations);
      iterations.clear();
    }
    for (SharedReader reader : unfinished) {
      reader.close();
    }
    try {
      log.close();
    } finally {
      boolean last;
      synchronized (cursors) {
        boolean first = !closed;
        closed = true;
        last = first && isUnused();
      }
      if (last) {
        closeAllocator();
      }
    }
  }

  private boolean isUnused() {
    return closed && cursors.isEmpty() && loads == 0;
  }

  /** Batches that were handed out and not released keep an allocator of ours alive. */
  private void closeAllocator() {
    if (ownsAllocator && allocator.getAllocatedMemory() == 0) {
      allocator.close();
    }
  }
}
