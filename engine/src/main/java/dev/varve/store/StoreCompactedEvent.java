// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** A compaction has put a new data file in the place of the old one. */
@Name("dev.varve.StoreCompacted")
@Label("Store Compacted")
@Category("Varve")
@StackTrace(false)
final class StoreCompactedEvent extends Event {
  /** Tells whether anybody records such events. */
  private static final StoreCompactedEvent PROBE = new StoreCompactedEvent();

  @Label("Store")
  String store = "";

  @Label("Generation")
  long generation;

  @Label("Bytes Before")
  @DataAmount
  long before;

  @Label("Bytes After")
  @DataAmount
  long after;

  /** Begins to measure; returns null where nobody records, which costs nothing. */
  static @Nullable StoreCompactedEvent start() {
    if (!PROBE.isEnabled()) {
      return null;
    }
    StoreCompactedEvent event = new StoreCompactedEvent();
    event.begin();
    return event;
  }

  void emit(Handle handle, Generation from, Generation to) {
    end();
    if (shouldCommit()) {
      store = handle.path.toString();
      generation = to.number;
      before = from.file.fileBytes();
      after = to.file.fileBytes();
      commit();
    }
  }
}
