// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * A store that was not closed in order, or was copied, was opened: it went back to its last steady
 * state.
 */
@Name("dev.varve.StoreRecovered")
@Label("Store Recovered")
@Category("Varve")
@StackTrace(false)
final class StoreRecoveredEvent extends Event {

  @Label("Store")
  String store = "";

  @Label("Transaction")
  long transaction;

  @Label("Commits Replayed")
  long replayed;

  @Label("Bytes Cut")
  @DataAmount
  long cut;

  static void emit(String store, long transaction, long replayed, long cut) {
    StoreRecoveredEvent event = new StoreRecoveredEvent();
    if (event.shouldCommit()) {
      event.store = store;
      event.transaction = transaction;
      event.replayed = replayed;
      event.cut = cut;
      event.commit();
    }
  }
}
