// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.MemorySegment;

/**
 * Which memory holds which page, as of one moment. Immutable, so that a transaction reads through
 * the one it began with while others grow the file.
 *
 * <p>A file is mapped in granules of 16 MiB, several in a mapping where they were mapped at once. A
 * run of up to a granule never crosses a multiple of one; a longer run begins at one, and has a
 * mapping of its own where the granules are in several ({@link #mapping}).
 */
final class PageMap {
  static final int GRANULE_SHIFT = 24;

  private final PageFile file;
  private final int pageShift;
  private final int granulePages;
  private final long pageCount;
  private final MemorySegment[] segments;
  private final long[] offsets;

  PageMap(PageFile file, int pageShift, long pageCount, MemorySegment[] segments, long[] offsets) {
    this.file = file;
    this.pageShift = pageShift;
    this.granulePages = GRANULE_SHIFT - pageShift;
    this.pageCount = pageCount;
    this.segments = segments;
    this.offsets = offsets;
  }

  /** Returns how many pages are mapped. */
  long pageCount() {
    return pageCount;
  }

  int pageShift() {
    return pageShift;
  }

  MemorySegment segment(long page) {
    if (page < 0 || page >= pageCount) {
      throw file.noSuchPage(page, pageCount);
    }
    return segments[(int) (page >>> granulePages)];
  }

  long offset(long page) {
    return offsets[(int) (page >>> granulePages)]
        + ((page & ((1L << granulePages) - 1)) << pageShift);
  }

  /** Whether a run is not in one segment, or not mapped. */
  boolean isMissing(long page, long count) {
    if (page < 0 || count > pageCount || page > pageCount - count) {
      throw file.noSuchPage(page + count - 1, pageCount);
    }
    int first = (int) (page >>> granulePages);
    int last = (int) ((page + count - 1) >>> granulePages);
    return segments[first] != segments[last]
        || offsets[last] - offsets[first] != (long) (last - first) << GRANULE_SHIFT;
  }

  /** Returns a map in which a run that {@link #isMissing} is in one segment. */
  PageMap mapping(long page, long count) {
    return file.mapRun(page, count);
  }

  MemorySegment[] segments() {
    return segments.clone();
  }

  long[] offsets() {
    return offsets.clone();
  }
}
