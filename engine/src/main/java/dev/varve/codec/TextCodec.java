// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import java.lang.foreign.MemorySegment;

/** Text as UTF-8, as key and as value. */
final class TextCodec implements KeyCodec<String>, ValueCodec<String> {

  static final TextCodec INSTANCE = new TextCodec();

  private TextCodec() {}

  @Override
  public int fixedBytes() {
    return KeyCodec.VARIABLE;
  }

  @Override
  public int maxBytes(String text) {
    return Utf8.maxBytes(text);
  }

  @Override
  public int encode(String text, MemorySegment target, long offset) {
    return Utf8.encode(text, target, offset);
  }

  @Override
  public String decode(MemorySegment source, long offset, int byteSize) {
    return Utf8.decode(source, offset, byteSize);
  }

  @Override
  public int compare(String a, String b) {
    return Utf8.compare(a, b);
  }
}
