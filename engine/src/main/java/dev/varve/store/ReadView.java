// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.SnapshotLostException;

/** The view of a transaction that reads a pinned state. */
final class ReadView extends View {
  private int cell = -1;
  private long pinned;

  ReadView(Handle handle) {
    super(handle, new Tree(handle.file.map(), handle.verifier));
  }

  /**
   * Pins the last commit; or, of what is durable, the steady state, or the last commit once it is
   * durable, where others are durable that are in no steady state.
   */
  void begin(boolean durable) {
    boolean steady = durable && !handle.shared.isDurableAhead();
    cell = steady ? handle.slots.pinSteady(handle::copySteady, meta) : handle.slots.pin(meta);
    pinned = meta.txn();
    try {
      handle.checkSession();
      tree.pages = handle.file.map(meta.pageCount());
      if (durable && !steady) {
        handle.awaitDurable(pinned);
      }
    } catch (RuntimeException | Error e) {
      end();
      throw e;
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
