// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.MemorySegment;

/**
 * The mapped pages of a data file. A page, or a run of pages that is allocated as one, lies in one
 * segment.
 */
interface Pages {
  /** Returns the binary logarithm of the page size, 12 to 16. */
  int pageShift();

  /**
   * Returns the memory that holds a page.
   *
   * @throws IndexOutOfBoundsException if it is beyond what is mapped
   */
  MemorySegment segment(long page);

  /** Returns where in its {@link #segment} a page begins, in bytes. */
  long offset(long page);

  /**
   * Throws if the file surely cannot become so many pages long, of which many are missing. Writes
   * nothing.
   *
   * @throws dev.varve.FullException if the file system has too little left
   */
  void checkRoom(long pageCount);

  /**
   * Makes the file so many pages long, by writing zeros, unless it is longer, and maps them.
   *
   * @throws dev.varve.FullException if the disk is full; the file may be longer than it was
   */
  void extend(long pageCount);
}
