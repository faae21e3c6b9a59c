// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Gives entries in the order of their keys, for {@link ByteTable#load}.
 *
 * {@snippet :
 * long[] next = {0};
 * table.load(
 *     tx,
 *     entry -> {
 *       buffer.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, Long.reverseBytes(next[0]));
 *       entry.key(buffer, 0, 8);
 *       entry.value(value, 0, value.byteSize());
 *       return next[0]++ < 1000;
 *     });
 * }
 */
@FunctionalInterface
public interface EntrySource {
  /**
   * Sets the next entry, if there is one.
   *
   * @param entry gets key and value, both each time; it keeps the memory until the next call
   * @return false if there are no more entries; what was set then counts for nothing
   */
  boolean next(Entry entry);

  /** Where a source puts an entry. For use within {@link EntrySource#next} only. */
  final class Entry {
    private MemorySegment keySegment = MemorySegment.NULL;
    private long keyOffset;
    private int keyBytes;
    private MemorySegment valueSegment = MemorySegment.NULL;
    private long valueOffset;
    private long valueBytes;

    Entry() {
      clear();
    }

    /**
     * Sets the key.
     *
     * @param segment where it is, a native or a heap one
     * @param offset of its first byte in the segment
     * @param bytes how many it has, 0 to 65536
     */
    public void key(MemorySegment segment, long offset, long bytes) {
      Objects.requireNonNull(segment, "segment");
      Objects.checkFromIndexSize(offset, bytes, segment.byteSize());
      keyBytes = ByteTable.checkKey(bytes);
      keySegment = segment;
      keyOffset = offset;
    }

    /**
     * Sets the value.
     *
     * @param segment where it is, a native or a heap one
     * @param offset of its first byte in the segment
     * @param bytes how many it has, 0 to 2^40
     */
    public void value(MemorySegment segment, long offset, long bytes) {
      Objects.requireNonNull(segment, "segment");
      Objects.checkFromIndexSize(offset, bytes, segment.byteSize());
      ByteTable.checkValue(bytes);
      valueSegment = segment;
      valueOffset = offset;
      valueBytes = bytes;
    }

    /** Forgets what was set, so that what the source then does not set is noticed. */
    void clear() {
      keyBytes = -1;
      valueBytes = -1;
    }

    boolean isSet() {
      return keyBytes >= 0 && valueBytes >= 0;
    }

    void loadKey(Key target) {
      target.set(keySegment, keyOffset, keyBytes);
    }

    long valueBytes() {
      return valueBytes;
    }

    void copyValue(MemorySegment target, long offset) {
      MemorySegment.copy(valueSegment, valueOffset, target, offset, valueBytes);
    }

    void writeValue(LoadedPages target, long position) {
      target.write(position, valueSegment, valueOffset, valueBytes);
    }
  }
}
