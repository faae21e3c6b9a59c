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
 * kill the JVM. The latter in pieces that stay in the processor's cache between checksum and write.
 */
final class FrameWriter {

  /**
   * How much is written at once at most; writes also end at multiples of it in the file. Linux
   * keeps what is written at once in one piece of memory if it can, here in a huge page, which
   * mappings read fastest.
   */
  static final int PIECE = 2 << 20;

  /**
   * How much goes through the staging buffer at once: as much as stays in the processor's cache.
   */
  private static final int STAGING = 256 << 10;

  /** From so many bytes on, another thread computes the checksums of a frame. */
  private static final int PARALLEL = 1 << 20;

  private static final boolean MULTIPROCESSOR = Runtime.getRuntime().availableProcessors() > 1;

  /** Any thread but the one that appends. */
  private static final Thread OTHER = new Thread(() -> {});

  /** So many parts and paddings are written at once at most. */
  private static final int MAX_GATHERED = 2048;

  /** Beyond so many parts the array that holds them is not kept. */
  private static final int MAX_KEPT = 4096;

  private static final MemorySegment ZEROS =
      Arena.global().allocate(FrameLayout.ALIGNMENT, FrameLayout.ALIGNMENT);

  private final Crc32c crc = new Crc32c();
  private final MemorySegment staging = Arena.ofAuto().allocate(STAGING, FrameLayout.ALIGNMENT);
  private MemorySegment[] direct = new MemorySegment[64];

  private final int piece;

  /** What is written next: parts and their padding. */
  private final MemorySegment[] gather = new MemorySegment[MAX_GATHERED];

  /** How many segments and bytes those are, and where they go. */
  private int gathered;

  private long gatheredBytes;
  private long gatheredAt;

  FrameWriter() {
    this(PIECE);
  }

  FrameWriter(int piece) {
    this.piece = piece;
  }

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
    if (hasDirect(source, lengths)) {
      writeDirect(file, position, lengths, checksums, padLast);
    } else {
      stage(file, position, source, lengths, checksums, padLast);
    }
  }

  /** Writes memory that holds a frame, padding included. */
  void write(StorageFile file, long position, MemorySegment frame) {
    beginGather(position);
    gather(file, frame, 0, frame.byteSize());
    endGather(file);
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
      MemorySegment piece = staging.asSlice(0, Math.min(STAGING, bytes - done));
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
    for (long at = from; at < to; at += STAGING) {
      MemorySegment piece = staging.asSlice(0, Math.min(STAGING, to - at));
      file.write(at, piece.asSlice(0, file.read(at, piece)));
    }
  }

  /** Copies the beginning of a file. */
  void copy(StorageFile from, StorageFile to, long bytes) {
    for (long at = 0; at < bytes; at += STAGING) {
      MemorySegment piece = staging.asSlice(0, Math.min(STAGING, bytes - at));
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
    for (long at = from; at < to; at += STAGING) {
      file.write(at, staging.asSlice(0, Math.min(STAGING, to - at)));
    }
  }

  /** Whether all parts may be touched where they are, which then are in {@link #direct}. */
  private boolean hasDirect(FrameSource source, long[] lengths) {
    if (direct.length < lengths.length) {
      direct = new MemorySegment[lengths.length];
    }
    for (int part = 0; part < lengths.length; part++) {
      MemorySegment bytes = source.direct(part);
      if (bytes == null) {
        forgetDirect(part);
        return false;
      }
      if (bytes.byteSize() != lengths[part]) {
        forgetDirect(part);
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
    return true;
  }

  private void forgetDirect(int count) {
    if (direct.length > MAX_KEPT) {
      direct = new MemorySegment[MAX_KEPT];
    } else {
      Arrays.fill(direct, 0, count, MemorySegment.NULL);
    }
  }

  private void writeDirect(
      StorageFile file, long position, long[] lengths, int[] checksums, boolean padLast) {
    try {
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
    } finally {
      forgetDirect(lengths.length);
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
    beginGather(position);
    for (int part = 0; part < lengths.length; part++) {
      gather(file, direct[part], 0, lengths[part]);
      gather(file, ZEROS, 0, end(lengths, part, padLast) - lengths[part]);
    }
    endGather(file);
  }

  private void beginGather(long position) {
    gatheredAt = position;
    gatheredBytes = 0;
    gathered = 0;
  }

  /** Adds bytes to what is written next, and writes whatever becomes complete by that. */
  private void gather(StorageFile file, MemorySegment source, long from, long length) {
    for (long done = 0; done < length; ) {
      long at = gatheredAt + gatheredBytes;
      long toEnd = piece - at % piece;
      long bytes = Math.min(toEnd, length - done);
      gather[gathered++] = source.asSlice(from + done, bytes);
      gatheredBytes += bytes;
      done += bytes;
      if (bytes == toEnd || gathered == gather.length) {
        writeGathered(file);
      }
    }
  }

  private void endGather(StorageFile file) {
    if (gathered > 0) {
      writeGathered(file);
    }
  }

  private void writeGathered(StorageFile file) {
    try {
      if (gathered == 1) {
        file.write(gatheredAt, gather[0]);
      } else {
        file.write(gatheredAt, gather, gathered);
      }
    } finally {
      Arrays.fill(gather, 0, gathered, MemorySegment.NULL);
      gatheredAt += gatheredBytes;
      gathered = 0;
      gatheredBytes = 0;
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
        long bytes = Math.min(STAGING - (written + filled) % STAGING, left);
        MemorySegment slice = staging.asSlice(filled, bytes);
        if (isPadding) {
          slice.fill((byte) 0);
        } else {
          source.copyTo(part, done, slice);
          crc.update(slice);
        }
        done += bytes;
        filled += bytes;
        if ((written + filled) % STAGING == 0) {
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
