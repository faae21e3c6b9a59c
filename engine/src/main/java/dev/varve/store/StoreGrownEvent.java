// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** The data file of a store was made longer. */
@Name("dev.varve.StoreGrown")
@Label("Store Grown")
@Category("Varve")
@StackTrace(false)
final class StoreGrownEvent extends Event {

  @Label("Store")
  String store = "";

  @Label("Bytes Before")
  @DataAmount
  long before;

  @Label("Bytes After")
  @DataAmount
  long after;

  static void emit(String store, long before, long after) {
    StoreGrownEvent event = new StoreGrownEvent();
    if (event.shouldCommit()) {
      event.store = store;
      event.before = before;
      event.after = after;
      event.commit();
    }
  }
}
