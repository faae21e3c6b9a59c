// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * Byte strings that say where they end and still sort as before, so that others can follow:
 *
 * <pre>
 *   61 00 62        as it is
 *   61 00 FF 62 00 00   a zero is followed by FF, the end is two zeros
 * </pre>
 *
 * <p>The end sorts before whatever can follow the same bytes in a longer string, since that is at
 * least 00 FF.
 */
final class Escape {

  /** The bytes of the end. */
  private static final int END_BYTES = 2;

  private static final byte ESCAPED = (byte) 0xFF;

  private Escape() {}

  /** Returns the most bytes that an encoding of at most {@code bytes} takes. */
  static int maxBytes(int bytes) {
    return Math.addExact(Math.multiplyExact(bytes, 2), END_BYTES);
  }

  /** Expands a range in place and returns its new size. */
  static int expand(MemorySegment target, long offset, int bytes) {
    int zeros = 0;
    for (int i = 0; i < bytes; i++) {
      zeros += target.get(Layouts.BYTE, offset + i) == 0 ? 1 : 0;
    }
    int size = bytes + zeros + END_BYTES;
    long to = offset + size;
    target.set(Layouts.BYTE, --to, (byte) 0);
    target.set(Layouts.BYTE, --to, (byte) 0);
    for (long from = offset + bytes; from > offset; ) {
      byte each = target.get(Layouts.BYTE, --from);
      if (each == 0) {
        target.set(Layouts.BYTE, --to, ESCAPED);
      }
      target.set(Layouts.BYTE, --to, each);
    }
    return size;
  }

  /** Returns the size of an expanded range with its end, which must be at or before a limit. */
  static int sizeOf(MemorySegment source, long offset, long limit) {
    for (long at = offset; at + 1 < limit; at++) {
      if (source.get(Layouts.BYTE, at) == 0) {
        byte next = source.get(Layouts.BYTE, ++at);
        if (next == 0) {
          return (int) (at + 1 - offset);
        }
        if (next != ESCAPED) {
          throw Corrupt.encoding("key", source, at, "FF or 00 after 00", "byte " + next);
        }
      }
    }
    throw Corrupt.encoding("key", source, offset, "an end, 00 00", "none before offset " + limit);
  }

  /** Returns what a range of {@code size} bytes that {@link #sizeOf} gave was before. */
  static MemorySegment shrink(MemorySegment source, long offset, int size) {
    byte[] bytes = BytesCodec.read(source, offset, size);
    int to = 0;
    for (int from = 0; from < size - END_BYTES; from++) {
      byte each = bytes[from];
      bytes[to++] = each;
      if (each == 0) {
        from++;
      }
    }
    return MemorySegment.ofArray(bytes).asSlice(0, to);
  }
}
