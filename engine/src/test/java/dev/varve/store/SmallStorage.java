// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.FileAccess;
import dev.varve.file.LockMode;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.ProcessLock;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A simulated storage on which {@code NAME-shm} has room for a few slots only, since a megabyte in
 * each of many thousand states would take most of the time of a test. Shows the full length. A redo
 * log is made shorter, too, so that its halves are full now and then.
 */
record SmallStorage(SimulatedStorage storage, Storage starts) implements Storage {
  static final int SLOTS = 6;
  private static final long FULL = 4096 + 4096L * SharedState.SLOTS;
  private static final long SMALL = 4096 + 4096L * SLOTS;

  /** Of a redo log: two halves, each of a few records, of which none takes more than a quarter. */
  static final long LOG = 4096 + 2 * 12_000L;

  SmallStorage(SimulatedStorage storage) {
    this(storage, storage);
  }

  /** Returns this storage with the processes of another machine. */
  SmallStorage withStarts(Storage other) {
    return new SmallStorage(storage, other);
  }

  @Override
  public StorageFile open(Path path, FileAccess access) {
    StorageFile file = storage.open(path, access);
    String name = path.toString();
    return name.endsWith("-shm")
        ? new Shared(file, SMALL)
        : name.endsWith("-log") ? new Shared(file, LOG) : file;
  }

  @Override
  public boolean exists(Path path) {
    return storage.exists(path);
  }

  @Override
  public void createDirectories(Path dir) {
    storage.createDirectories(dir);
  }

  @Override
  public List<Path> list(Path dir) {
    return storage.list(dir);
  }

  @Override
  public void delete(Path path) {
    storage.delete(path);
  }

  @Override
  public void rename(Path source, Path target) {
    storage.rename(source, target);
  }

  @Override
  public void syncDirectory(Path dir) {
    storage.syncDirectory(dir);
  }

  @Override
  public long usableSpace(Path dir) {
    return storage.usableSpace(dir);
  }

  @Override
  public Optional<String> fileSystemType(Path path) {
    return storage.fileSystemType(path);
  }

  @Override
  public Optional<ProcessLock> tryLock(Path lockFile, long position, LockMode mode) {
    return position > SLOTS && position < Gate.COMPACTION
        ? Optional.of(new Nobodys(mode))
        : storage.tryLock(lockFile, position, mode);
  }

  @Override
  public boolean isLocked(Path lockFile, long position, int count) {
    return storage.isLocked(lockFile, position, Math.min(count, SLOTS + 1 - (int) position));
  }

  @Override
  public long nanoTime() {
    return storage.nanoTime();
  }

  @Override
  public long currentTimeMillis() {
    return storage.currentTimeMillis();
  }

  @Override
  public long processId() {
    return storage.processId();
  }

  @Override
  public OptionalLong processStart(long processId) {
    return starts.processStart(processId);
  }

  @Override
  public Optional<String> bootId() {
    return storage.bootId();
  }

  /** The lock of a slot that nobody can have. */
  private record Nobodys(LockMode mode) implements ProcessLock {
    @Override
    public boolean isValid() {
      return true;
    }

    @Override
    public void close() {}
  }

  /** A file that is shorter than it was made. */
  private record Shared(StorageFile file, long small) implements StorageFile {
    @Override
    public Path path() {
      return file.path();
    }

    @Override
    public FileAccess access() {
      return file.access();
    }

    @Override
    public String key() {
      return file.key();
    }

    @Override
    public long size() {
      long size = file.size();
      return small == SMALL && size == SMALL ? FULL : size;
    }

    @Override
    public long usableSpace() {
      return file.usableSpace();
    }

    @Override
    public void write(long position, MemorySegment source) {
      file.write(position, source.asSlice(0, Math.min(source.byteSize(), small - position)));
    }

    @Override
    public void write(long position, MemorySegment[] sources, int count) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long read(long position, MemorySegment target) {
      return file.read(position, target);
    }

    @Override
    public void extend(long newSize) {
      file.extend(small);
    }

    @Override
    public void truncate(long newSize) {
      file.truncate(newSize == FULL ? SMALL : newSize);
    }

    @Override
    public void sync() {
      file.sync();
    }

    @Override
    public Mapping map(long position, long length, MapAccess access) {
      return file.map(position, Math.min(length, small - position), access);
    }

    @Override
    public void close() {
      file.close();
    }
  }
}
