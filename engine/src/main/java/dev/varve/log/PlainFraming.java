// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Segments that hold frames and nothing else. */
final class PlainFraming implements SegmentFraming {

  @Override
  public String name() {
    return "plain";
  }

  @Override
  public String suffix() {
    return ".frames";
  }

  @Override
  public MemorySegment header() {
    return MemorySegment.NULL;
  }

  @Override
  public FrameSource footer(long end, List<StoredFrame> frames, ContentReader content) {
    return FrameSource.of(0);
  }

  @Override
  public long footerBound(long frames, long contextBytes) {
    return 0;
  }
}
