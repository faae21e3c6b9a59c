// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

/** A transaction waited for the writer's turn. */
@Name("dev.varve.StoreTurnWait")
@Label("Store Turn Wait")
@Category("Varve")
@StackTrace(false)
@Threshold("10 ms")
final class StoreTurnWaitEvent extends Event {
  /** Tells whether anybody records such events. */
  private static final StoreTurnWaitEvent PROBE = new StoreTurnWaitEvent();

  @Label("Store")
  String store = "";

  @Label("Taken")
  boolean taken;

  /** Begins to measure; returns null where nobody records, which costs nothing. */
  static @Nullable StoreTurnWaitEvent start() {
    if (!PROBE.isEnabled()) {
      return null;
    }
    StoreTurnWaitEvent event = new StoreTurnWaitEvent();
    event.begin();
    return event;
  }

  void emit(Handle handle, boolean wasTaken) {
    end();
    if (shouldCommit()) {
      store = handle.path.toString();
      taken = wasTaken;
      commit();
    }
  }
}
