// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.CorruptionException;
import java.lang.foreign.MemorySegment;

/** The exceptions of decoders. */
final class Corrupt {

  private Corrupt() {}

  static CorruptionException encoding(
      String what, MemorySegment source, long offset, String expected, String actual) {
    return new CorruptionException(
        what,
        "a segment of " + source.byteSize() + " bytes",
        offset,
        expected,
        actual,
        "the data was damaged or was written by another codec");
  }

  static CorruptionException number(String what, String expected, long actual) {
    return new CorruptionException(
        what,
        "a 64-bit number",
        0,
        expected,
        "0x" + Long.toHexString(actual),
        "the data was damaged or was written by another codec");
  }

  static void unlessSize(MemorySegment source, long offset, int byteSize, int expected) {
    if (byteSize != expected) {
      throw encoding("encoding", source, offset, expected + " bytes", byteSize + " bytes");
    }
  }
}
