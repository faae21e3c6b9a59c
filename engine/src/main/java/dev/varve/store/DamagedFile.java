// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.StorageException;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.StorageFile;
import dev.varve.memory.Faults;
import dev.varve.memory.Hash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The pages of a data file of which nothing is believed but what has a right checksum. For one
 * thread.
 */
final class DamagedFile {
  /** So many pages of each size are tried where the header does not say the size. */
  private static final int TRIED_PAGES = 4096;

  final StorageFile file;
  final int pageShift;
  final int pageSize;

  /** So many whole pages the file has. */
  final long pageCount;

  /** Whether the header is right; if not, the page size was guessed. */
  final boolean hasHeader;

  DamagedFile(StorageFile file) {
    this.file = file;
    this.hasHeader = hasHeader(file);
    this.pageShift = hasHeader ? StoreHeader.read(file).pageShift() : guess(file);
    this.pageSize = 1 << pageShift;
    this.pageCount = file.size() >>> pageShift;
  }

  /**
   * Tells whether the header is right.
   *
   * @throws FormatVersionException if it is, and is of another format version
   */
  private static boolean hasHeader(StorageFile file) {
    try {
      StoreHeader.read(file);
      return true;
    } catch (FormatVersionException e) {
      if (StoreHeader.isWhole(file)) {
        throw e;
      }
      return false;
    } catch (CorruptionException | StorageException e) {
      return false;
    }
  }

  /** Returns the page size, as a power of two, of which most pages are sound. */
  private static int guess(StorageFile file) {
    int best = StoreHeader.MIN_PAGE_SHIFT;
    long most = -1;
    for (int shift = StoreHeader.MIN_PAGE_SHIFT; shift <= StoreHeader.MAX_PAGE_SHIFT; shift++) {
      MemorySegment buffer = Arena.ofAuto().allocate(1L << shift, 64);
      long end = Math.min(file.size() >>> shift, TRIED_PAGES);
      long sound = 0;
      for (long page = FreeSpace.FIRST_PAGE; page < end; page++) {
        sound += isNode(file, page, shift, buffer) ? 1 << shift : 0;
      }
      if (sound > most) {
        most = sound;
        best = shift;
      }
    }
    return best;
  }

  MemorySegment newBuffer() {
    return Arena.ofAuto().allocate(pageSize, 64);
  }

  /** Reads a page; tells whether it is a node that is well-formed and has a right checksum. */
  boolean isNode(long page, MemorySegment buffer) {
    return page >= FreeSpace.FIRST_PAGE
        && page < pageCount
        && isNode(file, page, pageShift, buffer);
  }

  private static boolean isNode(StorageFile file, long page, int shift, MemorySegment buffer) {
    int pageSize = 1 << shift;
    try {
      return file.read(page << shift, buffer) == pageSize
          && Node.number(buffer, 0) == page
          && NodeCheck.fault(buffer, 0, pageSize) == null
          && Node.checksum(buffer, 0) == Node.sum(buffer, 0, pageSize);
    } catch (StorageException e) {
      return false; // the disk cannot read it
    }
  }

  /** Returns how many pages a run has, 0 if it cannot be one of this file. */
  long runPages(long page, long length) {
    long most = pageCount << pageShift;
    if (page < FreeSpace.FIRST_PAGE || page >= pageCount || length < 0 || length > most) {
      return 0;
    }
    long count = (Node.CONTENT + length + pageSize - 1) >>> pageShift;
    return count <= pageCount - page ? count : 0;
  }

  /** Maps a run, null if it is not the one that is meant, or has not a right checksum. */
  @Nullable Mapping run(long page, long birth, int kind, long length) {
    Mapping mapping = file.map(page << pageShift, Node.CONTENT + length, MapAccess.READ_ONLY);
    boolean good = false;
    try {
      MemorySegment s = mapping.segment();
      good =
          Node.number(s, 0) == page
              && Node.birth(s, 0) == birth
              && Node.kind(s, 0) == kind
              && s.get(LE_LONG, Node.CONTENT_LENGTH) == length
              && Hash.XXH3.hash(s, 8, Node.CONTENT - 8 + length) == Node.checksum(s, 0);
      Faults.surface();
    } catch (InternalError e) {
      good = false; // the disk cannot read it
    } finally {
      if (!good) {
        mapping.close();
      }
    }
    return good ? mapping : null;
  }
}
