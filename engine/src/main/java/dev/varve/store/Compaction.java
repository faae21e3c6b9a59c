// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.ConflictException;
import dev.varve.UnavailableException;
import dev.varve.file.ProcessLock;
import java.io.File;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Copies a store into a new file while it is read and written, brings over what has changed
 * meanwhile, again and again until that is little, and then, as the writer, the rest; and puts the
 * file in the place of the old one.
 */
final class Compaction {
  /** So few entries may be brought over while nobody else can write. */
  private static final long FEW = 1000;

  private static final int MOST_ROUNDS = 16;

  private final Handle handle;
  private final StoreCheck.Progress progress;
  private final Path path;
  private ReadView copied;

  private Compaction(Handle handle, StoreCheck.Progress progress) {
    this.handle = handle;
    this.progress = progress;
    this.path = handle.path.resolveSibling(handle.path.getFileName() + "-new");
    this.copied = handle.beginRead(false);
  }

  @SuppressWarnings("try") // the lock is held, not used
  static void run(Handle handle, StoreCheck.Progress progress) {
    handle.checkOpen();
    if (handle.options.isReadOnly() || handle.innermost() != null) {
      throw new IllegalStateException(
          handle.name()
              + " cannot be compacted "
              + (handle.options.isReadOnly()
                  ? "by a handle for reading only"
                  : "within a transaction that writes; end it first"));
    }
    if (File.separatorChar == '\\') {
      throw new UnavailableException(
          handle.name()
              + " cannot be compacted on Windows, where an open file cannot be replaced; close it"
              + " and put a backup in its place");
    }
    try (ProcessLock held = handle.gate.takeCompaction(handle.options.timeout())) {
      handle.finishSwitch(); // of who had this byte before, and died
      // Before the pin: so what the snapshot shares with this steady state has its checksum.
      long steady = handle.shared.steady();
      StoreCompactedEvent event = StoreCompactedEvent.start();
      Compaction compaction = new Compaction(handle, progress);
      Generation before = compaction.copied.generation;
      try {
        compaction.run(steady);
        Generation now = handle.currentGeneration(); // so that the old file can go
        if (event != null) {
          event.emit(handle, before, now);
        }
      } catch (RuntimeException | Error e) {
        throw compaction.copied.failed(e);
      } finally {
        handle.endRead(compaction.copied);
      }
    }
  }

  private void run(long steady) {
    PageMap pages = copied.tree.pages;
    MemorySegment first = pages.segment(0).asSlice(pages.offset(0), StoreHeader.BYTES);
    StoreHeader header = StoreHeader.read(first, handle.path.toString());
    // Beyond all states of the old file, so that pins of these hold back nothing in the new one.
    long generation = Txn.afterLoss(copied.meta.txn());
    Draft draft = new Draft(handle.storage, path, header, generation);
    try {
      Meta meta = Copier.copy(copied, steady, draft, progress);
      meta.generation(generation);
      Delta delta = new Delta(draft, meta);
      try {
        int round = 0;
        while (catchUp(delta) > FEW && round < MOST_ROUNDS) {
          round++;
        }
        draft.file.sync();
        replace(draft, meta, delta);
      } finally {
        delta.close();
      }
      draft.close();
    } catch (RuntimeException | Error e) {
      draft.discard(e);
      throw e;
    }
  }

  /** Brings over what has changed up to now. Returns how many entries. */
  private long catchUp(Delta delta) {
    ReadView last = handle.beginRead(false);
    ReadView former = copied;
    copied = last;
    try {
      if (former.generation != last.generation) { // this process lost its locks
        throw new ConflictException(handle.name() + " was compacted by another handle; try again");
      }
      return delta.apply(former, last);
    } finally {
      handle.endRead(former);
    }
  }

  /** Brings over the rest, and lets the file be the store's, while nobody else writes or syncs. */
  @SuppressWarnings("try") // the lock is held, not used
  private void replace(Draft draft, Meta meta, Delta delta) {
    handle.takeTurn();
    try {
      handle.finishSwitch();
      handle.syncer.take(handle.options.timeout());
      try {
        catchUp(delta);
        if (SharedState.isSamePlace(meta.txn(), handle.shared.published())) {
          delta.skip();
        }
        if (Long.compareUnsigned(meta.generation(), handle.shared.published()) <= 0) {
          throw new ConflictException(
              handle.name() + " had too many commits while it was compacted; try again");
        }
        draft.seal(meta, handle.shared.session());
        try (ProcessLock held = handle.gate.take(handle.options.timeout())) {
          handle.checkWriter();
          handle.syncer.check();
          new Switch(handle.storage, handle.path, handle.shared).begin(path, meta.generation());
        }
      } finally {
        handle.syncer.release();
      }
    } finally {
      handle.writerTurn.release();
    }
  }
}
