// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

/** Commits were made durable: by a steady sync of the data file, or one of the redo log. */
@Name("dev.varve.StoreSync")
@Label("Store Sync")
@Category("Varve")
@StackTrace(false)
@Threshold("10 ms")
final class StoreSyncEvent extends Event {
  /** Tells whether anybody records such events. */
  private static final StoreSyncEvent PROBE = new StoreSyncEvent();

  @Label("Store")
  String store = "";

  @Label("Steady")
  boolean steady;

  @Label("Transaction")
  long transaction;

  @Label("Bytes Sealed")
  @DataAmount
  long bytes;

  /** Begins to measure; returns null where nobody records, which costs nothing. */
  static @Nullable StoreSyncEvent start() {
    if (!PROBE.isEnabled()) {
      return null;
    }
    StoreSyncEvent event = new StoreSyncEvent();
    event.begin();
    return event;
  }

  /** Ends; of a sync of the redo log the bytes are 0. */
  void emit(Handle handle, boolean isSteady, long txn, long sealed) {
    end();
    if (shouldCommit()) {
      store = handle.path.toString();
      steady = isSteady;
      transaction = txn;
      bytes = sealed;
      commit();
    }
  }
}
