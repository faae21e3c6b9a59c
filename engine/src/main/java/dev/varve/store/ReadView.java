// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.SnapshotLostException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The view of a transaction that reads a pinned state. What it knows of a state it keeps for the
 * next transaction, which mostly reads the same one.
 */
final class ReadView extends View {
  private static final VarHandle IN_USE;

  static {
    try {
      IN_USE = MethodHandles.lookup().findVarHandle(ReadView.class, "inUse", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Another one of the same place, of {@link ReadViews}. */
  @Nullable ReadView next;

  /** As long as it is, the handle lives. Who makes it is the first to use it. */
  private volatile boolean inUse = true;

  private final Slots.Source ring = this::copyLast;

  /** The cell of the pin, or where the last one was. */
  private int cell = Slots.NO_CELL;

  private long pinned;

  /** The txn whose meta, whole, and tables this has; 0 for none. */
  private long known;

  ReadView(Handle handle, Generation generation) {
    super(handle, generation, generation.tree());
  }

  /** Takes it, unless it is in use. */
  boolean tryUse() {
    return !inUse && IN_USE.compareAndSet(this, false, true);
  }

  void giveBack() {
    inUse = false;
  }

  boolean isInUse() {
    return inUse;
  }

  /** Copies the meta of the last commit, unless it is here: that of a txn never changes. */
  private boolean copyLast(long txn, Meta target) {
    if (txn == known) {
      return true;
    }
    forgetState();
    if (!handle.shared.copyRing(txn, target)) {
      return false;
    }
    known = txn;
    return true;
  }

  private void forgetState() {
    known = 0;
    forget(0);
  }

  /**
   * Pins the last commit; or, of what is durable, the steady state, or the last commit once it is
   * durable, where others are durable that are in no steady state.
   */
  void begin(boolean durable) {
    while (!tryBegin(durable)) {
      handle.awaitSwitch();
    }
  }

  /** Returns false if the file of the state is not at its path any more, and not yet open here. */
  private boolean tryBegin(boolean durable) {
    boolean steady = durable && !handle.shared.isDurableAhead();
    if (steady) {
      forgetState();
      cell = handle.slots.pinSteady(handle::copySteady, meta);
    } else {
      cell = handle.slots.pin(cell, ring, meta);
    }
    pinned = meta.txn();
    boolean begun = false;
    try {
      Generation found = handle.generation(meta);
      if (found != null) {
        if (found != generation) {
          generation = found;
          tree = found.tree();
        }
        found.checkSession(handle.shared);
        tree.pages = found.file.map(meta.pageCount());
        if (durable && !steady) {
          handle.awaitDurable(pinned);
        }
        begun = true;
      }
      return begun;
    } finally {
      if (!begun) {
        end();
      }
    }
  }

  void end() {
    path.clear();
    handle.slots.end(cell, pinned);
  }

  @Override
  void done() {
    if (!handle.slots.holds(cell, pinned)) {
      throw lost();
    }
  }

  @Override
  RuntimeException failed(Throwable thrown) {
    known = 0; // what was read may be anything
    if (!handle.slots.holds(cell, pinned)) {
      SnapshotLostException lost = lost();
      lost.addSuppressed(thrown);
      return lost;
    }
    return handle.failed(thrown);
  }

  private SnapshotLostException lost() {
    return handle.slots.lost(cell);
  }
}
