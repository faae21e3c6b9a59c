// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;

/**
 * Random bytes that records of one length are taken from; they compress to about half.
 *
 * @param memory the bytes
 * @param buffer a view of them
 * @param length the length of a record
 */
record RecordSource(MemorySegment memory, ByteBuffer buffer, int length) {
  private static final int BYTES = 1 << 20;

  static RecordSource of(int length) {
    MemorySegment memory = Arena.ofAuto().allocate(BYTES, 64);
    SplittableRandom random = new SplittableRandom(length);
    for (long at = 0; at < BYTES; at += Long.BYTES) {
      memory.set(ValueLayout.JAVA_LONG, at, random.nextLong() & 0x0F0F0F0F0F0F0F0FL);
    }
    return new RecordSource(memory, memory.asByteBuffer(), length);
  }

  /** Where a record begins. */
  int offset(long record) {
    return (int) (record * 72 & (BYTES / 2 - 1));
  }
}
