// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.CorruptionException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.UUID;

/** What the structures of a side file share: magics, ids, checksums and the error they fail by. */
final class Bits {

  static final String REMEDY = "restore the log from a copy, or delete it and fill it again";

  private Bits() {}

  /** Eight characters as they stand in the file. */
  static long ascii(String text) {
    long value = 0;
    for (int i = 7; i >= 0; i--) {
      value = value << 8 | text.charAt(i);
    }
    return value;
  }

  /** A log id as checksums take it in. */
  static MemorySegment bytes(UUID id) {
    MemorySegment bytes = Arena.ofAuto().allocate(16, 8);
    set(bytes, 0, Optional.of(id));
    return bytes;
  }

  /** Writes an id, or zeros for none. */
  static void set(MemorySegment to, long offset, Optional<UUID> id) {
    to.set(LE_LONG, offset, id.map(UUID::getMostSignificantBits).orElse(0L));
    to.set(LE_LONG, offset + 8, id.map(UUID::getLeastSignificantBits).orElse(0L));
  }

  /** Reads an id; none when it is all zeros. */
  static Optional<UUID> id(MemorySegment from, long offset) {
    long most = from.get(LE_LONG, offset);
    long least = from.get(LE_LONG, offset + 8);
    return (most | least) == 0 ? Optional.empty() : Optional.of(new UUID(most, least));
  }

  static int checksum(MemorySegment bytes) {
    return checksum(MemorySegment.NULL, bytes, new Crc32c());
  }

  /** Checksum of a log id and the bytes behind it. */
  static int checksum(MemorySegment id, MemorySegment bytes, Crc32c crc) {
    crc.reset();
    crc.update(id);
    crc.update(bytes);
    return crc.value();
  }

  static String hex(int checksum) {
    return String.format("0x%08x", checksum);
  }

  static CorruptionException corrupt(
      StorageFile file, String what, long offset, Object expected, Object actual) {
    return corrupt(file.path().toString(), what, offset, expected, actual);
  }

  static CorruptionException corrupt(
      String file, String what, long offset, Object expected, Object actual) {
    return new CorruptionException(
        what, file, offset, String.valueOf(expected), String.valueOf(actual), REMEDY);
  }
}
