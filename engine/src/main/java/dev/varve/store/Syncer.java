// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.PoisonedException;
import dev.varve.memory.Faults;
import java.time.Duration;

/**
 * Makes commits durable: the steady sync. One thread of all handles leads one, for all that have
 * committed by then; the others wait for it.
 */
final class Syncer {
  private final Handle handle;
  private final Turn turn;

  // For who has the turn.
  private final Meta meta = new Meta();
  private Generation generation;
  private Tree tree;

  Syncer(Handle handle, Turn turn, Generation generation) {
    this.handle = handle;
    this.turn = turn;
    this.generation = generation;
    this.tree = generation.tree();
  }

  /**
   * Waits until the steady state is at least that of a txn, and syncs if nobody else does.
   *
   * @throws dev.varve.BusyException if another handle leads a sync for longer than the timeout
   * @throws PoisonedException if a sync failed, this one or an earlier one
   */
  void sync(long txn, Duration timeout) {
    while (!isSteady(txn)) {
      handle.shared.checkPoison();
      turn.take(timeout);
      try {
        if (!isSteady(txn)) {
          lead();
        }
      } finally {
        turn.release();
      }
    }
  }

  /** Syncs even if the steady state is the last commit: what an earlier sync left is finished. */
  void force(Duration timeout) {
    turn.take(timeout);
    try {
      lead();
    } finally {
      turn.release();
    }
  }

  /** Takes the turn and syncs nothing: nobody else does before {@link #release}. */
  void take(Duration timeout) {
    turn.take(timeout);
    try {
      useCurrent();
    } catch (RuntimeException | Error e) {
      turn.release();
      throw e;
    }
  }

  /** Goes over to the file that a compaction has put in the place of the former one. */
  private void useCurrent() {
    handle.finishSwitch();
    Generation now = handle.currentGeneration();
    if (now != generation) {
      generation = now;
      tree = now.tree();
    }
  }

  void release() {
    turn.release();
  }

  private boolean isSteady(long txn) {
    return Long.compareUnsigned(handle.shared.steady(), txn) >= 0;
  }

  private void lead() {
    SharedState shared = handle.shared;
    useCurrent();
    check(); // before anything is written
    boolean isRewriting = shared.isRewriting();
    // A transaction that was open when the leader died is not covered before it is published.
    boolean isLast = isRewriting && shared.owner(SharedState.WRITER) == 0;
    finishNext();
    long steady = shared.steady();
    handle.slots.pinLeader(meta);
    try {
      if (meta.txn() != steady) {
        tree.pages = generation.file.map(meta.pageCount());
        Sealer.seal(tree, meta, steady, isRewriting);
        if (isRewriting && meta.logPage() != 0) {
          PageFile file = generation.file;
          long page = meta.logPage();
          Sealer.rewrite(file.segment(page), file.offset(page), meta.logBytes());
        }
        sync();
        check();
        shared.nextSteady(meta.txn());
        generation.metas.write(meta, steady);
        sync();
        if (!shared.steady(steady, meta.txn())) {
          shared.poison(SharedState.LOCK_LOST);
          shared.checkPoison();
        }
      }
      if (isLast) {
        shared.rewriting(false);
      }
    } finally {
      handle.slots.endLeader();
    }
  }

  /** Finishes a sync whose leader died after it had begun to write the steady meta. */
  private void finishNext() {
    SharedState shared = handle.shared;
    long steady = shared.steady();
    long next = shared.nextSteady();
    if (next == steady || generation.metas.find(next) == null) {
      return;
    }
    generation.metas.rewrite(next);
    sync();
    check();
    shared.steady(steady, next);
  }

  void check() {
    handle.shared.checkPoison();
    if (!turn.isMine()) {
      throw handle.slots.lost();
    }
    generation.checkSession(handle.shared);
  }

  private void sync() {
    try {
      Faults.surface();
      generation.file.sync();
    } catch (RuntimeException | Error e) {
      handle.shared.poison(SharedState.SYNC_FAILED);
      throw e;
    }
  }
}
