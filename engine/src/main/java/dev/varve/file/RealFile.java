// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.ClosedException;
import dev.varve.VarveException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileStore;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A file of the operating system: what the storage seam promises, on top of a {@link RealChannel}.
 */
final class RealFile implements StorageFile {
  private final Path path;
  private final FileAccess access;
  private final RealChannel channel;

  /** Held while the length changes, and while it must not. */
  private final ReentrantLock resizing = new ReentrantLock();

  /**
   * Held while something is synced. The operating system reports a failure to one of several calls
   * at the same time; the others would return as if all were well.
   */
  private final ReentrantLock syncing = new ReentrantLock();

  private volatile @Nullable Throwable poison;

  /** A length that the file has had, so that most writes need not ask for it. */
  private volatile long knownSize;

  private RealFile(Path path, FileAccess access, RealChannel channel) {
    this.path = path;
    this.access = access;
    this.channel = channel;
  }

  static RealFile open(Path path, FileAccess access) {
    try {
      boolean create = access == FileAccess.CREATE_NEW;
      for (int i = 0; ; i++) {
        if (!create) {
          checkRegular(path);
          RealLocks.checkNotLocked(path);
        }
        RealChannel channel = RealChannel.open(path, access);
        if (channel != null) {
          return new RealFile(path, access, channel);
        }
        if (create || i == 100) {
          throw new FileSystemException(
              path.toString(), null, "another file took its place while it was opened");
        }
      }
    } catch (FileAlreadyExistsException e) {
      String reason = Files.isDirectory(path) ? Failures.IS_DIRECTORY : null;
      throw RealStorage.failure(
          "create", path, new FileAlreadyExistsException(path.toString(), null, reason));
    } catch (IOException e) {
      boolean creates = access == FileAccess.CREATE_NEW;
      throw RealStorage.failure(creates ? "create" : "open", path, e, creates);
    } catch (ReadOnlyFileSystemException e) {
      throw Failures.readOnly("open", path, e);
    }
  }

  /** Opening a pipe would block, and a directory opens but cannot be read. */
  private static void checkRegular(Path path) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
    if (!attributes.isRegularFile()) {
      throw new FileSystemException(
          path.toString(),
          null,
          attributes.isDirectory()
              ? Failures.IS_DIRECTORY
              : "it is a pipe, a socket or a device; name a file");
    }
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public FileAccess access() {
    return access;
  }

  @Override
  public String key() {
    return channel.key();
  }

  @Override
  public long size() {
    checkUsable();
    try {
      return channel.size();
    } catch (IOException e) {
      throw failure("size", e);
    }
  }

  @Override
  public long usableSpace() {
    checkUsable();
    return leftSpace();
  }

  @Override
  public void write(long position, MemorySegment source) {
    checkUsable();
    Checks.writable(path, access);
    long length = source.byteSize();
    checkWrite(position, length);
    try {
      channel.write(position, source);
    } catch (IOException e) {
      throw writeFailure("write", length, e);
    }
    grown(position + length);
  }

  @Override
  public void write(long position, MemorySegment[] sources, int count) {
    checkUsable();
    Checks.writable(path, access);
    Checks.sources(sources, count);
    long total = Checks.total(path, position, sources, count);
    checkWrite(position, total);
    try {
      channel.write(position, sources, count);
    } catch (IOException e) {
      throw writeFailure("write", total, e);
    }
    grown(position + total);
  }

  @Override
  public long read(long position, MemorySegment target) {
    checkUsable();
    Checks.target(target);
    Checks.range(path, position, target.byteSize());
    try {
      return channel.read(position, target);
    } catch (IOException e) {
      throw failure("read", e);
    }
  }

  @Override
  public void extend(long newSize) {
    checkUsable();
    Checks.writable(path, access);
    resizing.lock();
    try {
      long size = channel.size();
      Checks.extension(path, size, newSize);
      try {
        channel.writeZeros(size, newSize);
      } catch (IOException | RuntimeException | Error e) {
        try {
          channel.truncate(size);
          knownSize = size;
        } catch (IOException | RuntimeException again) {
          e.addSuppressed(again);
        }
        if (e instanceof IOException cause) {
          throw writeFailure("extend", newSize - size, cause);
        }
        throw e;
      }
      knownSize = newSize;
    } catch (IOException e) {
      throw failure("extend", e);
    } finally {
      resizing.unlock();
    }
  }

  @Override
  public void truncate(long newSize) {
    checkUsable();
    Checks.writable(path, access);
    resizing.lock();
    try {
      Checks.truncation(path, channel.size(), newSize);
      knownSize = newSize;
      channel.truncate(newSize);
    } catch (IOException e) {
      throw failure("truncate", e);
    } finally {
      resizing.unlock();
    }
  }

  @Override
  public void sync() {
    checkUsable();
    syncing.lock();
    try {
      checkHealthy();
      channel.force();
    } catch (ClosedChannelException e) {
      throw failure("sync", e);
    } catch (IOException e) {
      throw poison("sync", e);
    } finally {
      syncing.unlock();
    }
  }

  /** Makes a part of a mapping durable. Unlike a channel this does not mind interrupts. */
  void force(MemorySegment part) {
    syncing.lock();
    try {
      checkHealthy();
      part.force();
    } catch (UncheckedIOException e) {
      throw poison("force a mapping of", Objects.requireNonNull(e.getCause()));
    } finally {
      syncing.unlock();
    }
  }

  @Override
  public Mapping map(long position, long length, MapAccess mapAccess) {
    checkUsable();
    Checks.mapping(path, access, mapAccess);
    MapMode mode =
        switch (mapAccess) {
          case READ_ONLY -> MapMode.READ_ONLY;
          case READ_WRITE -> MapMode.READ_WRITE;
          case PRIVATE -> MapMode.PRIVATE;
        };
    Arena arena = Arena.ofShared();
    MemorySegment segment = null;
    // The JDK would extend the file, sparsely, if it were shorter than the mapping.
    resizing.lock();
    try {
      Checks.mappedRange(path, position, length, channel.size());
      segment = channel.map(mode, position, length, arena);
    } catch (IOException e) {
      throw failure("map", e);
    } finally {
      resizing.unlock();
      if (segment == null) {
        arena.close();
      }
    }
    return new RealMapping(this, mapAccess, arena, segment);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw Failures.translate("close", path, e);
    }
  }

  private void checkWrite(long position, long length) {
    Checks.range(path, position, length);
    if (position > knownSize) {
      try {
        knownSize = channel.size();
      } catch (IOException e) {
        throw failure("write", e);
      }
      Checks.noHole(path, position, knownSize);
    }
  }

  private void grown(long size) {
    if (size > knownSize) {
      knownSize = size;
    }
  }

  private void checkUsable() {
    if (channel.isClosed()) {
      throw Failures.closed(path);
    }
    checkHealthy();
  }

  void checkHealthy() {
    Throwable cause = poison;
    if (cause != null) {
      throw Failures.poisoned(path, cause);
    }
  }

  private VarveException poison(String operation, IOException cause) {
    poison = cause;
    return Failures.translate(operation, path, cause);
  }

  String describe() {
    return "file " + Failures.quote(path);
  }

  private VarveException failure(String operation, IOException e) {
    if (channel.isClosed()) {
      return new ClosedException(describe(), e);
    }
    return Failures.translate(operation, path, e);
  }

  /** The text of an error may be in any language, so the free space is asked for, too. */
  private VarveException writeFailure(String operation, long needed, IOException e) {
    if (channel.isClosed()) {
      return new ClosedException(describe(), e);
    }
    if (Failures.saysFull(e) || leftSpace() < needed) {
      return Failures.full(operation, path, needed, e);
    }
    return Failures.translate(operation, path, e);
  }

  private long leftSpace() {
    try {
      FileStore store = Files.getFileStore(path);
      return store.getTotalSpace() == 0 ? Long.MAX_VALUE : store.getUsableSpace();
    } catch (IOException e) {
      return Long.MAX_VALUE; // in some containers the mounts do not name it
    }
  }
}
