// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.varve.VarveException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.UUID;

/**
 * The writing end of a side file: its floor marks and its entries, whose layout is in {@link Floor}
 * and {@link Entry}.
 *
 * <p>Entries are collected by the methods named after them and appended together by {@link
 * #commit}. When that fails, nothing was appended: what reached the file is cut off, at the latest
 * before the next commit, so that no whole entry ever stands behind the end.
 *
 * <p>For one thread at a time.
 */
final class Journal {

  static final String FILE = "log.index";
  static final int MAX_MESSAGE = 64 << 10;
  private static final int ROOM = 64 << 10;

  private final StorageFile file;
  private final Header header;
  private final MemorySegment id;
  private final Crc32c crc = new Crc32c();
  private MemorySegment pending = Arena.ofAuto().allocate(ROOM, 8);
  private int filled;
  private int entry;
  private long end;
  private long size;
  private long sequence;
  private int last;
  private long pendingSequence;
  private int pendingLast;

  /** Continues a journal behind its last whole entry, whose checksum is {@code last}. */
  Journal(StorageFile file, Header header, long end, long sequence, int last) {
    this.file = file;
    this.header = header;
    this.id = Bits.bytes(header.id());
    this.end = end;
    this.size = end;
    this.sequence = sequence;
    this.last = last;
    rollback();
  }

  StorageFile file() {
    return file;
  }

  /** Where the next entry goes. */
  long end() {
    return end;
  }

  /** Bytes of the file: more than {@link #end} after a commit that failed. */
  long size() {
    return size;
  }

  /** The floor that a sync of the present state reaches. */
  Floor floor(Optional<UUID> boot, long batches, int number) {
    return new Floor(end, sequence, last, false, boot, batches, number);
  }

  /** Writes a floor mark over the older of the two. */
  void mark(Floor floor) {
    file.write(floor.offset(header), floor.encode(header));
  }

  // ---- entries

  void segment(long number, long firstBatch, long headerBytes, int headerChecksum) {
    begin(Entry.SEGMENT);
    room(32);
    pending.set(LE_LONG, filled, number);
    pending.set(LE_LONG, filled + 8, firstBatch);
    pending.set(LE_LONG, filled + 16, headerBytes);
    pending.set(LE_INT, filled + 24, headerChecksum);
    filled += 32;
    finish();
  }

  /** Begins a batch of {@code frames} frames in all, each of which {@link #frame} then adds. */
  void batch(long number, long segment, int frames) {
    begin(Entry.BATCH);
    room(24);
    pending.set(LE_LONG, filled, number);
    pending.set(LE_LONG, filled + 8, segment);
    pending.set(LE_INT, filled + 16, frames - 1);
    filled += 24;
  }

  void frame(Frame frame, long offset) {
    int parts = frame.lengths.length;
    room(Entry.FRAME_BYTES + Entry.PART_BYTES * parts);
    pending.set(LE_LONG, filled, offset);
    pending.set(LE_LONG, filled + 8, frame.tag);
    pending.set(LE_INT, filled + 16, frame.kind);
    pending.set(LE_INT, filled + 20, parts);
    filled += Entry.FRAME_BYTES;
    for (int part = 0; part < parts; part++) {
      pending.set(LE_LONG, filled, frame.lengths[part]);
      pending.set(LE_INT, filled + 8, frame.checksums[part]);
      filled += Entry.PART_BYTES;
    }
  }

  void endBatch() {
    finish();
  }

  void sealed(long segment, long offset, long bytes, int checksum) {
    begin(Entry.SEALED);
    room(32);
    pending.set(LE_LONG, filled, segment);
    pending.set(LE_LONG, filled + 8, offset);
    pending.set(LE_LONG, filled + 16, bytes);
    pending.set(LE_INT, filled + 24, checksum);
    filled += 32;
    finish();
  }

  void released(long firstSegment, long firstBatch) {
    begin(Entry.RELEASED);
    room(16);
    pending.set(LE_LONG, filled, firstSegment);
    pending.set(LE_LONG, filled + 8, firstBatch);
    filled += 16;
    finish();
  }

  /**
   * The end of the stream.
   *
   * @param message cut to {@code room} bytes
   */
  void ended(long batches, int status, String message, int room) {
    byte[] text = message.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(text.length, room);
    while (length > 0 && length < text.length && (text[length] & 0xC0) == 0x80) {
      length--; // not within a character
    }
    begin(Entry.END);
    room(16 + length);
    pending.set(LE_LONG, filled, batches);
    pending.set(LE_INT, filled + 8, status);
    pending.set(LE_INT, filled + 12, length);
    MemorySegment.copy(text, 0, pending, JAVA_BYTE, filled + 16, length);
    filled += 16 + length;
    finish();
  }

  private void begin(int kind) {
    room(Entry.HEAD);
    entry = filled;
    pending.set(LE_INT, filled + 4, kind);
    pending.set(LE_LONG, filled + 8, pendingSequence++);
    filled += Entry.HEAD;
  }

  private void finish() {
    room(Entry.TAIL + 8);
    int length = (filled - entry + Entry.TAIL + 7) & -8;
    filled = entry + length;
    pending.set(LE_INT, entry, length);
    pending.set(LE_INT, filled - 8, pendingLast);
    pendingLast = Bits.checksum(id, pending.asSlice(entry, length - 4), crc);
    pending.set(LE_INT, filled - 4, pendingLast);
  }

  /** Makes room, zeroed. */
  private void room(int bytes) {
    if (filled + (long) bytes > pending.byteSize()) {
      long more = Math.max(2 * pending.byteSize(), filled + (long) bytes);
      MemorySegment larger = Arena.ofAuto().allocate(more, 8);
      MemorySegment.copy(pending, 0, larger, 0, filled);
      pending = larger;
    } else {
      pending.asSlice(filled, bytes).fill((byte) 0);
    }
  }

  /** Forgets the collected entries. */
  void rollback() {
    filled = 0;
    pendingSequence = sequence;
    pendingLast = last;
  }

  /** Appends the collected entries by one write. */
  void commit() {
    try {
      cut();
      size = end + filled;
      file.write(end, pending.asSlice(0, filled));
    } catch (Throwable e) {
      rollback();
      try {
        cut();
      } catch (VarveException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
    end = size;
    sequence = pendingSequence;
    last = pendingLast;
    rollback();
  }

  /** Cuts off what a failed commit left. Nobody maps a side file. */
  void cut() {
    if (size > end) {
      if (file.size() > end) {
        file.truncate(end);
      }
      size = end;
    }
  }

  /** Writes what stands from a place on again, so that it is on its way to the disk once more. */
  void rewrite(long from, FrameWriter writer) {
    writer.rewrite(file, from, end);
  }
}
