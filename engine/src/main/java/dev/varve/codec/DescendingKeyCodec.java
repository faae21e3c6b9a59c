// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;

/**
 * The complement of another encoding, which is escaped first if it is of variable size: otherwise a
 * prefix would still come first.
 */
final class DescendingKeyCodec<K> implements KeyCodec<K> {

  private final KeyCodec<K> codec;

  DescendingKeyCodec(KeyCodec<K> codec) {
    this.codec = codec;
  }

  private boolean isFixed() {
    return codec.fixedBytes() >= 0;
  }

  @Override
  public int fixedBytes() {
    return codec.fixedBytes();
  }

  @Override
  public int maxBytes(K key) {
    int bytes = codec.maxBytes(key);
    return isFixed() ? bytes : Escape.maxBytes(bytes);
  }

  @Override
  public int encode(K key, MemorySegment target, long offset) {
    int bytes = codec.encode(key, target, offset);
    if (!isFixed()) {
      bytes = Escape.expand(target, offset, bytes);
    }
    complement(target, offset, bytes);
    return bytes;
  }

  private static void complement(MemorySegment target, long offset, int bytes) {
    for (long at = offset; at < offset + bytes; at++) {
      target.set(Layouts.BYTE, at, (byte) ~target.get(Layouts.BYTE, at));
    }
  }

  @Override
  public K decode(MemorySegment source, long offset, int byteSize) {
    MemorySegment bytes = MemorySegment.ofArray(BytesCodec.read(source, offset, byteSize));
    complement(bytes, 0, byteSize);
    if (!isFixed()) {
      int size = Escape.sizeOf(bytes, 0, byteSize);
      if (size != byteSize) {
        throw Corrupt.encoding(
            "key", source, offset + size, "the end of the key", (byteSize - size) + " more bytes");
      }
      bytes = Escape.shrink(bytes, 0, size);
    }
    return codec.decode(bytes, 0, (int) bytes.byteSize());
  }

  @Override
  public int compare(K a, K b) {
    return codec.compare(b, a);
  }
}
