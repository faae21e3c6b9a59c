// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import dev.varve.CorruptionException;
import dev.varve.record.compress.BlockCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A data block whose records can be read: in the window, in the mapped file, or decompressed.
 *
 * <p>Its checksums hold; that its frames lie within it is checked as they are gone over. For one
 * thread at a time.
 */
final class DataBlock implements AutoCloseable {
  /** The shape of a block of one large record. */
  static final int LARGE = 64;

  private final @Nullable BlockCodec[] codecs =
      new @Nullable BlockCodec[Compression.values().length];
  private @Nullable Arena arena;
  private MemorySegment buffer = MemorySegment.NULL;

  /** What the records are in. */
  MemorySegment memory = MemorySegment.NULL;

  /** Where in the file the block begins. */
  long offset;

  /** The number, in the file, of its first record. */
  long first;

  /** How many records it has; 0 for no block. */
  long records;

  private boolean large;
  private long begin;
  private long end;
  private int stride;

  /** Keeps the load that fetches a frame from being optimized away. */
  @SuppressWarnings("UnusedVariable")
  private int touched;

  void clear() {
    records = 0;
    first = -1;
    memory = MemorySegment.NULL;
  }

  /**
   * Shows a plain block whose body stands in memory.
   *
   * @param shape the stride of its table, or {@link #LARGE}
   * @param raw the length of its frames and table, or of its one record
   */
  void openPlain(MemorySegment newMemory, long body, long newRecords, int shape, long raw) {
    memory = newMemory;
    records = newRecords;
    stride = shape;
    large = shape == LARGE;
    begin = body;
    end = body + raw - (large ? 0 : 4 * BlockHeader.tableEntries(records, stride));
  }

  /** Decompresses a block; returns what is wrong, or null. */
  @Nullable String openCompressed(Window window, long at, BlockHeader header) {
    BlockCodec codec = codec(header.codec);
    MemorySegment target = buffer(header.raw);
    long body = at + Format.UNIT;
    if (!header.isLarge()) {
      String problem =
          decompress(codec, window, body, header.stored, target.asSlice(0, header.raw));
      if (problem != null) {
        return problem;
      }
    }
    for (int i = 0; header.isLarge() && i < header.pieces(); i++) {
      long list = at + Format.UNIT + header.stored - 8L * header.pieces();
      long in = window.get(list + 8L * i, 4);
      int stored = window.memory().get(LE_INT_UNALIGNED, in);
      long length = BlockCheck.pieceLength(header, i);
      MemorySegment piece = target.asSlice((long) i * Format.PIECE, length);
      if (stored == length) {
        in = window.get(body, stored);
        MemorySegment.copy(window.memory(), in, piece, 0, length);
      } else {
        String problem = decompress(codec, window, body, stored, piece);
        if (problem != null) {
          return problem;
        }
      }
      body += stored;
    }
    openPlain(target, 0, header.records, header.shape(), header.raw);
    return null;
  }

  private static @Nullable String decompress(
      BlockCodec codec, Window window, long at, long stored, MemorySegment target) {
    long in = window.get(at, stored);
    try {
      codec.decompress(window.memory().asSlice(in, stored), target);
      return null;
    } catch (CorruptionException e) {
      return "its compressed bytes cannot be decoded: " + e.getMessage();
    }
  }

  private BlockCodec codec(int codec) {
    BlockCodec found = codecs[codec];
    if (found == null) {
      found = Compression.of(codec).newCodec();
      codecs[codec] = found;
    }
    return found;
  }

  private MemorySegment buffer(long length) {
    if (length > buffer.byteSize() || arena == null) {
      if (arena != null) {
        arena.close();
      }
      arena = Arena.ofShared();
      buffer = arena.allocate(Math.max(length, Format.MAX_RAW), Format.UNIT);
    }
    return buffer;
  }

  /**
   * Finds a record. While the table is on its way from memory, the place is fetched, too, where the
   * frame is if all are about as long.
   *
   * @param index which one, below the number of records
   * @return where its frame begins, or -1 if the frames are not what they should be
   */
  long locate(long index) {
    if (large) {
      return begin - 4;
    }
    touched = memory.get(LE_INT_UNALIGNED, begin + (end - begin) * index / records);
    long entry = Integer.toUnsignedLong(memory.get(LE_INT_UNALIGNED, end + 4 * (index >> stride)));
    long at = begin + entry;
    for (long i = index & ((1L << stride) - 1); i >= 0; i--) {
      long length = length(at);
      if (length < 0) {
        return -1;
      }
      if (i > 0) {
        at += 4 + Format.up4(length);
      }
    }
    return at;
  }

  /** Returns the length of the record whose frame is at a place, or -1 if there can be none. */
  long length(long at) {
    if (large) {
      return end - begin;
    }
    if (at < begin || at > end - 4) {
      return -1;
    }
    long length = Integer.toUnsignedLong(memory.get(LE_INT_UNALIGNED, at));
    return at + 4 + Format.up4(length) <= end ? length : -1;
  }

  /** Returns what is wrong with the frames and the table, or null. */
  @Nullable String problem() {
    long at = begin;
    for (long i = 0; i < records && !large; i++) {
      long length = length(at);
      if (length < 0) {
        return "its frame " + i + " does not lie within it";
      }
      if ((i & ((1L << stride) - 1)) == 0
          && memory.get(LE_INT_UNALIGNED, end + 4 * (i >> stride)) != at - begin) {
        return "its table does not say where frame " + i + " is";
      }
      at += 4 + Format.up4(length);
    }
    return large || at == end ? null : "its frames do not fill it";
  }

  @Override
  public void close() {
    clear();
    Arrays.fill(codecs, null);
    if (arena != null) {
      arena.close();
      arena = null;
    }
  }
}
