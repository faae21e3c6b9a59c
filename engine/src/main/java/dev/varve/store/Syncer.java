// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.BusyException;
import dev.varve.PoisonedException;
import dev.varve.memory.Faults;
import java.time.Duration;

/**
 * Makes commits durable: the steady sync, and the sync of the redo log. One thread of all handles
 * leads one, for all that have committed by then; the others wait for it.
 */
final class Syncer {
  /** How often a leader of the redo log yields to others before it syncs, if none commits. */
  private static final int MOST_YIELDS = 50;

  /** For how many commits it waits at most. */
  private static final int MOST_GATHERED = 64;

  private final Handle handle;
  private final Turn turn;
  private final Turn redoTurn;

  // For who has the turn.
  private final Meta meta = new Meta();
  private Generation generation;
  private Tree tree;

  /** How many commits the last sync of the redo log was for; for who has its turn. */
  private long group = 1;

  Syncer(Handle handle, Turn turn, Turn redoTurn, Generation generation) {
    this.handle = handle;
    this.turn = turn;
    this.redoTurn = redoTurn;
    this.generation = generation;
    this.tree = generation.tree();
  }

  /**
   * Waits until the steady state is at least that of a txn, and syncs if nobody else does.
   *
   * @throws dev.varve.BusyException if another handle leads a sync for longer than the timeout
   * @throws PoisonedException if a sync failed, this one or an earlier one, or an access to the
   *     mapped file did
   */
  void sync(long txn, Duration timeout) {
    while (!isSteady(txn)) {
      handle.shared.checkPoison();
      if (turn.take(timeout, () -> isSteady(txn))) {
        try {
          if (!isSteady(txn)) {
            lead();
          }
        } catch (InternalError e) { // of the walk, or of a store before, which surfaced here
          throw handle.poison(e);
        } finally {
          turn.release();
        }
      }
    }
  }

  /**
   * Waits until a txn is durable, by the redo log if it has a record of it, and syncs if nobody
   * else does.
   *
   * @throws BusyException if another handle leads a sync for longer than the timeout
   * @throws PoisonedException if a sync failed, this one or an earlier one
   */
  void makeDurable(long txn, Duration timeout) {
    SharedState shared = handle.shared;
    RedoLog redo = handle.redo;
    while (!shared.isDurable(txn)) {
      shared.checkPoison();
      if (redo.covers(txn)) {
        if (redoTurn.take(timeout, () -> shared.isDurable(txn))) {
          try {
            syncRedo(txn);
          } catch (InternalError e) { // of a store before, which surfaced here
            throw handle.poison(e);
          } finally {
            redoTurn.release();
          }
        }
      } else if (turn.take(timeout, () -> shared.isDurable(txn) || redo.covers(txn))) {
        try {
          if (!shared.isDurable(txn) && !redo.covers(txn)) {
            lead();
            redo.prepare();
          }
        } catch (InternalError e) { // as above
          throw handle.poison(e);
        } finally {
          turn.release();
        }
      }
    }
  }

  private void syncRedo(long txn) {
    SharedState shared = handle.shared;
    if (shared.isDurable(txn) || !handle.redo.covers(txn)) {
      return;
    }
    gather();
    StoreSyncEvent event = StoreSyncEvent.start();
    long before = shared.durable();
    long last = handle.redo.sync();
    check(redoTurn);
    shared.durable(last);
    handle.counters.sync(handle.counters.redoSyncs, handle.storage.nanoTime());
    if (event != null) {
      event.emit(handle, false, last, 0);
    }
    group = Math.clamp(last - before, 1, MOST_GATHERED);
  }

  /**
   * Lets those commit again whom the sync before has let go, if they do so at once: then one sync
   * does for all, instead of two for half of them each.
   */
  @SuppressWarnings("ThreadPriorityCheck") // nothing but speed depends on the yields
  private void gather() {
    long durable = handle.shared.durable();
    long last = handle.redo.last();
    long expected = Math.min(last - durable + group - 1, MOST_GATHERED);
    for (int yields = 0; yields < MOST_YIELDS && last - durable < expected; yields++) {
      Thread.yield();
      long now = handle.redo.last();
      if (now != last) {
        last = now;
        yields = 0;
      }
    }
  }

  /** Has the half of the redo log become free that is full, after a commit that is durable. */
  void makeRoom(long txn, Duration timeout) {
    try {
      sync(txn, timeout);
    } catch (BusyException e) {
      // Whoever finds no room waits for a steady sync.
    }
  }

  /** Syncs even if the steady state is the last commit: what an earlier sync left is finished. */
  void force(Duration timeout) {
    turn.take(timeout);
    try {
      lead();
    } catch (InternalError e) {
      throw handle.poison(e);
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
        StoreSyncEvent event = StoreSyncEvent.start();
        tree.pages = generation.file.map(meta.pageCount());
        long sealed = Sealer.seal(tree, meta, steady, isRewriting);
        if (isRewriting && meta.logPage() != 0) {
          PageFile file = generation.file;
          long page = meta.logPage();
          Sealer.rewrite(file.segment(page), file.offset(page), meta.logBytes());
        }
        syncFile();
        check(turn);
        shared.nextSteady(meta.txn());
        generation.metas.write(meta, steady);
        syncFile();
        if (!shared.steady(steady, meta.txn())) {
          shared.poison(SharedState.LOCK_LOST);
          shared.checkPoison();
        }
        handle.counters.sync(handle.counters.steadySyncs, handle.storage.nanoTime());
        if (event != null) {
          event.emit(handle, true, meta.txn(), sealed);
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
    syncFile();
    check(turn);
    shared.steady(steady, next);
  }

  /** Checks that the turn of a steady sync is still this handle's. */
  void check() {
    check(turn);
  }

  private void check(Turn mine) {
    handle.shared.checkPoison();
    if (!mine.isMine()) {
      throw handle.slots.lost();
    }
    handle.checkSession();
  }

  private void syncFile() {
    try {
      Faults.surface();
      generation.file.sync();
    } catch (RuntimeException | Error e) {
      handle.shared.poison(SharedState.SYNC_FAILED);
      throw e;
    }
  }
}
