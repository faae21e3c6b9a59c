// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A batch left memory. */
@Name("dev.varve.BatchEvicted")
@Label("Batch Evicted")
@Category("Varve")
@StackTrace(false)
final class BatchEvictedEvent extends Event {

  @Label("Batch")
  long batch;

  @Label("Bytes")
  @DataAmount
  long bytes;

  static void emit(long batch, long bytes) {
    BatchEvictedEvent event = new BatchEvictedEvent();
    if (event.shouldCommit()) {
      event.batch = batch;
      event.bytes = bytes;
      event.commit();
    }
  }
}
