// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * A reusable CRC32C computation over segments of any length (the Castagnoli polynomial of RFC 3720,
 * section 12.1).
 *
 * <p>It computes with the JDK's intrinsic, which must only ever see private memory: over a mapping
 * that faults it kills the JVM. {@link #update} therefore refuses mapped segments, and {@link
 * #updateCopying} copies each piece to private memory first. A segment that was made by {@code
 * reinterpret} from the address of a mapping no longer says that it is mapped; never pass one.
 *
 * <p>For one thread at a time. Allocates nothing per call but {@link ByteBuffer} views, which the
 * JIT compiler usually removes.
 */
public final class Crc32c {

  /** The size of the pieces in which {@link #updateCopying} copies, if the scratch has room. */
  public static final int COPY_BYTES = 256 * 1024;

  /** What one {@link ByteBuffer} view spans at most: a multiple of 64 well below 2 GiB. */
  private static final long VIEW_BYTES = 1L << 30;

  private final CRC32C crc = new CRC32C();

  /** What {@link #keepView} was given, and the view of it. */
  private @Nullable MemorySegment viewed;

  private @Nullable ByteBuffer view;

  /** Creates a computation that has seen no bytes. */
  public Crc32c() {}

  /** Starts a new computation: the state of a new object. */
  public void reset() {
    crc.reset();
  }

  /**
   * Returns the checksum of all bytes since the last reset; the computation may go on.
   *
   * @return the 32 bits of the checksum
   */
  public int value() {
    return (int) crc.getValue();
  }

  /**
   * Keeps a view of a segment whose parts are gone over again and again, so that {@link
   * #update(MemorySegment, long, long)} of this very segment allocates nothing. It takes the place
   * of what was given before; a segment of more than a gigabyte has no effect.
   *
   * @param segment private native memory; reachable as long as this is, and alive when it is used
   * @throws IllegalArgumentException if the segment is mapped
   */
  public void keepView(MemorySegment segment) {
    checkPrivate(segment);
    boolean fits = segment.byteSize() <= VIEW_BYTES;
    viewed = fits ? segment : null;
    view = fits ? segment.asByteBuffer() : null;
  }

  /**
   * Adds all bytes of a private segment.
   *
   * @param segment native memory or a {@code byte[]}
   * @throws IllegalArgumentException if the segment is mapped, or on the heap but no {@code byte[]}
   */
  public void update(MemorySegment segment) {
    update(segment, 0, segment.byteSize());
  }

  /**
   * Adds {@code length} bytes of a private segment from {@code offset}.
   *
   * @param segment native memory or a {@code byte[]}
   * @param offset where to begin
   * @param length how many bytes to add
   * @throws IllegalArgumentException if the segment is mapped, or on the heap but no {@code byte[]}
   * @throws IndexOutOfBoundsException if the range is not within the segment
   */
  public void update(MemorySegment segment, long offset, long length) {
    ByteBuffer kept = view;
    if (kept != null && segment == viewed) {
      Objects.checkFromIndexSize(offset, length, segment.byteSize());
      crc.update(kept.limit((int) (offset + length)).position((int) offset));
      return;
    }
    checkPrivate(segment);
    MemorySegment range = segment.asSlice(offset, length);
    if (length <= VIEW_BYTES) {
      crc.update(range.asByteBuffer());
    } else {
      updateInViews(range, VIEW_BYTES);
    }
  }

  private static void checkPrivate(MemorySegment segment) {
    if (segment.isMapped()) {
      throw new IllegalArgumentException(
          "CRC32C over a mapped segment of "
              + segment.byteSize()
              + " bytes could kill the JVM on a fault; use updateCopying");
    }
  }

  /** Splits a range into views of at most {@code viewBytes}. */
  void updateInViews(MemorySegment range, long viewBytes) {
    long end = range.byteSize();
    for (long at = 0; at < end; at += viewBytes) {
      crc.update(range.asSlice(at, Math.min(viewBytes, end - at)).asByteBuffer());
    }
  }

  /**
   * Adds all bytes of a segment that may be mapped, through private memory.
   *
   * @param mayBeMapped any segment
   * @param scratch private memory of at least one byte, best {@link #COPY_BYTES}; overwritten
   * @throws IllegalArgumentException if {@code scratch} is empty or mapped
   * @throws InternalError if the mapping faulted; the computation is then worthless until reset
   */
  public void updateCopying(MemorySegment mayBeMapped, MemorySegment scratch) {
    updateCopying(mayBeMapped, 0, mayBeMapped.byteSize(), scratch);
  }

  /**
   * Adds {@code length} bytes from {@code offset} of a segment that may be mapped, through private
   * memory.
   *
   * @param mayBeMapped any segment
   * @param offset where to begin
   * @param length how many bytes to add
   * @param scratch private memory of at least one byte, best {@link #COPY_BYTES}; overwritten
   * @throws IllegalArgumentException if {@code scratch} is empty or mapped
   * @throws IndexOutOfBoundsException if the range is not within the segment
   * @throws InternalError if the mapping faulted; the computation is then worthless until reset
   */
  public void updateCopying(
      MemorySegment mayBeMapped, long offset, long length, MemorySegment scratch) {
    int room = (int) Math.min(scratch.byteSize(), COPY_BYTES);
    if (room == 0 || scratch.isMapped()) {
      throw new IllegalArgumentException(
          "Scratch memory must be private and not empty, but "
              + (scratch.isMapped() ? "is mapped" : "has 0 bytes"));
    }
    MemorySegment source = mayBeMapped.asSlice(offset, length);
    ByteBuffer view = scratch.asSlice(0, room).asByteBuffer();
    for (long at = 0; at < length; at += room) {
      int piece = (int) Math.min(room, length - at);
      MemorySegment.copy(source, at, scratch, 0, piece);
      crc.update(view.limit(piece).position(0));
    }
    Faults.surface();
  }
}
