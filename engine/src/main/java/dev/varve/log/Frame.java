// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import org.jspecify.annotations.Nullable;

/**
 * What the index knows of one frame.
 *
 * <p>A frame is in memory, in its segment file, or in both. {@code offset} is set before {@code
 * hot} is dropped, so that a reader which looks at {@code hot} first and at {@code offset} second
 * always finds one of them, until the frame is released.
 */
final class Frame {

  static final long NOWHERE = -1;
  private static final int MANY_PARTS = 64;

  final LogSegment segment;
  final int kind;
  final long tag;
  final long[] lengths;
  final int[] checksums;
  final long bytes;

  /** Offset in the segment file; written once, by the appender. */
  volatile long offset = NOWHERE;

  /** Its place in memory; this reference is one of its counts. */
  volatile @Nullable HotFrame hot;

  /** Parts not yet compared with their checksums; null when all were. */
  volatile @Nullable PartSet unverified;

  /** One object of the application, for example parsed metadata. */
  volatile @Nullable Object attachment;

  Frame(LogSegment segment, int kind, long tag, long[] lengths, int[] checksums) {
    this.segment = segment;
    this.kind = kind;
    this.tag = tag;
    this.lengths = lengths;
    this.checksums = checksums;
    this.bytes = FrameLayout.bytes(lengths);
  }

  /** Where parts begin within the frame, once someone asked; only kept where there are many. */
  private volatile long @Nullable [] starts;

  /** Where a part begins within the frame. */
  long startOf(int part) {
    if (part < MANY_PARTS) {
      long start = 0;
      for (int before = 0; before < part; before++) {
        start += FrameLayout.padded(lengths[before]);
      }
      return start;
    }
    long[] known = starts;
    if (known == null) {
      known = new long[lengths.length];
      for (int next = 1; next < known.length; next++) {
        known[next] = known[next - 1] + FrameLayout.padded(lengths[next - 1]);
      }
      starts = known;
    }
    return known[part];
  }

  /** From now on each part is compared with its checksum once more. */
  void distrust() {
    unverified = lengths.length == 0 ? null : new PartSet(lengths.length);
  }

  /** Takes the frame out of memory. What is pinned lives on until its release. */
  void cool() {
    HotFrame frame = hot;
    if (frame != null) {
      hot = null;
      frame.release();
    }
  }
}
