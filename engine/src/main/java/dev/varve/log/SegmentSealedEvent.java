// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A segment file was finished. */
@Name("dev.varve.SegmentSealed")
@Label("Segment Sealed")
@Category("Varve")
@StackTrace(false)
final class SegmentSealedEvent extends Event {

  @Label("Segment")
  String segment = "";

  @Label("Batches")
  long batches;

  @Label("Bytes")
  @DataAmount
  long bytes;

  static void emit(LogSegment segment) {
    SegmentSealedEvent event = new SegmentSealedEvent();
    if (event.shouldCommit()) {
      event.segment = segment.path.toString();
      event.batches = segment.endBatch - segment.firstBatch;
      event.bytes = segment.fileBytes;
      event.commit();
    }
  }
}
