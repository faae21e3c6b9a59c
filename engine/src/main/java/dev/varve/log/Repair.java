// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.FullException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;

/** Brings a log that was read back in order: steps 5 and 6 of "Opening" in the format page. */
final class Repair {

  private static final System.Logger LOGGER = System.getLogger(Repair.class.getName());

  /** What the name of a file that will replace another ends with. */
  static final String FRESH = ".new";

  private final LogOptions options;
  private final Storage storage;
  private final Path directory;
  private final Recovery recovery;
  private final Floor floor;
  private final LogIndex index;
  private final FrameWriter writer = new FrameWriter();

  Repair(LogOptions options, Path directory, Recovery recovery) {
    this.options = options;
    this.storage = options.storage();
    this.directory = directory;
    this.recovery = recovery;
    this.floor = recovery.floor;
    this.index = recovery.index;
  }

  /** Repairs; the side file was cut already. */
  void run(Journal journal, DiskTier disk) {
    List<Path> strays = strays(journal);
    if (!recovery.isOrderly()) {
      List<LogSegment> behind = new ArrayList<>();
      for (LogSegment segment : index.segments) {
        if (segment.endBatch > floor.batches()
            || !segment.sealed
            || segment.sealedAt >= floor.length()) {
          behind.add(segment);
          disk.dirty(segment);
        }
      }
      if (!recovery.trusted) {
        restore(behind, journal, disk);
      }
    }
    if (recovery.torn) {
      disk.entriesChanged(); // so that the sync writes both marks
    }
    if (!recovery.trusted || recovery.torn || !strays.isEmpty()) {
      // A file goes only after the entry that released it, or the end that cut it off, is durable.
      disk.sync(strays);
    }
    try {
      for (LogSegment segment : index.segments) {
        disk.seal(segment);
        segment.closeFile();
      }
    } catch (FullException e) {
      // The batches are there to be read; the segment is sealed when there is space.
      LOGGER.log(System.Logger.Level.WARNING, options.name() + ": segment not sealed yet", e);
    }
  }

  /** Brings what lies behind the floor on its way to the disk. */
  private void restore(List<LogSegment> behind, Journal journal, DiskTier disk) {
    disk.deferMark();
    for (LogSegment segment : behind) {
      if (segment.announcedAt >= floor.length()) {
        restoreHeader(segment);
      }
      if (recovery.suspect && segment.firstBatch < floor.batches()) {
        rewrite(segment);
      } else if (recovery.suspect) {
        renew(segment);
      }
    }
    if (recovery.suspect) {
      journal.rewrite(floor.length(), writer);
    }
    disk.recount();
    // Before the floor rises over an entry that says so, a segment has to be sealed.
    for (LogSegment segment : behind) {
      if (segment.sealed && footerHolds(segment)) {
        zeroGap(segment);
      } else if (segment.sealed) {
        segment.sealed = false;
        disk.seal(segment);
        segment.closeFile();
      }
    }
  }

  private void restoreHeader(LogSegment segment) {
    MemorySegment header = options.framing().header();
    if (header.byteSize() == segment.headerBytes
        && header.byteSize() > 0
        && writer.checksum(header) == segment.headerChecksum) {
      try (StorageFile file = storage.open(segment.path, FileAccess.WRITE)) {
        file.write(0, header);
      }
    }
  }

  private boolean footerHolds(LogSegment segment) {
    if (segment.fileBytes < segment.committedBytes()) {
      return false;
    }
    try (StorageFile file = storage.open(segment.path, FileAccess.READ)) {
      return writer.checksum(file, segment.footerOffset, segment.footerBytes)
          == segment.footerChecksum;
    }
  }

  /**
   * Writes the zeros in front of a footer again, which went to the disk by themselves: what a torn
   * write had left may be there, although the footer is.
   */
  private void zeroGap(LogSegment segment) {
    if (segment.footerOffset > segment.end) {
      try (StorageFile file = storage.open(segment.path, FileAccess.WRITE)) {
        writer.zero(file, segment.end, segment.footerOffset);
      }
    }
  }

  private void rewrite(LogSegment segment) {
    try (StorageFile file = storage.open(segment.path, FileAccess.WRITE)) {
      writer.rewrite(file, 0, Math.min(segment.fileBytes, segment.committedBytes()));
    }
  }

  /**
   * Replaces a file by a copy: not only its bytes but also its entry in the directory may never
   * have become durable.
   */
  private void renew(LogSegment segment) {
    segment.unmap();
    Path fresh = directory.resolve(segment.path.getFileName() + FRESH);
    if (storage.exists(fresh)) {
      storage.delete(fresh);
    }
    try (StorageFile from = storage.open(segment.path, FileAccess.READ);
        StorageFile to = storage.open(fresh, FileAccess.CREATE_NEW)) {
      long bytes = Math.min(segment.fileBytes, segment.committedBytes());
      writer.copy(from, to, bytes);
      to.sync();
      segment.fileBytes = bytes;
    }
    storage.rename(fresh, segment.path);
  }

  /**
   * Files of segments that no entry names. A kill leaves one at most that was not announced yet,
   * besides those released before; a loss of power may leave any number.
   */
  private List<Path> strays(Journal journal) {
    Set<Long> known = new HashSet<>();
    for (LogSegment segment : index.segments) {
      known.add(segment.number);
    }
    List<Path> strays = new ArrayList<>();
    Path unannounced = null;
    for (Path path : storage.list(directory)) {
      String suffix = options.framing().suffix();
      OptionalLong number = LogDirectory.segmentNumber(path, suffix);
      if (number.isPresent() && !known.contains(number.getAsLong())) {
        strays.add(path);
        if (number.getAsLong() >= index.nextSegment && recovery.trusted) {
          if (unannounced != null) {
            throw Bits.corrupt(
                journal.file(),
                "end",
                journal.end(),
                "entries for " + unannounced.getFileName() + " and " + path.getFileName(),
                "no more entries");
          }
          unannounced = path;
        }
      } else if (LogDirectory.segmentNumber(path, suffix + FRESH).isPresent()) {
        strays.add(path);
      }
    }
    return strays;
  }
}
