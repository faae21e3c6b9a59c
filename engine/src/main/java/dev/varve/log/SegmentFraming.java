// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What an application puts before the first and behind the last frame of each segment file, so that
 * a sealed segment is a file of its own format.
 *
 * <p>The log never reads these bytes back. An implementation is called by one thread at a time.
 */
public interface SegmentFraming {

  /** Nothing before, nothing behind. */
  SegmentFraming PLAIN = new PlainFraming();

  /**
   * Name of the framing, at most 255 bytes of UTF-8; stored in the log, which opens only under the
   * same name.
   *
   * @return the name, always the same
   */
  String name();

  /** {@return the suffix of segment files, with its dot} */
  String suffix();

  /** {@return the bytes that every segment begins with, a multiple of 64} */
  MemorySegment header();

  /**
   * Bytes behind the last frame of a segment that is being sealed. Parts begin at multiples of 64;
   * the last is not padded.
   *
   * @param end where the first part will stand in the file
   * @param frames every frame of the segment, in order
   * @param content reads a frame of the segment
   * @return what to write there; nothing if it has no parts
   */
  FrameSource footer(long end, List<StoredFrame> frames, ContentReader content);

  /**
   * An upper bound of the footer's bytes, reserved while the segment is open.
   *
   * @param frames number of frames
   * @param contextBytes bytes of the segment's context frames
   * @return bytes, 0 or more
   */
  long footerBound(long frames, long contextBytes);

  /**
   * A frame's place.
   *
   * @param kind the application's kind
   * @param tag the application's number
   * @param offset where the frame begins in the segment file, in bytes
   * @param partLengths the length of each part in bytes
   */
  record StoredFrame(int kind, long tag, long offset, List<Long> partLengths) {

    /** {@return the bytes of the frame with its padding} */
    public long bytes() {
      long bytes = 0;
      for (long length : partLengths) {
        bytes += FrameLayout.padded(length);
      }
      return bytes;
    }
  }

  /** Reads frames of the segment that is being sealed. */
  @FunctionalInterface
  interface ContentReader {
    /**
     * Pins a frame.
     *
     * @param frame one of the frames of the segment
     * @return the frame, its checksums verified; the caller closes it
     */
    LogFrame read(StoredFrame frame);
  }
}
