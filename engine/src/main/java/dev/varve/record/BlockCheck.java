// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import dev.varve.memory.Crc32c;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Verifies footer and body of a block whose header is whole and possible. */
final class BlockCheck {
  private static final int CHUNK = 1 << 20;

  private final Window window;
  private final Crc32c crc = new Crc32c();
  private final BlockHeader footer = new BlockHeader();

  BlockCheck(Window window) {
    this.window = window;
  }

  /** Returns what is wrong with the footer, or null. */
  @Nullable String footer(long at, BlockHeader header) {
    long place = at + header.length() - Format.UNIT;
    if (place + Format.UNIT > window.size()) {
      return "the file ends in it";
    }
    long in;
    if (header.length() <= Format.MAX_RAW) {
      in = window.get(at, header.length()) + place - at; // The body is looked at next.
    } else {
      in = window.get(place, Format.UNIT);
    }
    return footer.read(window.memory(), in, Format.FOOTER_MAGIC, crc) && footer.isSame(header)
        ? null
        : "its footer is damaged";
  }

  /** Returns what is wrong with the body, or null. */
  @Nullable String body(long at, BlockHeader header) {
    long body = at + Format.UNIT;
    long padded = Format.up64(header.stored);
    if (body + padded > window.size()) {
      return "the file ends in its body";
    }
    if (header.kind == BlockHeader.GAP) {
      return null;
    }
    if (header.kind == BlockHeader.DATA && header.isLarge()) {
      return large(body, header);
    }
    crc.reset();
    if (padded <= Format.MAX_RAW) {
      long in =
          window.get(
              at,
              Format.FRAME + padded > window.size() - at
                  ? Format.UNIT + padded
                  : Format.FRAME + padded);
      crc.update(window.memory(), in + Format.UNIT, padded);
    } else {
      for (long done = 0; done < padded; done += CHUNK) {
        long length = Math.min(CHUNK, padded - done);
        long in = window.get(body + done, length);
        crc.update(window.memory(), in, length);
      }
    }
    if (crc.value() != header.checksum) {
      return "the checksum of its body is wrong";
    }
    if (header.kind == BlockHeader.ROOT) {
      long in = window.get(body, header.stored);
      return Root.read(window.memory(), in, header) == null ? "its numbers contradict" : null;
    }
    if (header.kind == BlockHeader.INDEX) {
      long in = window.get(body, header.stored);
      return new IndexEntries().read(window.memory(), in, header, 0, 0)
          ? null
          : "its entries contradict";
    }
    return null;
  }

  private @Nullable String large(long body, BlockHeader header) {
    long list = 8L * header.pieces();
    long listAt = body + header.stored - list;
    long tail = Format.up64(header.stored) - header.stored + list;
    long in = window.get(listAt, tail);
    if (Format.checksum(crc, window.memory(), in, tail) != header.checksum) {
      return "the checksum of its list is wrong";
    }
    MemorySegment pieces =
        MemorySegment.ofArray(
            window.memory().asSlice(in, list).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    long at = body;
    for (int i = 0; i < header.pieces(); i++) {
      long stored = Integer.toUnsignedLong(pieces.get(LE_INT_UNALIGNED, 8L * i));
      long raw = pieceLength(header, i);
      if (stored == 0
          || stored > raw
          || (header.codec == Format.PLAIN && stored != raw)
          || at + stored > listAt) {
        return "its piece " + i + " has a length that cannot be";
      }
      long piece = window.get(at, stored);
      if (Format.checksum(crc, window.memory(), piece, stored)
          != pieces.get(LE_INT_UNALIGNED, 8L * i + 4)) {
        return "the checksum of its piece " + i + " is wrong";
      }
      at += stored;
    }
    return at == listAt ? null : "its pieces do not fill it";
  }

  /** Returns the raw length of a piece. */
  static long pieceLength(BlockHeader header, int piece) {
    return Math.min(Format.PIECE, header.raw - (long) piece * Format.PIECE);
  }
}
