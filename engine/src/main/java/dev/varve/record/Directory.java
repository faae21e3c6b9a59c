// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.memory.Crc32c;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The data blocks of a whole file, with their offsets and numbers in the file. */
final class Directory {
  private final IndexEntries entries;
  private final List<Part> parts;
  private final long count;

  /** For each plain block that was verified 1 more than its shape, else 0. */
  private final byte[] shapes;

  private Directory(IndexEntries entries, List<Part> parts, long count) {
    this.entries = entries;
    this.parts = parts;
    this.count = count;
    this.shapes = new byte[entries.size()];
  }

  IndexEntries entries() {
    return entries;
  }

  /** Returns how many numbers are taken. */
  long count() {
    return count;
  }

  boolean isVerified(int entry) {
    return shapes[entry] != 0;
  }

  /** Whether the entry says of a plain block what the block says itself. */
  boolean agrees(int entry, BlockHeader header) {
    return entries.records(entry) == header.records && entries.stored(entry) == header.stored;
  }

  /** Notes that a plain block was verified, and its shape. */
  void verified(int entry, int shape) {
    shapes[entry] = (byte) (shape + 1);
  }

  int shape(int entry) {
    return shapes[entry] - 1;
  }

  /** Returns the length of the frames and the table of a verified plain block, or of its record. */
  long raw(int entry) {
    long stored = entries.stored(entry);
    if (shape(entry) != DataBlock.LARGE) {
      return stored;
    }
    long piece = Format.PIECE + 8L; // With its place in the list.
    return stored - 8 * ((stored + piece - 1) / piece);
  }

  /** Returns the part that an offset in the file is in. */
  Part part(long offset) {
    int i = parts.size() - 1;
    while (i > 0 && parts.get(i).base() > offset) {
      i--;
    }
    return parts.get(i);
  }

  /** Collects what a walk over the headers finds. */
  static Directory of(Walk walk) {
    IndexEntries entries = new IndexEntries();
    while (walk.advance()) {
      long first = walk.part().before() + walk.header.first;
      entries.add(walk.at(), first, walk.header.records, walk.header.stored);
    }
    return new Directory(entries, List.copyOf(walk.parts()), walk.next());
  }

  /** Reads roots and index blocks; returns null if one of them is damaged. */
  static @Nullable Directory of(Window window, List<Chain.Link> links) {
    IndexEntries entries = new IndexEntries();
    List<Part> parts = new ArrayList<>();
    long before = 0;
    for (Chain.Link link : links) {
      long in = window.get(link.base(), Format.UNIT);
      long id = FileHeader.id(window.memory(), in);
      Part part = new Part(link.base(), before, id, Format.UNIT, Map.of());
      parts.add(part);
      Root root = root(window, part, link.rootOffset());
      if (root == null || !read(window, part, root, entries)) {
        return null;
      }
      before += root.records();
    }
    return parts.isEmpty() ? null : new Directory(entries, parts, before);
  }

  /** Reads a root block with all checks; null if it is not whole. */
  static @Nullable Root root(Window window, Part part, long offset) {
    BlockHeader header = whole(window, part, offset, BlockHeader.ROOT);
    if (header == null) {
      return null;
    }
    long at = part.base() + offset + Format.UNIT;
    return Root.read(window.memory(), window.get(at, header.stored), header);
  }

  /** Adds the entries of all index blocks of a root. */
  static boolean read(Window window, Part part, Root root, IndexEntries entries) {
    for (Root.Live live : root.live()) {
      BlockHeader header = whole(window, part, live.offset(), BlockHeader.INDEX);
      int size = entries.size();
      if (header == null || header.stored != (long) live.entries() * IndexEntries.BYTES) {
        return false;
      }
      long at = part.base() + live.offset() + Format.UNIT;
      long in = window.get(at, header.stored);
      if (!entries.read(window.memory(), in, header, part.base(), part.before())
          || entries.first(size) != part.before() + live.first()) {
        return false;
      }
    }
    return true;
  }

  private static @Nullable BlockHeader whole(Window window, Part part, long offset, int kind) {
    long at = part.base() + offset;
    if (offset < Format.UNIT || at > window.size() - Format.FRAME) {
      return null;
    }
    BlockHeader header = new BlockHeader();
    BlockCheck check = new BlockCheck(window);
    long in = window.get(at, Format.UNIT);
    return header.read(window.memory(), in, Format.BLOCK_MAGIC, new Crc32c())
            && header.kind == kind
            && header.id == part.id()
            && header.offset == offset
            && !header.isTooNew()
            && header.problem() == null
            && check.footer(at, header) == null
            && check.body(at, header) == null
        ? header
        : null;
  }
}
