// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A log that was not closed in order was opened. */
@Name("dev.varve.LogRecovered")
@Label("Log Recovered")
@Category("Varve")
@StackTrace(false)
final class LogRecoveredEvent extends Event {

  @Label("Log")
  String log = "";

  @Label("Batches")
  long batches;

  @Label("Index Bytes Cut")
  @DataAmount
  long cut;

  static void emit(String log, long batches, long cut) {
    LogRecoveredEvent event = new LogRecoveredEvent();
    if (event.shouldCommit()) {
      event.log = log;
      event.batches = batches;
      event.cut = cut;
      event.commit();
    }
  }
}
