// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.nio.file.Path;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** What a damaged store held was saved into a new one. */
@Name("dev.varve.StoreSalvaged")
@Label("Store Salvaged")
@Category("Varve")
@StackTrace(false)
final class StoreSalvagedEvent extends Event {
  /** Tells whether anybody records such events. */
  private static final StoreSalvagedEvent PROBE = new StoreSalvagedEvent();

  @Label("Store")
  String store = "";

  @Label("Target")
  String target = "";

  @Label("Entries Saved")
  long saved;

  @Label("Entries Lost")
  long lost;

  @Label("Problems")
  long problems;

  /** Begins to measure; returns null where nobody records, which costs nothing. */
  static @Nullable StoreSalvagedEvent start() {
    if (!PROBE.isEnabled()) {
      return null;
    }
    StoreSalvagedEvent event = new StoreSalvagedEvent();
    event.begin();
    return event;
  }

  void emit(Path damaged, Path copy, StoreSalvage report) {
    end();
    if (shouldCommit()) {
      store = damaged.toString();
      target = copy.toString();
      saved = report.savedEntries();
      lost = report.lostEntries();
      problems = report.problems();
      commit();
    }
  }
}
