// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.BusyException;
import dev.varve.PoisonedException;
import dev.varve.memory.Faults;
import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * Makes commits durable: the steady sync, and the sync of the redo log. One thread of all handles
 * leads one, for all that have committed by then; the others wait for it.
 */
final class Syncer {
  private static final int OS_PAGE = 4096;

  /** How often a leader of the redo log yields to others before it syncs, if none commits. */
  private static final int MOST_YIELDS = 50;

  /** For how many commits it waits at most. */
  private static final int MOST_GATHERED = 64;

  private final Handle handle;
  private final Turn turn;
  private final Turn redoTurn;
  private final SteadyMetas metas;

  // For who has the turn.
  private final Meta meta = new Meta();
  private final Tree tree;
  private boolean isRewriting;

  /** How many commits the last sync of the redo log was for; for who has its turn. */
  private long group = 1;

  Syncer(Handle handle, Turn turn, Turn redoTurn, SteadyMetas metas) {
    this.handle = handle;
    this.turn = turn;
    this.redoTurn = redoTurn;
    this.metas = metas;
    this.tree = new Tree(handle.file.map(), handle.verifier);
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
    long before = shared.durable();
    long last = handle.redo.sync();
    check(redoTurn);
    shared.durable(last);
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

  private boolean isSteady(long txn) {
    return Long.compareUnsigned(handle.shared.steady(), txn) >= 0;
  }

  private void lead() {
    SharedState shared = handle.shared;
    handle.checkSession(); // before anything is written
    isRewriting = shared.isRewriting();
    // A transaction that was open when the leader died is not covered before it is published.
    boolean isLast = isRewriting && shared.owner(SharedState.WRITER) == 0;
    finishNext();
    long steady = shared.steady();
    handle.slots.pinLeader(meta);
    try {
      if (meta.txn() != steady) {
        tree.pages = handle.file.map(meta.pageCount());
        seal(steady);
        sync();
        check(turn);
        shared.nextSteady(meta.txn());
        metas.write(meta, steady);
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
    if (next == steady || metas.find(next) == null) {
      return;
    }
    metas.rewrite(next);
    sync();
    check(turn);
    shared.steady(steady, next);
  }

  private void check(Turn mine) {
    handle.shared.checkPoison();
    if (!mine.isMine()) {
      throw handle.slots.lost();
    }
    handle.checkSession();
  }

  private void sync() {
    try {
      Faults.surface();
      handle.file.sync();
    } catch (RuntimeException | Error e) {
      handle.shared.poison(SharedState.SYNC_FAILED);
      throw e;
    }
  }

  // Checksums.

  /** Writes the checksums of all pages that the meta reaches and the steady state does not. */
  private void seal(long steady) {
    for (int i = 0; i < meta.records(); i++) {
      int at = Meta.record(i);
      sealTree(
          meta.segment.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ROOT),
          meta.segment.get(LE_LONG_UNALIGNED, at + Meta.TABLE_BIRTH),
          steady,
          false);
    }
    sealTree(meta.catalogRoot(), meta.catalogBirth(), steady, true);
    if (isRewriting && meta.logPage() != 0) {
      rewrite(
          handle.file.segment(meta.logPage()), handle.file.offset(meta.logPage()), meta.logBytes());
    }
  }

  private void sealTree(long root, long birth, long steady, boolean isCatalog) {
    if (root == 0 || !isNew(birth, steady)) {
      return;
    }
    MemorySegment s = tree.pages.segment(root);
    long b = tree.pages.offset(root);
    sealNode(s, b, tree.checkRoot(s, b, root, birth), steady, isCatalog);
  }

  private static boolean isNew(long birth, long steady) {
    return Long.compareUnsigned(birth, steady) > 0;
  }

  private void sealNode(MemorySegment s, long b, int level, long steady, boolean isCatalog) {
    int count = Node.count(s, b);
    for (int i = 0; i < count; i++) {
      long slot = Node.slot(s, b, i);
      if (Node.isLong(slot)) {
        sealRun(s, Node.keyRun(s, b, slot), Node.KEY_RUN, steady);
      }
      if (level > 0) {
        long child = Node.child(s, b, i);
        long birth = Node.childBirth(s, b, i);
        if (isNew(birth, steady)) {
          MemorySegment cs = tree.pages.segment(child);
          long cb = tree.pages.offset(child);
          tree.check(cs, cb, child, birth, level - 1);
          sealNode(cs, cb, level - 1, steady, isCatalog);
        }
      } else if (Node.isValueInRun(s, b, slot)) {
        sealRun(s, Node.value(s, b, slot), Node.VALUE_RUN, steady);
      } else if (isCatalog && Catalog.isRecord(s, Node.key(s, b, slot), Node.keyBytes(slot))) {
        sealTable(s, Node.value(s, b, slot), steady);
      }
    }
    Node.checksum(s, b, Node.sum(s, b, tree.pageSize));
    if (isRewriting) {
      rewrite(s, b, tree.pageSize);
    }
  }

  /** Seals the tree of a table in the catalog, unless its record there is out of date. */
  private void sealTable(MemorySegment s, long at, long steady) {
    if (meta.find(s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ID)) < 0) {
      sealTree(
          s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ROOT),
          s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_BIRTH),
          steady,
          false);
    }
  }

  private void sealRun(MemorySegment s, long reference, int kind, long steady) {
    if (!isNew(s.get(LE_LONG_UNALIGNED, reference + 8), steady)) {
      return;
    }
    long length = s.get(LE_LONG_UNALIGNED, reference + 16);
    MemorySegment rs = tree.run(s, reference, kind, length);
    long rb = tree.pages.offset(s.get(LE_LONG_UNALIGNED, reference));
    Node.checksum(rs, rb, Hash.XXH3.hash(rs, rb + 8, Node.CONTENT - 8 + length));
    if (isRewriting) {
      rewrite(rs, rb, Node.CONTENT + length);
    }
  }

  /** Stores to each page of the operating system what is there, so that the next sync writes it. */
  private static void rewrite(MemorySegment s, long b, long bytes) {
    for (long at = 0; at < bytes; at += OS_PAGE) {
      s.set(BYTE, b + at, s.get(BYTE, b + at));
    }
  }
}
