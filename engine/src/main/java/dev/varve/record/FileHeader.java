// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.memory.Crc32c;
import dev.varve.record.kind.FileKind;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * The 64 bytes that a part begins with.
 *
 * <pre>
 *  0  8  magic               32  8  number in the set
 *  8  4  version             40  8  creation time
 * 12  4  required features   48  4  metadata length
 * 16  8  file id             52  4  metadata checksum
 * 24  8  set id              56  1  checksum kind
 *                            60  4  checksum of 0 to 59
 * </pre>
 *
 * @param id the file id
 * @param created creation time in milliseconds since 1970
 * @param metadataLength length of the metadata without padding
 * @param metadataChecksum checksum of the metadata with padding
 */
record FileHeader(long id, long created, int metadataLength, int metadataChecksum) {
  private static final int CHECKSUM_KIND = 1;

  /** Where in the part its first block begins. */
  long firstBlock() {
    return Format.UNIT + Format.up64(metadataLength);
  }

  void write(MemorySegment to, long at, Crc32c crc) {
    to.asSlice(at, Format.UNIT).fill((byte) 0);
    to.set(LE_LONG_UNALIGNED, at, Format.FILE_MAGIC);
    to.set(LE_INT_UNALIGNED, at + 8, Format.VERSION);
    to.set(LE_LONG_UNALIGNED, at + 16, id);
    to.set(LE_LONG_UNALIGNED, at + 40, created);
    to.set(LE_INT_UNALIGNED, at + 48, metadataLength);
    to.set(LE_INT_UNALIGNED, at + 52, metadataChecksum);
    to.set(BYTE, at + 56, (byte) CHECKSUM_KIND);
    to.set(LE_INT_UNALIGNED, at + 60, Format.checksum(crc, to, at, 60));
  }

  /** Makes a header that was written say which place in a set its records have. */
  static void writeSet(MemorySegment to, long at, long setId, long first, Crc32c crc) {
    to.set(LE_LONG_UNALIGNED, at + 24, setId);
    to.set(LE_LONG_UNALIGNED, at + 32, first);
    to.set(LE_INT_UNALIGNED, at + 60, Format.checksum(crc, to, at, 60));
  }

  static long setId(MemorySegment from, long at) {
    return from.get(LE_LONG_UNALIGNED, at + 24);
  }

  static long setFirst(MemorySegment from, long at) {
    return from.get(LE_LONG_UNALIGNED, at + 32);
  }

  static long created(MemorySegment from, long at) {
    return from.get(LE_LONG_UNALIGNED, at + 40);
  }

  static int checksum(MemorySegment from, long at) {
    return from.get(LE_INT_UNALIGNED, at + 60);
  }

  static boolean hasMagic(MemorySegment from, long at) {
    return from.get(LE_LONG_UNALIGNED, at) == Format.FILE_MAGIC;
  }

  /** Tells whether a whole header stands there, of any version. */
  static boolean isWhole(MemorySegment from, long at, Crc32c crc) {
    return hasMagic(from, at)
        && from.get(LE_INT_UNALIGNED, at + 60) == Format.checksum(crc, from, at, 60);
  }

  /** Says that a file does not begin with a whole header, and what can be done. */
  static CorruptionException missing(Window window) {
    long size = window.size();
    boolean repairable = hasFirstBlock(window);
    if (!repairable) {
      refuseOther(window);
    }
    return new CorruptionException(
        "record file",
        window.path().toString(),
        0,
        "the header of a record file",
        size < Format.UNIT ? size + " bytes" : "other bytes",
        repairable
            ? "read with OnDamage.SKIP, or close its writer and repair it with RecordFiles.repair"
            : "check that this is the file that was meant; if it is, restore it from a copy, or"
                + " read what is left of it with OnDamage.SKIP");
  }

  /** Refuses a file that seems to be of another format. */
  static void refuseOther(Window window) {
    long head = Math.min(window.size(), FileKind.HEAD_BYTES);
    if (head > 0) {
      long in = window.get(0, head);
      FileKind.RECORD.require(window.path().toString(), window.memory().asSlice(in, head));
    }
  }

  /** Tells whether a block stands where the first one can, so that a repair finds the id. */
  private static boolean hasFirstBlock(Window window) {
    Crc32c crc = new Crc32c();
    BlockHeader block = new BlockHeader();
    long last = Math.min(Format.UNIT + Format.MAX_METADATA, window.size() - Format.UNIT);
    for (long at = Format.UNIT; at <= last; at += Format.UNIT) {
      long in = window.get(at, Format.UNIT);
      if (block.read(window.memory(), in, Format.BLOCK_MAGIC, crc) && block.offset == at) {
        return true;
      }
    }
    return false;
  }

  /** Returns the file id that a header says. */
  static long id(MemorySegment from, long at) {
    return from.get(LE_LONG_UNALIGNED, at + 16);
  }

  /**
   * Reads a whole header.
   *
   * @throws FormatVersionException if it is of a version or has features that are not known
   */
  static FileHeader read(MemorySegment from, long at, Path path, long offset) {
    int version = from.get(LE_INT_UNALIGNED, at + 8);
    int features = from.get(LE_INT_UNALIGNED, at + 12);
    int kind = from.get(BYTE, at + 56);
    long length = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at + 48));
    if (version != Format.VERSION || features != 0 || kind != CHECKSUM_KIND) {
      throw new FormatVersionException(
          String.format(
              "record file %s has at offset %d format version %d, required features 0x%x and"
                  + " checksum kind %d, and this release reads version %d, none and kind %d; use"
                  + " the release that wrote it",
              path, offset, version, features, kind, Format.VERSION, CHECKSUM_KIND));
    }
    if (length > Format.MAX_METADATA) {
      throw Format.corrupt(
          path,
          "metadata length",
          offset + 48,
          "at most " + Format.MAX_METADATA,
          String.valueOf(length));
    }
    return new FileHeader(
        id(from, at), created(from, at), (int) length, from.get(LE_INT_UNALIGNED, at + 52));
  }
}
