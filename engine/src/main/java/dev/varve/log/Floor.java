// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What of a log is known to be on stable storage: one of the two marks behind the header, which are
 * written in turns, so that one of them is always whole.
 *
 * <pre>
 * 0   8    magic "VARVEFLR"
 * 8   8    length of the side file that was synced, with all that its entries refer to
 * 16  8    number of entries below
 * 24  4    checksum of the last of them, 0 if there is none
 * 28  4    flags: bit 0 = a sync began since and did not succeed
 * 32  16   boot id of the machine that appends behind it, zeros when unknown
 * 48  8    number of batches below
 * 56  4    number of this mark; the higher counts
 * 60  4    CRC32C of log id and what is before
 * </pre>
 *
 * @param pending whether a sync began and did not succeed
 * @param number counts marks, modulo 2^32
 */
record Floor(
    long length,
    long entries,
    int checksum,
    boolean pending,
    Optional<UUID> boot,
    long batches,
    int number) {

  static final long BYTES = 64;
  private static final long MAGIC = Bits.ascii("VARVEFLR");

  /** The floor of a log without entries. */
  static Floor empty(Header header, Optional<UUID> boot) {
    return new Floor(header.entriesAt(), 0, 0, false, boot, 0, 0);
  }

  /** The next mark: the same floor, with a sync under way or not, on this boot. */
  Floor next(boolean nowPending, Optional<UUID> nowBoot) {
    return new Floor(length, entries, checksum, nowPending, nowBoot, batches, number + 1);
  }

  /** Where in the side file this mark stands. */
  long offset(Header header) {
    return header.bytes() + (number & 1) * BYTES;
  }

  MemorySegment encode(Header header) {
    MemorySegment mark = Arena.ofAuto().allocate(BYTES, 8);
    mark.set(LE_LONG, 0, MAGIC);
    mark.set(LE_LONG, 8, length);
    mark.set(LE_LONG, 16, entries);
    mark.set(LE_INT, 24, checksum);
    mark.set(LE_INT, 28, pending ? 1 : 0);
    Bits.set(mark, 32, boot);
    mark.set(LE_LONG, 48, batches);
    mark.set(LE_INT, 56, number);
    mark.set(LE_INT, 60, crc(header, mark));
    return mark;
  }

  private static int crc(Header header, MemorySegment mark) {
    return Bits.checksum(Bits.bytes(header.id()), mark.asSlice(0, 60), new Crc32c());
  }

  /** Reads the mark that counts. */
  static Floor read(StorageFile file, Header header) {
    Floor first = read(file, header, 0);
    Floor second = read(file, header, 1);
    Floor newest = first;
    if (first == null || (second != null && second.number - first.number > 0)) {
      newest = second;
    }
    if (newest == null) {
      throw Bits.corrupt(file, "floor mark", header.bytes(), "a whole mark of two", "none");
    }
    long size = file.size();
    if (newest.length < header.entriesAt() || newest.length > size) {
      throw Bits.corrupt(
          file,
          "length",
          newest.offset(header) + 8,
          "at least " + newest.length + " bytes, as synced",
          size + " bytes");
    }
    return newest;
  }

  /** Reads one mark; null when it is not whole. */
  static @Nullable Floor read(StorageFile file, Header header, int slot) {
    MemorySegment mark = Arena.ofAuto().allocate(BYTES, 8);
    long read = file.read(header.bytes() + slot * BYTES, mark);
    if (read < BYTES
        || mark.get(LE_LONG, 0) != MAGIC
        || mark.get(LE_INT, 60) != crc(header, mark)
        || (mark.get(LE_INT, 56) & 1) != slot) {
      return null;
    }
    return new Floor(
        mark.get(LE_LONG, 8),
        mark.get(LE_LONG, 16),
        mark.get(LE_INT, 24),
        (mark.get(LE_INT, 28) & 1) != 0,
        Bits.id(mark, 32),
        mark.get(LE_LONG, 48),
        mark.get(LE_INT, 56));
  }
}
