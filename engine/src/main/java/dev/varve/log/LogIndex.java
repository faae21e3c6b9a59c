// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.CorruptionException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The state that the entries of a side file add up to. It changes under the log's lock, or before
 * the log is shared; {@link #table} alone is read without.
 */
final class LogIndex implements Entry.Visitor {

  /** Makes the in-memory object of a segment. */
  interface SegmentFactory {
    LogSegment create(long number, long firstBatch);
  }

  final BatchTable table = new BatchTable();
  final Deque<LogSegment> segments = new ArrayDeque<>();
  private final String file;
  private final SegmentFactory factory;

  long nextBatch;
  long nextSegment;
  long firstBatch;
  LogStatus status = LogStatus.OPEN;
  Optional<String> failure = Optional.empty();

  /** Where the entry being decoded begins. */
  long position;

  /** Where the entries of batches begin, for those from some place in the side file on. */
  private final List<Long> positions = new ArrayList<>();

  private final long positionsFrom;
  private long firstPosition;

  /** Where the last entry begins that leaves batches out. */
  private long skippedAt = -1;

  /** Where the entry of the last segment begins, as long as it has no batch; else -1. */
  private long emptySegment = -1;

  /**
   * An empty state.
   *
   * @param positionsFrom from where in the side file on positions are remembered
   */
  LogIndex(String file, SegmentFactory factory, long positionsFrom) {
    this.file = file;
    this.factory = factory;
    this.positionsFrom = positionsFrom;
  }

  @Nullable LogSegment last() {
    return segments.peekLast();
  }

  /** Number of the first segment that exists, or that the next one will have. */
  long firstSegment() {
    LogSegment first = segments.peekFirst();
    return first == null ? nextSegment : first.number;
  }

  /** Where the side file must end for the log to end before a batch, which may be released. */
  long positionOf(long batch) {
    return positions.isEmpty() || batch < firstPosition
        ? skippedAt
        : positions.get(Math.toIntExact(batch - firstPosition));
  }

  /** Where the last segment's entry begins if no batch followed it, else -1. */
  long emptySegment() {
    return emptySegment;
  }

  /** Lets go of all mappings. */
  void discard() {
    segments.forEach(LogSegment::discard);
  }

  @Override
  public void segment(long number, long first, long headerBytes, int headerChecksum) {
    require(number == nextSegment, "segment", nextSegment, number);
    require(first == nextBatch, "first batch of segment " + number, nextBatch, first);
    require(
        headerBytes >= 0
            && headerBytes <= FrameLayout.MAX_OFFSET
            && headerBytes % FrameLayout.ALIGNMENT == 0,
        "header length of segment " + number,
        "a multiple of 64",
        headerBytes);
    LogSegment segment = factory.create(number, first);
    segment.announced(headerBytes, headerChecksum, position);
    segments.addLast(segment);
    nextSegment = number + 1;
    emptySegment = position;
  }

  @Override
  public void batch(long number, long segmentNumber, Entry.StoredFrame[] stored) {
    LogSegment segment = last();
    if (segment == null || segment.number != segmentNumber) {
      throw wrong("segment of batch " + number, "the last one announced", segmentNumber);
    }
    require(number == nextBatch, "batch", nextBatch, number);
    require(status != LogStatus.COMPLETE, "entry", "none behind the end", "batch " + number);
    require(!segment.sealed, "segment of batch " + number, "one not sealed", segmentNumber);
    Frame frame = null;
    for (int i = 0; i < stored.length; i++) {
      Entry.StoredFrame each = stored[i];
      require(
          each.offset() >= segment.end,
          "offset of batch " + number,
          "from " + segment.end,
          each.offset());
      frame = new Frame(segment, each.kind(), each.tag(), each.lengths(), each.checksums());
      frame.offset = each.offset();
      frame.distrust();
      segment.written.add(frame);
      segment.logicalBytes += frame.bytes;
      segment.end = each.offset() + frame.bytes;
      if (i < stored.length - 1) {
        segment.addContext(frame);
        segment.writtenContexts++;
      }
    }
    if (frame == null) {
      throw wrong("frames of batch " + number, "at least 1", 0);
    }
    table.put(number, new Batch(frame, segment.contextCount));
    if (position >= positionsFrom) {
      if (positions.isEmpty()) {
        firstPosition = number;
      }
      positions.add(emptySegment >= 0 ? emptySegment : position);
    }
    emptySegment = -1;
    nextBatch = number + 1;
    segment.endBatch = nextBatch;
    status = LogStatus.OPEN;
    failure = Optional.empty();
  }

  @Override
  public void sealed(long number, long footerOffset, long footerBytes, int footerChecksum) {
    for (LogSegment segment : segments) {
      if (segment.number == number) {
        require(
            footerOffset >= segment.end
                && footerOffset <= FrameLayout.MAX_OFFSET
                && footerBytes >= 0
                && footerBytes <= FrameLayout.MAX_OFFSET,
            "footer of segment " + number,
            "from " + segment.end,
            footerOffset);
        segment.sealed(footerOffset, footerBytes, footerChecksum, position);
        return;
      }
    }
    throw wrong("sealed segment", "one that exists", number);
  }

  @Override
  public void released(long firstSegment, long first) {
    while (!segments.isEmpty() && segments.getFirst().number < firstSegment) {
      segments.removeFirst().discard();
      emptySegment = segments.isEmpty() ? -1 : emptySegment;
    }
    nextSegment = Math.max(nextSegment, firstSegment);
    if (first >= nextBatch) {
      table.clear();
    } else {
      for (long batch = firstBatch; batch < first; batch++) {
        table.remove(batch);
      }
    }
    firstBatch = Math.max(firstBatch, first);
    if (nextBatch < first) {
      nextBatch = first;
      positions.clear();
      skippedAt = position;
    }
  }

  @Override
  public void ended(long batches, int code, String message) {
    require(batches == nextBatch, "number of batches at the end", nextBatch, batches);
    switch (code) {
      case Entry.COMPLETE -> {
        status = LogStatus.COMPLETE;
        failure = Optional.empty();
      }
      case Entry.FAILED -> {
        status = LogStatus.FAILED;
        failure = Optional.of(message);
      }
      default -> throw wrong("status", "1 or 2", code);
    }
  }

  private void require(boolean holds, String what, Object expected, Object actual) {
    if (!holds) {
      throw wrong(what, expected, actual);
    }
  }

  private CorruptionException wrong(String what, Object expected, Object actual) {
    return Bits.corrupt(file, what, position, expected, actual);
  }
}
