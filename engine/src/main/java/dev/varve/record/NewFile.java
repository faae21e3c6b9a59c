// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.VarveException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.security.SecureRandom;

/**
 * Creates files that have a whole header from the moment they have their name, which is durable
 * when they are handed out.
 */
final class NewFile {
  private static final SecureRandom RANDOM = new SecureRandom();

  private NewFile() {}

  /** Creates a file in place of one that may be there; the writer's lock is held. */
  static WriterState create(Path path, byte[] metadata, WriterOptions options) {
    Storage storage = options.storage();
    long id = options.fileId();
    while (id == 0) {
      id = RANDOM.nextLong();
    }
    Path fresh = WriterLock.sibling(path, ".new");
    if (storage.exists(fresh)) {
      storage.delete(fresh);
    }
    long end;
    boolean named = false;
    try {
      try (StorageFile file = storage.open(fresh, FileAccess.CREATE_NEW);
          Arena arena = Arena.ofConfined()) {
        long padded = Format.up64(metadata.length);
        MemorySegment bytes = arena.allocate(Format.UNIT + padded, Format.UNIT);
        MemorySegment.copy(metadata, 0, bytes, ValueLayout.JAVA_BYTE, Format.UNIT, metadata.length);
        Crc32c crc = new Crc32c();
        int checksum = Format.checksum(crc, bytes, Format.UNIT, padded);
        new FileHeader(id, storage.currentTimeMillis(), metadata.length, checksum)
            .write(bytes, 0, crc);
        FileHeader.writeSet(bytes, 0, options.setId(), options.setFirst(), crc);
        file.write(0, bytes);
        file.sync();
        end = bytes.byteSize();
      }
      storage.rename(fresh, path);
      named = true;
    } finally {
      if (!named && storage.exists(fresh)) {
        storage.delete(fresh);
      }
    }
    nameDurably(storage, path);
    return new WriterState(0, 0, id, 1, end, end, 0, new IndexWriter(), true);
  }

  /**
   * Makes the name of a new file durable, or deletes it: a name whose sync failed may never become
   * durable, although later syncs succeed.
   */
  static void nameDurably(Storage storage, Path path) {
    try {
      syncName(storage, path);
    } catch (VarveException e) {
      try {
        storage.delete(path);
      } catch (VarveException also) {
        e.addSuppressed(also);
      }
      throw e;
    }
  }

  /** Syncs the directory of a file. */
  static void syncName(Storage storage, Path path) {
    Path directory = path.toAbsolutePath().getParent();
    if (directory != null) {
      storage.syncDirectory(directory);
    }
  }
}
