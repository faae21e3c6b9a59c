// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A private copy of an encoded message, to compare another with. For one thread at a time. */
final class EncodedCopy implements AutoCloseable {

  private static final int PIECE = 1 << 16;

  private final Scratch memory = new Scratch();
  private final MemorySegment piece = Arena.ofAuto().allocate(PIECE, Alignment.BYTES);
  private long[] lengths = {};
  private long[] places = {};

  /** Copies a frame, in place of the one before. */
  void take(MessageFrame frame) {
    memory.reset();
    lengths = new long[frame.partCount()];
    places = new long[frame.partCount()];
    for (int part = 0; part < lengths.length; part++) {
      long length = frame.partLength(part);
      lengths[part] = length;
      places[part] = memory.reserve(length);
      if (length > 0) {
        frame.copyTo(part, 0, memory.slice(places[part], length));
      }
    }
  }

  /** Whether a frame has the bytes that were copied. */
  boolean isSame(MessageFrame frame) {
    if (frame.partCount() != lengths.length) {
      return false;
    }
    for (int part = 0; part < lengths.length; part++) {
      if (frame.partLength(part) != lengths[part]) {
        return false;
      }
    }
    for (int part = 0; part < lengths.length; part++) {
      if (!isSame(frame, part)) {
        return false;
      }
    }
    return true;
  }

  private boolean isSame(MessageFrame frame, int part) {
    MemorySegment known = memory.slice(places[part], lengths[part]);
    for (long at = 0; at < lengths[part]; at += PIECE) {
      long size = Math.min(PIECE, lengths[part] - at);
      MemorySegment found = piece.asSlice(0, size);
      frame.copyTo(part, at, found);
      if (found.mismatch(known.asSlice(at, size)) >= 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    memory.close();
  }
}
