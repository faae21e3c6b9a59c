// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static dev.varve.memory.Layouts.LE_INT;

import dev.varve.ConflictException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Reads whole entries of a side file in order, and looks behind the first that is not whole. For
 * one thread.
 */
final class JournalReader {

  private static final int PIECE = 1 << 20;

  private final StorageFile file;
  private final MemorySegment id;
  private final Crc32c crc = new Crc32c();
  private MemorySegment buffer = Arena.ofAuto().allocate(PIECE, 8);
  private long bufferStart;
  private long buffered;
  private long size;
  private long position;
  private long sequence;
  private int last;
  private int tried;

  JournalReader(StorageFile file, Header header) {
    this.file = file;
    this.id = Bits.bytes(header.id());
    this.position = header.entriesAt();
  }

  /** Position behind the last whole entry that was decoded. */
  long position() {
    return position;
  }

  long sequence() {
    return sequence;
  }

  /** Checksum of the last whole entry, 0 before the first. */
  int last() {
    return last;
  }

  /** Looks how long the file is now, and forgets what was buffered. */
  void refresh() {
    size = file.size();
    buffered = 0;
  }

  /** Bytes behind the last whole entry. */
  long remaining() {
    return Math.max(0, size - position);
  }

  /** Decodes the next entry, if it is whole, begins before {@code limit}, and follows the last. */
  boolean next(long limit, Entry.Visitor visitor) {
    MemorySegment entry = position < limit ? entry(position, sequence) : null;
    if (entry == null || Entry.sequence(entry) != sequence || Entry.previous(entry) != last) {
      return false;
    }
    Entry.decode(file, position, entry, visitor);
    last = Entry.checksum(entry);
    position += entry.byteSize();
    sequence++;
    return true;
  }

  /**
   * Fails when the file was cut or replaced since the last entry was read.
   *
   * <p>Checksums are chained: if that of the last entry still stands where it stood, everything
   * before it does too.
   */
  void requireContinuation() {
    boolean same = size >= position && (sequence == 0 || lastOnDisk() == last);
    MemorySegment entry = same ? entry(position, 0) : null;
    boolean continues =
        entry == null || (Entry.sequence(entry) == sequence && Entry.previous(entry) == last);
    if (!same || !continues) {
      throw new ConflictException(
          file.path() + ": the log was repaired by its owner since it was opened; open it again");
    }
  }

  private int lastOnDisk() {
    MemorySegment bytes = Arena.ofAuto().allocate(4, 4);
    return file.read(position - 4, bytes) == 4 ? bytes.get(LE_INT, 0) : ~last;
  }

  /** Whether a whole entry of a later sequence number lies anywhere from {@link #position} on. */
  boolean anyBehind() {
    long budget = 4 * remaining() + Entry.MAX_BYTES;
    for (long at = position; at + Entry.MIN_BYTES <= size && budget > 0; at += 8) {
      if (entry(at, sequence) != null) {
        return true;
      }
      budget -= tried;
    }
    return false;
  }

  private @Nullable MemorySegment entry(long at, long minSequence) {
    tried = 8;
    if (at + Entry.MIN_BYTES > size || !load(at, 16)) {
      return null;
    }
    if (!Entry.isHead(buffer, at - bufferStart, minSequence)) {
      return null;
    }
    int length = Entry.length(buffer, at - bufferStart);
    if (at + length > size || !load(at, length)) {
      return null;
    }
    MemorySegment entry = buffer.asSlice(at - bufferStart, length);
    tried = length;
    return Entry.isWhole(id, entry, crc) ? entry : null;
  }

  private boolean load(long at, int bytes) {
    if (at >= bufferStart && at + bytes <= bufferStart + buffered) {
      return true;
    }
    if (bytes > buffer.byteSize()) {
      buffer = Arena.ofAuto().allocate(bytes, 8);
    }
    bufferStart = at;
    buffered = file.read(at, buffer);
    return buffered >= bytes;
  }
}
