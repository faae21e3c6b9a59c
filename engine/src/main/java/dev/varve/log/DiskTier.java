// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The writing half of a log's directory: segment files, the journal, the disk budget and syncs.
 * Every method is called under the log's lock, but for {@link #credit}.
 *
 * <p>A failed write leaves the committed state as it was: {@link LogSegment#end} and the journal's
 * end move only together, when the journal's append succeeded, and the next write goes over what
 * the failed one left.
 *
 * <p>A log that is not kept has no journal: nobody reads it again.
 */
final class DiskTier {

  /** Kept free below the capacity for the entries that seal, release and end. */
  private static final long ENTRY_RESERVE = 512;

  private final LogOptions options;
  private final Storage storage;
  private final Path directory;
  private final SegmentFraming framing;
  private final FrameWriter writer;
  private final StorageFile side;
  private final @Nullable Journal journal;
  private final LogIndex index;
  private final Optional<UUID> boot;
  private final AtomicLong used = new AtomicLong();
  private final MemorySegment header;
  private long firstBatch;
  private long nextBatch;
  private long nextSegment;

  /** Segments whose files hold bytes that no sync has covered. */
  private final Set<LogSegment> dirty = new LinkedHashSet<>();

  /** Directories that the next sync has to sync. */
  private List<Path> dirtyDirectories;

  /** Whether a file was created or deleted since the last sync. */
  private boolean entriesChanged;

  /** A segment that has a file, but no batch in it yet; there is one at most. */
  private @Nullable LogSegment unannounced;

  /** Whether the newest mark names this boot, or shall not yet. */
  private boolean markCurrent;

  private Floor floor;
  private long oldestUnsynced = Long.MAX_VALUE;
  private long syncs;
  private @Nullable Throwable poison;

  /** A frame about to be written: from its copy in memory if it has one, else from its source. */
  record Incoming(Frame frame, @Nullable FrameSource source) {}

  /**
   * The tier of an empty log, or of one that was read back.
   *
   * @param side the side file, which is closed with the tier
   * @param journal appends to it; null for a log that is not kept
   * @param dirtyDirectories the directory of the log among others, if their entries may not be
   *     durable
   */
  DiskTier(
      LogOptions options,
      Path directory,
      StorageFile side,
      @Nullable Journal journal,
      LogIndex index,
      Floor floor,
      List<Path> dirtyDirectories) {
    this.options = options;
    this.storage = options.storage();
    this.directory = directory;
    this.framing = options.framing();
    this.side = side;
    this.journal = journal;
    this.index = index;
    this.floor = floor;
    this.dirtyDirectories = dirtyDirectories;
    this.writer = new FrameWriter(options.piece());
    this.boot = LogDirectory.boot(storage);
    this.markCurrent = namesThisBoot(floor);
    this.firstBatch = index.firstBatch;
    this.nextBatch = index.nextBatch;
    this.nextSegment = index.nextSegment;
    this.header = framing.header();
    recount();
  }

  private boolean namesThisBoot(Floor mark) {
    return boot.isPresent() && boot.equals(mark.boot());
  }

  /** What lies behind the floor is not what this boot wrote, until it was synced. */
  void deferMark() {
    markCurrent = true;
  }

  /** The file of a segment that was read back may hold bytes that no sync has covered. */
  void dirty(LogSegment segment) {
    dirty.add(segment);
  }

  /** Adds up what files take. */
  void recount() {
    long bytes = journal == null ? side.size() : journal.size();
    for (LogSegment segment : index.segments) {
      bytes += segment.fileBytes;
    }
    used.set(bytes);
  }

  long usedBytes() {
    return used.get();
  }

  long syncs() {
    return syncs;
  }

  /** When the oldest entry was committed that no sync has covered, or {@link Long#MAX_VALUE}. */
  long oldestUnsynced() {
    return oldestUnsynced;
  }

  /** Space of a deleted segment came back. Called by any thread. */
  void credit(long bytes) {
    used.addAndGet(-bytes);
  }

  /** What is on disk is not known any more: from now on nothing is appended. */
  void poison(Throwable cause) {
    poison = cause;
  }

  void requireHealthy() {
    Throwable cause = poison;
    if (cause != null) {
      throw poisoned(cause);
    }
  }

  private PoisonedException poisoned(Throwable cause) {
    return new PoisonedException(
        options.name()
            + ": a sync failed, so what it covered may not be on disk; close the log and open it"
            + " again",
        cause);
  }

  // ---- batches

  /**
   * Bytes missing below the capacity for frames in a segment; 0 or less when they fit.
   *
   * @param frames how many there are
   * @param bytes of all frames and their entry
   * @param contextBytes those of context frames
   */
  long missing(LogSegment segment, int frames, long bytes, long contextBytes) {
    if (options.diskCapacity() == Long.MAX_VALUE) {
      return 0;
    }
    long footer =
        framing.footerBound(
            segment.written.size() + (long) frames, segment.contextBytes + contextBytes);
    long fresh = segment.file() == null ? header.byteSize() : 0;
    // What a failed write left behind the end is written over.
    long left = segment.file() == null ? 0 : segment.fileBytes - segment.end;
    return used.get() + fresh + bytes + footer + ENTRY_RESERVE - left - options.diskCapacity();
  }

  /** Writes a batch with the context frames that are not yet in the file, and commits it. */
  void write(long number, LogSegment segment, List<Incoming> frames) {
    requireHealthy();
    if (segment.file() == null) {
      discardUnannounced();
    }
    int last = frames.size() - 1;
    long bytes = 0;
    long parts = 0;
    for (Incoming incoming : frames) {
      bytes += incoming.frame().bytes;
      parts += incoming.frame().lengths.length;
    }
    long entries = Entry.batchBytes(frames.size(), parts) + 2 * 64;
    long contextBytes = bytes - frames.get(last).frame().bytes;
    requireCapacity(segment, number, frames.size(), bytes + entries, contextBytes);
    StorageFile file = open(segment);
    segment.written.ensureCapacity(segment.written.size() + frames.size());
    long[] offsets = new long[frames.size()];
    long end = segment.end;
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = end;
      end += frames.get(i).frame().bytes;
    }
    try {
      for (int i = 0; i < offsets.length; i++) {
        writeFrame(file, offsets[i], frames.get(i));
      }
      grow(segment, end);
      if (journal != null) {
        collect(journal, number, segment, frames, offsets);
        commit(journal);
      }
    } catch (Throwable e) {
      cutBack(e, segment, file, segment.end, end);
      throw e;
    }
    if (!segment.announced) {
      segment.announced = true;
      unannounced = null;
    }
    dirty.add(segment);
    segment.end = end;
    nextBatch = number + 1;
    nextSegment = Math.max(nextSegment, segment.number + 1);
    for (int i = 0; i < offsets.length; i++) {
      Frame frame = frames.get(i).frame();
      segment.written.add(frame);
      frame.offset = offsets[i];
    }
  }

  private void collect(
      Journal to, long number, LogSegment segment, List<Incoming> frames, long[] offsets) {
    to.rollback();
    if (number != nextBatch || (!segment.announced && segment.number != nextSegment)) {
      // Batches were released that never were in a file, and so were all before them.
      release(to, segment.number, number);
    }
    if (!segment.announced) {
      to.segment(segment.number, number, segment.headerBytes, segment.headerChecksum);
    }
    to.batch(number, segment.number, frames.size());
    for (int i = 0; i < offsets.length; i++) {
      to.frame(frames.get(i).frame(), offsets[i]);
    }
    to.endBatch();
  }

  private void commit(Journal to) {
    long before = to.size();
    try {
      if (!markCurrent) {
        // From now on what lies behind the floor comes from this boot.
        mark(to, floor.next(floor.pending(), boot));
        markCurrent = true;
      }
      to.commit();
    } finally {
      to.rollback();
      used.addAndGet(to.size() - before);
    }
    if (oldestUnsynced == Long.MAX_VALUE) {
      oldestUnsynced = storage.nanoTime();
    }
  }

  private void mark(Journal to, Floor next) {
    to.mark(next);
    floor = next;
  }

  private void requireCapacity(
      LogSegment segment, long number, int frames, long bytes, long contextBytes) {
    if (missing(segment, frames, bytes, contextBytes) > 0) {
      throw new FullException(
          options.name()
              + ": batch "
              + number
              + " and what ends its segment do not fit on disk; raise the disk capacity, or let"
              + " readers advance",
          options.diskCapacity(),
          used.get(),
          bytes);
    }
  }

  private void writeFrame(StorageFile file, long offset, Incoming incoming) {
    Frame frame = incoming.frame();
    FrameSource source = incoming.source();
    HotFrame hot = frame.hot;
    if (frame.bytes == 0) {
      return;
    }
    if (hot instanceof HotFrame.Copied copy) {
      MemorySegment bytes = copy.slab.segment().asSlice(copy.offset, frame.bytes);
      writer.write(file, offset, bytes);
    } else if (hot instanceof HotFrame.Kept kept) {
      writer.write(file, offset, kept.frame, frame.lengths, frame.checksums, true);
    } else if (source != null) {
      writer.write(file, offset, source, frame.lengths, frame.checksums, true);
    } else {
      throw new IllegalStateException("frame has neither memory nor a source");
    }
  }

  /** The file of a segment that batches are added to, created if it has none. */
  private StorageFile open(LogSegment segment) {
    StorageFile file = segment.file();
    if (file != null) {
      return file;
    }
    file = storage.open(segment.path, FileAccess.CREATE_NEW);
    segment.file(file);
    unannounced = segment;
    entriesChanged();
    if (header.byteSize() > 0) {
      try {
        file.write(0, header);
      } catch (Throwable e) {
        cutBack(e, segment, file, 0, header.byteSize());
        segment.closeFile();
        throw e;
      }
    }
    grow(segment, header.byteSize());
    segment.headerBytes = header.byteSize();
    segment.headerChecksum = writer.checksum(header);
    segment.end = header.byteSize();
    return file;
  }

  /** The next sync has something to do. */
  void entriesChanged() {
    entriesChanged = true;
    if (dirtyDirectories.isEmpty()) {
      dirtyDirectories = List.of(directory);
    }
  }

  /** Deletes the file of a segment that got no batch. */
  void discardUnannounced() {
    LogSegment segment = unannounced;
    if (segment != null) {
      segment.closeFile();
      if (storage.exists(segment.path)) {
        storage.delete(segment.path);
      }
      used.addAndGet(-segment.fileBytes);
      segment.fileBytes = 0;
      unannounced = null;
    }
  }

  /** Counts what a segment's file takes. */
  private void grow(LogSegment segment, long size) {
    long more = size - segment.fileBytes;
    if (more > 0) {
      segment.fileBytes = size;
      used.addAndGet(more);
    }
  }

  /**
   * Gives back the space of what a failed write left. Nobody has it mapped, since it never was
   * committed; but an entry that could not be cut off may still speak of it.
   *
   * @param length what the file had before
   * @param most where the file would end, had it not failed
   */
  private void cutBack(
      Throwable failure, LogSegment segment, StorageFile file, long length, long most) {
    long size = most;
    try {
      size = Math.min(most, file.size());
      if (size > length && (journal == null || journal.size() == journal.end())) {
        file.truncate(length);
        size = length;
      }
    } catch (VarveException second) {
      failure.addSuppressed(second);
    }
    used.addAndGet(size - segment.fileBytes);
    segment.fileBytes = size;
  }

  // ---- sealing

  /**
   * Writes the footer of a segment whose batches are all in its file. The file stays open if it
   * was.
   */
  void seal(LogSegment segment) {
    requireHealthy();
    if (segment.sealed || !segment.announced) {
      return;
    }
    StorageFile file = segment.file();
    if (file == null) {
      file = storage.open(segment.path, FileAccess.WRITE);
      segment.file(file);
    }
    long size = file.size();
    Footer footer = footer(segment, size);
    long bytes = footer.end() - footer.offset;
    int checksum = 0;
    try {
      if (footer.offset > segment.end) {
        // What a failed or torn write left is zeroed: nothing that was ever written shrinks.
        writer.zero(file, segment.end, footer.offset);
      }
      if (footer.lengths.length > 0) {
        int[] checksums = new int[footer.lengths.length];
        writer.write(file, footer.offset, footer.source, footer.lengths, checksums, false);
      }
      grow(segment, footer.end());
      if (journal != null) {
        checksum = writer.checksum(file, footer.offset, bytes);
        journal.rollback();
        journal.sealed(segment.number, footer.offset, bytes, checksum);
        commit(journal);
      }
    } catch (Throwable e) {
      cutBack(e, segment, file, size, footer.end());
      throw e;
    }
    segment.sealed(footer.offset, bytes, checksum, Long.MAX_VALUE);
    dirty.add(segment);
    SegmentSealedEvent.emit(segment);
  }

  /** A footer and where it stands. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Footer(long offset, FrameSource source, long[] lengths) {
    long end() {
      long end = offset;
      for (int part = 0; part < lengths.length; part++) {
        end += part < lengths.length - 1 ? FrameLayout.padded(lengths[part]) : lengths[part];
      }
      return end;
    }
  }

  /** The footer, so placed that nothing of what a file already holds stands behind it. */
  private Footer footer(LogSegment segment, long size) {
    List<SegmentFraming.StoredFrame> frames = new ArrayList<>(segment.written.size());
    for (Frame frame : segment.written) {
      List<Long> lengths = new ArrayList<>(frame.lengths.length);
      for (long length : frame.lengths) {
        lengths.add(length);
      }
      frames.add(new SegmentFraming.StoredFrame(frame.kind, frame.tag, frame.offset, lengths));
    }
    Footer footer = footer(segment, segment.end, frames);
    if (footer.end() < size) {
      long bytes = footer.end() - footer.offset;
      footer = footer(segment, FrameLayout.padded(size - bytes), frames);
    }
    return footer.end() < size ? footer(segment, FrameLayout.padded(size), frames) : footer;
  }

  private Footer footer(LogSegment segment, long at, List<SegmentFraming.StoredFrame> frames) {
    FrameSource source = framing.footer(at, frames, stored -> read(segment, stored));
    return new Footer(at, source, FrameLayout.lengths(source));
  }

  private static LogFrame read(LogSegment segment, SegmentFraming.StoredFrame stored) {
    List<Frame> frames = segment.written;
    int low = 0;
    int high = frames.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (frames.get(middle).offset < stored.offset()) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    // Frames without bytes stand where the one behind them does.
    for (; low < frames.size() && frames.get(low).offset == stored.offset(); low++) {
      Frame frame = frames.get(low);
      if (frame.tag == stored.tag()
          && frame.kind == stored.kind()
          && frame.bytes == stored.bytes()) {
        return read(segment, frame);
      }
    }
    throw new IllegalArgumentException(
        "segment " + segment.path + " has no frame at " + stored.offset());
  }

  private static LogFrame read(LogSegment segment, Frame frame) {
    LogFrame pinned = LogFrame.pin(frame, -1, 0);
    if (pinned == null) {
      throw new StorageException("segment " + segment.path + " went while it was being sealed");
    }
    try {
      pinned.verify();
    } catch (Throwable e) {
      pinned.close();
      throw e;
    }
    return pinned;
  }

  /**
   * Closes the file of a sealed segment. Where syncs are promised it is synced before, since only a
   * handle that was open from the first write on is told of every failure to write back.
   */
  void letGo(LogSegment segment) {
    if (options.durability().level() != Durability.Level.NONE) {
      sync();
    }
    segment.closeFile();
  }

  // ---- the end of segments and of the stream

  /**
   * Notes, durably if the log is kept, that segments and batches are gone.
   *
   * @param firstSegment the first segment that still exists
   * @param first the first batch that does
   */
  void released(long firstSegment, long first) {
    boolean announced = false;
    for (LogSegment segment : index.segments) {
      announced |= segment.number < firstSegment && segment.announced;
    }
    if (journal != null && announced) {
      requireHealthy();
      journal.rollback();
      release(journal, firstSegment, first);
      commit(journal);
      skipped(firstSegment, first);
      sync();
    }
  }

  /** Notes what is gone; segments may go later than batches behind them that never were written. */
  private void release(Journal to, long firstSegment, long first) {
    firstBatch = Math.max(firstBatch, first);
    to.released(firstSegment, firstBatch);
  }

  private void skipped(long firstSegment, long first) {
    nextBatch = Math.max(nextBatch, first);
    nextSegment = Math.max(nextSegment, firstSegment);
  }

  /** Deletes the file of a segment whose batches are all released. */
  void delete(LogSegment segment) {
    if (unannounced == segment) {
      discardUnannounced();
    } else if (segment.announced && storage.exists(segment.path)) {
      storage.delete(segment.path);
      entriesChanged();
    }
    boolean unused = dirty.remove(segment);
  }

  /** Notes the end of the stream after a number of batches. */
  void end(LogStatus status, String message, long firstSegment, long batches) {
    requireHealthy();
    if (journal != null) {
      journal.rollback();
      boolean skips = batches != nextBatch;
      if (skips) {
        release(journal, firstSegment, batches);
      }
      int code = status == LogStatus.COMPLETE ? Entry.COMPLETE : Entry.FAILED;
      long room = Math.max(0, options.diskCapacity() - used.get() - footers() - ENTRY_RESERVE);
      journal.ended(batches, code, message, (int) Math.min(Journal.MAX_MESSAGE, room));
      commit(journal);
      if (skips) {
        skipped(firstSegment, batches);
      }
    }
  }

  /** What ends the segments that are not sealed yet, for which room was kept. */
  private long footers() {
    long bytes = 0;
    for (LogSegment segment : index.segments) {
      if (segment.announced && !segment.sealed) {
        bytes += framing.footerBound(segment.written.size(), segment.contextBytes);
      }
    }
    return bytes;
  }

  /** Notes that batches before a number were released without ever having been written. */
  void skipTo(long firstSegment, long batches) {
    if (journal != null && batches != nextBatch) {
      requireHealthy();
      journal.rollback();
      release(journal, firstSegment, batches);
      commit(journal);
      skipped(firstSegment, batches);
    }
  }

  // ---- syncs

  /** Forces everything written so far to stable storage and raises the floor. */
  void sync() {
    sync(List.of());
  }

  /**
   * Syncs, and deletes files that no entry names before a mark says that all is done: who finds
   * some of them beside a mark of this boot may so trust that it was one process that left them.
   */
  void sync(List<Path> strays) {
    requireHealthy();
    Journal to = journal;
    if (to == null) {
      return;
    }
    to.cut();
    if (!entriesChanged && floor.length() == to.end() && !floor.pending() && strays.isEmpty()) {
      markCurrent = namesThisBoot(floor);
      return;
    }
    orLose(() -> force(to));
    for (Path stray : strays) {
      if (storage.exists(stray)) {
        storage.delete(stray);
      }
    }
    orLose(() -> mark(to, to.floor(boot, nextBatch, floor.number() + 1)));
    dirty.clear();
    dirtyDirectories = List.of();
    entriesChanged = false;
    markCurrent = true;
    oldestUnsynced = Long.MAX_VALUE;
    syncs++;
  }

  private void force(Journal to) {
    // Should this process die, it is known that a failure may have been reported already.
    mark(to, floor.next(true, boot));
    for (LogSegment segment : dirty) {
      force(segment);
    }
    for (Path changed : dirtyDirectories) {
      storage.syncDirectory(changed);
    }
    side.sync();
  }

  private void orLose(Runnable step) {
    try {
      step.run();
    } catch (VarveException e) {
      lose(e);
      throw poisoned(e);
    } catch (Throwable e) {
      lose(e);
      throw e;
    }
  }

  /**
   * After a failed sync a file may turn back into what it was, so its frames are to be verified.
   */
  private void lose(Throwable cause) {
    poison = cause;
    for (LogSegment segment : dirty) {
      for (Frame frame : segment.written) {
        frame.distrust();
      }
    }
  }

  private void force(LogSegment segment) {
    StorageFile file = segment.file();
    if (file != null) {
      file.sync();
    } else {
      try (StorageFile reopened = storage.open(segment.path, FileAccess.WRITE)) {
        reopened.sync();
      }
    }
  }

  void close() {
    Teardown steps = new Teardown();
    for (LogSegment segment : index.segments) {
      steps.run(segment::closeFile);
    }
    LogSegment segment = unannounced;
    if (segment != null) {
      steps.run(segment::closeFile);
    }
    steps.run(side::close);
    steps.end();
  }
}
