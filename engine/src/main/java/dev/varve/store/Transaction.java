// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.ClosedException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A transaction of a {@link Store}: what tables are read through.
 *
 * <p>For the thread that began it. After its end, and after the store was closed, every call but
 * {@link #close} is a {@link dev.varve.ClosedException}.
 */
public abstract sealed class Transaction implements AutoCloseable
    permits ReadTransaction, WriteTransaction {
  final Handle handle;
  private final Thread owner = Thread.currentThread();
  private @Nullable View view;

  Transaction(Handle handle, View view) {
    this.handle = handle;
    this.view = view;
  }

  /** Returns the view, for an operation. */
  View view() {
    View current = view;
    if (current == null || handle.isClosed()) {
      throw ended(current);
    }
    checkOwner();
    return current;
  }

  private RuntimeException ended(@Nullable View current) {
    if (current != null && Thread.currentThread() == owner) {
      close();
    }
    return current == null ? over() : new ClosedException(handle.name());
  }

  final ClosedException over() {
    return new ClosedException("transaction of " + handle.name(), "begin another one");
  }

  /** Ends the transaction, and returns its view if it had not ended. */
  final @Nullable View leave() {
    View current = view;
    view = null;
    return current;
  }

  final boolean isOver() {
    return view == null;
  }

  /** Makes sure that this is the owner's thread, unless the transaction is over. */
  final void checkOwner() {
    if (view != null && Thread.currentThread() != owner) {
      throw new IllegalStateException(
          "a transaction of "
              + handle.name()
              + " belongs to "
              + owner
              + " and was used by "
              + Thread.currentThread()
              + "; begin one in each thread");
    }
  }

  /**
   * Returns the names of all tables, sorted.
   *
   * @return the names, a copy
   */
  public List<String> tables() {
    View current = view();
    try {
      List<String> names = current.tableNames();
      current.done();
      return names;
    } catch (RuntimeException | Error e) {
      throw current.failed(e);
    }
  }

  /**
   * Returns the number of the state that is read: that of the last commit in it. It grows from
   * commit to commit.
   *
   * @return the number
   */
  public abstract long snapshot();

  /** Ends the transaction. Ending again has no effect. */
  @Override
  public abstract void close();
}
