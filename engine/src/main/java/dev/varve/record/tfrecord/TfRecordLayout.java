// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.memory.Crc32c;
import java.lang.foreign.MemorySegment;

/**
 * The frame of a record.
 *
 * <pre>
 *  0   8  length of the data, n      12      n  data
 *  8   4  masked checksum of 0 to 7  12 + n  4  masked checksum of the data
 * </pre>
 */
final class TfRecordLayout {
  static final int HEADER_BYTES = 12;
  static final int FOOTER_BYTES = 4;

  private static final int MASK = 0xa282ead8;

  private TfRecordLayout() {}

  static long length(MemorySegment memory, long at) {
    return memory.get(LE_LONG_UNALIGNED, at);
  }

  /** Returns the checksum that a header says its length has. */
  static int lengthChecksum(MemorySegment memory, long at) {
    return memory.get(LE_INT_UNALIGNED, at + 8);
  }

  static void putHeader(MemorySegment memory, long at, long length, Crc32c crc) {
    memory.set(LE_LONG_UNALIGNED, at, length);
    memory.set(LE_INT_UNALIGNED, at + 8, checksum(crc, memory, at, 8));
  }

  /** Returns the masked checksum of bytes in private memory. */
  static int checksum(Crc32c crc, MemorySegment memory, long at, long length) {
    crc.reset();
    crc.update(memory, at, length);
    return masked(crc.value());
  }

  static int masked(int checksum) {
    return Integer.rotateRight(checksum, 15) + MASK;
  }
}
