// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Reads a log's directory back: steps 2 to 4 of "Opening" in {@code docs/formats/replay-log.md}.
 * Changes nothing.
 *
 * <p>What lies below the floor must hold. Behind it, what a crash can have done is cut off, and
 * anything else is corruption.
 */
final class Recovery {

  private final Storage storage;
  private final StorageFile file;
  private final Header header;
  private final LogIndex.SegmentFactory factory;
  final Floor floor;

  /** Whether the page cache still is what the processes before wrote. */
  final boolean trusted;

  /**
   * Whether the page cache may show what will never reach the disk: a sync began on this boot, and
   * may have reported a failure that nobody will hear of again.
   */
  final boolean suspect;

  /** Whether one of the two marks was torn. */
  final boolean torn;

  LogIndex index;
  JournalReader reader;
  private long limit = Long.MAX_VALUE;

  /**
   * Begins to read.
   *
   * @param boot identity of the machine's present run
   * @param owner whether the log will be written, and so has to be right on the disk
   */
  Recovery(
      Storage storage,
      StorageFile file,
      Header header,
      LogIndex.SegmentFactory factory,
      Optional<UUID> boot,
      boolean owner) {
    this.storage = storage;
    this.file = file;
    this.header = header;
    this.factory = factory;
    this.floor = Floor.read(file, header);
    this.torn = Floor.read(file, header, (floor.number() + 1) & 1) == null;
    boolean sameBoot = floor.boot().isPresent() && floor.boot().equals(boot);
    boolean otherBoot = floor.boot().isPresent() && boot.isPresent() && !sameBoot;
    this.suspect = floor.pending() && !otherBoot;
    this.trusted = sameBoot && !(suspect && owner);
    this.index = newIndex();
    this.reader = new JournalReader(file, header);
  }

  /**
   * Reads until what is left is whole; the result is in {@link #index}, the place behind it in
   * {@link #reader}. When it fails, nothing stays mapped.
   */
  void run() {
    try {
      while (true) {
        readEntries();
        if (index.emptySegment() >= floor.length()) {
          // A segment was announced with a batch that is not there: as good as never announced.
          limit = index.emptySegment();
        } else {
          Damage damage = checkSegments();
          if (damage == null) {
            return;
          }
          if (trusted || damage.batch() < floor.batches()) {
            throw damage.error();
          }
          limit = index.positionOf(damage.batch());
        }
        index.discard();
        index = newIndex();
        reader = new JournalReader(file, header);
      }
    } catch (Throwable e) {
      index.discard();
      throw e;
    }
  }

  /** Index bytes that were cut off. */
  long cutBytes() {
    return reader.remaining();
  }

  /** Whether nothing was torn or cut, and everything is on stable storage and sealed. */
  boolean isOrderly() {
    boolean sealed = true;
    for (LogSegment segment : index.segments) {
      sealed &= segment.sealed;
    }
    boolean whole = !torn && cutBytes() == 0;
    return sealed && whole && floor.length() == reader.position() && !floor.pending();
  }

  private LogIndex newIndex() {
    return new LogIndex(file.path().toString(), factory, floor.length());
  }

  private void readEntries() {
    reader.refresh();
    read(floor.length());
    if (reader.position() != floor.length()
        || reader.sequence() != floor.entries()
        || reader.last() != floor.checksum()
        || index.nextBatch != floor.batches()) {
      throw Bits.corrupt(
          file,
          "entry " + reader.sequence(),
          reader.position(),
          "whole entries of "
              + floor.batches()
              + " batches, up to entry "
              + floor.entries()
              + " at "
              + floor.length(),
          "bytes that are not, after " + index.nextBatch + " batches");
    }
    read(limit);
    if (trusted && reader.remaining() > 0 && limit == Long.MAX_VALUE && reader.anyBehind()) {
      throw Bits.corrupt(
          file,
          "entry " + reader.sequence(),
          reader.position(),
          "a whole entry, since others follow",
          "bytes that are none");
    }
  }

  private void read(long until) {
    do {
      index.position = reader.position();
    } while (reader.next(until, index));
  }

  private record Damage(long batch, VarveException error) {}

  /** The first batch whose segment does not hold it, or none. */
  private @Nullable Damage checkSegments() {
    for (LogSegment segment : List.copyOf(index.segments)) {
      long size = sizeOf(segment);
      segment.fileBytes = Math.max(0, size);
      boolean sealedForSure = segment.sealed && (trusted || segment.sealedAt < floor.length());
      long needed = sealedForSure ? segment.committedBytes() : segment.end;
      if (size < needed) {
        return new Damage(
            firstBeyond(segment, size),
            Bits.corrupt(
                segment.path.toString(),
                "segment",
                Math.max(size, 0),
                "at least " + needed + " bytes",
                size < 0 ? "no file" : size + " bytes"));
      }
      if (!trusted && segment.endBatch > floor.batches()) {
        Damage damage = verify(segment);
        if (damage != null) {
          return damage;
        }
      }
    }
    return null;
  }

  private long sizeOf(LogSegment segment) {
    if (!storage.exists(segment.path)) {
      return -1;
    }
    try (StorageFile opened = storage.open(segment.path, FileAccess.READ)) {
      return opened.size();
    } catch (NotFoundException e) {
      return -1; // the owner released it this very moment
    }
  }

  private long firstBeyond(LogSegment segment, long size) {
    for (long number = first(segment); number < segment.endBatch; number++) {
      Batch batch = index.table.get(number);
      if (batch != null && batch.frame().offset + batch.frame().bytes > size) {
        return number;
      }
    }
    // No batch is left in it: what matters is that there were some, and when.
    return Math.max(segment.endBatch - 1, segment.firstBatch);
  }

  private long first(LogSegment segment) {
    return Math.max(segment.firstBatch, index.firstBatch);
  }

  private @Nullable Damage verify(LogSegment segment) {
    int contexts = 0;
    for (long number = first(segment); number < segment.endBatch; number++) {
      Batch batch = index.table.get(number);
      if (batch == null) {
        continue;
      }
      try {
        for (; contexts < batch.contexts(); contexts++) {
          verify(segment.contexts[contexts], -1);
        }
        if (number >= floor.batches()) {
          verify(batch.frame(), number);
        }
      } catch (CorruptionException e) {
        return new Damage(number, e);
      }
    }
    return null;
  }

  private static void verify(Frame frame, long number) {
    try (LogFrame pinned = LogFrame.pin(frame, number, 0)) {
      if (pinned != null) {
        pinned.verify();
      }
    }
  }
}
