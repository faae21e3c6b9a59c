// SPDX-License-Identifier: Apache-2.0
package dev.varve.codec;

import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/** Keys that are written as those of another codec. */
final class MappedKeyCodec<K, T> implements KeyCodec<K> {

  private final KeyCodec<T> codec;
  private final Function<? super K, ? extends T> to;
  private final Function<? super T, ? extends K> from;

  MappedKeyCodec(
      KeyCodec<T> codec,
      Function<? super K, ? extends T> to,
      Function<? super T, ? extends K> from) {
    this.codec = codec;
    this.to = to;
    this.from = from;
  }

  @Override
  public int fixedBytes() {
    return codec.fixedBytes();
  }

  @Override
  public int maxBytes(K key) {
    return codec.maxBytes(to.apply(key));
  }

  @Override
  public int encode(K key, MemorySegment target, long offset) {
    return codec.encode(to.apply(key), target, offset);
  }

  @Override
  public K decode(MemorySegment source, long offset, int byteSize) {
    return from.apply(codec.decode(source, offset, byteSize));
  }

  @Override
  public int compare(K a, K b) {
    return codec.compare(to.apply(a), to.apply(b));
  }
}
