// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.BusyException;
import dev.varve.file.FileAccess;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.nio.file.Path;

/** A file that one writer holds, with the lock that says so. */
final class WriterFile implements AutoCloseable {
  private static final String LOCK_SUFFIX = ".lock";
  private static final long LOCK_BYTE = 0;

  private final Storage storage;
  private final Path lockFile;
  private final ProcessLock lock;
  private final StorageFile file;

  private WriterFile(Storage storage, Path lockFile, ProcessLock lock, StorageFile file) {
    this.storage = storage;
    this.lockFile = lockFile;
    this.lock = lock;
    this.file = file;
  }

  /** What opens or creates the file once its lock is held. */
  interface Opening {
    StorageFile open();
  }

  static WriterFile open(Storage storage, Path path, Opening opening) {
    Path real = storage.realPath(path);
    Path lockFile = real.resolveSibling(real.getFileName() + LOCK_SUFFIX);
    ProcessLock lock =
        storage
            .tryLock(lockFile, LOCK_BYTE, LockMode.EXCLUSIVE)
            .orElseThrow(
                () ->
                    new BusyException(
                        "file \""
                            + path
                            + "\" has a writer already, which holds \""
                            + lockFile
                            + "\"; close that one first"));
    try {
      return new WriterFile(storage, lockFile, lock, opening.open());
    } catch (Throwable e) {
      try {
        release(storage, lockFile, lock);
      } catch (RuntimeException | Error second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  /** Creates a file, durably, with what it is to begin with; or nothing at all. */
  static StorageFile create(Storage storage, Path path) {
    StorageFile file = storage.open(path, FileAccess.CREATE_NEW);
    try {
      file.write(0, ChunkLayout.signature());
      file.sync();
      storage.syncDirectory(directory(path));
      return file;
    } catch (Throwable e) {
      try {
        file.close();
        storage.delete(path);
      } catch (RuntimeException | Error second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  private static Path directory(Path path) {
    Path parent = path.toAbsolutePath().getParent();
    if (parent == null) {
      throw new IllegalArgumentException("\"" + path + "\" is a directory; pass a file");
    }
    return parent;
  }

  StorageFile file() {
    return file;
  }

  /** Closes the file and gives it free for other writers. */
  @Override
  public void close() {
    try {
      file.close();
    } finally {
      release(storage, lockFile, lock);
    }
  }

  /** The lock file goes, too: readers of whole directories would take it for a record file. */
  private static void release(Storage storage, Path lockFile, ProcessLock lock) {
    try {
      storage.delete(lockFile);
    } finally {
      lock.close();
    }
  }
}
