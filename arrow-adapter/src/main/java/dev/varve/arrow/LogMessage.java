// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Encoded messages on their way into the log.
 *
 * @param kind what they are
 * @param tag the rows of a batch, or the id of a dictionary
 * @param frame the messages
 */
record LogMessage(int kind, long tag, MessageFrame frame) implements dev.varve.log.FrameSource {

  /** Kinds of frames, as segments and the side file have them. */
  static final int BATCH = 0;

  static final int DICTIONARY = 1;
  static final int DELTA = 2;

  @Override
  public int partCount() {
    return frame.partCount();
  }

  @Override
  public long partLength(int part) {
    return frame.partLength(part);
  }

  @Override
  public void copyTo(int part, long offset, MemorySegment target) {
    frame.copyTo(part, offset, target);
  }

  @Override
  public @Nullable MemorySegment direct(int part) {
    return frame.direct(part);
  }
}
