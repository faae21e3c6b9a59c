// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.CorruptionException;
import dev.varve.record.OnDamage;
import dev.varve.record.SkippedRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Goes through the chunks of a file in order. */
final class ChunkScanner {
  /** How many skipped regions are listed. */
  static final int MAX_REGIONS = 1000;

  private final BlockInput in;
  private final Damage damage;
  private final OnDamage onDamage;
  private final Chunk chunk;
  private final Resync resync;
  private final HighwayHash hash = BlockLayout.newHash();
  private final MemorySegment header =
      Arena.ofAuto().allocate(ChunkLayout.HEADER_BYTES, Long.BYTES);
  private final List<SkippedRegion> skipped = new ArrayList<>();
  private long skippedBytes;
  private long position;

  ChunkScanner(BlockInput in, Damage damage, OnDamage onDamage, Chunk chunk) {
    this.in = in;
    this.damage = damage;
    this.onDamage = onDamage;
    this.chunk = chunk;
    this.resync = new Resync(in);
  }

  List<SkippedRegion> skipped() {
    return skipped;
  }

  long skippedBytes() {
    return skippedBytes;
  }

  /**
   * Loads the next chunk that has records.
   *
   * @return whether there is one before the end of the input
   * @throws CorruptionException in FAIL mode, where the chunk at the position is damaged
   */
  boolean next() {
    while (position < in.size()) {
      try {
        long end = readHeader();
        // Padding, signatures and fillers are passed over unread.
        boolean loaded =
            ChunkLayout.type(header) == ChunkLayout.RECORDS && ChunkLayout.records(header) > 0;
        if (loaded) {
          chunk.load(in, position, header);
        }
        position = end;
        if (loaded) {
          return true;
        }
      } catch (CorruptionException e) {
        if (onDamage == OnDamage.FAIL) {
          throw e;
        }
        skip(resync.after(position));
      }
    }
    return false;
  }

  /** Reads the header at the position and returns where its chunk ends. */
  private long readHeader() {
    long size = in.size();
    long dataAt = BlockLayout.end(position, ChunkLayout.HEADER_BYTES);
    if (dataAt > size) {
      throw damage.torn(position, "a chunk header up to " + dataAt, size);
    }
    in.copy(position, header, ChunkLayout.HEADER_BYTES);
    if (!ChunkLayout.isIntact(header, hash)) {
      String what = position == 0 ? "signature" : "header of a chunk";
      throw damage.corrupt(what, position, "a header that agrees with its hash", "another hash");
    }
    byte type = ChunkLayout.type(header);
    boolean known =
        type == ChunkLayout.RECORDS
            || type == ChunkLayout.PADDING
            || (type == ChunkLayout.SIGNATURE && ChunkLayout.dataSize(header) == 0);
    if (!known || (position == 0 && type != ChunkLayout.SIGNATURE && onDamage == OnDamage.FAIL)) {
      throw damage.corrupt(
          position == 0 ? "signature" : "type of a chunk",
          position,
          position == 0 ? "'s' without data" : "'s' without data, 'p' or 'r'",
          type + " with " + ChunkLayout.dataSize(header) + " bytes");
    }
    long end = ChunkLayout.end(position, header, size);
    if (end < 0) {
      throw damage.torn(position, ChunkLayout.dataSize(header) + " bytes of data", size);
    }
    return end;
  }

  private void skip(long to) {
    if (skipped.size() < MAX_REGIONS) {
      skipped.add(
          new SkippedRegion(position, to - position, SkippedRegion.UNKNOWN, damage.reason()));
    }
    skippedBytes += to - position;
    position = to;
  }
}
