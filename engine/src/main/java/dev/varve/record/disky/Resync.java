// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Finds where to read on after a damaged chunk, so that as little as possible is lost.
 *
 * <p>In this order: the end that the damaged chunk claims itself, if its header is intact or its
 * data agrees with it; the end or the next beginning that the first intact block header from there
 * on tells; any intact chunk header in between. What a chunk or block header claims counts only if
 * the file ends there or an intact chunk header follows.
 *
 * <p>The work is proportional to the length of the file, whatever the file says.
 */
final class Resync {
  /** No position. */
  static final int NONE = -1;

  /** How far behind a damaged header its data is compared with the hash in it. */
  private static final long PROOF_BYTES = 2L * BlockLayout.BLOCK_BYTES;

  private final BlockInput in;
  private final HighwayHash hash = BlockLayout.newHash();
  private final MemorySegment damaged =
      Arena.ofAuto().allocate(ChunkLayout.HEADER_BYTES, Long.BYTES);
  private final MemorySegment header =
      Arena.ofAuto().allocate(ChunkLayout.HEADER_BYTES, Long.BYTES);
  private @Nullable MemorySegment data;

  /** Between these two there is no intact block header. */
  private long barrenFrom;

  private long barrenTo;

  /** How many bytes were looked at to prove something, beyond finding the next header. */
  private long spent;

  Resync(BlockInput in) {
    this.in = in;
  }

  /**
   * Returns where to read on.
   *
   * @param from where the damaged chunk begins
   * @return the beginning of a chunk, as far as can be told, or the end of the input
   */
  long after(long from) {
    boolean whole = BlockLayout.end(from, ChunkLayout.HEADER_BYTES) <= in.size();
    long claimed = NONE;
    if (whole) {
      in.copy(from, damaged, ChunkLayout.HEADER_BYTES);
      claimed = ChunkLayout.end(from, damaged, in.size());
      if (claimed != NONE && !isEnd(claimed)) {
        claimed = NONE;
      }
      if (claimed != NONE && (ChunkLayout.isIntact(damaged, hash) || endsDamaged(from, claimed))) {
        return claimed;
      }
    }
    long scanFrom = from + 1;
    long limit = in.size();
    long block = intactBlock(from);
    if (block != NONE) {
      long begin = block - BlockLayout.previous(header);
      long end = block + BlockLayout.next(header);
      if (begin > from) {
        limit = begin;
      } else if (isEnd(end)) {
        return end;
      } else {
        scanFrom = block + BlockLayout.HEADER_BYTES;
      }
    }
    return scan(from, scanFrom, limit, whole, claimed <= limit ? claimed : NONE);
  }

  /** Tells whether a chunk can end at a position. */
  private boolean isEnd(long position) {
    return position == in.size() || (position < in.size() && endOfIntact(position) != NONE);
  }

  /**
   * Returns the end of the chunk at a position if its header is intact and it is all there, else
   * {@link #NONE}. The header is then in {@link #header}.
   */
  long endOfIntact(long position) {
    if (BlockLayout.end(position, ChunkLayout.HEADER_BYTES) > in.size()) {
      return NONE;
    }
    in.copy(position, header, ChunkLayout.HEADER_BYTES);
    return ChunkLayout.isIntact(header, hash) ? ChunkLayout.end(position, header, in.size()) : NONE;
  }

  MemorySegment header() {
    return header;
  }

  /** Finds the first intact block header from a position on, and leaves it in {@link #header}. */
  private long intactBlock(long from) {
    long first = BlockLayout.blockStart(from + BlockLayout.BLOCK_BYTES - 1);
    long block = first >= barrenFrom && first < barrenTo ? barrenTo : first;
    for (; block + BlockLayout.HEADER_BYTES <= in.size(); block += BlockLayout.BLOCK_BYTES) {
      in.blockHeader(block, header);
      long previous = BlockLayout.previous(header);
      long next = BlockLayout.next(header);
      if (BlockLayout.isIntact(header, hash)
          && previous >= 0
          && previous <= block
          && next > 0
          && next <= Long.MAX_VALUE - block) {
        break;
      }
    }
    barrenFrom = first;
    barrenTo = block;
    return block + BlockLayout.HEADER_BYTES <= in.size() ? block : NONE;
  }

  /**
   * Looks for an intact chunk header at every byte. A record may itself hold a file of this format;
   * so the header counts most before which the data of the damaged chunk agrees with its hash, then
   * the end that the damaged chunk claims, then the first header.
   */
  private long scan(long from, long scanFrom, long limit, boolean whole, long claimed) {
    long found = claimed;
    for (long at = scanFrom; at < limit; at++) {
      boolean provable = whole && at - from <= PROOF_BYTES && spent < 2 * in.size() + PROOF_BYTES;
      if (found != NONE) {
        if (!provable) {
          break;
        }
        spent++;
      }
      long end = mayBegin(at) ? endOfIntact(at) : NONE;
      if (end == NONE || (end > limit && limit < in.size())) {
        continue;
      }
      if (provable && endsDamaged(from, at)) {
        return at;
      }
      if (found == NONE) {
        found = at;
      }
    }
    return found == NONE ? limit : found;
  }

  /** Tells whether a position can be the beginning of a chunk, at a glance. */
  private boolean mayBegin(long position) {
    if (!BlockLayout.canBegin(position)
        || BlockLayout.end(position, ChunkLayout.HEADER_BYTES) > in.size()) {
      return false;
    }
    long headerEnd = position + ChunkLayout.HEADER_BYTES;
    if (BlockLayout.blockStart(position) != BlockLayout.blockStart(headerEnd)
        || BlockLayout.isBlockStart(position)) {
      return true;
    }
    byte type = in.raw(position + ChunkLayout.TYPE);
    return type == ChunkLayout.RECORDS
        || type == ChunkLayout.PADDING
        || type == ChunkLayout.SIGNATURE;
  }

  /** Tells whether the data of the damaged chunk, up to a position, agrees with its hash. */
  private boolean endsDamaged(long from, long end) {
    long size = BlockLayout.bytesBetween(from, end) - ChunkLayout.HEADER_BYTES;
    if (size < 0 || size > PROOF_BYTES) {
      return false;
    }
    if (data == null) {
      data = Arena.ofAuto().allocate(PROOF_BYTES, Long.BYTES);
    }
    spent += size;
    in.copy(BlockLayout.end(from, ChunkLayout.HEADER_BYTES), data, size);
    return hash.hash(data, 0, size) == ChunkLayout.dataHash(damaged);
  }
}
