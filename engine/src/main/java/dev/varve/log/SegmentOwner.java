// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.nio.file.Path;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Makes a log's segments, bounds how many stay mapped, and credits the space of deleted ones. */
final class SegmentOwner {

  /** The kernel allows a process about 65,000 mappings. */
  static final int MAX_MAPPED = 4096;

  private final LogOptions options;
  private final boolean mappable;

  /** Guarded by its own monitor, under which no other is taken. */
  private final Set<LogSegment> mapped = new LinkedHashSet<>();

  private volatile @Nullable DiskTier disk;

  /**
   * An owner without segments.
   *
   * @param mappable whether segment files may be mapped privately
   */
  SegmentOwner(LogOptions options, boolean mappable) {
    this.options = options;
    this.mappable = mappable;
  }

  /** Says whose budget deleted segments are credited to. */
  void credits(DiskTier tier) {
    disk = tier;
  }

  LogSegment segment(long number, long first) {
    Path directory = options.directory();
    Path path =
        directory == null
            ? Path.of("memory")
            : LogDirectory.segment(directory, number, options.framing().suffix());
    LogSegment segment = new LogSegment(number, first, path, options.storage(), this);
    segment.mappable = mappable;
    return segment;
  }

  /** A deleted segment's file takes no more space: its last window is closed. */
  void spaceFreed(long bytes) {
    DiskTier tier = disk;
    if (tier != null) {
      tier.credit(bytes);
    }
  }

  /** A segment was mapped: if there are too many, the one mapped first has to let go. */
  void mapped(LogSegment segment) {
    LogSegment oldest = null;
    synchronized (mapped) {
      if (mapped.add(segment) && mapped.size() > MAX_MAPPED) {
        Iterator<LogSegment> first = mapped.iterator();
        oldest = first.next();
        first.remove();
      }
    }
    if (oldest != null) {
      oldest.unmap();
    }
  }

  void discarded(LogSegment segment) {
    synchronized (mapped) {
      boolean unused = mapped.remove(segment);
    }
  }
}
