// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.log.LogStatus;
import dev.varve.log.ReplayLog;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Pulls batches from a source into the log when readers want them.
 *
 * <p>One thread of its own pulls, so that a reader's timeout, interrupt or close never reaches the
 * source, and a blocked source blocks nobody who does not need its next batch. It lives while there
 * is demand, and a little longer.
 *
 * <p>States. A batch that the source gave but the log did not take stays <em>pending</em> in the
 * source's root: the error goes to those who wait, and the next demand tries the same batch again.
 * A failure of the source is final.
 *
 * <p>Lock: everything below {@code lock} is guarded by it. It is never held while a batch is pulled
 * or appended.
 */
final class Ingestion {

  private static final long IDLE_SECONDS = 2;
  private static final System.Logger LOGGER = System.getLogger(Ingestion.class.getName());

  private final ReplayLog log;
  private final BatchProducer source;
  private final Schema first;
  private final RowIndex rows;
  private final IpcEncoder encoder;
  private final DictionaryTracker dictionaries;
  private final long readAhead;

  /** Where batches that stay in memory are moved instead of being copied, if they may be. */
  private final @Nullable BufferAllocator transferTo;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private long wanted;

  /** The first batch that somebody waits for, so that the others wake nobody. */
  private long awaited = Long.MAX_VALUE;

  private @Nullable Thread thread;
  private boolean ended;
  private boolean closed;
  private boolean sourceClosed;

  /** Whether the thread is in the source, where it may be for ever. */
  private boolean pulling;

  /** Steps that were begun, and the last of them that the log refused. */
  private long steps;

  private long refusedStep;
  private @Nullable Throwable failure;
  private @Nullable Throwable upstreamFailure;

  private final AtomicLong transfers = new AtomicLong();

  /** Used by the ingestion thread only. */
  private boolean pending;

  /** Used by the ingestion thread only. */
  private boolean exhausted;

  Ingestion(
      ReplayLog log,
      BatchProducer source,
      Schema first,
      StreamSchema schema,
      RowIndex rows,
      BodyCompression compression,
      boolean privateMemory,
      long readAhead,
      boolean transfer,
      BufferAllocator allocator) {
    this.log = log;
    this.source = source;
    this.first = first;
    this.rows = rows;
    this.readAhead = readAhead;
    this.transferTo = transfer ? allocator : null;
    this.encoder = new IpcEncoder(privateMemory, compression, allocator);
    this.dictionaries = new DictionaryTracker(schema, compression, allocator);
    this.ended = log.status() == LogStatus.COMPLETE;
  }

  /** Has the read-ahead go on from a reader's position; never waits. */
  void reached(long position) {
    if (readAhead > 0 && log.count() < position + readAhead) {
      lock.lock();
      try {
        want(position + readAhead);
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Waits until the log holds more than {@code position} batches, and has them pulled.
   *
   * @return false when the stream ended before, or the deadline came, or the wait was cancelled
   * @throws IOException if the source failed before
   */
  boolean await(long position, long deadline, BooleanSupplier cancelled)
      throws IOException, InterruptedException {
    lock.lockInterruptibly();
    try {
      long begun = steps;
      while (true) {
        if (log.count() > position) {
          return true;
        }
        if (upstreamFailure != null) {
          throw new UpstreamException(
              log.count(),
              "the source failed at batch " + log.count() + ": " + message(upstreamFailure),
              upstreamFailure);
        }
        if (ended || cancelled.getAsBoolean()) {
          return false;
        }
        if (closed) {
          throw new ClosedException(
              "stream cache, which has " + log.count() + " batches of its source,");
        }
        if (Thread.currentThread() == thread) {
          throw new IllegalStateException(
              "the source of a stream cache waits for batch "
                  + position
                  + " of that cache, which has to come from the source; a source may read what is"
                  + " cached already, and other caches");
        }
        // Where a step was begun before this wait, there may be room by now.
        if (refusedStep > begun && failure != null) {
          throw rethrown(failure);
        }
        want(Math.max(position + 1, position + readAhead));
        long left = deadline - System.nanoTime();
        if (left <= 0) {
          return false;
        }
        awaited = Math.min(awaited, position);
        boolean unused = changed.await(left, TimeUnit.NANOSECONDS);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * A failure is thrown to each who waits, so each gets an exception of his own where that matters.
   */
  private static RuntimeException rethrown(Throwable failure) {
    if (failure instanceof FullException full) {
      return new FullException(full);
    }
    if (failure instanceof RuntimeException unchecked) {
      return unchecked;
    }
    return new IllegalStateException("ingestion failed: " + failure, failure);
  }

  private void want(long count) {
    wanted = Math.max(wanted, count);
    if (thread != null) {
      changed.signalAll();
    } else if (!ended && !closed && upstreamFailure == null && log.count() < wanted) {
      Thread started = new Thread(this::run, "varve-ingest");
      started.setDaemon(true);
      started.start();
      thread = started;
    }
  }

  private void run() {
    try {
      while (isDemanded()) {
        step();
      }
    } catch (Throwable e) {
      LOGGER.log(System.Logger.Level.ERROR, "ingestion thread ended", e);
      failed(e);
    } finally {
      leave();
    }
  }

  /** Waits for demand; answers false when there is none for a while, or can be none any more. */
  private boolean isDemanded() {
    lock.lock();
    try {
      long idle = TimeUnit.SECONDS.toNanos(IDLE_SECONDS);
      while (!closed && !ended && upstreamFailure == null && idle > 0) {
        if (log.count() < wanted) {
          steps++;
          return true;
        }
        try {
          idle = changed.awaitNanos(idle);
        } catch (InterruptedException e) {
          idle = TimeUnit.SECONDS.toNanos(IDLE_SECONDS); // By the source, which means nothing here.
        }
      }
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** The last thing the thread does; demand that came meanwhile starts another. */
  private void leave() {
    if (isClosed()) {
      closeSource();
    }
    lock.lock();
    try {
      thread = null;
      changed.signalAll();
      if (log.count() < wanted) {
        want(wanted);
      }
      if (!closed) {
        return;
      }
    } finally {
      lock.unlock();
    }
    closeSource(); // The cache was closed just now, and left it to this thread.
  }

  /** Pulls and appends one batch. */
  private void step() {
    if (!pending && !exhausted) {
      try {
        pending = pull();
        exhausted = !pending;
      } catch (Throwable e) {
        failed(e);
        return;
      }
    }
    if (exhausted) {
      finish();
      return;
    }
    if (isClosed()) {
      return;
    }
    try {
      TransferMessage transfer = append();
      pending = false;
      if (transfer != null && transfer.isTaken()) {
        long unused = transfers.incrementAndGet();
        source.root().clear(); // From now on the buffers are the cache's alone.
      }
      appended();
    } catch (Throwable e) {
      refused(e);
    }
  }

  private boolean pull() throws IOException {
    setPulling(true);
    try {
      boolean more = source.next();
      if (more) {
        requireSchema(source.root());
        dictionaries.require(source.dictionaries());
      }
      return more;
    } finally {
      boolean unused = Thread.interrupted();
      setPulling(false);
    }
  }

  private void setPulling(boolean now) {
    lock.lock();
    try {
      pulling = now;
      if (closed) {
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** The root's schema is not enough: its vectors may have grown children since it was made. */
  private void requireSchema(VectorSchemaRoot root) {
    if (!root.getSchema().equals(first)) {
      throw new IllegalArgumentException(
          "the source's batch "
              + log.count()
              + " has the schema "
              + root.getSchema()
              + "; expected that of the stream: "
              + first);
    }
    for (int i = 0; i < first.getFields().size(); i++) {
      String difference = StreamSchema.difference(first.getFields().get(i), root.getVector(i));
      if (difference != null) {
        throw new IllegalArgumentException(
            "the source's batch "
                + log.count()
                + " differs from the schema of the stream: column "
                + difference);
      }
    }
  }

  /** Answers the batch if it may have been moved instead of copied. */
  private @Nullable TransferMessage append() throws IOException {
    VectorSchemaRoot root = source.root();
    DictionaryProvider provider = source.dictionaries();
    encoder.reset();
    encoder.appendBatch(root);
    DictionaryTracker.Change change = dictionaries.compare(provider);
    boolean fresh =
        log.prepare(encoder.frame().length(), change == DictionaryTracker.Change.REPLACED);
    List<LogMessage> contexts =
        fresh || change != DictionaryTracker.Change.NONE
            ? dictionaries.encode(provider, fresh)
            : List.of();
    rows.expect(log.count(), root.getRowCount());
    LogMessage batch = new LogMessage(LogMessage.BATCH, root.getRowCount(), encoder.frame());
    TransferMessage transfer = transferTo == null ? null : new TransferMessage(batch, transferTo);
    log.append(contexts, transfer == null ? batch : transfer);
    dictionaries.appended(provider);
    return transfer;
  }

  /** How many batches were moved into the cache instead of being copied. */
  long transfers() {
    return transfers.get();
  }

  /** The source is closed before anybody sees the end. */
  private void finish() {
    setPulling(true);
    try {
      closeSource();
    } finally {
      setPulling(false);
    }
    try {
      log.complete();
    } catch (Throwable e) {
      refused(e);
      return;
    }
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private static String message(Throwable failure) {
    String message = failure.getMessage();
    return message == null ? failure.toString() : message;
  }

  /** The source failed: for good. */
  private void failed(Throwable e) {
    if (!isClosed()) {
      try {
        log.fail(message(e));
      } catch (RuntimeException second) {
        e.addSuppressed(second);
      }
    }
    lock.lock();
    try {
      upstreamFailure = e;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** The log did not take the batch, which stays pending. */
  private void refused(Throwable e) {
    lock.lock();
    try {
      failure = e;
      refusedStep = steps;
      wanted = 0;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Wakes those who wait for what was appended; they say anew what they wait for. */
  private void appended() {
    lock.lock();
    try {
      if (log.count() > awaited) {
        awaited = Long.MAX_VALUE;
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Has waiters look whether they were cancelled. */
  void wake() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends ingestion. A pull that is under way is not waited for: its thread closes the source when
   * it returns. Nor does that thread wait for itself, when it is the source that closes the cache.
   */
  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
      while (thread != null && !pulling && thread != Thread.currentThread()) {
        changed.awaitUninterruptibly();
      }
      if (thread != null) {
        return;
      }
    } finally {
      lock.unlock();
    }
    closeSource();
  }

  /** Never under the lock: the source may take its time. */
  private void closeSource() {
    lock.lock();
    try {
      if (sourceClosed) {
        return;
      }
      sourceClosed = true;
    } finally {
      lock.unlock();
    }
    encoder.close();
    dictionaries.close();
    try {
      source.close();
    } catch (Throwable e) { // An error too: those who wait for this thread would wait for ever.
      LOGGER.log(System.Logger.Level.WARNING, "the source of a stream cache failed to close", e);
    }
  }
}
