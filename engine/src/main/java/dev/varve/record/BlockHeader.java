// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.memory.Crc32c;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The 64 bytes before a block's body, and again, with another magic, behind it. A mutable form that
 * is read into and written from.
 *
 * <pre>
 *  0  4  magic          40  4  records
 *  4  1  kind           44  4  epoch
 *  5  1  codec          48  4  stored length
 *  6  1  log2 stride    52  4  checksum of the body
 *  7  1  flags          56  4  raw length
 *  8  8  file id        60  4  checksum of 0 to 59
 * 16  8  own offset
 * 24  8  first number
 * 32  8  durable end
 * </pre>
 */
final class BlockHeader {
  static final int DATA = 1;
  static final int INDEX = 2;
  static final int ROOT = 3;
  static final int GAP = 4;

  /** Kinds from here on are passed over. */
  static final int FOREIGN = 128;

  static final int LARGE = 1;
  static final int CLOSING = 2;

  private static final int MAX_STRIDE = 18;
  private static final long MAX_ROOT = 64 << 20;

  int kind;
  int codec;
  int stride;
  int flags;
  long id;
  long offset;
  long first;
  long durable;
  long records;
  long epoch;
  long stored;
  int checksum;
  long raw;

  /** Reads what stands there, and tells whether it is a whole header or footer. */
  boolean read(MemorySegment from, long at, int magic, Crc32c crc) {
    if (from.get(LE_INT_UNALIGNED, at) != magic
        || from.get(LE_INT_UNALIGNED, at + 60) != Format.checksum(crc, from, at, 60)) {
      return false;
    }
    readFields(from, at);
    return true;
  }

  /** Reads a header that was verified before, also from mapped memory. */
  void readFields(MemorySegment from, long at) {
    kind = Byte.toUnsignedInt(from.get(BYTE, at + 4));
    codec = Byte.toUnsignedInt(from.get(BYTE, at + 5));
    stride = Byte.toUnsignedInt(from.get(BYTE, at + 6));
    flags = Byte.toUnsignedInt(from.get(BYTE, at + 7));
    id = from.get(LE_LONG_UNALIGNED, at + 8);
    offset = from.get(LE_LONG_UNALIGNED, at + 16);
    first = from.get(LE_LONG_UNALIGNED, at + 24);
    durable = from.get(LE_LONG_UNALIGNED, at + 32);
    records = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at + 40));
    epoch = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at + 44));
    stored = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at + 48));
    checksum = from.get(LE_INT_UNALIGNED, at + 52);
    raw = Integer.toUnsignedLong(from.get(LE_INT_UNALIGNED, at + 56));
  }

  void write(MemorySegment to, long at, int magic, Crc32c crc) {
    int kinds = kind | codec << 8 | stride << 16 | flags << 24;
    to.set(LE_LONG_UNALIGNED, at, words(magic, kinds));
    to.set(LE_LONG_UNALIGNED, at + 8, id);
    to.set(LE_LONG_UNALIGNED, at + 16, offset);
    to.set(LE_LONG_UNALIGNED, at + 24, first);
    to.set(LE_LONG_UNALIGNED, at + 32, durable);
    to.set(LE_LONG_UNALIGNED, at + 40, words((int) records, (int) epoch));
    to.set(LE_LONG_UNALIGNED, at + 48, words((int) stored, checksum));
    to.set(LE_INT_UNALIGNED, at + 56, (int) raw);
    to.set(LE_INT_UNALIGNED, at + 60, Format.checksum(crc, to, at, 60));
  }

  private static long words(int low, int high) {
    return Integer.toUnsignedLong(low) | (long) high << 32;
  }

  /** Sets a block of a kind that has no records and no body yet. */
  void clear(int newKind) {
    kind = newKind;
    codec = Format.PLAIN;
    stride = 0;
    flags = 0;
    records = 0;
    stored = 0;
    checksum = 0;
    raw = 0;
  }

  void copy(BlockHeader other) {
    kind = other.kind;
    codec = other.codec;
    stride = other.stride;
    flags = other.flags;
    id = other.id;
    offset = other.offset;
    first = other.first;
    durable = other.durable;
    records = other.records;
    epoch = other.epoch;
    stored = other.stored;
    checksum = other.checksum;
    raw = other.raw;
  }

  boolean isSame(BlockHeader other) {
    return kind == other.kind
        && codec == other.codec
        && stride == other.stride
        && flags == other.flags
        && id == other.id
        && offset == other.offset
        && first == other.first
        && durable == other.durable
        && records == other.records
        && epoch == other.epoch
        && stored == other.stored
        && checksum == other.checksum
        && raw == other.raw;
  }

  /** Returns the length of the block with header and footer. */
  long length() {
    return Format.FRAME + Format.up64(stored);
  }

  boolean isLarge() {
    return (flags & LARGE) != 0;
  }

  /** Returns the stride, or {@link DataBlock#LARGE}. */
  int shape() {
    return isLarge() ? DataBlock.LARGE : stride;
  }

  boolean isClosing() {
    return kind == ROOT && (flags & CLOSING) != 0;
  }

  /** Returns how many pieces a large block has. */
  int pieces() {
    return (int) ((raw + Format.PIECE - 1) / Format.PIECE);
  }

  /** Returns how many entries the table of a data block has. */
  long tableEntries() {
    return tableEntries(records, stride);
  }

  static long tableEntries(long records, int stride) {
    return (records + (1L << stride) - 1) >> stride;
  }

  /** Tells whether a later release wrote this. */
  boolean isTooNew() {
    return switch (kind) {
      case DATA -> codec > Format.ZSTD || (flags & ~LARGE) != 0;
      case INDEX, GAP -> codec != Format.PLAIN || flags != 0;
      case ROOT -> codec != Format.PLAIN || (flags & ~CLOSING) != 0;
      default -> kind < FOREIGN;
    };
  }

  /** Returns what the fields say that cannot be, or null. */
  @Nullable String problem() {
    if (offset < 0 || first < 0 || first + records < 0) {
      return "offsets and numbers beyond 2^63-1";
    }
    if (durable < 0 || durable > offset) {
      return "a durable end of " + durable;
    }
    boolean possible =
        switch (kind) {
          case DATA -> isLarge() ? isLargePossible() : isDataPossible();
          case INDEX ->
              records == 0
                  && stride == 0
                  && raw == stored
                  && stored > 0
                  && stored % IndexEntries.BYTES == 0
                  && stored / IndexEntries.BYTES <= Format.MAX_INDEX_ENTRIES;
          case ROOT ->
              records == 0
                  && stride == 0
                  && raw == stored
                  && stored >= Root.FIXED
                  && stored <= MAX_ROOT
                  && (stored - Root.FIXED) % Root.LIVE == 0;
          case GAP -> stride == 0 && raw == 0 && checksum == 0;
          default -> true;
        };
    return possible ? null : "lengths that its kind, " + kind + ", cannot have";
  }

  private boolean isDataPossible() {
    return stride <= MAX_STRIDE
        && raw <= Format.MAX_RAW
        && (codec == Format.PLAIN ? stored == raw : stored <= raw && stored > 0)
        && records >= 1
        && 4 * (records + tableEntries()) <= raw;
  }

  private boolean isLargePossible() {
    long list = 8L * pieces();
    return stride == 0
        && records == 1
        && raw >= 1
        && raw <= Format.MAX_RECORD
        && stored > list
        && (codec == Format.PLAIN ? stored == raw + list : stored <= raw + list);
  }
}
