// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Goes through the blocks of a file that grows, and stops at data blocks with records that are
 * wanted. For one thread at a time.
 */
final class BlockFeed implements AutoCloseable {
  private final StorageFile file;
  private final Window window;
  private final BlockCheck check;
  private final Crc32c crc = new Crc32c();
  private @Nullable Part part;
  private @Nullable Mapping large;
  private long firstId;
  private long place;

  /** The number in the part of the next record. */
  private long next;

  private long epoch;
  private boolean closed;

  /** The data block that the feed stands at. */
  final BlockHeader header = new BlockHeader();

  final DataBlock block = new DataBlock();

  BlockFeed(StorageFile file) {
    this.file = file;
    this.window = new Window(file, file.size(), true);
    this.check = new BlockCheck(window);
  }

  /** Comes to the first part, which must be there. */
  void start() {
    long size = file.size();
    window.resize(size);
    long in = size < Format.UNIT ? -1 : window.get(0, Format.UNIT);
    if (in < 0 || !FileHeader.isWhole(window.memory(), in, crc) || !begin(in, size)) {
      throw FileHeader.missing(window);
    }
  }

  /** Returns the length of the file if it was closed, so that nobody changes any of it; else 0. */
  long closedSize() {
    return Chain.find(window).isEmpty() ? 0 : window.size();
  }

  long place() {
    return place;
  }

  /** Returns the number in the file of the record behind what was passed. */
  long next() {
    return part == null ? 0 : part.before() + next;
  }

  /** Returns the id of the part that was come to, or 0. */
  long id() {
    return part == null ? 0 : part.id();
  }

  /** Returns the id of the first part, or 0. */
  long firstId() {
    return firstId;
  }

  /** Tells whether the last block that was passed closed the file. */
  boolean isClosed() {
    return closed;
  }

  /**
   * Goes on at a block of the part.
   *
   * @param newPlace where in the file it is
   * @param number the number in the file of its first record
   */
  void moveTo(long newPlace, long number) {
    if (part == null || newPlace < part.base() || number < part.before()) {
      throw corrupt("a block of record " + number, "another part");
    }
    place = newPlace;
    next = number - part.before();
    epoch = 0;
    closed = false;
  }

  /**
   * Passes blocks, and tells whether it has come to a data block of wanted records, which is then
   * open. What was open before is void.
   *
   * @param limit where in the file to stop
   * @param wanted records of lower numbers are not wanted
   * @param settled what is below this is written for good; what is not whole there is damage
   */
  boolean advance(long limit, long wanted, long settled) {
    release();
    // What was read ahead can be what a write that failed has left.
    boolean fresh = window.isEmpty();
    while (limit - place >= Format.UNIT) {
      window.resize(limit);
      long in = window.get(place, Format.UNIT);
      if (FileHeader.isWhole(window.memory(), in, crc)) {
        if (!begin(in, limit)) {
          return false;
        }
        continue;
      }
      boolean sure = place < settled;
      String problem = problem(in, limit);
      boolean data = problem == null && header.kind == BlockHeader.DATA;
      boolean passed = !data || header.first + header.records <= wanted - before();
      if (problem == null && !(sure && passed)) {
        problem = check.footer(place, header);
        problem = problem == null ? check.body(place, header) : problem;
      }
      if (problem == null && !passed) {
        problem = open();
      }
      if (problem != null) {
        window.forget();
        if (!fresh) {
          fresh = true;
          release();
          continue;
        }
        if (sure) {
          throw corrupt("a block that was written", problem);
        }
        return false;
      }
      pass();
      if (!passed) {
        return true;
      }
    }
    return false;
  }

  /** Forgets what was read ahead. */
  void forget() {
    window.forget();
  }

  private long before() {
    return part == null ? 0 : part.before();
  }

  private boolean begin(long in, long limit) {
    FileHeader found = FileHeader.read(window.memory(), in, window.path(), place);
    if (place + found.firstBlock() > limit) {
      window.forget();
      return false;
    }
    part = new Part(place, next(), found.id(), found.firstBlock(), Map.of());
    if (place == 0) {
      firstId = found.id();
    }
    place += found.firstBlock();
    next = 0;
    epoch = 0;
    closed = false;
    return true;
  }

  /** Returns why no block that can be passed stands here, or null. */
  private @Nullable String problem(long in, long limit) {
    if (part == null) {
      throw corrupt("a file header", "other bytes");
    }
    if (!header.read(window.memory(), in, Format.BLOCK_MAGIC, crc)
        || header.id != part.id()
        || header.offset != place - part.base()) {
      return "no whole block header";
    }
    if (header.isTooNew()) {
      throw new FormatVersionException(
          "record file "
              + window.path()
              + " has at offset "
              + place
              + " a block that this release does not know; use the release that wrote it");
    }
    if (header.first != next || header.epoch < epoch || header.problem() != null) {
      return "a block that cannot follow the one before";
    }
    return place + header.length() > limit ? "a block beyond the end" : null;
  }

  private @Nullable String open() {
    String problem = null;
    if (header.codec != Format.PLAIN) {
      problem = block.openCompressed(window, place, header);
    } else if (header.isLarge()) {
      large = file.map(place + Format.UNIT, header.raw, MapAccess.READ_ONLY);
      block.openPlain(large.segment(), 0, header.records, header.shape(), header.raw);
    } else {
      long in = window.get(place + Format.UNIT, header.stored);
      block.openPlain(window.memory(), in, header.records, header.shape(), header.raw);
    }
    return problem == null ? block.problem() : problem;
  }

  private void pass() {
    place += header.length();
    next = header.first + header.records;
    epoch = header.epoch;
    closed = header.isClosing();
  }

  /** Throws if a whole block of the part stands behind the place, where none is. */
  void checkDamage(long limit) {
    Part in = part;
    if (in == null) {
      return;
    }
    BlockHeader other = new BlockHeader();
    window.resize(limit);
    for (long q = place + Format.UNIT; q + Format.UNIT <= limit; q += Format.UNIT) {
      if (other.read(window.memory(), window.get(q, Format.UNIT), Format.BLOCK_MAGIC, crc)
          && other.id == in.id()
          && other.offset == q - in.base()
          && other.first >= next
          && other.epoch >= epoch) {
        window.forget();
        String problem = problem(window.get(place, Format.UNIT), limit);
        problem = problem == null ? check.footer(place, header) : problem;
        problem = problem == null ? check.body(place, header) : problem;
        if (problem != null) {
          throw corrupt("a whole block, since others stand behind it", problem);
        }
        return;
      }
    }
    window.forget();
  }

  private CorruptionException corrupt(String expected, String actual) {
    return new CorruptionException(
        "record file",
        window.path().toString(),
        place,
        expected,
        actual,
        "close the writer and repair it with RecordFiles.repair");
  }

  private void release() {
    block.clear();
    if (large != null) {
      large.close();
      large = null;
    }
  }

  @Override
  public void close() {
    release();
    block.close();
    window.close();
  }
}
