// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of one frame on their way into a {@link ReplayLog}: a run of parts, each of which the
 * log stores at a multiple of 64 bytes and checksums on its own.
 *
 * <p>A source is read only during {@link ReplayLog#append}, by the appending thread, and may be
 * reused afterwards. Memory that it answers in place is read by another thread, too, if it may be.
 * A log may hold in memory what a source lets it {@link #keep}; anything else it copies.
 */
public interface FrameSource {

  /** {@return the application's kind of the frame, stored with it} */
  int kind();

  /** {@return a number that the application wants stored with the frame, for example its rows} */
  long tag();

  /** {@return the number of parts, 0 to 2^20} */
  int partCount();

  /**
   * Returns the length of a part.
   *
   * @param part 0 to {@link #partCount} - 1
   * @return the length in bytes, 0 to 2^47
   */
  long partLength(int part);

  /**
   * Copies bytes {@code [offset, offset + target.byteSize())} of a part.
   *
   * @param part 0 to {@link #partCount} - 1
   * @param offset where in the part to begin, in bytes
   * @param target native memory, filled whole
   */
  void copyTo(int part, long offset, MemorySegment target);

  /**
   * The part in place, or null when it must be copied out.
   *
   * <p>Only native memory that no file backs may be answered: a checksum over a mapping that faults
   * kills the JVM.
   *
   * @param part 0 to {@link #partCount} - 1
   * @return a native segment of exactly the part's length, or null
   */
  @Nullable MemorySegment direct(int part);

  /**
   * Lets the log keep the frame's bytes where they are, in place of a copy in its own memory. Asked
   * at most once in an {@link ReplayLog#append}, and only of batches, where the log wants the batch
   * in memory. The default is null.
   *
   * <p>If the append fails, what this answered was closed, and the source is as it was.
   *
   * @return the same kind, tag and parts, to be closed by the log; or null to have them copied
   */
  default @Nullable KeptFrame keep() {
    return null;
  }

  /**
   * A frame of kind 0 over the given segments, one a part, which the log copies out. They may be
   * heap, native or mapped.
   *
   * @param tag stored with the frame
   * @param parts the bytes of each part
   * @return a source over these segments, which must stay readable while it is used
   */
  static FrameSource of(long tag, MemorySegment... parts) {
    return new SegmentsSource(tag, parts.clone());
  }
}
