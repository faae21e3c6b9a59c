// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.ConflictException;
import dev.varve.NotFoundException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Hash;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;

/**
 * The moment in which a compacted file becomes the store's. It begins when the shared state says
 * which generation comes, and ends when the last commit is one of it. Who compacts holds both turns
 * and the gate meanwhile; if it dies, who comes next ends the switch, or undoes it.
 *
 * @param storage where the store is
 * @param path of its data file
 * @param shared what its processes share
 */
record Switch(Storage storage, Path path, SharedState shared) {
  /** Returns what stands for the identity of a data file in the shared state. */
  static long identity(StorageFile file) {
    return Hash.XXH3.hash(file.key().getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Puts a file, which is durable and sealed, in the place of the store's. The caller holds the
   * turns and the gate.
   *
   * @throws ConflictException if another file was put in the store's place meanwhile, which stays
   * @throws NotFoundException if the store's file was deleted
   */
  void begin(Path draft, long generation) {
    try (StorageFile file = openHere()) {
      if (identity(file) != shared.identity()) {
        throw new ConflictException(
            "store "
                + path
                + " was replaced by another file while it was compacted; close every handle of it"
                + " and open it again");
      }
    }
    shared.switching(generation);
    try {
      storage.rename(draft, path);
    } finally {
      end();
    }
  }

  private StorageFile openHere() {
    try {
      return storage.open(path, FileAccess.READ);
    } catch (NotFoundException e) {
      throw new NotFoundException(
          "store "
              + path
              + " was deleted before it was compacted; its open handles still have it: back it up"
              + " by one of them, close them all, and put the backup in its place",
          e);
    }
  }

  /**
   * Ends a switch that has begun: if the file at the path is of the generation that comes, its
   * state is the last commit from now on, and steady; if not, all stays as it was. Everything is
   * done again where it was done in part. The caller holds the gate.
   */
  void end() {
    long generation = shared.switching();
    if (generation == 0) {
      return;
    }
    try (StorageFile file = storage.open(path, FileAccess.READ)) {
      StoreHeader header = StoreHeader.read(file);
      Meta meta = new SteadyMetas(file, header.pageShift()).newest();
      if (meta.generation() == generation) {
        publish(file, meta);
      }
    }
    shared.switching(0);
  }

  private void publish(StorageFile file, Meta meta) {
    try {
      // No commit may say that it is durable before the file has its name for good.
      storage.syncDirectory(Objects.requireNonNull(path.getParent(), "directory"));
    } catch (RuntimeException | Error e) {
      shared.poison(SharedState.SYNC_FAILED);
      throw e;
    }
    shared.identity(identity(file));
    if (shared.published() != meta.txn()) {
      shared.publish(meta);
    }
    shared.nextSteady(meta.txn());
    shared.steady(shared.steady(), meta.txn());
  }
}
