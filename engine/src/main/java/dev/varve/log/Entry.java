// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * The layout of an entry of a side file, and how one is read; {@link Journal} writes them.
 *
 * <pre>
 * 0    4    length N: multiple of 8
 * 4    4    kind
 * 8    8    sequence number
 * 16   ...  by kind
 * N-8  4    checksum of the entry before, 0 in the first
 * N-4  4    CRC32C of log id and what is before
 * </pre>
 */
final class Entry {

  static final int MIN_BYTES = 24;
  static final int MAX_BYTES = 64 << 20;

  static final int SEGMENT = 1;
  static final int BATCH = 2;
  static final int SEALED = 3;
  static final int RELEASED = 4;
  static final int END = 5;

  static final int COMPLETE = 1;
  static final int FAILED = 2;

  /** Bytes of the length, the kind and the sequence number. */
  static final int HEAD = 16;

  /** Bytes of the two checksums. */
  static final int TAIL = 8;

  /** Fixed bytes of a batch's entry before its frames. */
  static final int BATCH_BYTES = HEAD + 24;

  /** Bytes of a frame without its parts, and of a part. */
  static final int FRAME_BYTES = 24;

  static final int PART_BYTES = 16;

  private Entry() {}

  /** Receives entries; see the format page for what each holds. */
  interface Visitor {
    void segment(long number, long firstBatch, long headerBytes, int headerChecksum);

    void batch(long number, long segment, StoredFrame[] frames);

    void sealed(long segment, long footerOffset, long footerBytes, int footerChecksum);

    void released(long firstSegment, long firstBatch);

    void ended(long batches, int status, String message);
  }

  /** A frame as an entry describes it. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record StoredFrame(long offset, long tag, int kind, long[] lengths, int[] checksums) {}

  /** Bytes of a batch's entry with frames of the given numbers of parts. */
  static long batchBytes(long frames, long parts) {
    return BATCH_BYTES + frames * FRAME_BYTES + parts * PART_BYTES + TAIL;
  }

  /**
   * Whether bytes can be the beginning of an entry: a plausible length, a known kind, a sequence
   * number not below the given one.
   */
  static boolean isHead(MemorySegment bytes, long offset, long minSequence) {
    int length = bytes.get(LE_INT, offset);
    int kind = bytes.get(LE_INT, offset + 4);
    long sequence = bytes.get(LE_LONG, offset + 8);
    return length >= MIN_BYTES
        && length <= MAX_BYTES
        && (length & 7) == 0
        && kind >= SEGMENT
        && kind <= END
        && sequence >= minSequence;
  }

  static int length(MemorySegment bytes, long offset) {
    return bytes.get(LE_INT, offset);
  }

  static long sequence(MemorySegment entry) {
    return entry.get(LE_LONG, 8);
  }

  static int checksum(MemorySegment entry) {
    return entry.get(LE_INT, entry.byteSize() - 4);
  }

  static int previous(MemorySegment entry) {
    return entry.get(LE_INT, entry.byteSize() - 8);
  }

  /** Whether the checksum at the end of an entry holds. */
  static boolean isWhole(MemorySegment id, MemorySegment entry, Crc32c crc) {
    return checksum(entry) == Bits.checksum(id, entry.asSlice(0, entry.byteSize() - 4), crc);
  }

  /** Decodes an entry whose checksum holds. */
  static void decode(StorageFile file, long position, MemorySegment entry, Visitor visitor) {
    int kind = entry.get(LE_INT, 4);
    long limit = entry.byteSize() - TAIL;
    long least =
        switch (kind) {
          case RELEASED, END -> HEAD + 16;
          case BATCH -> BATCH_BYTES;
          default -> HEAD + 32;
        };
    if (limit < least) {
      throw Bits.corrupt(
          file,
          "entry of kind " + kind,
          position,
          "at least " + (least + TAIL) + " bytes",
          entry.byteSize() + " bytes");
    }
    switch (kind) {
      case SEGMENT ->
          visitor.segment(
              entry.get(LE_LONG, 16),
              entry.get(LE_LONG, 24),
              entry.get(LE_LONG, 32),
              entry.get(LE_INT, 40));
      case BATCH ->
          visitor.batch(
              entry.get(LE_LONG, 16), entry.get(LE_LONG, 24), frames(file, position, entry, limit));
      case SEALED ->
          visitor.sealed(
              entry.get(LE_LONG, 16),
              entry.get(LE_LONG, 24),
              entry.get(LE_LONG, 32),
              entry.get(LE_INT, 40));
      case RELEASED -> visitor.released(entry.get(LE_LONG, 16), entry.get(LE_LONG, 24));
      default ->
          visitor.ended(
              entry.get(LE_LONG, 16), entry.get(LE_INT, 24), message(file, position, entry, limit));
    }
  }

  private static String message(StorageFile file, long position, MemorySegment entry, long limit) {
    int length = entry.get(LE_INT, 28);
    if (length < 0 || 32 + (long) length > limit) {
      throw Bits.corrupt(file, "message length", position + 28, "0 to " + (limit - 32), length);
    }
    return new String(entry.asSlice(32, length).toArray(JAVA_BYTE), StandardCharsets.UTF_8);
  }

  private static StoredFrame[] frames(
      StorageFile file, long position, MemorySegment entry, long limit) {
    long count = Integer.toUnsignedLong(entry.get(LE_INT, 32)) + 1;
    if (BATCH_BYTES + count * FRAME_BYTES > limit) {
      throw Bits.corrupt(
          file, "frame count", position + 32, "frames within the entry", count + " frames");
    }
    StoredFrame[] frames = new StoredFrame[(int) count];
    long at = BATCH_BYTES;
    for (int i = 0; i < count; i++) {
      if (at + FRAME_BYTES > limit) {
        throw Bits.corrupt(
            file, "frame", position + at, "frames within the entry", "frame " + i + " beyond it");
      }
      long offset = entry.get(LE_LONG, at);
      int parts = entry.get(LE_INT, at + 20);
      if (offset < 0
          || offset > FrameLayout.MAX_OFFSET
          || offset % FrameLayout.ALIGNMENT != 0
          || parts < 0
          || parts > FrameLayout.MAX_PARTS
          || at + FRAME_BYTES + (long) PART_BYTES * parts > limit) {
        throw Bits.corrupt(
            file,
            "frame",
            position + at,
            "an offset that is a multiple of 64, parts within the entry",
            "offset " + offset + ", " + parts + " parts");
      }
      long[] lengths = new long[parts];
      int[] checksums = new int[parts];
      long bytes = 0;
      for (int part = 0; part < parts; part++) {
        long place = at + FRAME_BYTES + (long) PART_BYTES * part;
        lengths[part] = entry.get(LE_LONG, place);
        checksums[part] = entry.get(LE_INT, place + 8);
        if (lengths[part] < 0 || lengths[part] > FrameLayout.MAX_PART) {
          throw Bits.corrupt(
              file, "part length", position + place, "0 to " + FrameLayout.MAX_PART, lengths[part]);
        }
        bytes += FrameLayout.padded(lengths[part]);
        if (bytes > FrameLayout.MAX_FRAME) {
          throw Bits.corrupt(
              file, "frame", position + at, "at most " + FrameLayout.MAX_FRAME + " bytes", bytes);
        }
      }
      frames[i] =
          new StoredFrame(
              offset, entry.get(LE_LONG, at + 8), entry.get(LE_INT, at + 16), lengths, checksums);
      at += FRAME_BYTES + (long) PART_BYTES * parts;
    }
    return frames;
  }
}
