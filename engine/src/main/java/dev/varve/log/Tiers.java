// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.FullException;
import dev.varve.file.Durability;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where a log's batches are, in memory, in files, or in both, and how they move between. Every
 * method is called under the log's lock.
 *
 * <p>A frame reaches its file before it leaves memory, so that a reader always finds it in one of
 * them; see {@link Frame}. What fails leaves everything as it was, but for batches that left memory
 * to make room.
 */
final class Tiers {

  private static final System.Logger LOGGER = System.getLogger(Tiers.class.getName());

  /** Memory that is kept in place instead of a copy: so many times the bytes of its frame. */
  private static final long MAX_KEPT_TIMES = 2;

  /** And so many bytes more. */
  private static final long MAX_KEPT_MORE = 64 << 10;

  private final LogOptions options;
  private final LogIndex index;
  private final SegmentOwner owner;
  private final @Nullable DiskTier disk;
  private final HotTier hot;
  private final FrameWriter writer = new FrameWriter();

  /** Segments that get no more batches, and whose last batches may not be in the file yet. */
  private final Deque<LogSegment> unsealed = new ArrayDeque<>();

  /** The segment that batches are added to, if one was begun. */
  private @Nullable LogSegment active;

  /** The end of the stream, as long as batches before it are not in files. */
  private @Nullable End pendingEnd;

  /** The first batch that may be in memory. */
  private long nextHot;

  /** The first batch that may not be in a file. */
  private long nextWrite;

  private long firstBatch;

  /** Whether a kept log was brought in order, so that its files stay as they are. */
  private boolean finished;

  /** Whether the last append found no space. */
  private boolean full;

  private long oldestUnwritten = Long.MAX_VALUE;
  private long hotBytes;
  private long hotBatches;
  private long evictions;
  private long releases;

  private record End(LogStatus status, String message) {}

  Tiers(LogOptions options, LogIndex index, SegmentOwner owner, @Nullable DiskTier disk) {
    this.options = options;
    this.index = index;
    this.owner = owner;
    this.disk = disk;
    this.hot = new HotTier(options.memoryCapacity());
    this.nextHot = index.nextBatch;
    this.nextWrite = index.nextBatch;
    this.firstBatch = index.firstBatch;
    for (LogSegment segment : index.segments) {
      if (!segment.sealed) {
        unsealed.add(segment);
      }
    }
  }

  long hotBytes() {
    return hotBytes;
  }

  long hotBatches() {
    return hotBatches;
  }

  long heldBytes() {
    return hot.heldBytes();
  }

  long evictions() {
    return evictions;
  }

  long releases() {
    return releases;
  }

  // ---- appending

  /**
   * Settles in which segment the next batch goes; see {@link ReplayLog#prepare}.
   *
   * @param slowest where the slowest reader stands
   */
  boolean prepare(long bytes, boolean fresh, long slowest) {
    LogSegment segment = active;
    if (segment == null) {
      return true;
    }
    boolean large = segment.sealed || segment.logicalBytes + bytes > options.segmentBytes();
    boolean hopeless = isHopeless(segment, bytes, slowest);
    if (!fresh && !large && !hopeless) {
      return false;
    }
    if (disk != null && nextWrite < segment.endBatch) {
      unsealed.add(segment);
    } else if (!hopeless) {
      seal(segment); // else there may be no space for a footer, and it is about to be released
    }
    active = null;
    return true;
  }

  /** Whether only the end of a segment that is done with makes room. */
  private boolean isHopeless(LogSegment segment, long bytes, long slowest) {
    DiskTier tier = disk;
    return tier != null
        && segment.endBatch <= slowest
        && (full || tier.missing(segment, 1, bytes, 0) > 0);
  }

  /** Appends a batch with the context frames before it, and answers its number. */
  long append(List<? extends FrameSource> contexts, FrameSource batch) {
    long number = index.nextBatch;
    LogSegment begun = active;
    LogSegment segment = begun == null ? owner.segment(index.nextSegment, number) : begun;
    Frame frame = describe(segment, batch);
    List<DiskTier.Incoming> incoming = new ArrayList<>(contexts.size() + 1);
    long contextBytes = 0;
    long contextParts = 0;
    for (FrameSource context : contexts) {
      Frame described = describe(segment, context);
      contextBytes += described.bytes;
      contextParts += described.lengths.length;
      incoming.add(new DiskTier.Incoming(described, context));
    }
    incoming.add(new DiskTier.Incoming(frame, batch));
    requireEntry(
        segment.contextCount + incoming.size(),
        segment.contextParts + contextParts + frame.lengths.length);
    Batch added = new Batch(frame, segment.contextCount + contexts.size());
    segment.reserveContexts(contexts.size());
    index.table.reserve(number);
    try {
      place(number, segment, incoming, contextBytes, frame);
      full = false;
    } catch (Throwable e) {
      full = e instanceof FullException;
      for (DiskTier.Incoming each : incoming) {
        cool(each.frame());
      }
      throw e;
    }
    try {
      for (DiskTier.Incoming each : incoming) {
        if (each.frame() != frame) {
          segment.addContext(each.frame());
        }
      }
      if (frame.hot != null) {
        hotBatches++;
      }
      if (frame.offset != Frame.NOWHERE) {
        segment.writtenContexts = segment.contextCount;
        nextWrite = number + 1;
      } else if (oldestUnwritten == Long.MAX_VALUE) {
        oldestUnwritten = options.storage().nanoTime();
      }
      if (begun == null) {
        index.segments.addLast(segment);
        index.nextSegment = segment.number + 1;
        active = segment;
      }
      segment.logicalBytes += contextBytes + frame.bytes;
      segment.endBatch = number + 1;
      pendingEnd = null;
      index.table.put(number, added);
      index.nextBatch = number + 1;
    } catch (Throwable e) {
      if (disk != null) {
        disk.poison(e);
      }
      throw e;
    }
    return number;
  }

  /** The entry of a batch names, at worst, every context of its segment. */
  private void requireEntry(long frames, long parts) {
    long bytes = Entry.batchBytes(frames, parts);
    if (disk != null && bytes > Entry.MAX_BYTES) {
      throw new IllegalArgumentException(
          options.name()
              + ": the batch and the context of its segment have "
              + parts
              + " parts, whose entry takes "
              + bytes
              + " bytes; expected at most "
              + Entry.MAX_BYTES
              + "; give them fewer parts, or begin a new segment");
    }
  }

  private void place(
      long number,
      LogSegment segment,
      List<DiskTier.Incoming> incoming,
      long contextBytes,
      Frame frame) {
    long all = contextBytes + frame.bytes;
    DiskTier tier = disk;
    if (tier == null) {
      keep(incoming.getLast(), contextBytes);
      if (hot.heldBytes() + contextBytes > hot.capacity) {
        cool(frame); // A copy may take less.
      }
      requireMemory(number, frame.hot == null ? all : contextBytes);
      heat(incoming);
      return;
    }
    if (options.writePolicy() == WritePolicy.ON_EVICTION && all <= hot.capacity) {
      keep(incoming.getLast(), contextBytes);
      long fresh = frame.hot == null ? all : contextBytes;
      makeRoom(fresh);
      if (hotBytes + fresh <= hot.capacity) {
        heat(incoming);
        return;
      }
      // What is left is context of released batches, which only goes to the file with a batch.
    }
    List<DiskTier.Incoming> frames = incoming;
    int unwritten = segment.writtenContexts;
    if (options.writePolicy() == WritePolicy.ON_EVICTION) {
      flush();
      // Batches that were released before they had a file have left context that this one needs.
      frames = new ArrayList<>();
      unwritten = segment.writtenContexts;
      for (int i = unwritten; i < segment.contextCount; i++) {
        frames.add(new DiskTier.Incoming(segment.contexts[i], null));
      }
      frames.addAll(incoming);
    } else if (frame.bytes <= hot.capacity) {
      keep(incoming.getLast(), 0);
      makeRoom(frame.hot == null ? frame.bytes : 0);
      heat(List.of(incoming.getLast()));
    }
    tier.write(number, segment, frames);
    for (int i = unwritten; i < segment.contextCount; i++) {
      cool(segment.contexts[i]);
    }
    if (options.durability().level() == Durability.Level.SYNC) {
      tier.sync();
    }
  }

  private void requireMemory(long number, long bytes) {
    long held = hot.heldBytes();
    if (held + bytes > hot.capacity) {
      throw new FullException(
          options.name()
              + ": batch "
              + number
              + " does not fit in memory; raise the memory capacity, give the log a directory, or"
              + " let readers advance",
          hot.capacity,
          held,
          bytes);
    }
  }

  /**
   * Has the memory of a batch stay where it is, if its source allows that, and if it keeps not much
   * more from being freed than a copy would take.
   */
  private void keep(DiskTier.Incoming batch, long contextBytes) {
    Frame frame = batch.frame();
    KeptFrame kept = frame.bytes == 0 ? null : Objects.requireNonNull(batch.source()).keep();
    if (kept == null) {
      return;
    }
    boolean taken = false;
    try {
      long all = 0;
      for (int i = 0; i < kept.memoryCount(); i++) {
        all += kept.memoryBytes(i);
      }
      if (all + contextBytes <= hot.capacity
          && hot.shared.heldBytes(kept) <= MAX_KEPT_TIMES * frame.bytes + MAX_KEPT_MORE) {
        HotFrame inPlace = hot.keep(kept);
        taken = true;
        hotBytes += inPlace.added;
        frame.hot = inPlace;
      }
    } finally {
      if (!taken) {
        kept.close();
      }
    }
  }

  /** Copies into memory what is not there. */
  private void heat(List<DiskTier.Incoming> incoming) {
    for (DiskTier.Incoming each : incoming) {
      Frame frame = each.frame();
      if (frame.bytes > 0 && frame.hot == null) {
        FrameSource source = Objects.requireNonNull(each.source());
        HotFrame.Copied copy = hot.allocate(frame.bytes);
        hotBytes += copy.added;
        frame.hot = copy;
        writer.copy(source, frame.lengths, frame.checksums, copy.slab.segment(), copy.offset);
      }
    }
  }

  private static Frame describe(LogSegment segment, FrameSource source) {
    long[] lengths = FrameLayout.lengths(source);
    return new Frame(segment, source.kind(), source.tag(), lengths, new int[lengths.length]);
  }

  // ---- moving

  /** Lets the oldest batches leave memory until there is room. */
  private void makeRoom(long bytes) {
    while (hotBytes + bytes > hot.capacity && nextHot < index.nextBatch) {
      long number = nextHot;
      Batch batch = index.table.get(number);
      if (batch != null) {
        writeOut(number, batch);
        if (batch.frame().hot != null) {
          cool(batch.frame());
          hotBatches--;
          evictions++;
          BatchEvictedEvent.emit(number, batch.frame().bytes);
        }
      }
      nextHot = number + 1;
    }
  }

  /** Brings a batch and the context it needs to its file, if they are not there. */
  private void writeOut(long number, Batch batch) {
    if (disk != null && batch.frame().offset == Frame.NOWHERE) {
      LogSegment segment = batch.frame().segment;
      List<DiskTier.Incoming> incoming = new ArrayList<>();
      for (int i = segment.writtenContexts; i < batch.contexts(); i++) {
        incoming.add(new DiskTier.Incoming(segment.contexts[i], null));
      }
      incoming.add(new DiskTier.Incoming(batch.frame(), null));
      disk.write(number, segment, incoming);
      for (int i = segment.writtenContexts; i < batch.contexts(); i++) {
        cool(segment.contexts[i]);
      }
      segment.writtenContexts = Math.max(segment.writtenContexts, batch.contexts());
    }
    nextWrite = Math.max(nextWrite, number + 1);
    sealWritten();
  }

  private void cool(Frame frame) {
    HotFrame copy = frame.hot;
    if (copy != null) {
      hotBytes -= copy.cooled();
      frame.cool();
    }
  }

  /** Writes every batch that has no file yet; they stay in memory. */
  void flush() {
    DiskTier tier = disk;
    if (tier == null) {
      return;
    }
    while (nextWrite < index.nextBatch) {
      Batch batch = index.table.get(nextWrite);
      if (batch == null) {
        nextWrite++;
      } else {
        writeOut(nextWrite, batch);
      }
    }
    oldestUnwritten = Long.MAX_VALUE;
    End end = pendingEnd;
    if (end != null) {
      writeEnd(tier, end);
      pendingEnd = null;
    }
  }

  /** Notes the end of the stream, once all batches before it are in files. */
  void end(LogStatus status, String message) {
    DiskTier tier = disk;
    if (tier == null) {
      return;
    }
    End end = new End(status, message);
    if (nextWrite < index.nextBatch) {
      pendingEnd = end;
      return;
    }
    pendingEnd = null;
    writeEnd(tier, end);
    if (options.durability().level() == Durability.Level.SYNC) {
      tier.sync();
    }
  }

  private void writeEnd(DiskTier tier, End end) {
    tier.end(end.status, end.message, index.firstSegment(), index.nextBatch);
  }

  private void seal(LogSegment segment) {
    if (disk != null) {
      disk.seal(segment);
      disk.letGo(segment);
    }
  }

  /** Seals finished segments whose batches are all in files by now. */
  private void sealWritten() {
    if (finished) {
      return; // They are sealed once every batch is written, which matters more.
    }
    LogSegment segment = unsealed.peekFirst();
    while (segment != null && segment.endBatch <= nextWrite) {
      seal(segment);
      unsealed.removeFirst();
      segment = unsealed.peekFirst();
    }
  }

  /** When the oldest batch was appended that no sync has covered, or {@link Long#MAX_VALUE}. */
  long oldestUnsynced() {
    return disk == null ? Long.MAX_VALUE : Math.min(oldestUnwritten, disk.oldestUnsynced());
  }

  // ---- the end of batches

  /** Lets go of the batches before a number, and of the segments that lie wholly before it. */
  void release(long until) {
    for (; firstBatch < until; firstBatch++) {
      Batch batch = index.table.get(firstBatch);
      if (batch != null) {
        if (batch.frame().hot != null) {
          hotBatches--;
          cool(batch.frame());
        }
        releases++;
      }
      index.table.remove(firstBatch);
    }
    nextHot = Math.max(nextHot, firstBatch);
    nextWrite = Math.max(nextWrite, firstBatch);
    index.firstBatch = firstBatch;
    releaseSegments();
  }

  private void releaseSegments() {
    if (finished) {
      return;
    }
    long firstKept = -1;
    long batch = 0;
    for (LogSegment segment : index.segments) {
      if (segment == active || segment.endBatch > firstBatch) {
        break;
      }
      firstKept = segment.number + 1;
      batch = segment.endBatch;
    }
    if (firstKept < 0) {
      return;
    }
    if (disk != null) {
      disk.released(firstKept, batch);
    }
    for (LogSegment segment = index.segments.peekFirst();
        segment != null && segment.number < firstKept;
        segment = index.segments.peekFirst()) {
      segment.retire();
      if (disk != null) {
        disk.delete(segment);
      }
      for (int i = 0; i < segment.contextCount; i++) {
        if (segment.contexts[i].hot != null) {
          hotBytes -= segment.contexts[i].bytes;
        }
      }
      boolean unused = unsealed.remove(segment);
      index.segments.removeFirst();
      segment.discard();
    }
  }

  /**
   * Brings a kept log in order: everything written, sealed and synced, as far as that goes. A
   * segment that cannot be sealed for want of space lacks nothing but its footer, which no reader
   * of the log needs, and is sealed when the log is opened again; so that is no failure.
   */
  void finish() {
    DiskTier tier = disk;
    if (tier == null || !options.kept()) {
      return;
    }
    finished = true;
    Teardown steps = new Teardown();
    steps.run(this::flush);
    for (LogSegment segment : index.segments) {
      steps.run(() -> sealIfRoom(tier, segment));
    }
    if (nextWrite >= index.nextBatch) {
      steps.run(() -> tier.skipTo(index.firstSegment(), index.nextBatch));
    }
    steps.run(tier::discardUnannounced);
    steps.run(tier::sync);
    steps.end();
  }

  private void sealIfRoom(DiskTier tier, LogSegment segment) {
    try {
      tier.seal(segment);
    } catch (FullException e) {
      LOGGER.log(System.Logger.Level.WARNING, options.name() + ": segment not sealed yet", e);
    }
  }

  /** Gives back all memory and mappings that nobody has pinned. */
  void close(Teardown steps) {
    for (LogSegment segment : index.segments) {
      steps.run(segment::discard);
    }
    for (long number = firstBatch; number < index.nextBatch; number++) {
      Batch batch = index.table.get(number);
      if (batch != null) {
        batch.frame().cool();
      }
    }
    steps.run(hot::close);
  }
}
