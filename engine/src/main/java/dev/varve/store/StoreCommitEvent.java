// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.Durability;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** A transaction was committed, up to its end as durable as it was to be. */
@Name("dev.varve.StoreCommit")
@Label("Store Commit")
@Category("Varve")
@StackTrace(false)
@Threshold("10 ms")
final class StoreCommitEvent extends Event {
  /** Tells whether anybody records such events. */
  private static final StoreCommitEvent PROBE = new StoreCommitEvent();

  @Label("Store")
  String store = "";

  @Label("Transaction")
  long transaction;

  @Label("Durability")
  String durability = "";

  @Label("Pages Written")
  long pages;

  @Label("Bytes Written")
  @DataAmount
  long bytes;

  @Label("Entries Changed")
  long entries;

  @Label("Wait for the Turn")
  @Timespan(Timespan.NANOSECONDS)
  long turnWait;

  /** Begins to measure; returns null where nobody records, which costs nothing. */
  static @Nullable StoreCommitEvent start() {
    if (!PROBE.isEnabled()) {
      return null;
    }
    StoreCommitEvent event = new StoreCommitEvent();
    event.begin();
    return event;
  }

  /** Says what was committed; the caller still has the writer's turn. */
  void tell(Handle handle, WriteView view, long txn, Durability wanted) {
    store = handle.path.toString();
    transaction = txn;
    durability = wanted.level().name();
    pages = view.pagesWritten();
    bytes = pages * view.tree.pageSize;
    entries = view.entriesChanged();
    turnWait = view.turnWaitNanos;
  }

  /** Ends, unless nothing was committed. */
  void emit() {
    end();
    if (transaction != 0 && shouldCommit()) {
      commit();
    }
  }
}
