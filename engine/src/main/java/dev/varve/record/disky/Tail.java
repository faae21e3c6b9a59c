// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.file.StorageFile;
import dev.varve.memory.Layouts;
import dev.varve.record.SkippedRegion;
import dev.varve.record.kind.FileKind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The end of a file that is to be appended to: finds where the last intact chunk ends, and covers
 * what stands behind it, the torn remains of a chunk, with a <em>filler</em>, a chunk without
 * records. So the file reads whole again, and never becomes shorter.
 */
final class Tail {
  /** The data of a filler: no compression, no sizes; whatever was there before follows. */
  private static final long MIN_FILLER_DATA = 2;

  private Tail() {}

  /**
   * Makes a file ready to be appended to at its end.
   *
   * @return what was covered up
   * @throws dev.varve.CorruptionException if the file does not begin with a signature
   */
  static Optional<SkippedRegion> repair(StorageFile file) {
    long size = file.size();
    FileKind.DISKY.require(file);
    if (size < ChunkLayout.SIGNATURE_BYTES || isBlank(file, size)) {
      return finishSignature(file, size);
    }
    try (BlockInput in = new BlockInput(file)) {
      checkSignature(in, new Damage(file.path()));
      long end = intactEnd(in);
      if (end == size) {
        return Optional.empty();
      }
      fill(file, end, size);
      return Optional.of(
          new SkippedRegion(
              end, size - end, SkippedRegion.UNKNOWN, "no intact chunk up to the end of the file"));
    }
  }

  /** Tells whether a file has the length of a signature and nothing but zeros in it. */
  private static boolean isBlank(StorageFile file, long size) {
    return size == ChunkLayout.SIGNATURE_BYTES
        && head(file).mismatch(Arena.ofAuto().allocate(size)) < 0;
  }

  private static MemorySegment head(StorageFile file) {
    MemorySegment head = Arena.ofAuto().allocate(ChunkLayout.SIGNATURE_BYTES);
    return head.asSlice(0, file.read(0, head));
  }

  /** Whoever created the file may have been stopped before there was a signature. */
  private static Optional<SkippedRegion> finishSignature(StorageFile file, long size) {
    MemorySegment signature = ChunkLayout.signature();
    MemorySegment head = head(file);
    if (head.mismatch(signature.asSlice(0, head.byteSize())) >= 0
        && head.mismatch(Arena.ofAuto().allocate(head.byteSize())) >= 0) {
      throw new Damage(file.path())
          .corrupt("signature", 0, "a file of disky's format", size + " bytes of another form");
    }
    file.write(0, signature);
    return size == 0
        ? Optional.empty()
        : Optional.of(new SkippedRegion(0, size, 0, "a part of a signature"));
  }

  private static void checkSignature(BlockInput in, Damage damage) {
    MemorySegment header = Arena.ofAuto().allocate(ChunkLayout.HEADER_BYTES, Long.BYTES);
    in.copy(0, header, ChunkLayout.HEADER_BYTES);
    if (!ChunkLayout.isIntact(header, BlockLayout.newHash())
        || ChunkLayout.type(header) != ChunkLayout.SIGNATURE) {
      throw damage.corrupt("signature", 0, "a file of disky's format", "another signature");
    }
  }

  /**
   * Finds the end of the last intact chunk: begins to read at the chunk that the last intact block
   * header tells of, and as long as that leads to nothing, twice as far back. So what is read is in
   * proportion to what is torn.
   */
  private static long intactEnd(BlockInput in) {
    MemorySegment header = Arena.ofAuto().allocate(BlockLayout.HEADER_BYTES, Long.BYTES);
    HighwayHash hash = BlockLayout.newHash();
    long last = BlockLayout.blockStart(Math.max(0, in.size() - BlockLayout.HEADER_BYTES));
    for (long block = last; block > 0; block -= BlockLayout.BLOCK_BYTES) {
      in.blockHeader(block, header);
      long begin = block - BlockLayout.previous(header);
      if (!BlockLayout.isIntact(header, hash)
          || begin < ChunkLayout.SIGNATURE_BYTES
          || begin > block) {
        continue;
      }
      long end = intactEnd(in, begin);
      if (end > begin) {
        return end;
      }
      block -= last - block;
    }
    return intactEnd(in, 0);
  }

  /** Finds the end of the last intact chunk from a position on; the position if there is none. */
  private static long intactEnd(BlockInput in, long from) {
    Resync resync = new Resync(in);
    HighwayHash hash = BlockLayout.newHash();
    MemorySegment piece = Arena.ofAuto().allocate(BlockLayout.BLOCK_BYTES, Long.BYTES);
    long intact = from;
    for (long position = from; position < in.size(); ) {
      long end = resync.endOfIntact(position);
      if (end != Resync.NONE && agrees(in, position, resync.header(), hash, piece)) {
        position = end;
        intact = end;
      } else {
        position = resync.after(position);
      }
    }
    return intact;
  }

  /**
   * Tells whether the data of a chunk agrees with its hash. Nothing more is asked of it: what a
   * reader cannot make use of may be anything but torn.
   */
  private static boolean agrees(
      BlockInput in, long begin, MemorySegment header, HighwayHash hash, MemorySegment piece) {
    long expected = ChunkLayout.dataHash(header);
    if (expected == 0) {
      return true;
    }
    long size = ChunkLayout.dataSize(header);
    hash.reset();
    for (long done = 0; done < size; ) {
      long length = Math.min(piece.byteSize(), size - done);
      in.copy(BlockLayout.end(begin, ChunkLayout.HEADER_BYTES + done), piece, length);
      hash.update(piece, 0, length);
      done += length;
    }
    return hash.finish() == expected;
  }

  /**
   * Covers everything from the end of the last intact chunk with a filler.
   *
   * @param begin where the filler begins
   * @param size the length of the file
   */
  private static void fill(StorageFile file, long begin, long size) {
    long data =
        Math.max(MIN_FILLER_DATA, BlockLayout.bytesBetween(begin, size) - ChunkLayout.HEADER_BYTES);
    while (BlockLayout.end(begin, ChunkLayout.HEADER_BYTES + data) < size) {
      data++;
    }
    long end = BlockLayout.end(begin, ChunkLayout.HEADER_BYTES + data);
    BlockOutput out = new BlockOutput(file);
    MemorySegment header =
        Arena.ofAuto().allocate(ChunkLayout.HEADER_BYTES + MIN_FILLER_DATA, Long.BYTES);
    ChunkLayout.put(header, ChunkLayout.RECORDS, 0, data, 0, 0, BlockLayout.newHash());
    header.set(Layouts.BYTE, ChunkLayout.HEADER_BYTES, ChunkLayout.PLAIN);
    header.set(Layouts.BYTE, ChunkLayout.HEADER_BYTES + 1, (byte) 0);
    // The header comes last: until it is there, the tail is as torn as before.
    file.extend(end);
    out.writeHeaders(begin, end);
    out.write(begin, end, header);
  }
}
