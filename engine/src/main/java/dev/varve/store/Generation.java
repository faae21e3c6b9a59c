// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.file.Mapping;
import dev.varve.file.StorageFile;
import org.jspecify.annotations.Nullable;

/**
 * A data file that a handle has open: the one of today, or one that a compaction has replaced and
 * that readers still use.
 */
final class Generation {
  /** 0, or a txn: a compaction wrote the file, and no page of it is born before. */
  final long number;

  final PageFile file;
  final SteadyMetas metas;
  final PageVerifier verifier;
  private final Mapping header;

  /** How many stages have pages in it; changed by the handle under its lock. */
  int stages;

  /** The one that this one replaced, null when nobody uses it any more. */
  volatile @Nullable Generation previous;

  /**
   * Takes over a file.
   *
   * @param opened pages born up to this state have checksums
   * @param last a meta that the file holds now
   */
  Generation(
      StoreOptions options,
      String name,
      StorageFile storageFile,
      int pageShift,
      long opened,
      Meta last) {
    this.number = last.generation();
    this.file = new PageFile(storageFile, pageShift, options.readsAhead());
    this.metas = new SteadyMetas(storageFile, pageShift);
    this.verifier = new PageVerifier(name, pageShift, opened, last.pageCount());
    Mapping mapped = null;
    try {
      file.map(last.pageCount());
      mapped = file.mapHeader();
    } finally {
      if (mapped == null) {
        file.unmap();
      }
    }
    this.header = mapped;
  }

  /** Returns a tree to read or write the file by. */
  Tree tree() {
    return new Tree(file.map(), verifier);
  }

  /** Checks that the file is still the one that belongs to the shared state. */
  void checkSession(SharedState shared) {
    if (header.segment().get(LE_LONG, StoreHeader.SESSION) != shared.session()) {
      shared.poison(SharedState.FILES_REPLACED);
      shared.checkPoison();
    }
  }

  /** Marks file and shared state as belonging together, by a number; nobody else is in. */
  void newSession(SharedState shared, long session) {
    header.segment().set(LE_LONG, StoreHeader.SESSION, session);
    shared.session(session);
  }

  /** Unmaps, but leaves the file open. */
  void unmap() {
    header.close();
    file.unmap();
  }

  /** Unmaps and closes the file. Nobody may use it afterwards. */
  void close() {
    header.close();
    file.close();
  }
}
