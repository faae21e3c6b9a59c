// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;

/** Byte strings as they are, as key and as value. */
final class BytesCodec implements KeyCodec<byte[]>, ValueCodec<byte[]> {

  static final BytesCodec INSTANCE = new BytesCodec();

  private BytesCodec() {}

  static byte[] read(MemorySegment source, long offset, int byteSize) {
    Objects.checkFromIndexSize(offset, byteSize, source.byteSize());
    byte[] bytes = new byte[byteSize];
    MemorySegment.copy(source, Layouts.BYTE, offset, bytes, 0, byteSize);
    return bytes;
  }

  @Override
  public int fixedBytes() {
    return KeyCodec.VARIABLE;
  }

  @Override
  public int maxBytes(byte[] bytes) {
    return bytes.length;
  }

  @Override
  public int encode(byte[] bytes, MemorySegment target, long offset) {
    MemorySegment.copy(bytes, 0, target, Layouts.BYTE, offset, bytes.length);
    return bytes.length;
  }

  @Override
  public byte[] decode(MemorySegment source, long offset, int byteSize) {
    return read(source, offset, byteSize);
  }

  @Override
  public int compare(byte[] a, byte[] b) {
    return Arrays.compareUnsigned(a, b);
  }
}
