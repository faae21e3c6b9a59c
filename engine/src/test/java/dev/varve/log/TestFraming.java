// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A framing with a header, and a footer of two parts: the bytes of all context frames once more,
 * and a line for each frame.
 */
final class TestFraming implements SegmentFraming {

  static final String HEADER = "A segment of a test. ";

  @Override
  public String name() {
    return "test";
  }

  @Override
  public String suffix() {
    return ".test";
  }

  @Override
  public MemorySegment header() {
    return Arena.ofAuto()
        .allocate(128, 64)
        .copyFrom(MemorySegment.ofArray(new byte[128]))
        .copyFrom(MemorySegment.ofArray(HEADER.getBytes(StandardCharsets.US_ASCII)));
  }

  @Override
  public FrameSource footer(long end, List<StoredFrame> frames, ContentReader content) {
    ByteArrayOutputStream contexts = new ByteArrayOutputStream();
    List<String> lines = new ArrayList<>();
    for (StoredFrame frame : frames) {
      lines.add(frame.kind() + " " + frame.tag() + " " + frame.offset() + " " + frame.bytes());
      if (frame.kind() == 9) {
        try (LogFrame read = content.read(frame)) {
          for (int part = 0; part < read.partCount(); part++) {
            contexts.writeBytes(read.part(part).toArray(JAVA_BYTE));
          }
        }
      }
    }
    String text = String.join("\n", lines) + "\nend " + end;
    return FrameSource.of(
        0,
        MemorySegment.ofArray(contexts.toByteArray()),
        MemorySegment.ofArray(text.getBytes(StandardCharsets.US_ASCII)));
  }

  @Override
  public long footerBound(long frames, long contextBytes) {
    return 64 * (frames + 2) + contextBytes + 64;
  }
}
