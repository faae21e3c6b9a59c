// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Text as UTF-8 (RFC 3629), strictly: what is no text is refused both ways. */
final class Utf8 {

  private static final int MAX_BYTES_PER_CHAR = 3;
  private static final char REPLACEMENT = '\uFFFD';

  private Utf8() {}

  static int maxBytes(String text) {
    int length = text.length();
    if (length > Integer.MAX_VALUE / MAX_BYTES_PER_CHAR) {
      throw new IllegalArgumentException("Text of " + length + " characters is too long to encode");
    }
    return length * MAX_BYTES_PER_CHAR;
  }

  static int encode(String text, MemorySegment target, long offset) {
    long at = offset;
    int length = text.length();
    for (int i = 0; i < length; i++) {
      char unit = text.charAt(i);
      if (unit < 0x80) {
        put(target, at++, unit);
      } else if (unit < 0x800) {
        put(target, at++, 0xC0 | unit >> 6);
        put(target, at++, 0x80 | (unit & 0x3F));
      } else if (!Character.isSurrogate(unit)) {
        put(target, at++, 0xE0 | unit >> 12);
        put(target, at++, 0x80 | (unit >> 6 & 0x3F));
        put(target, at++, 0x80 | (unit & 0x3F));
      } else {
        int point = text.codePointAt(i);
        if (point == unit || Character.isLowSurrogate(unit)) {
          throw new IllegalArgumentException(
              "Text has half of a surrogate pair, 0x"
                  + Integer.toHexString(unit)
                  + ", at index "
                  + i
                  + "; UTF-8 cannot carry it");
        }
        i++;
        put(target, at++, 0xF0 | point >> 18);
        put(target, at++, 0x80 | (point >> 12 & 0x3F));
        put(target, at++, 0x80 | (point >> 6 & 0x3F));
        put(target, at++, 0x80 | (point & 0x3F));
      }
    }
    return (int) (at - offset);
  }

  private static void put(MemorySegment target, long offset, int value) {
    target.set(Layouts.BYTE, offset, (byte) value);
  }

  static String decode(MemorySegment source, long offset, int byteSize) {
    byte[] bytes = BytesCodec.read(source, offset, byteSize);
    String text = new String(bytes, StandardCharsets.UTF_8);
    // What is malformed was replaced, but the replacement may also have been there before.
    if (text.indexOf(REPLACEMENT) >= 0) {
      byte[] again = text.getBytes(StandardCharsets.UTF_8);
      int mismatch = Arrays.mismatch(bytes, again);
      if (mismatch >= 0) {
        throw Corrupt.encoding("text", source, offset + mismatch, "UTF-8", "bytes that are none");
      }
    }
    return text;
  }

  /** Compares by code points, as the encodings compare. */
  static int compare(String a, String b) {
    int length = Math.min(a.length(), b.length());
    for (int i = 0; i < length; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        boolean oneIsHalf = Character.isSurrogate(x) != Character.isSurrogate(y);
        return oneIsHalf ? (Character.isSurrogate(x) ? 1 : -1) : Character.compare(x, y);
      }
    }
    return Integer.compare(a.length(), b.length());
  }
}
