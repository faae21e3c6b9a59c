// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import org.apache.arrow.memory.util.MemoryUtil;

/** Checks that bytes are well-formed UTF-8, by table 3-7 of the Unicode standard. */
final class CastUtf8 {
  private static final long NOT_ASCII = 0x8080_8080_8080_8080L;

  private CastUtf8() {}

  static boolean isValid(long address, long length) {
    long at = address;
    long end = address + length;
    while (at < end) {
      if (end - at >= 8 && (MemoryUtil.getLong(at) & NOT_ASCII) == 0) {
        at += 8;
        continue;
      }
      int lead = MemoryUtil.getByte(at++) & 0xFF;
      if (lead < 0x80) {
        continue;
      }
      int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
      if (lead < 0xC2 || lead > 0xF4 || end - at < more) {
        return false;
      }
      int second = MemoryUtil.getByte(at) & 0xFF;
      int min = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      int max = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      if (second < min || second > max) {
        return false;
      }
      for (int i = 1; i < more; i++) {
        if ((MemoryUtil.getByte(at + i) & 0xC0) != 0x80) {
          return false;
        }
      }
      at += more;
    }
    return true;
  }
}
