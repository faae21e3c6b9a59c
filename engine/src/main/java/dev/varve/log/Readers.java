// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.NotFoundException;
import java.util.ArrayList;
import java.util.List;

/**
 * The readers of a log, and the first batch that all of them together still let it keep.
 *
 * <p>Guarded by this object's monitor, which is never held for long and under which no other lock
 * is taken: readers come, go and seek while an append goes on. Whoever raises {@link #firstBatch}
 * holds the log's lock, too.
 */
final class Readers {

  private final String name;
  private final int limit;
  private final List<LogReader> open = new ArrayList<>();
  private volatile boolean complete;
  private volatile long firstBatch;
  private int created;
  private boolean closed;

  Readers(String name, int limit, long firstBatch) {
    this.name = name;
    this.limit = limit;
    this.firstBatch = firstBatch;
  }

  /** The first batch that can still be read. */
  long firstBatch() {
    return firstBatch;
  }

  /** Says what can be read of a log that another process writes. */
  void firstBatch(long first) {
    firstBatch = first;
  }

  /** Whether every reader that may ever exist was created, so that batches are released. */
  boolean complete() {
    return complete;
  }

  synchronized int created() {
    return created;
  }

  synchronized int open() {
    return open.size();
  }

  synchronized LogReader create(ReplayLog log, long start) {
    if (closed) {
      throw new ClosedException(name);
    }
    requireStart(start, log.count());
    if (created >= limit) {
      throw new ConflictException(
          name
              + ": all "
              + limit
              + " readers were created; closing one frees no place; build it with more");
    }
    LogReader reader = new LogReader(log, start);
    open.add(reader);
    created++;
    complete = created == limit && limit != Integer.MAX_VALUE;
    return reader;
  }

  synchronized void seek(LogReader reader, long number, long count) {
    requireStart(number, count);
    reader.moveTo(number);
  }

  private void requireStart(long start, long count) {
    if (start < 0 || start > count) {
      throw new IllegalArgumentException(
          name + ": position " + start + " is not within 0 to " + count);
    }
    if (start < firstBatch) {
      throw released(start);
    }
  }

  NotFoundException released(long number) {
    return new NotFoundException(
        name
            + ": batch "
            + number
            + " was released behind its readers; the first that is left is "
            + firstBatch);
  }

  synchronized void remove(LogReader reader) {
    boolean unused = open.remove(reader);
  }

  /** No more readers. */
  synchronized void close() {
    closed = true;
  }

  /** Where the slowest reader stands; 0 as long as more may come. */
  synchronized long slowest() {
    if (!complete) {
      return 0;
    }
    long least = Long.MAX_VALUE;
    for (LogReader reader : open) {
      least = Math.min(least, reader.position());
    }
    return least;
  }

  /**
   * Raises the first batch to where the slowest reader stands.
   *
   * <p>To be called until it answers false: a reader that left a batch behind the first need not
   * say so, and this call sees it if the one before did not.
   *
   * @return whether it was raised
   */
  synchronized boolean raise(long count) {
    long until = Math.min(slowest(), count);
    if (until <= firstBatch) {
      return false;
    }
    firstBatch = until;
    return true;
  }
}
