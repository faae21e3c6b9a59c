// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.time.Duration;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** A writer ended a snapshot that had held back pages for longer than the limit. */
@Name("dev.varve.StoreSnapshotRevoked")
@Label("Store Snapshot Revoked")
@Category("Varve")
@StackTrace(false)
final class StoreSnapshotRevokedEvent extends Event {

  @Label("Store")
  String store = "";

  @Label("Reading Process")
  long process;

  @Label("Snapshot")
  long snapshot;

  @Label("Limit")
  @Timespan(Timespan.MILLISECONDS)
  long limit;

  static void emit(String store, long process, long snapshot, Duration limit) {
    StoreSnapshotRevokedEvent event = new StoreSnapshotRevokedEvent();
    if (event.shouldCommit()) {
      event.store = store;
      event.process = process;
      event.snapshot = snapshot;
      event.limit = limit.toMillis();
      event.commit();
    }
  }
}
