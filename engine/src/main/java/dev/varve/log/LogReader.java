// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.ClosedException;
import dev.varve.VarveException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A position in a {@link ReplayLog}, from which batches are taken in order.
 *
 * <p>Several threads may take from one reader: each batch goes to exactly one of them. A reader
 * works on after its log's handle was closed, up to the last batch appended; it must be closed
 * itself, and where the log has a reader limit it holds back the release of batches until then.
 * What it handed out stays valid until that is closed.
 */
public final class LogReader implements AutoCloseable {

  private static final VarHandle POSITION;

  static {
    try {
      POSITION = MethodHandles.lookup().findVarHandle(LogReader.class, "position", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final ReplayLog log;
  private volatile long position;
  private volatile boolean closed;

  LogReader(ReplayLog log, long position) {
    this.log = log;
    this.position = position;
  }

  /** {@return the batch that will be taken next} */
  public long position() {
    return position;
  }

  /** {@return how many batches were appended but not yet taken} */
  public long lag() {
    return Math.max(0, log.count() - position);
  }

  /**
   * Goes to a batch, forward or back.
   *
   * @param number 0 to {@link ReplayLog#count}
   * @throws dev.varve.NotFoundException when the batch was released
   * @throws IllegalArgumentException when it lies beyond the frontier
   */
  public void seek(long number) {
    requireOpen();
    log.seek(this, number);
  }

  void moveTo(long number) {
    position = number;
  }

  /**
   * Takes the next batch, or answers null at the frontier; see {@link ReplayLog#status} for whether
   * more can come. A failure leaves the position where it was.
   *
   * @return the batch, which the caller closes, or null
   * @throws ClosedException when the reader was closed
   * @throws dev.varve.NotFoundException when the batch was released
   */
  public @Nullable LogFrame poll() {
    while (true) {
      requireOpen();
      long at = position;
      if (at >= log.count()) {
        return null;
      }
      LogFrame frame;
      try {
        frame = log.pin(at);
      } catch (VarveException e) {
        if (position == at && !closed) {
          throw e;
        }
        continue; // Another thread took the batch, or closed the reader: it may be released by now.
      }
      if (POSITION.compareAndSet(this, at, at + 1)) {
        log.left(at);
        return frame;
      }
      frame.close();
    }
  }

  /**
   * Moves on by one batch, for who pins by himself.
   *
   * @param at the position to move on from
   * @return whether that was the position; if not, another thread took the batch
   * @throws ClosedException when the reader was closed
   */
  public boolean advance(long at) {
    requireOpen();
    boolean moved = POSITION.compareAndSet(this, at, at + 1);
    if (moved) {
      log.left(at);
    }
    return moved;
  }

  /**
   * Pins a batch and leaves the position as it is. Where the log has a reader limit, only batches
   * from {@link #position} on are sure to be there.
   *
   * @param number the batch
   * @return the batch; the caller closes it
   * @throws ClosedException when the reader was closed
   * @throws dev.varve.NotFoundException when the batch was released
   * @throws IndexOutOfBoundsException when it was not yet appended
   */
  public LogFrame batch(long number) {
    requireOpen();
    try {
      return log.pin(number);
    } catch (VarveException e) {
      requireOpen(); // Another thread may have closed it, and the batch is gone with its log.
      throw e;
    }
  }

  /**
   * Takes the next batch, waiting for it if need be.
   *
   * @param timeout how long to wait
   * @return the batch, which the caller closes; null when the time is over, or when the stream has
   *     ended or failed or its log was closed before another batch
   * @throws InterruptedException when the thread was interrupted; nothing was taken
   * @throws ClosedException when the reader was closed meanwhile
   */
  public @Nullable LogFrame next(Duration timeout) throws InterruptedException {
    long deadline = Deadline.after(timeout);
    while (true) {
      LogFrame frame = poll();
      if (frame != null || !log.await(position, deadline, () -> closed)) {
        return frame;
      }
    }
  }

  /** {@return whether the reader was closed} */
  public boolean isClosed() {
    return closed;
  }

  private void requireOpen() {
    if (closed) {
      throw new ClosedException("a reader of " + log.name());
    }
  }

  /** Ends the reader and wakes who waits in it. Idempotent; from any thread. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    log.closed(this);
  }
}
