// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.CorruptionException;
import dev.varve.memory.Crc32c;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** Numbers of the format that several structures share. */
final class Format {
  /** Length of file headers, block headers and footers, and what all of them are aligned to. */
  static final int UNIT = 64;

  /** A block without a body. */
  static final int FRAME = 2 * UNIT;

  static final int VERSION = 1;
  static final long FILE_MAGIC = 0x4345524556524156L;
  static final int BLOCK_MAGIC = 0x4b4c4276;
  static final int FOOTER_MAGIC = 0x444e4576;

  static final int MAX_METADATA = 1 << 20;
  static final int MAX_RAW = 1 << 20;
  static final int MAX_RECORD = 1 << 30;
  static final int PIECE = 1 << 20;

  /** Records of more bytes get a block of their own. */
  static final int LARGE = 256 << 10;

  /** Data blocks after which an index is written. */
  static final int INDEX_EVERY = 4096;

  static final int MAX_INDEX_ENTRIES = 3 * INDEX_EVERY;

  static final int PLAIN = 0;
  static final int LZ4 = 1;
  static final int ZSTD = 2;

  private Format() {}

  static long up64(long n) {
    return (n + 63) & -64;
  }

  static long up4(long n) {
    return (n + 3) & -4;
  }

  static int checksum(Crc32c crc, MemorySegment memory, long at, long length) {
    crc.reset();
    crc.update(memory, at, length);
    return crc.value();
  }

  static CorruptionException corrupt(
      Path path, String what, long offset, String expected, String actual) {
    return new CorruptionException(
        what,
        path.toString(),
        offset,
        expected,
        actual,
        "read with OnDamage.SKIP, or repair with RecordFiles.repair");
  }
}
