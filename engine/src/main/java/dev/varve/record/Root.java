// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The body of a root block.
 *
 * <pre>
 *  0  8  records          24  4    live index blocks
 *  8  8  data blocks      28  4    zero
 * 16  8  lost records     32  24n  u64 offset, u64 first number, u32 entries, u32 zero
 * </pre>
 *
 * @param records numbers that are taken
 * @param blocks data blocks
 * @param lost numbers taken by gaps
 * @param live the index blocks that count, in order
 */
record Root(long records, long blocks, long lost, List<Live> live) {
  static final int FIXED = 32;
  static final int LIVE = 24;

  /**
   * An index block that counts.
   *
   * @param offset its offset in the part
   * @param first the number of its first record
   * @param entries how many entries it has
   */
  record Live(long offset, long first, int entries) {}

  long length() {
    return FIXED + (long) LIVE * live.size();
  }

  void write(MemorySegment to, long at) {
    to.set(LE_LONG_UNALIGNED, at, records);
    to.set(LE_LONG_UNALIGNED, at + 8, blocks);
    to.set(LE_LONG_UNALIGNED, at + 16, lost);
    to.set(LE_INT_UNALIGNED, at + 24, live.size());
    to.set(LE_INT_UNALIGNED, at + 28, 0);
    long entry = at + FIXED;
    for (Live block : live) {
      to.set(LE_LONG_UNALIGNED, entry, block.offset);
      to.set(LE_LONG_UNALIGNED, entry + 8, block.first);
      to.set(LE_INT_UNALIGNED, entry + 16, block.entries);
      to.set(LE_INT_UNALIGNED, entry + 20, 0);
      entry += LIVE;
    }
  }

  /** Returns the root of a verified block, or null if its numbers contradict each other. */
  static @Nullable Root read(MemorySegment from, long at, BlockHeader header) {
    long count = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at + 24));
    Root root =
        new Root(
            from.get(LE_LONG_UNALIGNED, at),
            from.get(LE_LONG_UNALIGNED, at + 8),
            from.get(LE_LONG_UNALIGNED, at + 16),
            new ArrayList<>());
    if (header.stored != FIXED + LIVE * count
        || from.get(LE_INT_UNALIGNED, at + 28) != 0
        || root.records != header.first
        || root.lost < 0
        || root.lost > root.records) {
      return null;
    }
    long blocks = 0;
    long previous = 0;
    for (long i = 0; i < count; i++) {
      long entry = at + FIXED + i * LIVE;
      long offset = from.get(LE_LONG_UNALIGNED, entry);
      int entries = from.get(LE_INT_UNALIGNED, entry + 16);
      if (offset <= previous
          || offset >= header.offset
          || entries <= 0
          || entries > Format.MAX_INDEX_ENTRIES) {
        return null;
      }
      root.live.add(new Live(offset, from.get(LE_LONG_UNALIGNED, entry + 8), entries));
      previous = offset;
      blocks += entries;
    }
    return blocks == root.blocks ? root : null;
  }
}
