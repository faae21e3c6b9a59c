// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.CorruptionException;
import dev.varve.file.StorageFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The two steady metas of a data file, at the starts of pages 1 and 2. For one thread at a time.
 */
final class SteadyMetas {
  private final StorageFile file;
  private final int pageShift;
  private final MemorySegment buffer = Arena.ofAuto().allocate(Meta.BYTES, 8);

  SteadyMetas(StorageFile file, int pageShift) {
    this.file = file;
    this.pageShift = pageShift;
  }

  /** Reads the one at a page, 1 or 2; null if it is not valid. */
  private @Nullable Meta read(int page) {
    Meta meta = new Meta();
    long bytes = file.read((long) page << pageShift, meta.segment);
    boolean good =
        bytes == Meta.BYTES
            && meta.isSealed()
            && meta.records() >= 0
            && meta.records() <= Meta.MAX_TABLES
            && meta.pageCount() >= FreeSpace.FIRST_PAGE
            && meta.pageCount() <= FreeSpace.MAX_PAGES;
    return good ? meta : null;
  }

  /** Tells whether both are valid, so that the newest one is the last that was written. */
  synchronized boolean areBothValid() {
    return read(1) != null && read(2) != null;
  }

  /** Returns the valid one of a txn, or null. */
  synchronized @Nullable Meta find(long txn) {
    for (int page = 1; page <= 2; page++) {
      Meta meta = read(page);
      if (meta != null && meta.txn() == txn) {
        return meta;
      }
    }
    return null;
  }

  /**
   * Returns the valid one with the higher txn.
   *
   * @throws CorruptionException if neither is valid
   */
  synchronized Meta newest() {
    Meta a = read(1);
    Meta b = read(2);
    if (a != null && b != null) {
      return Long.compareUnsigned(a.txn(), b.txn()) >= 0 ? a : b;
    }
    Meta only = a == null ? b : a;
    if (only == null) {
      throw new CorruptionException(
          "steady metas",
          file.path().toString(),
          1L << pageShift,
          "one of two with a right checksum",
          "none",
          "restore a backup, or salvage what the store still holds");
    }
    return only;
  }

  /**
   * Returns for each of both what is wrong with it, or an empty text, while no sync is going on and
   * no compaction replaces the file.
   */
  synchronized String[] faults(Handle handle) {
    SharedState shared = handle.shared;
    long steady = shared.steady();
    String[] faults = {"", ""};
    boolean found = false;
    for (int page = 1; page <= 2; page++) {
      Meta meta = read(page);
      found |= meta != null && meta.txn() == steady;
      if (meta == null) {
        faults[page - 1] = "not valid";
      }
    }
    if (!found) {
      faults[0] += " neither is of the steady state, txn " + Txn.toString(steady);
    }
    // In this order: S follows the switch of the file before that is said to be over.
    boolean isQuiet =
        shared.switching() == 0
            && shared.nextSteady() == steady
            && shared.steady() == steady
            && handle.currentGeneration().metas == this;
    return isQuiet ? faults : new String[0];
  }

  /** Writes a meta over the one that is not of a txn, which is the steady one. Does not sync. */
  synchronized void write(Meta meta, long steady) {
    Meta first = read(1);
    int page = first != null && first.txn() == steady ? 2 : 1;
    MemorySegment.copy(meta.segment, 0, buffer, 0, Meta.BYTES);
    new Meta(buffer).seal();
    file.write((long) page << pageShift, buffer);
  }

  /** Writes one that is there again, so that the next sync writes it. */
  synchronized void rewrite(long txn) {
    for (int page = 1; page <= 2; page++) {
      Meta meta = read(page);
      if (meta != null && meta.txn() == txn) {
        file.write((long) page << pageShift, meta.segment);
      }
    }
  }
}
