// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;

import dev.varve.memory.Crc32c;
import dev.varve.record.compress.BlockCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Blocks under construction in private memory, to be written with few writes.
 *
 * <p>What is finished never changes until it is written, so that a write that failed can be done
 * again with the same bytes. Appending a record allocates nothing.
 */
final class Run implements AutoCloseable {
  /** Finished bytes from which on a run whose records are published each is usually written. */
  static final int BYTES = 1 << 20;

  /** How much of that there is room for at first. */
  private static final int FIRST_BYTES = 64 << 10;

  /** About how many bytes of frames stand between two entries of a table. */
  private static final int STRIDE_BYTES = 1024;

  private Arena arena = Arena.ofShared();
  private MemorySegment memory;
  private final Arena scratchArena = Arena.ofShared();

  /** The offset of each frame of the open block. */
  private final int[] starts;

  private final MemorySegment compressed;
  private final @Nullable BlockCodec codec;
  private final int codecId;

  /** The room for finished bytes, and that for an open block behind them. */
  private final int full;

  private final long blockRoom;
  private final Crc32c crc = new Crc32c();

  /** Of the open block's body, as far as {@link #summed}. */
  private final Crc32c sum = new Crc32c();

  private long summed;
  private long used;
  private long frames;
  private int records;

  /**
   * Creates a run without blocks.
   *
   * @param full how many finished bytes there are at most when a block is begun
   */
  Run(Compression compression, int level, int blockSize, int full) {
    this.full = full;
    int most = blockSize + Format.LARGE + 8;
    blockRoom = Format.FRAME + Format.up64(2L * most);
    memory = arena.allocate(Math.min(full, FIRST_BYTES) + blockRoom, Format.UNIT);
    keepViews();
    starts = new int[most / 4];
    codec = compression == Compression.NONE ? null : compression.newCodec(level);
    codecId = compression.codec();
    compressed =
        codec == null
            ? MemorySegment.NULL
            : scratchArena.allocate(codec.compressBound(Format.MAX_RAW), Format.UNIT);
  }

  private void keepViews() {
    crc.keepView(memory);
    sum.keepView(memory);
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

  /** Forgets the first finished bytes, which are written; no block may be open. */
  void drop(long bytes) {
    used -= bytes;
    MemorySegment.copy(memory, bytes, memory, 0, used);
  }

  /** Makes room for a block; none is open. */
  void begin() {
    if (used + blockRoom > memory.byteSize()) {
      grow(Math.max(used, full) + blockRoom);
    }
  }

  /** Stores a frame behind the open block, which does not have it yet; returns where. */
  long store(MemorySegment record, long offset, int length) {
    long at = used + Format.UNIT + frames;
    if ((length & 3) != 0) {
      memory.set(LE_INT, at + Format.up4(length), 0);
    }
    memory.set(LE_INT, at, length);
    MemorySegment.copy(record, offset, memory, at + 4, length);
    return at;
  }

  /** Appends the frame that was stored last to the open block. */
  void append(int bytes) {
    starts[records++] = (int) frames;
    frames += bytes;
  }

  /** Adds to the checksum what was appended, while it is in the processor's nearest cache. */
  void sum() {
    if (codec == null) {
      sumTo(frames);
    }
  }

  private long body() {
    return used + Format.UNIT;
  }

  private void sumTo(long end) {
    sum.update(memory, body() + summed, end - summed);
    summed = end;
  }

  /** Ends the open block. The header has id, offset, first number, durable end and epoch. */
  void finishData(BlockHeader header) {
    long body = body();
    int stride =
        63 - Long.numberOfLeadingZeros(Math.max(1, STRIDE_BYTES * (long) records / frames));
    long at = body + frames;
    for (int i = 0; i < records; i += 1 << stride) {
      memory.set(LE_INT, at, starts[i]);
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
    long padded = pad(header);
    sumTo(padded);
    finish(header, sum.value());
    sum.reset();
    summed = 0;
    records = 0;
    frames = 0;
  }

  static boolean isWorthwhile(long stored, long raw) {
    return stored <= raw - raw / 16 && stored < raw;
  }

  /** Makes room for a body of an index or root block, and returns where it is to be put. */
  long reserve(long length) {
    long needed = used + Format.FRAME + Format.up64(length);
    if (needed > memory.byteSize()) {
      grow(needed + needed / 2);
    }
    return used + Format.UNIT;
  }

  private void grow(long bytes) {
    Arena larger = Arena.ofShared();
    MemorySegment copy = larger.allocate(bytes, Format.UNIT);
    MemorySegment.copy(memory, 0, copy, 0, used);
    arena.close();
    arena = larger;
    memory = copy;
    keepViews();
  }

  /** Ends a block whose body was put where {@link #reserve} said. */
  void finish(BlockHeader header) {
    finish(header, Format.checksum(crc, memory, body(), pad(header)));
  }

  private void finish(BlockHeader header, int checksum) {
    long footer = body() + Format.up64(header.stored);
    header.checksum = checksum;
    header.write(memory, used, Format.BLOCK_MAGIC, crc);
    header.write(memory, footer, Format.FOOTER_MAGIC, crc);
    used = footer + Format.UNIT;
  }

  /** Fills the rest of a body, and returns its length with that. */
  private long pad(BlockHeader header) {
    long padded = Format.up64(header.stored);
    memory.asSlice(body() + header.stored, padded - header.stored).fill((byte) 0);
    return padded;
  }

  @Override
  public void close() {
    arena.close();
    scratchArena.close();
  }
}
