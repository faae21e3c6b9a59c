// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.ClosedException;
import dev.varve.log.LogFrame;
import dev.varve.log.LogReader;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Which batch comes next for a reader, and the wait for it.
 *
 * <p>Several threads may use it: who has loaded a batch makes it his by {@link #take}, and whoever
 * comes too late drops what he loaded.
 */
final class Cursor implements AutoCloseable {

  /** A deadline that does not come. */
  static final long NEVER = Long.MAX_VALUE / 2;

  /** Instead of a batch: the end of the stream or of the range. */
  static final long END = -1;

  /** Instead of a batch: the deadline came. */
  static final long TIMEOUT = -2;

  private final CacheCore cache;
  private final LogReader reader;
  private final long from;
  private final long end;
  private final OptionalLong seed;

  /** Batches in shuffled order; null while unknown, or when there is none. */
  private long @Nullable [] order;

  private int next;
  private volatile boolean cancelled;

  Cursor(CacheCore cache, LogReader reader, long from, long end, OptionalLong seed) {
    this.cache = cache;
    this.reader = reader;
    this.from = from;
    this.end = end;
    this.seed = seed;
  }

  /** The next batch, {@link #END} or {@link #TIMEOUT}. */
  long await(long deadline) throws IOException {
    if (seed.isPresent()) {
      return awaitShuffled(deadline);
    }
    while (true) {
      long position = position();
      if (position >= end) {
        return END;
      }
      long result = awaitBatch(position, deadline);
      if (result < 0) {
        return result;
      }
      if (reader.position() < position) {
        skipTo(position);
      } else {
        return position;
      }
    }
  }

  /** A start beyond the frontier is reached when its batches are there. */
  private synchronized void skipTo(long position) {
    if (reader.position() < position) {
      reader.seek(position);
    }
  }

  private long awaitBatch(long batch, long deadline) throws IOException {
    try {
      boolean ended = false;
      while (true) {
        if (cache.await(batch, deadline, this::isCancelled)) {
          cache.reached(batch + 1);
          return batch;
        }
        if (ended) {
          return END;
        }
        if (isCancelled()) {
          throw new ClosedException("stream reader");
        }
        if (!cache.isExhausted()) {
          return TIMEOUT;
        }
        ended = true; // The batch may have come before the end was marked: look again.
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw (IOException)
          new InterruptedIOException(
                  "interrupted while waiting for batch " + batch + "; it is still next")
              .initCause(e);
    }
  }

  private boolean isCancelled() {
    return cancelled || reader.isClosed();
  }

  /** Waits outside the monitor, so that others keep their deadlines. */
  private long awaitShuffled(long deadline) throws IOException {
    long upTo = from;
    while (!isDrawn() && upTo < end) {
      long result = awaitBatch(upTo, deadline);
      if (result == TIMEOUT) {
        return TIMEOUT;
      }
      if (result == END) {
        break;
      }
      upTo = Math.min(end, cache.count());
    }
    return shuffled(upTo);
  }

  private synchronized boolean isDrawn() {
    return order != null;
  }

  private synchronized long shuffled(long upTo) {
    long[] batches = order;
    if (batches == null) {
      batches = shuffle(from, upTo, seed.getAsLong());
      order = batches;
    }
    return next < batches.length ? batches[next] : END;
  }

  /** Fisher and Yates's shuffle, in Durstenfeld's form. */
  private static long[] shuffle(long from, long end, long seed) {
    long[] batches = new long[Math.toIntExact(Math.max(0, end - from))];
    for (int i = 0; i < batches.length; i++) {
      batches[i] = from + i;
    }
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = batches.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      long swapped = batches[i];
      batches[i] = batches[j];
      batches[j] = swapped;
    }
    return batches;
  }

  LogFrame pin(long batch) {
    return reader.batch(batch);
  }

  /** Whether a batch is still to be taken next. */
  boolean isNext(long batch) {
    if (seed.isEmpty()) {
      return reader.position() == batch;
    }
    synchronized (this) {
      long[] batches = order;
      return batches != null && next < batches.length && batches[next] == batch;
    }
  }

  /** Makes a batch the caller's; false when another thread has had it. */
  boolean take(long batch) {
    if (seed.isEmpty()) {
      return reader.advance(batch);
    }
    synchronized (this) {
      long[] batches = order;
      if (batches == null || next >= batches.length || batches[next] != batch) {
        return false;
      }
      if (next + 1 == batches.length) {
        reader.seek(from + batches.length); // Nothing is held back any more.
      }
      next++;
      return true;
    }
  }

  /** The number of the batch that comes next; in shuffled order, how many were taken. */
  long position() {
    if (seed.isPresent()) {
      synchronized (this) {
        return next;
      }
    }
    return Math.max(from, reader.position());
  }

  long lag() {
    return reader.lag();
  }

  /** Goes to a batch; in shuffled order, to a place in that order. */
  void seek(long position) throws IOException {
    if (seed.isPresent()) {
      long unused = awaitShuffled(NEVER);
      synchronized (this) {
        long[] batches = order;
        if (batches == null || position < 0 || position > batches.length) {
          throw new IllegalArgumentException(
              "place "
                  + position
                  + " is not within the shuffled batches, of which there are "
                  + (batches == null ? 0 : batches.length));
        }
        next = (int) position;
        return;
      }
    }
    if (position < from || position > end) {
      throw new IllegalArgumentException(
          "batch " + position + " is not within the reader's range " + from + " to " + end);
    }
    if (position > cache.count()) {
      long result = awaitBatch(position - 1, NEVER);
      if (result == END) {
        throw new IllegalArgumentException(
            "batch " + position + " does not exist; the stream has " + cache.count());
      }
    }
    reader.seek(position);
  }

  /** Ends a wait in another thread with an exception. */
  void cancel() {
    cancelled = true;
    cache.wake();
  }

  @Override
  public void close() {
    reader.close();
    cache.wake();
  }
}
