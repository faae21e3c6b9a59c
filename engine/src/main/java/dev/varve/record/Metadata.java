// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The keys and values of a part: a count, then for each two lengths, key and value. */
final class Metadata {
  private Metadata() {}

  static byte[] encode(Map<String, byte[]> pairs) {
    if (pairs.isEmpty()) {
      return new byte[0];
    }
    long size = 4;
    for (Map.Entry<String, byte[]> pair : pairs.entrySet()) {
      size += 8L + pair.getKey().getBytes(StandardCharsets.UTF_8).length + pair.getValue().length;
    }
    if (size > Format.MAX_METADATA) {
      throw new IllegalArgumentException(
          "metadata takes " + size + " bytes; expected at most " + Format.MAX_METADATA);
    }
    MemorySegment to = MemorySegment.ofArray(new byte[(int) size]);
    to.set(LE_INT_UNALIGNED, 0, pairs.size());
    long at = 4;
    for (Map.Entry<String, byte[]> pair : pairs.entrySet()) {
      byte[] key = pair.getKey().getBytes(StandardCharsets.UTF_8);
      byte[] value = pair.getValue();
      to.set(LE_INT_UNALIGNED, at, key.length);
      to.set(LE_INT_UNALIGNED, at + 4, value.length);
      MemorySegment.copy(key, 0, to, ValueLayout.JAVA_BYTE, at + 8, key.length);
      MemorySegment.copy(value, 0, to, ValueLayout.JAVA_BYTE, at + 8 + key.length, value.length);
      at += 8L + key.length + value.length;
    }
    return (byte[]) to.heapBase().orElseThrow();
  }

  /** Returns null if the bytes are not what {@link #encode} makes, or more follows than zeros. */
  static @Nullable Map<String, byte[]> decode(MemorySegment from, long begin, long length) {
    Map<String, byte[]> pairs = new LinkedHashMap<>();
    long end = begin + length;
    long at = begin;
    if (length >= 4) {
      long count = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at));
      at += 4;
      for (long i = 0; i < count; i++) {
        if (end - at < 8) {
          return null;
        }
        long key = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at));
        long value = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at + 4));
        at += 8;
        if (key + value > end - at) {
          return null;
        }
        String name = new String(bytes(from, at, key), StandardCharsets.UTF_8);
        if (pairs.put(name, bytes(from, at + key, value)) != null) {
          return null;
        }
        at += key + value;
      }
    }
    for (; at < end; at++) {
      if (from.get(ValueLayout.JAVA_BYTE, at) != 0) {
        return null;
      }
    }
    return pairs;
  }

  /** Returns the length of the pairs that stand there, as far as they tell it by themselves. */
  static int lengthOf(Map<String, byte[]> pairs) {
    return encode(pairs).length;
  }

  private static byte[] bytes(MemorySegment from, long at, long length) {
    return from.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
  }
}
