// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.file.Mapping;
import dev.varve.memory.RefCounted;

/**
 * A mapped range of a segment file. The segment holds one count while the window is current, every
 * pin another.
 */
final class Window extends RefCounted {

  final long start;
  final long length;
  final Mapping mapping;
  private final LogSegment segment;

  Window(LogSegment segment, long start, long length, Mapping mapping) {
    this.segment = segment;
    this.start = start;
    this.length = length;
    this.mapping = mapping;
  }

  boolean covers(long offset, long bytes) {
    return offset >= start && offset + bytes <= start + length;
  }

  @Override
  protected void free() {
    mapping.close();
    segment.windowClosed();
  }
}
