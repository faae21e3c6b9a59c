// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.memory.Layouts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The header of a chunk. Block headers may interrupt it, as they may its data.
 *
 * <pre>
 * 0       8     HighwayHash-64 of bytes 8 to 40
 * 8       8     size of the data behind the header, block headers not counted
 * 16      8     HighwayHash-64 of the data; 0 is "unchecked"
 * 24      1     type: 's' signature, 'p' padding, 'r' records
 * 25      7     number of records
 * 32      8     sum of the lengths of the records
 * </pre>
 *
 * The data of a records chunk:
 *
 * <pre>
 * 0       1     compression of the values: 0 none, 'z' zstd
 * 1       1-10  varint: size of the sizes in bytes
 *         ...   sizes: the length of every record, a varint each; never compressed
 *         ...   values: the records
 * </pre>
 */
final class ChunkLayout {
  static final int HEADER_BYTES = 40;

  static final byte SIGNATURE = 's';
  static final byte PADDING = 'p';
  static final byte RECORDS = 'r';

  static final byte PLAIN = 0;
  static final byte ZSTD = 'z';

  /** The block header and the chunk header that every file begins with. */
  static final int SIGNATURE_BYTES = BlockLayout.HEADER_BYTES + HEADER_BYTES;

  private static final long HASH = 0;
  private static final long DATA_SIZE = 8;
  private static final long DATA_HASH = 16;
  static final long TYPE = 24;
  private static final long DECODED_SIZE = 32;

  private ChunkLayout() {}

  static void put(
      MemorySegment header,
      byte type,
      long records,
      long dataSize,
      long dataHash,
      long decodedSize,
      HighwayHash hash) {
    header.set(Layouts.LE_LONG, DATA_SIZE, dataSize);
    header.set(Layouts.LE_LONG, DATA_HASH, dataHash);
    header.set(Layouts.LE_LONG, TYPE, records << 8 | type);
    header.set(Layouts.LE_LONG, DECODED_SIZE, decodedSize);
    header.set(Layouts.LE_LONG, HASH, hash.hash(header, DATA_SIZE, HEADER_BYTES - DATA_SIZE));
  }

  /** Returns the size of the data; negative stands for 2^63 and more. */
  static long dataSize(MemorySegment header) {
    return header.get(Layouts.LE_LONG, DATA_SIZE);
  }

  static long dataHash(MemorySegment header) {
    return header.get(Layouts.LE_LONG, DATA_HASH);
  }

  static byte type(MemorySegment header) {
    return header.get(Layouts.BYTE, TYPE);
  }

  /** Returns the number of records, less than 2^56. */
  static long records(MemorySegment header) {
    return header.get(Layouts.LE_LONG, TYPE) >>> 8;
  }

  /** Returns the sum of the lengths; negative stands for 2^63 and more. */
  static long decodedSize(MemorySegment header) {
    return header.get(Layouts.LE_LONG, DECODED_SIZE);
  }

  static boolean isIntact(MemorySegment header, HighwayHash hash) {
    return header.get(Layouts.LE_LONG, HASH)
        == hash.hash(header, DATA_SIZE, HEADER_BYTES - DATA_SIZE);
  }

  /**
   * Returns where a chunk ends, going by its header.
   *
   * @param limit what it cannot reach beyond
   * @return the position behind it, or -1 if that is beyond the limit
   */
  static long end(long begin, MemorySegment header, long limit) {
    long size = dataSize(header);
    if (size < 0 || size > limit) {
      return -1;
    }
    long end = BlockLayout.end(begin, HEADER_BYTES + size);
    return end > limit ? -1 : end;
  }

  /** Returns the bytes that every file begins with. */
  static MemorySegment signature() {
    HighwayHash hash = BlockLayout.newHash();
    MemorySegment signature = Arena.ofAuto().allocate(SIGNATURE_BYTES, Long.BYTES);
    BlockLayout.put(signature, 0, SIGNATURE_BYTES, hash);
    put(
        signature.asSlice(BlockLayout.HEADER_BYTES, HEADER_BYTES),
        SIGNATURE,
        0,
        0,
        hash.hash(signature, 0, 0),
        0,
        hash);
    return signature;
  }
}
