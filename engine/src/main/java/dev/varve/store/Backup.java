// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.ConflictException;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/** Writes a snapshot into a store of its own, under a name that it gets when it is whole. */
final class Backup {
  private final Handle handle;
  private final Storage storage;
  private final Path target;
  private final StoreCheck.Progress progress;

  private Backup(Handle handle, Path target, StoreCheck.Progress progress) {
    this.handle = handle;
    this.storage = handle.storage;
    this.target = storage.realPath(target);
    this.progress = progress;
  }

  @SuppressWarnings("try") // the lock is held, not used
  static void write(Handle handle, Path path, StoreCheck.Progress progress) {
    handle.checkOpen();
    StoreBackedUpEvent event = StoreBackedUpEvent.start();
    Backup backup = new Backup(handle, path, progress);
    Gate gate = new Gate(handle.storage, backup.sibling("-lock"));
    backup.checkFree();
    // Held against who makes a store or another backup there.
    try (ProcessLock held = gate.take(handle.options.timeout())) {
      if (gate.isAnyoneIn()) {
        throw new ConflictException(
            "a store at " + backup.target + " is missing and open; back up to another name");
      }
      backup.checkFree();
      long txn = backup.write();
      if (event != null) {
        event.emit(handle, backup.target, txn);
      }
    }
  }

  private Path sibling(String suffix) {
    return target.resolveSibling(target.getFileName() + suffix);
  }

  private void checkFree() {
    if (storage.exists(target)) {
      throw new ConflictException(
          "backup to "
              + target
              + ": there is a file of that name, and a backup replaces none; choose another name,"
              + " or move it away");
    }
  }

  private long write() {
    // Before the pin: so what the snapshot shares with this steady state has its checksum.
    long steady = handle.shared.steady();
    ReadView view = handle.beginRead(false);
    try {
      write(view, steady);
      return view.meta.txn();
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    } finally {
      handle.endRead(view);
    }
  }

  private void write(ReadView view, long steady) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    StoreHeader header =
        new StoreHeader(
            view.tree.pages.pageShift(),
            random.nextLong(),
            random.nextLong(),
            storage.currentTimeMillis());
    Draft draft = new Draft(storage, sibling("-new"), header, view.meta.txn());
    draft.publish(target, () -> Copier.copy(view, steady, draft, progress));
  }
}
