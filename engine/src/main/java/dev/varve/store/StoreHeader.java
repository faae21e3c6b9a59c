// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG;
import static dev.varve.memory.Layouts.LE_SHORT;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Hash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The header of a data file.
 *
 * <pre>
 *   0   8   magic "VARVESTO"          16  16  store id
 *   8   2   format version, 1         32  8   creation time, milliseconds since 1970
 *   10  1   log2 of the page size     40  8   checksum of bytes 0 to 40
 *   11  1   checksum kind, 1          48  8   session, not covered by the checksum
 * </pre>
 *
 * @param pageShift log2 of the page size
 * @param firstId the first 8 bytes of the store id, little-endian
 * @param lastId the last 8 bytes of it
 * @param created milliseconds since 1970
 */
record StoreHeader(int pageShift, long firstId, long lastId, long created) {
  static final int BYTES = 56;
  static final int SESSION = 48;
  static final int MIN_PAGE_SHIFT = 12;
  static final int MAX_PAGE_SHIFT = 16;

  /** {@code VARVESTO}, little-endian. */
  private static final long MAGIC = 0x4F54534556524156L;

  private static final short VERSION = 1;
  private static final byte XXH3 = 1;
  private static final int CHECKSUM = 40;

  void write(MemorySegment target) {
    target.set(LE_LONG, 0, MAGIC);
    target.set(LE_SHORT, 8, VERSION);
    target.set(BYTE, 10, (byte) pageShift);
    target.set(BYTE, 11, XXH3);
    target.set(LE_LONG, 16, firstId);
    target.set(LE_LONG, 24, lastId);
    target.set(LE_LONG, 32, created);
    target.set(LE_LONG, CHECKSUM, Hash.XXH3.hash(target, 0, CHECKSUM));
  }

  /**
   * Reads and checks the header of a file.
   *
   * @throws CorruptionException if the file is no store, or damaged
   * @throws FormatVersionException if it is of another format version, page size, kind of checksum
   *     or byte order
   */
  static StoreHeader read(StorageFile file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment header = arena.allocate(BYTES, 8);
      file.read(0, header);
      return read(header, file.path().toString());
    }
  }

  /** Tells whether the header of a file has a right checksum, of whatever version it is. */
  static boolean isWhole(StorageFile file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment header = arena.allocate(BYTES, 8);
      file.read(0, header);
      return Hash.XXH3.hash(header, 0, CHECKSUM) == header.get(LE_LONG, CHECKSUM);
    }
  }

  /** Checks a header, as {@link #read(StorageFile)} does; the name is for messages. */
  static StoreHeader read(MemorySegment header, String name) {
    long magic = header.get(LE_LONG, 0);
    if (magic == Long.reverseBytes(MAGIC)) {
      throw new FormatVersionException(
          name
              + " is a store in big-endian byte order, OTSEVRAV, and this release reads and writes"
              + " little-endian ones, VARVESTO; use what wrote it");
    }
    if (magic != MAGIC) {
      throw new CorruptionException(
          "header",
          name,
          0,
          "the first bytes of a store, VARVESTO",
          "others",
          "the file is no store of Varve; name another one");
    }
    int version = header.get(LE_SHORT, 8) & 0xFFFF;
    if (version != VERSION) {
      throw new FormatVersionException(
          name
              + " is a store of format version "
              + version
              + ", and this release reads and writes "
              + VERSION
              + "; use the release that wrote it");
    }
    long sum = Hash.XXH3.hash(header, 0, CHECKSUM);
    if (sum != header.get(LE_LONG, CHECKSUM)) {
      throw new CorruptionException(
          "header",
          name,
          CHECKSUM,
          "checksum " + Long.toHexString(sum),
          Long.toHexString(header.get(LE_LONG, CHECKSUM)),
          "restore a backup, or salvage what the store still holds");
    }
    int shift = header.get(BYTE, 10);
    if (shift < MIN_PAGE_SHIFT || shift > MAX_PAGE_SHIFT) {
      throw new FormatVersionException(
          name
              + " is a store with pages of 2^"
              + shift
              + " bytes, and this release reads and writes 2^"
              + MIN_PAGE_SHIFT
              + " to 2^"
              + MAX_PAGE_SHIFT
              + "; use the release that wrote it");
    }
    int kind = header.get(BYTE, 11);
    if (kind != XXH3) {
      throw new FormatVersionException(
          name
              + " is a store with checksums of kind "
              + kind
              + ", and this release reads and writes kind "
              + XXH3
              + "; use the release that wrote it");
    }
    return new StoreHeader(
        shift, header.get(LE_LONG, 16), header.get(LE_LONG, 24), header.get(LE_LONG, 32));
  }
}
