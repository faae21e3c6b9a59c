// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.VarveException;
import dev.varve.file.Durability;
import java.util.ArrayList;
import java.util.List;

/**
 * Which staged runs are over: those of handles that are closed or dead, and those that this handle
 * has let go of. For any number of threads; {@link #begin}, {@link #isOver} and {@link #committed}
 * for who has the writer's turn.
 */
final class Staging implements TxnStages.Test {
  private final Handle handle;

  // Guarded by this.

  /** What this handle has let go of, and is not known to be free. */
  private final List<StagedRun> over = new ArrayList<>();

  /** How many these are, for who looks without the lock: mostly none. */
  private volatile int count;

  /** How many of them the transaction that goes on frees; for who has the writer's turn. */
  private int freed;

  Staging(Handle handle) {
    this.handle = handle;
  }

  /** Says that nobody writes to runs any more. */
  synchronized void letGo(List<StagedRun> runs) {
    over.addAll(runs);
    count = over.size();
  }

  /** Frees what this handle has let go of, now; if that cannot be, its next transaction does. */
  void giveBack() {
    if (handle.innermost() != null) {
      return;
    }
    try (WriteTransaction transaction = WriteTransaction.begin(handle, Durability.NONE)) {
      transaction.view().keepFreedStaged();
      transaction.commit();
    } catch (VarveException e) {
      // The turn could not be had, say. When the handle is closed, or dies, it is free, too.
    }
  }

  /** Begins a transaction, which frees all that is over by now. */
  void begin() {
    freed = count;
  }

  @Override
  public synchronized boolean isOver(long page, long owner, long txn) {
    if (Long.compareUnsigned(txn, handle.shared.made()) <= 0) {
      return true;
    }
    if (owner != handle.slots.owner()) {
      int slot = SharedState.slotOf(owner);
      return slot < 0
          || slot >= SharedState.SLOTS
          || handle.shared.incarnation(slot) != SharedState.incarnationOf(owner);
    }
    for (int i = 0; i < freed; i++) {
      StagedRun run = over.get(i);
      if (run.page() == page && run.txn() == txn) {
        return true;
      }
    }
    return false;
  }

  /** Ends a transaction that was published. */
  void committed() {
    if (freed > 0) {
      forget();
    }
  }

  private synchronized void forget() {
    over.subList(0, freed).clear();
    count = over.size();
    freed = 0;
  }
}
