// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Finds where a writer goes on in a file, and repairs the torn end that one that died has left. Can
 * be cut off anywhere and done again.
 */
final class Recovery implements AutoCloseable {
  private static final int CHUNK = 1 << 20;

  private final StorageFile file;
  private final LongUnaryOperator settled;
  private final Window window;
  private final Crc32c crc = new Crc32c();
  private final BlockHeader header = new BlockHeader();
  private @Nullable Part part;
  private IndexEntries entries = new IndexEntries();

  /** What the blocks before the end say; of the last part. */
  private long end;

  private long records;
  private long lost;
  private long epoch;
  private long durable;

  /**
   * Begins with a file.
   *
   * @param settled tells up to where in the file all was written for good, where that is known, for
   *     the id of its last part; else {@link Salvage#UNKNOWN}
   */
  Recovery(StorageFile file, LongUnaryOperator settled) {
    this.file = file;
    this.settled = settled;
    this.window = new Window(file, file.size());
  }

  /** Returns where to go on, after a repair of the end if that is needed. */
  WriterState recover() {
    List<Chain.Link> links = Chain.find(window);
    return links.isEmpty() ? recoverOpen() : closed(links);
  }

  private WriterState closed(List<Chain.Link> links) {
    Chain.Link last = links.getLast();
    long before = 0;
    for (Chain.Link link : links) {
      before += link.base() < last.base() ? link.records() : 0;
    }
    long in = window.get(last.base(), Format.UNIT);
    FileHeader.read(window.memory(), in, window.path(), last.base());
    long id = FileHeader.id(window.memory(), in);
    Part found = new Part(last.base(), before, id, Format.UNIT, Map.of());
    IndexWriter index = new IndexWriter();
    Root root = Directory.root(window, found, last.rootOffset());
    if (root == null) {
      return recoverOpen();
    }
    header.readFields(window.memory(), window.get(last.base() + last.rootOffset(), Format.UNIT));
    durable = header.durable;
    epoch = header.epoch;
    Part local = new Part(last.base(), 0, id, Format.UNIT, Map.of());
    for (Root.Live live : root.live()) {
      IndexEntries read = new IndexEntries();
      Root one = new Root(0, 0, 0, List.of(live));
      if (!Directory.read(window, local, one, read)) {
        return recoverOpen();
      }
      if (read.offset(read.size() - 1) - last.base() >= durable) {
        return recoverOpen();
      }
      IndexEntries relative = new IndexEntries();
      for (int i = 0; i < read.size(); i++) {
        relative.add(read.offset(i) - last.base(), read.first(i), read.records(i), read.stored(i));
      }
      index.addLive(live, relative);
    }
    index.addLost(root.lost());
    end = last.end() - last.base();
    writeAgain(last.base() + durable, last.end());
    return new WriterState(
        last.base(), before, id, nextEpoch(epoch), end, end, root.records(), index, false);
  }

  /** Returns where to go on, with an index that is made anew. */
  WriterState recoverOpen() {
    walk();
    Part last = part;
    if (last == null) {
      throw FileHeader.missing(window);
    }
    if (end >= durable) {
      verify(last);
    }
    long size = window.size();
    long most = Math.max(durable, mostDurable(last));
    if (most > end) {
      throw missing(last, last.base() + most, "synced");
    }
    long written = settled.applyAsLong(last.id());
    if (written > last.base() + end) {
      throw missing(last, written, "written, as the live file says");
    }
    long from = last.base() + durable;
    writeAgain(from, last.base() + end);
    if (last.base() + end < size) {
      header.clear(BlockHeader.GAP);
      header.id = last.id();
      header.offset = end;
      header.first = records;
      header.durable = end;
      header.epoch = epoch;
      end = Tail.cover(file, last.base(), header) - last.base();
    }
    IndexWriter index = new IndexWriter();
    for (int i = 0; i < entries.size(); i++) {
      index.add(entries.offset(i), entries.first(i), entries.records(i), entries.stored(i));
    }
    index.addLost(lost);
    return new WriterState(
        last.base(), last.before(), last.id(), nextEpoch(epoch), end, end, records, index, false);
  }

  private CorruptionException missing(Part last, long until, String were) {
    return new CorruptionException(
        "record file",
        window.path().toString(),
        last.base() + end,
        "whole blocks up to " + until + ", which were " + were,
        "none",
        "repair it with RecordFiles.repair");
  }

  /** Goes over the headers, to the first that is not whole. */
  private void walk() {
    long place = 0;
    long size = window.size();
    while (size - place >= Format.UNIT) {
      long in = window.get(place, Format.UNIT);
      if (FileHeader.isWhole(window.memory(), in, crc)) {
        FileHeader found = FileHeader.read(window.memory(), in, window.path(), place);
        if (place + found.firstBlock() > size) {
          break;
        }
        long before = part == null ? 0 : part.before() + records;
        part = new Part(place, before, found.id(), found.firstBlock(), Map.of());
        entries = new IndexEntries();
        end = found.firstBlock();
        durable = end;
        records = 0;
        lost = 0;
        epoch = 1;
        place += end;
      } else if (part != null
          && header.read(window.memory(), in, Format.BLOCK_MAGIC, crc)
          && follows(part, place)) {
        durable = Math.max(durable, header.durable);
        pass();
        place += header.length();
      } else {
        break;
      }
    }
  }

  private boolean follows(Part in, long place) {
    if (header.id != in.id()
        || header.offset != place - in.base()
        || header.first != records
        || header.epoch < epoch) {
      return false;
    }
    if (header.isTooNew()) {
      throw new FormatVersionException(
          "record file "
              + window.path()
              + " has at offset "
              + place
              + " a block that this release does not know; use the release that wrote it");
    }
    return header.problem() == null && place + header.length() <= window.size();
  }

  private void pass() {
    if (header.kind == BlockHeader.DATA) {
      entries.add(header.offset, header.first, header.records, header.stored);
    } else {
      lost += header.records;
    }
    end = header.offset + header.length();
    records = header.first + header.records;
    epoch = header.epoch;
  }

  /** Verifies what was not synced for sure, and puts the end in front of what is not whole. */
  private void verify(Part last) {
    BlockCheck check = new BlockCheck(window);
    long walked = end;
    IndexEntries all = entries;
    entries = new IndexEntries();
    end = last.firstBlock();
    records = 0;
    lost = 0;
    epoch = 1;
    while (end < walked) {
      long at = last.base() + end;
      header.read(window.memory(), window.get(at, Format.UNIT), Format.BLOCK_MAGIC, crc);
      if (header.offset >= durable
          && (check.footer(at, header) != null || check.body(at, header) != null)) {
        return;
      }
      pass();
    }
    entries = all;
  }

  /** Returns the largest durable end that a whole header behind the end says. */
  private long mostDurable(Part last) {
    long most = 0;
    for (long at = last.base() + end; at + Format.UNIT <= window.size(); at += Format.UNIT) {
      long in = window.get(at, Format.UNIT);
      if (header.read(window.memory(), in, Format.BLOCK_MAGIC, crc)
          && header.id == last.id()
          && header.offset == at - last.base()) {
        most = Math.max(most, header.durable);
      }
    }
    return most;
  }

  /** Writes bytes as they are: a sync that failed may have left them in the page cache only. */
  private void writeAgain(long from, long to) {
    if (from >= to) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(CHUNK, Format.UNIT);
      for (long at = from; at < to; at += CHUNK) {
        MemorySegment piece = chunk.asSlice(0, Math.min(CHUNK, to - at));
        file.read(at, piece);
        file.write(at, piece);
      }
    }
    file.sync();
  }

  private long nextEpoch(long last) {
    if (last == 0xffffffffL) {
      throw new IllegalStateException(
          "record file " + window.path() + " was opened 2^32 times; copy its records");
    }
    return last + 1;
  }

  @Override
  public void close() {
    window.close();
  }
}
