// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Opens the data blocks of a file: the one behind the last, or any that is in its directory.
 *
 * <p>A block is verified when it is first come to, from private memory. After that a plain one is
 * read in the mapped file; its header is not looked at again, since each page that is touched
 * costs. For one thread at a time.
 */
final class BlockCursor implements AutoCloseable {
  private final StorageFile file;
  private final Window window;
  private final List<Chain.Link> links;
  private final OnDamage onDamage;
  private final boolean unclosed;
  private final Walk walk;
  private final Map<String, byte[]> metadata;

  /** The open block; without records if there is none. */
  final DataBlock block = new DataBlock();

  private @Nullable Directory directory;
  private @Nullable Mapping mapping;

  /** The entry of the last block that was looked for. */
  private int last;

  /** Whether the open block is in the mapped file and the walk did not come to it. */
  private boolean mapped;

  private long blocksVerified;
  private long blocksMapped;

  BlockCursor(StorageFile file, Window window, OnDamage onDamage, boolean unclosed) {
    this.file = file;
    this.window = window;
    this.onDamage = onDamage;
    this.unclosed = unclosed;
    this.links = Chain.find(window);
    this.walk = new Walk(window, links, onDamage, unclosed, Walk.Depth.BODIES);
    walk.start();
    this.metadata = walk.parts().isEmpty() ? Map.of() : walk.parts().getFirst().metadata();
    walk.restart();
    if (!links.isEmpty()) {
      this.directory = Directory.of(window, links);
    }
  }

  /** Returns what the first part says of itself. */
  Map<String, byte[]> metadata() {
    return metadata;
  }

  /** Returns how many numbers are taken. */
  long count() {
    if (links.isEmpty()) {
      return directory().count();
    }
    long count = 0;
    for (Chain.Link link : links) {
      count += link.records();
    }
    return count;
  }

  /** Returns all blocks; without an index they are found by their headers. */
  Directory directory() {
    Directory known = directory;
    if (known == null) {
      try (Window own = new Window(file, window.size())) {
        known = Directory.of(new Walk(own, links, onDamage, unclosed, Walk.Depth.HEADERS));
      }
      directory = known;
    }
    return known;
  }

  /** Goes to where {@link #next} opens the block of a record, or the one behind where it was. */
  void seek(long number) {
    block.clear();
    Directory known = directory();
    IndexEntries entries = known.entries();
    int e = entries.floor(number);
    if (e < 0 || (number == 0 && !known.isVerified(e))) {
      walk.restart(); // Also what stands in front of the first block is looked at.
      return;
    }
    if (number >= entries.end(e)) {
      if (++e == entries.size()) {
        e--;
        Part part = known.part(entries.offset(e));
        walk.moveTo(part, entries.offset(e) + entries.length(e), entries.end(e));
        return;
      }
    } else if (!known.isVerified(e)) {
      long length = Math.min(entries.length(e), Format.MAX_RAW);
      window.get(entries.offset(e), Math.min(length, window.size() - entries.offset(e)));
    }
    moveTo(known, e);
  }

  private void moveTo(Directory known, int entry) {
    long offset = known.entries().offset(entry);
    walk.moveTo(known.part(offset), offset, known.entries().first(entry));
    last = entry;
  }

  /** Opens one block of the directory, and tells whether it can be read. */
  boolean open(int entry) {
    moveTo(directory(), entry);
    if (next() && block.offset == directory().entries().offset(entry)) {
      return true;
    }
    block.clear();
    return false;
  }

  /** Opens the next block that can be read, and tells whether there is one. */
  boolean next() {
    mapped = false;
    while (true) {
      if (directory != null) {
        int entry = find(directory, walk.place());
        if (entry >= 0 && directory.isVerified(entry)) {
          openMapped(directory, entry);
          return true;
        }
      }
      block.clear();
      if (!walk.advance()) {
        return false;
      }
      String problem = openVerified();
      if (problem == null) {
        return true;
      }
      walk.damage(walk.header.records, problem);
    }
  }

  /** Returns the number behind all that was come past. */
  long nextNumber() {
    return walk.next();
  }

  private int find(Directory known, long offset) {
    IndexEntries entries = known.entries();
    if (last < entries.size() && entries.offset(last) == offset) {
      return last;
    }
    int entry =
        last + 1 < entries.size() && entries.offset(last + 1) == offset
            ? last + 1
            : entries.at(offset);
    last = Math.max(0, entry);
    return entry;
  }

  private void openMapped(Directory known, int entry) {
    IndexEntries entries = known.entries();
    long offset = entries.offset(entry);
    long first = entries.first(entry);
    block.openPlain(
        mapping(),
        offset + Format.UNIT,
        entries.records(entry),
        known.shape(entry),
        known.raw(entry));
    block.offset = offset;
    block.first = first;
    walk.moveTo(known.part(offset), offset + entries.length(entry), entries.end(entry));
    mapped = true;
    blocksMapped++;
  }

  private @Nullable String openVerified() {
    BlockHeader header = walk.header;
    blocksVerified++;
    block.offset = walk.at();
    if (header.codec != Format.PLAIN) {
      String problem = block.openCompressed(window, walk.at(), header);
      if (problem != null) {
        block.clear();
        return problem;
      }
    } else {
      long body = walk.at() + Format.UNIT;
      if (header.isLarge()) {
        block.openPlain(mapping(), body, 1, DataBlock.LARGE, header.raw);
      } else {
        long in = window.get(body, header.stored);
        block.openPlain(window.memory(), in, header.records, header.stride, header.raw);
      }
      int entry = directory == null ? -1 : find(directory, walk.at());
      if (directory != null && entry >= 0 && directory.agrees(entry, header)) {
        directory.verified(entry, header.shape());
      }
    }
    block.first = walk.part().before() + header.first;
    return null;
  }

  private MemorySegment mapping() {
    if (mapping == null) {
      mapping = file.map(0, window.size(), MapAccess.READ_ONLY);
    }
    return mapping.segment();
  }

  /** Notes that the last records of the open block cannot be read, or throws. */
  void damage(long lost, String reason) {
    if (mapped) {
      walk.moveTo(directory().part(block.offset), block.offset, block.first);
      walk.header.readFields(mapping(), block.offset);
      walk.pass(walk.header);
    }
    walk.damage(lost, reason);
  }

  /** Returns what was skipped. */
  List<SkippedRegion> regions() {
    return walk.regions();
  }

  long blocksVerified() {
    return blocksVerified;
  }

  long blocksMapped() {
    return blocksMapped;
  }

  @Override
  public void close() {
    block.close();
    window.close();
    if (mapping != null) {
      mapping.close();
    }
    file.close();
  }
}
