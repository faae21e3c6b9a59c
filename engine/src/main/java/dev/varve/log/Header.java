// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.varve.FormatVersionException;
import dev.varve.file.StorageFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.UUID;

/**
 * The header of a side file.
 *
 * <pre>
 * 0   8    magic "VARVELOG"
 * 8   4    format version
 * 12  4    header length H, a multiple of 64
 * 16  16   log id
 * 32  4    checksum kind
 * 36  4    flags: bit 0 = kept
 * 40  8    creation time in milliseconds
 * 48  4    length of the framing's name
 * 52  4    length of the descriptor
 * 56  8    zero
 * 64  ...  framing's name, descriptor, zeros
 * H-4 4    CRC32C of what is before
 * </pre>
 *
 * @param id random, mixed into every other checksum
 * @param kept whether the log outlives its handle
 * @param created milliseconds since 1970
 * @param framing name of the segments' framing
 * @param descriptor the application's bytes
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Header(UUID id, boolean kept, long created, String framing, byte[] descriptor) {

  static final int VERSION = 1;
  static final int MIN_BYTES = 128;
  static final int MAX_BYTES = 64 << 20;
  private static final int FIXED = 64;
  private static final int MAX_NAME = 255;
  private static final int CRC32C = 1;
  private static final long MAGIC = Bits.ascii("VARVELOG");

  /** Bytes of the header in the file. */
  long bytes() {
    return bytes(framing.getBytes(StandardCharsets.UTF_8).length, descriptor.length);
  }

  private static long bytes(long name, long descriptor) {
    return Math.max(MIN_BYTES, FrameLayout.padded(FIXED + name + descriptor + 4));
  }

  /** Where entries begin: behind the floor's two marks. */
  long entriesAt() {
    return bytes() + 2 * Floor.BYTES;
  }

  /** Refuses what a header cannot hold. */
  static void check(String framing, byte[] descriptor) {
    int name = framing.getBytes(StandardCharsets.UTF_8).length;
    if (name > MAX_NAME) {
      throw new IllegalArgumentException(
          "the framing's name takes " + name + " bytes; expected at most " + MAX_NAME);
    }
    if (bytes(name, descriptor.length) > MAX_BYTES) {
      throw new IllegalArgumentException(
          "the descriptor takes "
              + descriptor.length
              + " bytes; expected at most "
              + (MAX_BYTES - FIXED - MAX_NAME - 4));
    }
  }

  /** The bytes of the header. */
  MemorySegment encode() {
    byte[] name = framing.getBytes(StandardCharsets.UTF_8);
    long length = bytes();
    MemorySegment to = Arena.ofAuto().allocate(length, 8);
    to.set(LE_LONG, 0, MAGIC);
    to.set(LE_INT, 8, VERSION);
    to.set(LE_INT, 12, (int) length);
    Bits.set(to, 16, Optional.of(id));
    to.set(LE_INT, 32, CRC32C);
    to.set(LE_INT, 36, kept ? 1 : 0);
    to.set(LE_LONG, 40, created);
    to.set(LE_INT, 48, name.length);
    to.set(LE_INT, 52, descriptor.length);
    MemorySegment.copy(name, 0, to, JAVA_BYTE, FIXED, name.length);
    MemorySegment.copy(descriptor, 0, to, JAVA_BYTE, FIXED + name.length, descriptor.length);
    to.set(LE_INT, length - 4, Bits.checksum(to.asSlice(0, length - 4)));
    return to;
  }

  /** Reads the header of a side file. */
  static Header read(StorageFile file) {
    MemorySegment fixed = Arena.ofAuto().allocate(FIXED, 8);
    long read = file.read(0, fixed);
    if (read >= 8 && fixed.get(LE_LONG, 0) != MAGIC) {
      throw Bits.corrupt(
          file, "magic", 0, "VARVELOG", String.format("0x%016x", fixed.get(LE_LONG, 0)));
    }
    if (read < FIXED) {
      throw Bits.corrupt(file, "header", 0, "at least " + FIXED + " bytes", read + " bytes");
    }
    int version = fixed.get(LE_INT, 8);
    if (version != VERSION) {
      throw new FormatVersionException(
          file.path()
              + ": replay log of format version "
              + Integer.toUnsignedString(version)
              + "; this release reads version "
              + VERSION
              + "; fill the log again, or use the release that wrote it");
    }
    int length = fixed.get(LE_INT, 12);
    long size = file.size();
    if (length < MIN_BYTES || length > MAX_BYTES || length % 64 != 0 || length > size) {
      throw Bits.corrupt(
          file,
          "header length",
          12,
          "a multiple of 64 from " + MIN_BYTES + " to " + Math.min(MAX_BYTES, size),
          String.valueOf(length));
    }
    MemorySegment bytes = Arena.ofAuto().allocate(length, 8);
    if (file.read(0, bytes) < length) {
      throw Bits.corrupt(file, "header", 0, length + " bytes", "the end of the file before");
    }
    int actual = Bits.checksum(bytes.asSlice(0, length - 4));
    if (actual != bytes.get(LE_INT, length - 4)) {
      throw Bits.corrupt(
          file,
          "header checksum",
          length - 4,
          Bits.hex(bytes.get(LE_INT, length - 4)),
          Bits.hex(actual));
    }
    return decode(file, bytes);
  }

  private static Header decode(StorageFile file, MemorySegment bytes) {
    long length = bytes.byteSize();
    int kind = bytes.get(LE_INT, 32);
    int flags = bytes.get(LE_INT, 36);
    int name = bytes.get(LE_INT, 48);
    int descriptor = bytes.get(LE_INT, 52);
    if (kind != CRC32C
        || (flags & ~1) != 0
        || name < 0
        || name > MAX_NAME
        || descriptor < 0
        || bytes(name, descriptor) != length) {
      throw Bits.corrupt(
          file,
          "header",
          32,
          "checksum kind 1, flags 0 or 1, and lengths that add up to " + length,
          "kind " + kind + ", flags " + flags + ", name " + name + ", descriptor " + descriptor);
    }
    String framing =
        new String(bytes.asSlice(FIXED, name).toArray(JAVA_BYTE), StandardCharsets.UTF_8);
    Header header =
        new Header(
            new UUID(bytes.get(LE_LONG, 16), bytes.get(LE_LONG, 24)),
            flags != 0,
            bytes.get(LE_LONG, 40),
            framing,
            bytes.asSlice(FIXED + name, descriptor).toArray(JAVA_BYTE));
    if (header.bytes() != length) {
      throw Bits.corrupt(file, "framing's name", FIXED, "UTF-8", "bytes that are not");
    }
    return header;
  }
}
