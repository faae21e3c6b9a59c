// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.Durability;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A transaction that changes tables of a {@link Store}. It reads what it has written.
 *
 * <p>It is ended by {@link #commit}, or by {@link #close} without one, which undoes all. A nested
 * one, begun on the same thread while another one is open, undoes only what was done since it
 * began; until it has ended the outer one cannot be used.
 *
 * <p>One that is open when its thread ends is rolled back as soon as another thread of the store
 * waits for its turn to write, or the store is closed, before that or after; a warning is logged.
 *
 * <p>When a change throws an exception that is not of its arguments, a full disk for example, this
 * transaction can only be closed; an outer one goes on.
 */
public final class WriteTransaction extends Transaction {
  private final @Nullable WriteTransaction outer;
  private final Durability durability;
  private final WriteView writing;

  private WriteTransaction(
      Handle handle, WriteView view, @Nullable WriteTransaction outer, Durability durability) {
    super(handle, view);
    this.outer = outer;
    this.durability = durability;
    this.writing = view;
  }

  static WriteTransaction begin(Handle handle, Durability durability) {
    WriteTransaction outer = handle.innermost();
    WriteView view = outer == null ? handle.writeView : outer.view();
    WriteTransaction transaction = new WriteTransaction(handle, view, outer, durability);
    if (outer == null) {
      handle.beginWrite(transaction, durability.level() == Durability.Level.SYNC);
    } else {
      view.push();
      handle.innermost(transaction);
    }
    return transaction;
  }

  @Override
  WriteView view() {
    WriteView view = (WriteView) super.view();
    if (handle.innermost() != this) {
      throw new IllegalStateException(
          "a nested transaction of "
              + handle.name()
              + " is open; end it before the outer one is used");
    }
    view.checkWhole();
    return view;
  }

  @Override
  public long snapshot() {
    return view().meta.txn() - 1;
  }

  /**
   * Removes a table and all its entries.
   *
   * @param name its name
   * @return whether there was one
   */
  public boolean drop(String name) {
    Objects.requireNonNull(name, "name");
    WriteView view = view();
    try {
      TableState state = view.table(new ByteTable(handle, name));
      if (state == null) {
        return false;
      }
      view.drop(state);
      return true;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Commits, and ends the transaction. Of a nested one, what it did becomes part of the outer one.
   *
   * @throws dev.varve.FullException if the disk is full; nothing was committed
   * @throws dev.varve.PoisonedException if the store is poisoned
   * @throws dev.varve.StorageException if a sync failed, under {@link Durability#SYNC}: the commit
   *     is seen, and may be lost when the store is opened again
   * @throws dev.varve.BusyException if the sync of another process lasts for longer than the
   *     timeout, under {@link Durability#SYNC}: the commit stands, and may be lost with the power
   */
  public void commit() {
    WriteView view = view();
    if (outer != null) {
      view.release();
      leave();
      handle.innermost(outer);
      return;
    }
    StoreCommitEvent event = StoreCommitEvent.start();
    long txn;
    try {
      txn = view.commit();
    } catch (RuntimeException | Error e) {
      if (!view.isActive()) {
        leave();
        handle.endWrite();
        handle.release();
      }
      throw view.failed(e);
    }
    leave();
    try {
      publish(view, txn, event);
    } finally {
      handle.release();
    }
  }

  /** Gives the turn back after a commit, and makes it as durable as it shall be. */
  private void publish(WriteView view, long txn, @Nullable StoreCommitEvent event) {
    Durability wanted = view.usedReserve() ? Durability.SYNC : durability;
    boolean isHalfFull;
    try {
      if (event != null) {
        event.tell(handle, view, txn, wanted);
      }
      isHalfFull = txn != 0 && handle.redo.append(view.operations, view.before(), txn);
    } finally {
      handle.endWrite();
    }
    try {
      if (txn != 0) {
        handle.makeDurable(txn, wanted);
      }
      if (isHalfFull) {
        handle.syncer.makeRoom(txn, handle.options.timeout());
      }
    } finally {
      if (event != null) {
        event.emit();
      }
    }
  }

  /**
   * Ends the transaction, of a thread that has ended, without a look at what it did.
   *
   * @return the outer one, null if it is not nested
   */
  @Nullable WriteTransaction abandon() {
    leave();
    return outer;
  }

  /** Ends the transaction; if it was not committed, undoes what it did. */
  @Override
  public void close() {
    if (isOver()) {
      return;
    }
    checkOwner();
    writing.checkNotLoading();
    if (handle.innermost() != this) {
      if (handle.isClosed() && handle.innermost() != null) {
        handle.innermost().close(); // the store was closed: all end
        close();
        return;
      }
      view(); // throws: another thread, or a nested one is open
    }
    WriteView view = (WriteView) leave();
    if (view == null) {
      throw over();
    }
    if (outer != null) {
      handle.innermost(outer);
      try {
        view.rollback();
      } catch (InternalError e) {
        throw view.failed(e);
      }
      return;
    }
    try {
      view.abort();
    } finally {
      handle.endWrite();
      handle.release();
    }
  }
}
