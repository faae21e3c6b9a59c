// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.lang.foreign.MemorySegment;

/**
 * A part of a file mapped into memory.
 *
 * <p>It lives on after its {@link StorageFile} is closed, until it is closed itself; the segment
 * may be used by any thread. Unmapping is expensive, about 80 microseconds: keep one mapping for
 * each file generation and none on a hot path.
 *
 * <p>A file must not be truncated while it is mapped, and a hole must never be mapped: an access
 * that the operating system cannot serve is an {@link InternalError} at best. {@link
 * StorageFile#extend} writes zeros for that reason.
 */
public interface Mapping extends AutoCloseable {
  /**
   * Returns the mapped bytes. The segment is native; accessing it after {@link #close} is an {@link
   * IllegalStateException}.
   *
   * @return a segment of exactly the mapped length
   * @throws dev.varve.ClosedException if this mapping is closed
   */
  MemorySegment segment();

  /**
   * Makes stores to a part of a {@link MapAccess#READ_WRITE} mapping durable; has no effect on
   * other mappings. The length of the file is not made durable by this, {@link StorageFile#sync}
   * does so.
   *
   * <p>A failure poisons the file handle this mapping came from, and all its mappings.
   *
   * @param offset where the part begins within this mapping, in bytes; need not be aligned
   * @param length length of the part in bytes
   * @throws IllegalArgumentException if the part is not within the mapping
   * @throws dev.varve.ClosedException if this mapping is closed
   * @throws dev.varve.PoisonedException if a sync or force failed before
   * @throws dev.varve.StorageException if it failed; what is on the disk is then unknown
   */
  void force(long offset, long length);

  /**
   * Unmaps. Closing again has no effect. Threads must have stopped to access the segment; one that
   * has not gets an {@link IllegalStateException}. Waits for reads and writes of files that use the
   * segment as their buffer.
   *
   * @throws dev.varve.StorageException if such a read or write goes on for very long; the mapping
   *     is then still open and can be closed again
   */
  @Override
  void close();
}
