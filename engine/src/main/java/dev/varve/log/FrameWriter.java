// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.StorageException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.FutureTask;

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
   * How much is written at once; pieces also end at multiples of it in the file. Linux keeps each
   * in a piece of memory of that size. Larger ones are written faster, but where memory that was
   * not used for a while is reclaimed, mappings of them can be much slower to read; see {@code
   * docs/benchmarks.md}.
   */
  private static final int PIECE = 64 << 10;

  /** From so many bytes on, another thread computes the checksums of a frame. */
  private static final int PARALLEL = 1 << 20;

  private static final boolean MULTIPROCESSOR = Runtime.getRuntime().availableProcessors() > 1;

  /** Any thread but the one that appends. */
  private static final Thread OTHER = new Thread(() -> {});

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
    for (long done = 0; done < length; ) {
      long bytes = Math.min(toNextPiece(position + done), length - done);
      file.write(position + done, frame.asSlice(done, bytes));
      done += bytes;
    }
  }

  private static long toNextPiece(long position) {
    return PIECE - position % PIECE;
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
    }
  }

  private void writeDirect(
      StorageFile file, long position, long[] lengths, int[] checksums, boolean padLast) {
    long total = 0;
    for (long length : lengths) {
      total += length;
    }
    if (total < PARALLEL || !MULTIPROCESSOR || !isShared(lengths.length)) {
      checksumDirect(lengths, checksums);
      gatherDirect(file, position, lengths, padLast);
      return;
    }
    // The write waits for the kernel to copy, so another processor computes meanwhile.
    FutureTask<?> sums = new FutureTask<>(() -> checksumDirect(lengths, checksums), null);
    ForkJoinPool.commonPool().execute(sums);
    try {
      gatherDirect(file, position, lengths, padLast);
    } finally {
      // Threads of the pool may all wait for this one, so what none has begun is done here. Also
      // when the write failed: the caller's memory may go once this returns.
      sums.run();
      await(sums);
    }
  }

  /** Whether other threads may read what is written. */
  private boolean isShared(int parts) {
    for (int part = 0; part < parts; part++) {
      if (!direct[part].isAccessibleBy(OTHER)) {
        return false;
      }
    }
    return true;
  }

  /** Waits for the end of a task that was begun, however often the thread is interrupted. */
  private static void await(FutureTask<?> task) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          task.get();
          return;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw new IllegalStateException("a part of a frame could not be read", e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void checksumDirect(long[] lengths, int[] checksums) {
    for (int part = 0; part < lengths.length; part++) {
      checksums[part] = checksum(direct[part]);
    }
  }

  private void gatherDirect(StorageFile file, long position, long[] lengths, boolean padLast) {
    long written = position;
    long gathered = 0;
    int count = 0;
    for (int part = 0; part < lengths.length; part++) {
      long end = end(lengths, part, padLast);
      for (long done = 0; done < end; ) {
        boolean isPadding = done >= lengths[part];
        long left = (isPadding ? end : lengths[part]) - done;
        long bytes = Math.min(toNextPiece(written + gathered), left);
        gather[count++] = (isPadding ? ZEROS : direct[part]).asSlice(isPadding ? 0 : done, bytes);
        done += bytes;
        gathered += bytes;
        if ((written + gathered) % PIECE == 0) {
          writeGathered(file, written, count);
          written += gathered;
          gathered = 0;
          count = 0;
        }
      }
    }
    if (count > 0) {
      writeGathered(file, written, count);
    }
  }

  private void writeGathered(StorageFile file, long position, int count) {
    try {
      file.write(position, gather, count);
    } finally {
      Arrays.fill(gather, 0, count, MemorySegment.NULL);
    }
  }

  /** Where a part ends, with the zeros behind it. */
  private static long end(long[] lengths, int part, boolean padLast) {
    boolean padded = padLast || part < lengths.length - 1;
    return padded ? FrameLayout.padded(lengths[part]) : lengths[part];
  }

  private void stage(
      StorageFile file,
      long position,
      FrameSource source,
      long[] lengths,
      int[] checksums,
      boolean padLast) {
    long written = position;
    long filled = 0;
    for (int part = 0; part < lengths.length; part++) {
      crc.reset();
      long end = end(lengths, part, padLast);
      for (long done = 0; done < end; ) {
        boolean isPadding = done >= lengths[part];
        long left = (isPadding ? end : lengths[part]) - done;
        long bytes = Math.min(toNextPiece(written + filled), left);
        MemorySegment slice = staging.asSlice(filled, bytes);
        if (isPadding) {
          slice.fill((byte) 0);
        } else {
          source.copyTo(part, done, slice);
          crc.update(slice);
        }
        done += bytes;
        filled += bytes;
        if ((written + filled) % PIECE == 0) {
          file.write(written, staging.asSlice(0, filled));
          written += filled;
          filled = 0;
        }
      }
      checksums[part] = crc.value();
    }
    if (filled > 0) {
      file.write(written, staging.asSlice(0, filled));
    }
  }
}
