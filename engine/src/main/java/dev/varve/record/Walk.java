// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.memory.Crc32c;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Goes through the blocks of a file in order, verifies what it comes past, and stops at data
 * blocks. Strictly it throws at the first damage, again each time it is asked; else it goes on
 * behind the damage and notes it.
 */
final class Walk {
  /** What a walk takes for damage, and how closely it looks. */
  enum Depth {
    /** Headers only. */
    HEADERS,
    /** Footers and bodies too. */
    BODIES
  }

  private final Window window;
  private final List<Chain.Link> links;
  private final OnDamage onDamage;
  private final boolean openEnd;
  private final Depth depth;
  private final BlockCheck check;
  private final Crc32c crc = new Crc32c();
  private final BlockHeader candidate = new BlockHeader();
  private final TreeMap<Long, SkippedRegion> regions = new TreeMap<>();
  private final List<Damage> damages = new ArrayList<>();
  private final List<Part> parts = new ArrayList<>();

  /** The data block that the walk stands at. */
  final BlockHeader header = new BlockHeader();

  private @Nullable Part part;
  private long at;
  private long place;
  private long next;
  private long epoch;
  private long blocks;

  /** Whether the last block was a closing root, or a gap in place of one. */
  private boolean closed;

  private boolean covered;

  /**
   * Begins at the start of a file.
   *
   * @param links the closed parts, as far as they are known
   * @param openEnd whether a last part that is not closed, or ends in the middle, is no damage
   */
  Walk(Window window, List<Chain.Link> links, OnDamage onDamage, boolean openEnd, Depth depth) {
    this.window = window;
    this.links = links;
    this.onDamage = onDamage;
    this.openEnd = openEnd;
    this.depth = depth;
    this.check = new BlockCheck(window);
  }

  /** Returns where in the file the block is that the walk stands at. */
  long at() {
    return at;
  }

  /** Returns where the walk goes on. */
  long place() {
    return place;
  }

  Part part() {
    if (part == null) {
      throw new IllegalStateException("the walk has come to no part");
    }
    return part;
  }

  /** Returns the parts that were come to. */
  List<Part> parts() {
    return parts;
  }

  /** Returns the number, in the file, of the next record. */
  long next() {
    return part == null ? 0 : part.before() + next;
  }

  /** Returns how many whole blocks of any kind were passed. */
  long blocks() {
    return blocks;
  }

  List<SkippedRegion> regions() {
    return List.copyOf(regions.values());
  }

  /** Returns all damage in the order in which it was come to. */
  List<Damage> damages() {
    return damages;
  }

  /** Notes that the records of the block that the walk stands at cannot be read, or throws. */
  void damage(long lost, String reason) {
    damage(Damage.Kind.BODY, at, header.length(), lost, reason, header);
  }

  private void damage(
      Damage.Kind kind,
      long offset,
      long length,
      long records,
      String reason,
      @Nullable BlockHeader block) {
    if (onDamage == OnDamage.FAIL) {
      throw kind == Damage.Kind.UNCLOSED && offset == window.size()
          ? unclosed(reason)
          : Format.corrupt(window.path(), "record file", offset, "what was written", reason);
    }
    SkippedRegion region = new SkippedRegion(offset, length, records, reason);
    regions.merge(offset, region, (a, b) -> b.records() > a.records() ? b : a);
    BlockHeader copy = null;
    if (block != null) {
      copy = new BlockHeader();
      copy.copy(block);
    }
    damages.add(new Damage(kind, region, part, next, epoch, copy));
  }

  private CorruptionException unclosed(String reason) {
    return new CorruptionException(
        "record file",
        window.path().toString(),
        window.size(),
        "what was written",
        reason,
        "close its writer, or read what is there with acceptUnclosed; if its writer died, append to"
            + " it, or repair it with RecordFiles.repair");
  }

  /** Enters the first part, if its header is whole; strictly, it must be. */
  void start() {
    restart();
    if (window.size() > 0 && beginsPart()) {
      begin();
    } else if (onDamage == OnDamage.FAIL) {
      throw FileHeader.missing(window);
    }
  }

  void restart() {
    part = null;
    place = 0;
    next = 0;
    epoch = 0;
    closed = false;
    covered = false;
  }

  /** Goes on at a block. */
  void moveTo(Part newPart, long offset, long number) {
    part = newPart;
    place = offset;
    next = number - newPart.before();
    epoch = 0;
    closed = false;
    covered = false;
  }

  /** Passes the block at {@link #place}, which was verified before. */
  void pass(BlockHeader verified) {
    at = place;
    next = verified.first + verified.records;
    place += verified.length();
    closed = false;
    covered = false;
  }

  /** Goes to the next data block, and tells whether there is one. */
  boolean advance() {
    while (place < window.size()) {
      if (beginsPart()) {
        begin();
      } else if (part != null && read(place, header)) {
        if (passBlock()) {
          return true;
        }
      } else if (resynchronize()) {
        return true;
      }
    }
    if (part == null) {
      damage(Damage.Kind.BYTES, 0, 0, SkippedRegion.UNKNOWN, "no file header", null);
    } else if (!closed && !openEnd) {
      damage(
          Damage.Kind.UNCLOSED,
          window.size(),
          0,
          SkippedRegion.UNKNOWN,
          "an end without a root: the file was cut, its writer died, or it is still being written",
          null);
    }
    return false;
  }

  private boolean beginsPart() {
    if (window.size() - place < Format.UNIT) {
      return false;
    }
    long in = window.get(place, Format.UNIT);
    return FileHeader.isWhole(window.memory(), in, crc);
  }

  private void begin() {
    if (part != null && !closed && !covered) {
      damage(
          Damage.Kind.UNCLOSED,
          place,
          0,
          SkippedRegion.UNKNOWN,
          "an end of a part without a root",
          null);
    }
    long in = window.get(place, Format.UNIT);
    FileHeader found = FileHeader.read(window.memory(), in, window.path(), place);
    long length = found.firstBlock() - Format.UNIT;
    Map<String, byte[]> metadata = null;
    if (place + Format.UNIT + length <= window.size()) {
      in = window.get(place + Format.UNIT, length);
      if (Format.checksum(crc, window.memory(), in, length) == found.metadataChecksum()) {
        metadata = Metadata.decode(window.memory(), in, found.metadataLength());
      }
    }
    long base = place;
    enter(found.id(), found.firstBlock(), metadata == null ? Map.of() : metadata, 0);
    if (metadata == null) {
      long at = base + Format.UNIT;
      damage(Damage.Kind.METADATA, at, place - at, 0, "damaged metadata", null);
    }
  }

  private void enter(long id, long firstBlock, Map<String, byte[]> metadata, long first) {
    part = new Part(place, before(), id, firstBlock, metadata);
    if (parts.isEmpty() || parts.getLast().base() < place) {
      parts.add(part);
    }
    place = Math.min(place + firstBlock, window.size());
    next = first;
    epoch = 0;
    closed = false;
    covered = false;
  }

  /** Returns how many numbers are taken by the parts in front of one that begins at the place. */
  private long before() {
    if (links.isEmpty()) {
      return next();
    }
    long before = 0;
    for (Chain.Link link : links) {
      before += link.base() < place ? link.records() : 0;
    }
    return before;
  }

  /** Reads a header, and tells whether it is whole and may stand there. */
  private boolean read(long offset, BlockHeader into) {
    if (part == null || window.size() - offset < Format.UNIT) {
      return false;
    }
    long in = window.get(offset, Format.UNIT);
    return into.read(window.memory(), in, Format.BLOCK_MAGIC, crc)
        && follows(into, offset)
        && (into.isTooNew() || into.problem() == null);
  }

  private boolean follows(BlockHeader block, long offset) {
    return part != null
        && block.id == part.id()
        && block.offset == offset - part.base()
        && block.first >= next
        && block.first <= Long.MAX_VALUE - block.records - part.before()
        && block.epoch >= epoch;
  }

  /** Passes the block of {@link #header}, and tells whether it is a data block that is whole. */
  private boolean passBlock() {
    if (header.isTooNew()) {
      return tooNew();
    }
    String footer = null;
    String body = null;
    long length = header.length();
    long end = Math.min(place + length, window.size());
    boolean bodies = depth == Depth.BODIES || place + length > window.size();
    if (bodies || isLastOfOpenEnd(place + length)) {
      footer = check.footer(place, header);
      body = bodies || !header.isLarge() ? check.body(place, header) : null;
      if ((footer != null || body != null) && isTorn()) {
        place = window.size();
        return false;
      }
    }
    missing();
    if (body != null) {
      damage(Damage.Kind.BODY, place, end - place, header.records, body, header);
    } else if (footer != null) {
      long footerAt = Math.min(end, place + length - Format.UNIT);
      damage(Damage.Kind.FOOTER, footerAt, end - footerAt, 0, footer, header);
    }
    at = place;
    place = end;
    next = header.first + header.records;
    epoch = header.epoch;
    closed = header.isClosing();
    covered = header.kind == BlockHeader.GAP;
    if (body == null) {
      blocks++;
    }
    return body == null && header.kind == BlockHeader.DATA;
  }

  private void missing() {
    if (header.first > next) {
      long lost = header.first - next;
      damage(Damage.Kind.NUMBERS, place, 0, lost, lost + " numbers missing", null);
    }
  }

  private boolean tooNew() {
    String reason =
        String.format(
            "a block of kind %d with codec %d and flags 0x%x, unknown to this release",
            header.kind, header.codec, header.flags);
    if (onDamage == OnDamage.FAIL) {
      throw new FormatVersionException(
          "record file "
              + window.path()
              + " has at offset "
              + place
              + " "
              + reason
              + "; use the release that wrote it");
    }
    missing();
    long end = Math.min(place + header.length(), window.size());
    damage(Damage.Kind.TOO_NEW, place, end - place, header.records, reason, header);
    place = end;
    next = header.first + header.records;
    epoch = header.epoch;
    return false;
  }

  /**
   * Tells whether a block before an end that is not closed is the last one, whose write may not
   * have ended: what an earlier one left can stand behind it. The header of a large one was written
   * last.
   */
  private boolean isLastOfOpenEnd(long end) {
    if (!openEnd || !links.isEmpty() || part == null) {
      return false;
    }
    if (end + Format.UNIT > window.size()) {
      return true;
    }
    long in = window.get(end, Format.UNIT);
    return !FileHeader.isWhole(window.memory(), in, crc)
        && !(candidate.read(window.memory(), in, Format.BLOCK_MAGIC, crc)
            && candidate.id == part.id()
            && candidate.offset == end - part.base());
  }

  /** Tells whether what stands here can be a write that is under way or was never ended. */
  private boolean isTorn() {
    if (!openEnd || !links.isEmpty()) {
      return false;
    }
    for (long q = place + Format.UNIT; q + Format.UNIT <= window.size(); q += Format.UNIT) {
      long in = window.get(q, Format.UNIT);
      if (candidate.read(window.memory(), in, Format.BLOCK_MAGIC, crc) && follows(candidate, q)) {
        return false;
      }
    }
    return true;
  }

  /** Finds where to go on when no header stands here; true if that is this block after all. */
  private boolean resynchronize() {
    if (part != null && isTorn()) {
      place = window.size();
      return false;
    }
    String reason = part == null ? "no file header" : "no whole block header";
    if (onDamage == OnDamage.FAIL) {
      damage(Damage.Kind.BYTES, place, 0, SkippedRegion.UNKNOWN, reason, null);
    }
    Chain.Link link = link();
    long end = link == null ? window.size() : link.end();
    for (long q = place + Format.UNIT; q + Format.UNIT <= end; q += Format.UNIT) {
      long in = window.get(q, Format.UNIT);
      MemorySegment memory = window.memory();
      if (candidate.read(memory, in, Format.FOOTER_MAGIC, crc)) {
        if (follows(candidate, place)
            && place + candidate.length() == q + Format.UNIT
            && !candidate.isTooNew()
            && candidate.problem() == null) {
          damage(Damage.Kind.HEADER, place, Format.UNIT, 0, "a damaged block header", candidate);
          header.copy(candidate);
          return passBlock();
        }
      } else if (candidate.read(memory, in, Format.BLOCK_MAGIC, crc)) {
        if (follows(candidate, q)) {
          damage(Damage.Kind.BYTES, place, q - place, candidate.first - next, reason, null);
          place = q;
          next = candidate.first;
          return false;
        }
        if (candidate.offset == q - place
            && candidate.first >= 0
            && candidate.first <= Long.MAX_VALUE - candidate.records - before()) {
          long base = place;
          enter(candidate.id, q - place, Map.of(), candidate.first);
          damage(
              Damage.Kind.FILE_HEADER,
              base,
              q - base,
              candidate.first,
              "a damaged file header",
              null);
          return false;
        }
      }
    }
    damage(
        Damage.Kind.BYTES,
        place,
        end - place,
        link == null ? SkippedRegion.UNKNOWN : Math.max(0, link.records() - next),
        reason,
        null);
    if (link != null) {
      next = Math.max(next, link.records());
    }
    place = end;
    return false;
  }

  /** Returns the closed part that the walk is in, if it is known. */
  private Chain.@Nullable Link link() {
    for (Chain.Link link : links) {
      if (place < link.end()) {
        return link;
      }
    }
    return null;
  }
}
