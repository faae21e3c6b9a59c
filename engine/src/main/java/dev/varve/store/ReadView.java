// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.SnapshotLostException;

/** The view of a transaction that reads a pinned state. */
final class ReadView extends View {
  private int cell = -1;
  private long pinned;

  ReadView(Handle handle, Generation generation) {
    super(handle, generation, generation.tree());
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
    cell = steady ? handle.slots.pinSteady(handle::copySteady, meta) : handle.slots.pin(meta);
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
    forget(0);
    path.clear();
    handle.slots.end(cell, pinned);
    cell = -1;
  }

  @Override
  void done() {
    if (!handle.slots.holds(cell, pinned)) {
      throw lost();
    }
  }

  @Override
  RuntimeException failed(Throwable thrown) {
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
