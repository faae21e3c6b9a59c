// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Looks at a log's directory without changing anything, whether or not it is open somewhere. Files
 * are read, never mapped.
 */
final class LogInspector {

  private static final int PIECE = 256 << 10;

  private final Storage storage;
  private final Path directory;
  private final Inspection inspection;
  private final SegmentOwner owner;
  private final List<LogReport.Finding> findings = new ArrayList<>();
  private final Crc32c crc = new Crc32c();
  private final MemorySegment piece = Arena.ofAuto().allocate(PIECE, FrameLayout.ALIGNMENT);
  private final MemorySegment zeros = Arena.ofAuto().allocate(PIECE, FrameLayout.ALIGNMENT);

  private LogInspector(Storage storage, Path directory, Inspection inspection) {
    this.storage = storage;
    this.directory = directory;
    this.inspection = inspection;
    this.owner =
        new SegmentOwner(
            new LogOptions(
                storage,
                directory,
                true,
                0,
                Long.MAX_VALUE,
                Long.MAX_VALUE,
                FrameWriter.PIECE,
                WritePolicy.ON_INSERTION,
                Durability.NONE,
                Integer.MAX_VALUE,
                SegmentFraming.PLAIN,
                new byte[0]),
            false);
  }

  @SuppressWarnings("try") // the lock is held, not used
  static LogReport inspect(Storage storage, Path directory, Inspection inspection) {
    Path kept = directory.resolve(Journal.FILE);
    Path temporary = directory.resolve(LogDirectory.TEMPORARY);
    if (!storage.exists(kept) && !storage.exists(temporary)) {
      throw new NotFoundException(
          "directory " + directory + " holds no replay log: it has no file " + Journal.FILE);
    }
    // Nobody deletes the log meanwhile; where nothing can be written, nobody can anyway.
    try (ProcessLock lock = LogDirectory.readerLock(storage, directory)) {
      if (storage.exists(kept)) {
        try (StorageFile file = storage.open(kept, FileAccess.READ)) {
          return inspect(storage, directory, inspection, file);
        }
      }
      try (StorageFile file = storage.open(temporary, FileAccess.READ)) {
        return new LogInspector(storage, directory, inspection).header(file);
      }
    }
  }

  /** Looks again when the owner changed something that was being looked at. */
  private static LogReport inspect(
      Storage storage, Path directory, Inspection inspection, StorageFile file) {
    List<LogReport.Finding> before = List.of();
    while (true) {
      long size = file.size();
      LogReport report = new LogInspector(storage, directory, inspection).index(file);
      if (report.findings().equals(before) || file.size() == size) {
        return report;
      }
      before = report.findings();
    }
  }

  private LogReport header(StorageFile file) {
    return report(file, Header.read(file), newIndex(file), null, null);
  }

  private LogIndex newIndex(StorageFile file) {
    return new LogIndex(file.path().toString(), owner::segment, Long.MAX_VALUE);
  }

  private LogReport index(StorageFile file) {
    Header header = Header.read(file);
    Floor floor = floor(file, header);
    LogIndex index = newIndex(file);
    JournalReader reader = new JournalReader(file, header);
    reader.refresh();
    try {
      do {
        index.position = reader.position();
      } while (reader.next(Long.MAX_VALUE, index));
      long end = floor == null ? 0 : floor.length();
      if (reader.position() < end || reader.anyBehind()) {
        add(
            file.path(),
            "entry " + reader.sequence(),
            reader.position(),
            "a whole entry",
            "bytes that are none");
      }
    } catch (CorruptionException e) {
      add(file.path(), "entry " + reader.sequence(), e.offset(), e.expected(), e.actual());
    }
    return report(file, header, index, floor, reader);
  }

  private @Nullable Floor floor(StorageFile file, Header header) {
    for (int slot = 0; slot < 2; slot++) {
      if (Floor.read(file, header, slot) == null) {
        long at = header.bytes() + slot * Floor.BYTES;
        add(file.path(), "floor mark " + slot, at, "a whole mark", "bytes that are none");
      }
    }
    try {
      return Floor.read(file, header);
    } catch (CorruptionException e) {
      add(file.path(), "floor mark", e.offset(), e.expected(), e.actual());
      return null;
    }
  }

  private LogReport report(
      StorageFile file,
      Header header,
      LogIndex index,
      @Nullable Floor floor,
      @Nullable JournalReader reader) {
    long cut = reader == null ? 0 : reader.remaining();
    long bytes = file.size();
    boolean orderly =
        floor != null
            && reader != null
            && cut == 0
            && !floor.pending()
            && floor.length() == reader.position();
    Map<Long, Path> files = files();
    if (floor != null && reader != null) {
      strays(file.path(), floor, reader, index, files);
    }
    List<LogReport.Segment> segments = new ArrayList<>();
    for (LogSegment segment : index.segments) {
      Path known = files.get(segment.number);
      LogReport.Segment found =
          segment(segment, known != null ? known : missing(segment, files), index);
      segments.add(found);
      bytes += found.bytes();
      orderly &= segment.sealed;
    }
    return new LogReport(
        directory,
        inspection,
        Header.VERSION,
        header.id(),
        Instant.ofEpochMilli(header.created()),
        header.kept(),
        header.framing(),
        header.descriptor().length,
        index.status,
        index.failure,
        index.nextBatch,
        index.firstBatch,
        segments,
        file.size(),
        bytes,
        floor == null ? 0 : floor.batches(),
        floor == null ? 0 : floor.length(),
        orderly,
        cut,
        findings);
  }

  /** Segment files by number; their suffix is the framing's, which need not be known. */
  private Map<Long, Path> files() {
    Map<Long, Path> files = new HashMap<>();
    for (Path path : storage.list(directory)) {
      String name = String.valueOf(path.getFileName());
      int dot = name.indexOf('.');
      OptionalLong number = LogDirectory.segmentNumber(path, dot < 0 ? "" : name.substring(dot));
      if (number.isPresent() && !name.endsWith(Repair.FRESH)) {
        files.put(number.getAsLong(), path);
      }
    }
    return files;
  }

  /**
   * A kill leaves one segment at most that no entry names, behind the others, where a loss of power
   * may leave any number: of more, entries were lost.
   */
  private void strays(
      Path path, Floor floor, JournalReader reader, LogIndex index, Map<Long, Path> files) {
    List<Long> strays =
        files.keySet().stream().filter(number -> number >= index.nextSegment).sorted().toList();
    if (strays.size() > 1
        && !floor.pending()
        && floor.boot().isPresent()
        && floor.boot().equals(LogDirectory.boot(storage))) {
      add(
          path,
          "end",
          reader.position(),
          "entries for segments " + strays.getFirst() + " to " + strays.getLast(),
          "no more entries");
    }
  }

  /** A segment without a file, named as the others are; without a suffix if there are none. */
  private Path missing(LogSegment segment, Map<Long, Path> files) {
    String suffix = "";
    for (Path path : files.values()) {
      String name = String.valueOf(path.getFileName());
      int dot = name.indexOf('.');
      suffix = dot < 0 ? "" : name.substring(dot);
    }
    return LogDirectory.segment(directory, segment.number, suffix);
  }

  private LogReport.Segment segment(LogSegment segment, Path path, LogIndex index) {
    long size = 0;
    if (!storage.exists(path)) {
      add(path, "segment", 0, "a file", "none");
    } else {
      try (StorageFile file = storage.open(path, FileAccess.READ)) {
        size = file.size();
        lengths(segment, path, size);
        if (inspection == Inspection.VERIFY) {
          verify(segment, file, size, names(segment, index));
        }
      } catch (NotFoundException e) {
        add(path, "segment", 0, "a file", "one that was deleted meanwhile");
      }
    }
    return new LogReport.Segment(
        path,
        segment.number,
        segment.firstBatch,
        segment.endBatch - segment.firstBatch,
        segment.contextCount,
        size,
        segment.sealed);
  }

  private void lengths(LogSegment segment, Path path, long size) {
    long committed = segment.committedBytes();
    if (size < committed) {
      add(path, "segment", size, "at least " + committed + " bytes", size + " bytes");
    } else if (segment.sealed && size > committed) {
      add(path, "end of the segment", committed, committed + " bytes", size + " bytes");
    }
  }

  /** What each frame is, for findings. */
  private static Map<Frame, String> names(LogSegment segment, LogIndex index) {
    Map<Frame, String> names = new HashMap<>();
    for (int i = 0; i < segment.contextCount; i++) {
      names.put(segment.contexts[i], "context frame " + i);
    }
    for (long number = segment.firstBatch; number < segment.endBatch; number++) {
      Batch batch = index.table.get(number);
      if (batch != null) {
        names.put(batch.frame(), "batch " + number);
      }
    }
    return names;
  }

  private void verify(LogSegment segment, StorageFile file, long size, Map<Frame, String> names) {
    checksum(file, "header", 0, segment.headerBytes, segment.headerChecksum, size);
    long at = segment.headerBytes;
    for (Frame frame : segment.written) {
      String name = names.getOrDefault(frame, "released batch");
      zeros(file, at, frame.offset, size);
      at = frame.offset;
      for (int part = 0; part < frame.lengths.length; part++) {
        long length = frame.lengths[part];
        checksum(file, name + ", part " + part, at, length, frame.checksums[part], size);
        zeros(file, at + length, at + FrameLayout.padded(length), size);
        at += FrameLayout.padded(length);
      }
    }
    if (segment.sealed) {
      zeros(file, at, segment.footerOffset, size);
      checksum(
          file, "footer", segment.footerOffset, segment.footerBytes, segment.footerChecksum, size);
    }
  }

  private void checksum(
      StorageFile file, String what, long offset, long bytes, int expected, long size) {
    if (offset + bytes > size) {
      return; // The file is too short, which was added already.
    }
    crc.reset();
    for (long at = offset; at < offset + bytes; at += PIECE) {
      crc.update(piece.asSlice(0, read(file, at, offset + bytes)));
    }
    if (crc.value() != expected) {
      add(
          file.path(),
          what,
          offset,
          "CRC32C " + Bits.hex(expected),
          "CRC32C " + Bits.hex(crc.value()));
    }
  }

  private void zeros(StorageFile file, long from, long to, long size) {
    for (long at = from; at < Math.min(to, size); at += PIECE) {
      long length = read(file, at, Math.min(to, size));
      long other = MemorySegment.mismatch(piece, 0, length, zeros, 0, length);
      if (other >= 0) {
        byte found = piece.get(JAVA_BYTE, other);
        add(file.path(), "gap", at + other, "0", Integer.toString(found & 0xFF));
        return;
      }
    }
  }

  /** Reads the next piece, and answers its length; what cannot be read any more counts as zeros. */
  private long read(StorageFile file, long at, long end) {
    long length = Math.min(PIECE, end - at);
    long read = file.read(at, piece.asSlice(0, length));
    piece.asSlice(read, length - read).fill((byte) 0);
    return length;
  }

  private void add(Path file, String what, long offset, Object expected, Object actual) {
    findings.add(
        new LogReport.Finding(
            file, what, offset, String.valueOf(expected), String.valueOf(actual)));
  }
}
