// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.StorageException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Brings frames into memory and files and computes their checksums on the way. For one thread at a
 * time.
 *
 * <p>A frame whose parts may be touched in place is gathered into the file from where it is; any
 * other goes through a private staging buffer, since a checksum over memory that a file backs can
 * kill the JVM. Either way in pieces that stay in the processor's cache between checksum and write.
 */
final class FrameWriter {

  /**
   * How much is written at once. Linux caches a file in units as big as the writes were, and
   * reading a mapping of units of 256 KiB to 1 MiB was seen to take up to three times as long as of
   * smaller ones; see {@code docs/benchmarks.md}.
   */
  private static final int PIECE = 64 << 10;

  /** Beyond so many parts the array that holds them is not kept. */
  private static final int MAX_KEPT = 4096;

  private static final MemorySegment ZEROS = Arena.global().allocate(FrameLayout.ALIGNMENT);

  private final Crc32c crc = new Crc32c();
  private final MemorySegment staging = Arena.ofAuto().allocate(PIECE, FrameLayout.ALIGNMENT);
  private MemorySegment[] direct = new MemorySegment[64];

  /** What a piece consists of: parts and their padding, together 64 bytes or more each. */
  private final MemorySegment[] gather = new MemorySegment[2 * PIECE / FrameLayout.ALIGNMENT];

  /** Copies a frame to memory, padding included, and fills in its checksums. */
  void copy(FrameSource source, long[] lengths, int[] checksums, MemorySegment target, long base) {
    long offset = base;
    for (int part = 0; part < lengths.length; part++) {
      MemorySegment slice = target.asSlice(offset, lengths[part]);
      if (lengths[part] > 0) {
        source.copyTo(part, 0, slice);
      }
      checksums[part] = checksum(slice);
      long padded = FrameLayout.padded(lengths[part]);
      target.asSlice(offset + lengths[part], padded - lengths[part]).fill((byte) 0);
      offset += padded;
    }
  }

  /**
   * Writes a frame to a file and fills in its checksums.
   *
   * @param padLast whether zeros follow the last part up to a multiple of 64
   */
  void write(
      StorageFile file,
      long position,
      FrameSource source,
      long[] lengths,
      int[] checksums,
      boolean padLast) {
    if (!gather(file, position, source, lengths, checksums, padLast)) {
      stage(file, position, source, lengths, checksums, padLast);
    }
  }

  /** Writes memory that holds a frame, padding included. */
  void write(StorageFile file, long position, MemorySegment frame) {
    long length = frame.byteSize();
    for (long done = 0; done < length; done += PIECE) {
      file.write(position + done, frame.asSlice(done, Math.min(PIECE, length - done)));
    }
  }

  /** Checksum of private memory. */
  int checksum(MemorySegment segment) {
    crc.reset();
    crc.update(segment);
    return crc.value();
  }

  /** Checksum of a range of a file. */
  int checksum(StorageFile file, long position, long bytes) {
    crc.reset();
    for (long done = 0; done < bytes; ) {
      MemorySegment piece = staging.asSlice(0, Math.min(PIECE, bytes - done));
      if (file.read(position + done, piece) < piece.byteSize()) {
        throw new StorageException(
            file.path() + ": ends before " + (position + bytes) + ", where it was written to");
      }
      crc.update(piece);
      done += piece.byteSize();
    }
    return crc.value();
  }

  /** Reads a range of a file and writes it back, so that it is on its way to the disk again. */
  void rewrite(StorageFile file, long from, long to) {
    for (long at = from; at < to; at += PIECE) {
      MemorySegment piece = staging.asSlice(0, Math.min(PIECE, to - at));
      file.write(at, piece.asSlice(0, file.read(at, piece)));
    }
  }

  /** Copies the beginning of a file. */
  void copy(StorageFile from, StorageFile to, long bytes) {
    for (long at = 0; at < bytes; at += PIECE) {
      MemorySegment piece = staging.asSlice(0, Math.min(PIECE, bytes - at));
      if (from.read(at, piece) < piece.byteSize()) {
        throw new StorageException(
            from.path() + ": ends before " + bytes + ", where it was written to");
      }
      to.write(at, piece);
    }
  }

  /** Writes zeros over a range of a file. */
  void zero(StorageFile file, long from, long to) {
    staging.fill((byte) 0);
    for (long at = from; at < to; at += PIECE) {
      file.write(at, staging.asSlice(0, Math.min(PIECE, to - at)));
    }
  }

  private boolean gather(
      StorageFile file,
      long position,
      FrameSource source,
      long[] lengths,
      int[] checksums,
      boolean padLast) {
    if (direct.length < lengths.length) {
      direct = new MemorySegment[lengths.length];
    }
    try {
      for (int part = 0; part < lengths.length; part++) {
        MemorySegment bytes = source.direct(part);
        if (bytes == null) {
          return false;
        }
        if (bytes.byteSize() != lengths[part]) {
          throw new IllegalArgumentException(
              "part "
                  + part
                  + " of a frame was said to have "
                  + lengths[part]
                  + " bytes, but has "
                  + bytes.byteSize());
        }
        direct[part] = bytes;
      }
      writeDirect(file, position, lengths, checksums, padLast);
      return true;
    } finally {
      if (direct.length > MAX_KEPT) {
        direct = new MemorySegment[MAX_KEPT];
      } else {
        Arrays.fill(direct, 0, lengths.length, MemorySegment.NULL);
      }
      Arrays.fill(gather, MemorySegment.NULL);
    }
  }

  private void writeDirect(
      StorageFile file, long position, long[] lengths, int[] checksums, boolean padLast) {
    long written = position;
    long gathered = 0;
    int count = 0;
    for (int part = 0; part < lengths.length; part++) {
      crc.reset();
      for (long done = 0; done < lengths[part]; ) {
        long piece = Math.min(PIECE - gathered, lengths[part] - done);
        MemorySegment slice = direct[part].asSlice(done, piece);
        crc.update(slice);
        gather[count++] = slice;
        gathered += piece;
        done += piece;
        if (gathered == PIECE) {
          file.write(written, gather, count);
          written += gathered;
          gathered = 0;
          count = 0;
        }
      }
      checksums[part] = crc.value();
      // A piece is a multiple of 64 bytes, and so is each part's start: the padding fits.
      long padding = FrameLayout.padded(lengths[part]) - lengths[part];
      if (padding > 0 && (padLast || part < lengths.length - 1)) {
        gather[count++] = ZEROS.asSlice(0, padding);
        gathered += padding;
        if (gathered == PIECE) {
          file.write(written, gather, count);
          written += gathered;
          gathered = 0;
          count = 0;
        }
      }
    }
    if (gathered > 0) {
      file.write(written, gather, count);
    }
  }

  private void stage(
      StorageFile file,
      long position,
      FrameSource source,
      long[] lengths,
      int[] checksums,
      boolean padLast) {
    long written = position;
    int filled = 0;
    for (int part = 0; part < lengths.length; part++) {
      crc.reset();
      long copied = 0;
      while (copied < lengths[part]) {
        int piece = (int) Math.min(PIECE - filled, lengths[part] - copied);
        MemorySegment slice = staging.asSlice(filled, piece);
        source.copyTo(part, copied, slice);
        crc.update(slice);
        copied += piece;
        filled += piece;
        if (filled == PIECE) {
          file.write(written, staging);
          written += filled;
          filled = 0;
        }
      }
      checksums[part] = crc.value();
      // The buffer's length is a multiple of 64, and so is each part's start: the padding fits.
      int padding = (int) (FrameLayout.padded(lengths[part]) - lengths[part]);
      if (padLast || part < lengths.length - 1) {
        staging.asSlice(filled, padding).fill((byte) 0);
        filled += padding;
        if (filled == PIECE) {
          file.write(written, staging);
          written += filled;
          filled = 0;
        }
      }
    }
    if (filled > 0) {
      file.write(written, staging.asSlice(0, filled));
    }
  }
}
