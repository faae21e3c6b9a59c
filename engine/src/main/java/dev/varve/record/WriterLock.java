// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.BusyException;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import java.nio.file.Path;

/** The lock of the one who writes a file; its lock file is there as long as it is held. */
final class WriterLock implements AutoCloseable {
  private final Storage storage;
  private final Path path;
  private final ProcessLock lock;

  private WriterLock(Storage storage, Path path, ProcessLock lock) {
    this.storage = storage;
    this.path = path;
    this.lock = lock;
  }

  static WriterLock take(Storage storage, Path file) {
    Path path = sibling(file, ".lock");
    ProcessLock lock =
        storage
            .tryLock(path, 0, LockMode.EXCLUSIVE)
            .orElseThrow(
                () ->
                    new BusyException(
                        "record file "
                            + file
                            + " is open for writing elsewhere, in this process or another one,"
                            + " which holds "
                            + path
                            + "; close that writer first"));
    return new WriterLock(storage, path, lock);
  }

  static Path sibling(Path file, String suffix) {
    return file.resolveSibling(file.getFileName() + suffix);
  }

  @Override
  public void close() {
    try {
      if (lock.isValid()) {
        storage.delete(path);
      }
    } finally {
      lock.close();
    }
  }
}
