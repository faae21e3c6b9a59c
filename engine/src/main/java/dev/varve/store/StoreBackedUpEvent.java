// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.nio.file.Path;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** A store was copied into a new one. */
@Name("dev.varve.StoreBackedUp")
@Label("Store Backed Up")
@Category("Varve")
@StackTrace(false)
final class StoreBackedUpEvent extends Event {
  /** Tells whether anybody records such events. */
  private static final StoreBackedUpEvent PROBE = new StoreBackedUpEvent();

  @Label("Store")
  String store = "";

  @Label("Target")
  String target = "";

  @Label("Transaction")
  long transaction;

  /** Begins to measure; returns null where nobody records, which costs nothing. */
  static @Nullable StoreBackedUpEvent start() {
    if (!PROBE.isEnabled()) {
      return null;
    }
    StoreBackedUpEvent event = new StoreBackedUpEvent();
    event.begin();
    return event;
  }

  void emit(Handle handle, Path copy, long txn) {
    end();
    if (shouldCommit()) {
      store = handle.path.toString();
      target = copy.toString();
      transaction = txn;
      commit();
    }
  }
}
