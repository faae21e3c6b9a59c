// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;

import dev.varve.memory.Crc32c;
import dev.varve.record.compress.BlockCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Blocks under construction in private memory, to be written with one write.
 *
 * <p>What is finished never changes until {@link #clear}, so that a write that failed can be done
 * again with the same bytes. Appending a record allocates nothing.
 */
final class Run implements AutoCloseable {
  /** Finished bytes from which on a run is to be written. */
  static final int FULL = 1 << 20;

  /** About how many bytes of frames stand between two entries of a table. */
  private static final int STRIDE_BYTES = 1024;

  private Arena arena = Arena.ofShared();
  private MemorySegment memory;
  private final Arena scratchArena = Arena.ofShared();

  /** The offset of each frame of the open block. */
  private final MemorySegment starts;

  private final MemorySegment compressed;
  private final @Nullable BlockCodec codec;
  private final int codecId;
  private final Crc32c crc = new Crc32c();
  private long used;
  private long frames;
  private int records;

  Run(Compression compression, int blockSize) {
    long most = (long) blockSize + Format.LARGE + 8;
    memory = arena.allocate(FULL + 2L * Format.MAX_RAW, Format.UNIT);
    starts = scratchArena.allocate(most, 4);
    codec = compression == Compression.NONE ? null : compression.newCodec();
    codecId = compression.codec();
    compressed =
        codec == null
            ? MemorySegment.NULL
            : scratchArena.allocate(codec.compressBound(Format.MAX_RAW), Format.UNIT);
  }

  MemorySegment memory() {
    return memory;
  }

  @Nullable BlockCodec codec() {
    return codec;
  }

  /** Returns scratch memory for one compressed piece. */
  MemorySegment compressed() {
    return compressed;
  }

  /** Returns the bytes of finished blocks. */
  long used() {
    return used;
  }

  /** Returns the bytes of frames of the open block. */
  long frames() {
    return frames;
  }

  /** Returns the records of the open block. */
  int records() {
    return records;
  }

  /** Forgets the finished blocks; no block may be open. */
  void clear() {
    used = 0;
  }

  /** Appends a frame to the open block. */
  void append(MemorySegment record, long offset, int length) {
    long at = used + Format.UNIT + frames;
    memory.set(LE_INT, at + Format.up4(length), 0);
    memory.set(LE_INT, at, length);
    MemorySegment.copy(record, offset, memory, at + 4, length);
    note(length);
  }

  /** Notes a frame of the open block that is put to {@link #body} before the block ends. */
  void note(int length) {
    starts.setAtIndex(LE_INT, records, (int) frames);
    records++;
    frames += 4 + Format.up4(length);
  }

  /** Returns where in the memory the frames of the open block begin. */
  long body() {
    return used + Format.UNIT;
  }

  /** Ends the open block. The header has id, offset, first number, durable end and epoch. */
  void finishData(BlockHeader header) {
    long body = used + Format.UNIT;
    int stride =
        63 - Long.numberOfLeadingZeros(Math.max(1, STRIDE_BYTES * (long) records / frames));
    long at = body + frames;
    for (int i = 0; i < records; i += 1 << stride) {
      memory.set(LE_INT, at, starts.getAtIndex(LE_INT, i));
      at += 4;
    }
    header.clear(BlockHeader.DATA);
    header.stride = stride;
    header.records = records;
    header.raw = at - body;
    header.stored = header.raw;
    if (codec != null) {
      long length = codec.compress(memory.asSlice(body, header.raw), compressed);
      if (isWorthwhile(length, header.raw)) {
        MemorySegment.copy(compressed, 0, memory, body, length);
        header.codec = codecId;
        header.stored = length;
      }
    }
    finish(header);
    records = 0;
    frames = 0;
  }

  static boolean isWorthwhile(long stored, long raw) {
    return stored <= raw - raw / 16 && stored < raw;
  }

  /** Makes room for a body of an index or root block, and returns where it is to be put. */
  long reserve(long length) {
    long needed = used + Format.FRAME + Format.up64(length) + Format.MAX_RAW;
    if (needed > memory.byteSize()) {
      Arena larger = Arena.ofShared();
      MemorySegment copy = larger.allocate(needed + needed / 2, Format.UNIT);
      MemorySegment.copy(memory, 0, copy, 0, used);
      arena.close();
      arena = larger;
      memory = copy;
    }
    return used + Format.UNIT;
  }

  /** Ends a block whose body was put where {@link #reserve} said. */
  void finish(BlockHeader header) {
    long body = used + Format.UNIT;
    long padded = Format.up64(header.stored);
    memory.asSlice(body + header.stored, padded - header.stored).fill((byte) 0);
    header.checksum = Format.checksum(crc, memory, body, padded);
    header.write(memory, used, Format.BLOCK_MAGIC, crc);
    header.write(memory, body + padded, Format.FOOTER_MAGIC, crc);
    used = body + padded + Format.UNIT;
  }

  @Override
  public void close() {
    arena.close();
    scratchArena.close();
  }
}
