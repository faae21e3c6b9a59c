// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Function;

/**
 * Keys of several parts, ordered by the first, then the second, and so on: the encodings of the
 * parts in a row, all but the last escaped if they are of variable size.
 */
final class CompositeKeyCodec<K> implements KeyCodec<K> {

  /**
   * One part.
   *
   * @param codec of the part
   * @param getter of the part from the whole
   */
  record Part<K, P>(KeyCodec<P> codec, Function<? super K, ? extends P> getter) {

    private boolean escaped(boolean last) {
      return !last && codec.fixedBytes() < 0;
    }

    private int maxBytes(K key, boolean last) {
      int bytes = codec.maxBytes(getter.apply(key));
      return escaped(last) ? Escape.maxBytes(bytes) : bytes;
    }

    private int encode(K key, MemorySegment target, long offset, boolean last) {
      int bytes = codec.encode(getter.apply(key), target, offset);
      return escaped(last) ? Escape.expand(target, offset, bytes) : bytes;
    }

    private int sizeAt(MemorySegment source, long offset, long limit, boolean last) {
      if (escaped(last)) {
        return Escape.sizeOf(source, offset, limit);
      }
      int fixed = codec.fixedBytes();
      if (fixed > limit - offset) {
        throw Corrupt.encoding(
            "key", source, offset, fixed + " bytes", (limit - offset) + " bytes");
      }
      return last ? (int) (limit - offset) : fixed;
    }

    private P decode(MemorySegment source, long offset, int size, boolean last) {
      if (!escaped(last)) {
        return codec.decode(source, offset, size);
      }
      MemorySegment bytes = Escape.shrink(source, offset, size);
      return codec.decode(bytes, 0, (int) bytes.byteSize());
    }

    private int compare(K a, K b) {
      return codec.compare(getter.apply(a), getter.apply(b));
    }
  }

  private final List<Part<K, ?>> parts;
  private final Function<Object[], K> maker;
  private final int fixedBytes;

  CompositeKeyCodec(List<Part<K, ?>> parts, Function<Object[], K> maker) {
    this.parts = List.copyOf(parts);
    this.maker = maker;
    int sum = 0;
    for (Part<K, ?> part : parts) {
      int bytes = part.codec().fixedBytes();
      sum = bytes < 0 || sum < 0 ? VARIABLE : sum + bytes;
    }
    this.fixedBytes = sum;
  }

  private boolean isLast(int part) {
    return part == parts.size() - 1;
  }

  @Override
  public int fixedBytes() {
    return fixedBytes;
  }

  @Override
  public int maxBytes(K key) {
    int sum = 0;
    for (int i = 0; i < parts.size(); i++) {
      sum = Math.addExact(sum, parts.get(i).maxBytes(key, isLast(i)));
    }
    return sum;
  }

  @Override
  public int encode(K key, MemorySegment target, long offset) {
    long at = offset;
    for (int i = 0; i < parts.size(); i++) {
      at += parts.get(i).encode(key, target, at, isLast(i));
    }
    return (int) (at - offset);
  }

  @Override
  public K decode(MemorySegment source, long offset, int byteSize) {
    long limit = offset + byteSize;
    long at = offset;
    Object[] values = new Object[parts.size()];
    for (int i = 0; i < values.length; i++) {
      int size = parts.get(i).sizeAt(source, at, limit, isLast(i));
      values[i] = parts.get(i).decode(source, at, size, isLast(i));
      at += size;
    }
    return maker.apply(values);
  }

  @Override
  public int compare(K a, K b) {
    int order = 0;
    for (int i = 0; i < parts.size() && order == 0; i++) {
      order = parts.get(i).compare(a, b);
    }
    return order;
  }
}
