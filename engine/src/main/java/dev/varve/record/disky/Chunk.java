// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.CorruptionException;
import dev.varve.memory.Layouts;
import dev.varve.record.compress.BlockCodec;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The records of one chunk, in private memory, and which of them is the current one.
 *
 * <p>Everything about a chunk is checked when it is loaded, and every size before memory is
 * allocated for it.
 */
final class Chunk implements AutoCloseable {
  /** The most bytes of data, or of values: what the decompressor can count. */
  static final long MAX_BYTES = Integer.MAX_VALUE;

  private static final long INITIAL_BYTES = 1 << 16;

  /** The level matters for compressing only. */
  private static final int ANY_LEVEL = 3;

  private final Damage damage;
  private final HighwayHash hash = BlockLayout.newHash();
  private final Buffer data = new Buffer(INITIAL_BYTES);
  private @Nullable Buffer decompressed;
  private @Nullable BlockCodec zstd;

  /** The values: in the data, or decompressed. */
  private MemorySegment values = data.segment();

  private long records;

  /** How many of the records were taken. */
  private long taken;

  private long sizesAt;
  private long sizesEnd;

  /** The current record. */
  private long offset;

  private long length;

  Chunk(Damage damage) {
    this.damage = damage;
  }

  /**
   * Loads a chunk in place of the one before, with no current record.
   *
   * @param in what to read from, in which the chunk lies as a whole
   * @param begin where it begins
   * @param header its header
   * @throws CorruptionException if it is damaged; then there are no records
   */
  void load(BlockInput in, long begin, MemorySegment header) {
    records = 0;
    taken = 0;
    length = 0;
    long size = ChunkLayout.dataSize(header);
    long decoded = ChunkLayout.decodedSize(header);
    long count = ChunkLayout.records(header);
    if (size < 2 || size > MAX_BYTES) {
      throw damage.corrupt("size of a chunk", begin, "2 to " + MAX_BYTES + " bytes", size);
    }
    if (decoded < 0 || decoded > MAX_BYTES) {
      throw damage.corrupt("size of records", begin, "at most " + MAX_BYTES + " bytes", decoded);
    }
    if (count > size) {
      throw damage.corrupt("number of records", begin, "at most " + size, count);
    }
    data.ensure(size, 0);
    in.copy(BlockLayout.end(begin, ChunkLayout.HEADER_BYTES), data.segment(), size);
    long expected = ChunkLayout.dataHash(header);
    long actual = hash.hash(data.segment(), 0, size);
    if (actual != expected && expected != 0) {
      throw damage.corrupt("hash of a chunk", begin, Damage.hex(expected), Damage.hex(actual));
    }
    long sizesBytes = Varints.get(data.segment(), 1, size);
    long start = sizesBytes == Varints.NONE ? size : Varints.skip(data.segment(), 1);
    if (sizesBytes == Varints.NONE || sizesBytes > size - start) {
      throw damage.corrupt("sizes of records", begin, "at most " + size + " bytes", "more");
    }
    checkSizes(begin, start, start + sizesBytes, count, decoded);
    loadValues(begin, start + sizesBytes, size, decoded);
    sizesAt = start;
    sizesEnd = start + sizesBytes;
    records = count;
  }

  private void checkSizes(long begin, long start, long end, long count, long decoded) {
    MemorySegment sizes = data.segment();
    long sum = 0;
    long at = start;
    for (long record = 0; record < count; record++) {
      long size = Varints.get(sizes, at, end);
      if (size < 0 || size > decoded - sum) {
        throw damage.corrupt(
            "size of record " + record + " of a chunk",
            begin,
            "at most the " + (decoded - sum) + " bytes left",
            size < 0 ? "no size" : size);
      }
      sum += size;
      at = Varints.skip(sizes, at);
    }
    if (sum != decoded || at != end) {
      throw damage.corrupt(
          "sizes of records",
          begin,
          decoded + " bytes of records and " + (end - start) + " bytes of sizes",
          sum + " and " + (at - start));
    }
  }

  private void loadValues(long begin, long start, long end, long decoded) {
    byte compression = data.segment().get(Layouts.BYTE, 0);
    switch (compression) {
      case ChunkLayout.PLAIN -> {
        if (end - start != decoded) {
          throw damage.corrupt("size of records", begin, decoded + " bytes", end - start);
        }
        values = data.segment().asReadOnly();
        offset = start;
      }
      case ChunkLayout.ZSTD -> {
        values = decompress(begin, data.segment().asSlice(start, end - start), decoded);
        offset = 0;
      }
      default ->
          throw damage.corrupt(
              "compression of a chunk", begin, "0 or 'z' (" + ChunkLayout.ZSTD + ")", compression);
    }
  }

  private MemorySegment decompress(long begin, MemorySegment source, long decoded) {
    if (zstd == null) {
      zstd = BlockCodec.zstd(ANY_LEVEL);
    }
    try {
      if (zstd.decompressBound(source) >= decoded) {
        if (decompressed == null) {
          decompressed = new Buffer(Math.max(decoded, INITIAL_BYTES));
        }
        decompressed.ensure(decoded, 0);
        zstd.decompress(source, decompressed.segment().asSlice(0, decoded));
        return decompressed.segment().asReadOnly();
      }
    } catch (CorruptionException e) {
      throw damage.corrupt(begin, e);
    }
    throw damage.corrupt(
        "size of records", begin, "at most what the compressed data can hold", decoded);
  }

  /** Returns how many records there are. */
  long records() {
    return records;
  }

  /** Moves to the next record and tells whether there is one. */
  boolean next() {
    if (taken == records) {
      return false;
    }
    offset += length;
    length = Varints.get(data.segment(), sizesAt, sizesEnd);
    sizesAt = Varints.skip(data.segment(), sizesAt);
    taken++;
    return true;
  }

  /** Returns the memory that the current record is in, read-only. */
  MemorySegment values() {
    return values;
  }

  /** Returns where in the memory the current record begins. */
  long offset() {
    return offset;
  }

  /** Returns the length of the current record. */
  long length() {
    return length;
  }

  /** Returns how much memory this holds on to. */
  long capacity() {
    return data.segment().byteSize()
        + (decompressed == null ? 0 : decompressed.segment().byteSize());
  }

  @Override
  public void close() {
    try {
      data.close();
    } finally {
      if (decompressed != null) {
        decompressed.close();
      }
    }
  }
}
