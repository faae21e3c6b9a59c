// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A failure has stopped all work on a store, in all processes. */
@Name("dev.varve.StorePoisoned")
@Label("Store Poisoned")
@Category("Varve")
@StackTrace(false)
final class StorePoisonedEvent extends Event {

  @Label("Store")
  String store = "";

  @Label("Reason")
  String reason = "";

  static void emit(String store, String reason) {
    StorePoisonedEvent event = new StorePoisonedEvent();
    if (event.shouldCommit()) {
      event.store = store;
      event.reason = reason;
      event.commit();
    }
  }
}
