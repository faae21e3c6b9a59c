// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A frame over plain segments. */
@SuppressWarnings("ArrayRecordComponent") // never compared
record SegmentsSource(long tag, MemorySegment[] parts) implements FrameSource {

  @Override
  public int kind() {
    return 0;
  }

  @Override
  public int partCount() {
    return parts.length;
  }

  @Override
  public long partLength(int part) {
    return parts[part].byteSize();
  }

  @Override
  public void copyTo(int part, long offset, MemorySegment target) {
    MemorySegment.copy(parts[part], offset, target, 0, target.byteSize());
  }

  @Override
  public @Nullable MemorySegment direct(int part) {
    return null;
  }
}
