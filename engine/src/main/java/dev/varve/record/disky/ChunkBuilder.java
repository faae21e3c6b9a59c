// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.memory.Faults;
import dev.varve.memory.Layouts;
import dev.varve.record.compress.BlockCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Collects records into a chunk. Once {@linkplain #seal sealed} it stays as it is until it is
 * cleared, so that writing it can be repeated.
 */
final class ChunkBuilder implements AutoCloseable {
  private static final long INITIAL_SIZES_BYTES = 1 << 12;
  private static final long MAX_SIZES_BYTES = 1 << 28;
  private static final long MAX_INITIAL_BYTES = 1 << 20;
  private static final long PREFIX_BYTES = 1 + Varints.MAX_BYTES;

  private final long chunkBytes;
  private final @Nullable BlockCodec zstd;
  private final HighwayHash hash = BlockLayout.newHash();
  private final MemorySegment header =
      Arena.ofAuto().allocate(ChunkLayout.HEADER_BYTES, Long.BYTES);
  private final MemorySegment prefix = Arena.ofAuto().allocate(PREFIX_BYTES, Long.BYTES);
  private final Buffer sizes = new Buffer(INITIAL_SIZES_BYTES);
  private final Buffer values;
  private @Nullable Buffer compressed;
  private long sizesBytes;
  private long valuesBytes;
  private long records;

  /** What the sealed chunk is made of; empty while it is not. */
  private MemorySegment[] parts = {};

  private long bytes;

  /**
   * Creates an empty chunk.
   *
   * @param chunkBytes bytes of records from which on it is full
   * @param zstd what compresses, or null
   */
  ChunkBuilder(long chunkBytes, @Nullable BlockCodec zstd) {
    this.chunkBytes = chunkBytes;
    this.zstd = zstd;
    this.values = new Buffer(Math.min(chunkBytes, MAX_INITIAL_BYTES));
  }

  boolean isEmpty() {
    return records == 0;
  }

  /** Tells whether the chunk takes no more records and is to be written. */
  boolean isFull() {
    return valuesBytes >= chunkBytes || sizesBytes >= MAX_SIZES_BYTES || parts.length > 0;
  }

  /** Adds a record, or nothing at all if that fails. */
  void add(MemorySegment record) {
    long length = record.byteSize();
    values.ensure(valuesBytes + length, valuesBytes);
    sizes.ensure(sizesBytes + Varints.MAX_BYTES, sizesBytes);
    MemorySegment.copy(record, 0, values.segment(), valuesBytes, length);
    if (record.isMapped()) {
      Faults.surface();
    }
    sizesBytes = Varints.put(sizes.segment(), sizesBytes, length);
    valuesBytes += length;
    records++;
  }

  /** Gives the chunk its final form. Sealing it again has no effect. */
  void seal() {
    if (parts.length > 0) {
      return;
    }
    MemorySegment stored = values.segment().asSlice(0, valuesBytes);
    if (zstd != null) {
      if (compressed == null) {
        compressed = new Buffer(Math.max(1, zstd.compressBound(valuesBytes)));
      }
      compressed.ensure(zstd.compressBound(valuesBytes), 0);
      long length = zstd.compress(stored, compressed.segment());
      stored = compressed.segment().asSlice(0, length);
    }
    prefix.set(Layouts.BYTE, 0, zstd == null ? ChunkLayout.PLAIN : ChunkLayout.ZSTD);
    long prefixBytes = Varints.put(prefix, 1, sizesBytes);
    long dataBytes = prefixBytes + sizesBytes + stored.byteSize();
    hash.reset();
    hash.update(prefix, 0, prefixBytes);
    hash.update(sizes.segment(), 0, sizesBytes);
    hash.update(stored, 0, stored.byteSize());
    long dataHash = hash.finish();
    ChunkLayout.put(header, ChunkLayout.RECORDS, records, dataBytes, dataHash, valuesBytes, hash);
    bytes = ChunkLayout.HEADER_BYTES + dataBytes;
    parts =
        new MemorySegment[] {
          header, prefix.asSlice(0, prefixBytes), sizes.segment().asSlice(0, sizesBytes), stored
        };
  }

  /** Returns the size of the sealed chunk with its header. */
  long bytes() {
    return bytes;
  }

  /** Returns what the sealed chunk is made of. */
  MemorySegment[] parts() {
    return parts;
  }

  /** Begins the next chunk. */
  void clear() {
    parts = new MemorySegment[0];
    sizesBytes = 0;
    valuesBytes = 0;
    records = 0;
  }

  @Override
  public void close() {
    sizes.close();
    values.close();
    if (compressed != null) {
      compressed.close();
    }
  }
}
