// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.VarveException;
import java.io.IOException;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/** The storage of the operating system. */
final class RealStorage implements Storage {
  /** As on Linux; the links behind are taken for a circle. */
  private static final int MOST_LINKS = 40;

  static final RealStorage INSTANCE = new RealStorage();

  private static final boolean WINDOWS =
      System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");

  private final long processId = ProcessHandle.current().pid();
  private final Optional<String> bootId = Processes.bootId();

  private RealStorage() {}

  @Override
  public StorageFile open(Path path, FileAccess access) {
    return RealFile.open(path, access);
  }

  @Override
  public boolean exists(Path path) {
    try {
      path.getFileSystem().provider().checkAccess(path);
      return true;
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException e) {
      if (isBelowFile(path, e)) {
        return false;
      }
      throw failure("look for", path, e);
    }
  }

  /** Translates a failure with something that should exist. */
  static VarveException failure(String operation, Path path, IOException cause) {
    return failure(operation, path, cause, false);
  }

  /**
   * Translates a failure; below a file there is nothing, whatever words the system has for it.
   *
   * @param creates whether the path was to be created
   */
  static VarveException failure(String operation, Path path, IOException cause, boolean creates) {
    boolean missing = cause instanceof NoSuchFileException || isBelowFile(path, cause);
    return Failures.translate(operation, path, missing ? missing(path, creates) : cause);
  }

  /** Tells whether a path is missing itself or its directory. */
  private static NoSuchFileException missing(Path path, boolean creates) {
    Path directory = path.toAbsolutePath().getParent();
    String reason = null;
    if (directory != null && !Files.isDirectory(directory)) {
      reason = Failures.noDirectory(directory, Files.isRegularFile(directory), creates);
    }
    return new NoSuchFileException(path.toString(), null, reason);
  }

  @SuppressWarnings("GetClass") // subclasses of the exception have a meaning of their own
  private static boolean isBelowFile(Path path, IOException cause) {
    if (cause.getClass() == FileSystemException.class) {
      for (Path dir = path.getParent(); dir != null; dir = dir.getParent()) {
        if (Files.isRegularFile(dir)) {
          return true;
        }
      }
    }
    return false;
  }

  @Override
  public Path realPath(Path path) {
    Path absolute = path.toAbsolutePath();
    try {
      for (int links = 0; links < MOST_LINKS && !Files.exists(absolute); links++) {
        if (!Files.isSymbolicLink(absolute)) {
          Path parent = absolute.getParent();
          return parent != null && Files.exists(parent)
              ? parent.toRealPath().resolve(absolute.getFileName())
              : absolute;
        }
        absolute = absolute.resolveSibling(Files.readSymbolicLink(absolute)); // to nothing yet
      }
      return absolute.toRealPath();
    } catch (IOException e) {
      throw failure("find", path, e);
    }
  }

  @Override
  public void createDirectories(Path dir) {
    try {
      createDirectory(dir);
    } catch (IOException e) {
      throw failure("create directory", dir, e, true);
    } catch (ReadOnlyFileSystemException e) {
      throw Failures.readOnly("create directory", dir, e);
    }
  }

  private static void createDirectory(Path dir) throws IOException {
    if (Files.isDirectory(dir)) {
      return;
    }
    Path parent = dir.toAbsolutePath().getParent();
    if (parent != null) {
      createDirectory(parent);
    }
    try {
      Files.createDirectory(dir);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(dir)) {
        throw new FileAlreadyExistsException(dir.toString(), null, Failures.isFile(dir));
      }
    }
  }

  @Override
  public List<Path> list(Path dir) {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(dir)) {
      stream.forEach(entries::add);
    } catch (IOException e) {
      throw failure("list", dir, e);
    }
    entries.sort(Comparator.comparing(entry -> entry.getFileName().toString()));
    return List.copyOf(entries);
  }

  @Override
  public void delete(Path path) {
    try {
      Files.delete(path);
    } catch (IOException e) {
      throw failure("delete", path, e);
    } catch (ReadOnlyFileSystemException e) {
      throw Failures.readOnly("delete", path, e);
    }
  }

  @Override
  public void rename(Path source, Path target) {
    try {
      Files.readAttributes(source, BasicFileAttributes.class);
      if (Files.isDirectory(target) || (Files.isDirectory(source) && Files.exists(target))) {
        throw new FileAlreadyExistsException(target.toString());
      }
      Files.move(source, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      boolean creates = Files.exists(source);
      Path looked = creates ? target : source;
      throw Failures.translate(
          "rename to " + Failures.quote(target) + " the",
          source,
          e instanceof NoSuchFileException || isBelowFile(looked, e)
              ? missing(looked, creates)
              : e);
    } catch (ReadOnlyFileSystemException e) {
      throw Failures.readOnly("rename", source, e);
    }
  }

  @Override
  public void syncDirectory(Path dir) {
    try {
      if (!Files.readAttributes(dir, BasicFileAttributes.class).isDirectory()) {
        throw new NotDirectoryException(dir.toString());
      }
      if (WINDOWS) {
        return; // a directory cannot be opened there; NTFS keeps a journal of its entries
      }
      // Forcing an asynchronous channel runs in this thread and does not know interrupts.
      try (AsynchronousFileChannel channel =
          AsynchronousFileChannel.open(dir, StandardOpenOption.READ)) {
        channel.force(true);
      }
    } catch (IOException e) {
      throw failure("sync directory", dir, e);
    }
  }

  @Override
  public long usableSpace(Path dir) {
    try {
      return Files.getFileStore(dir).getUsableSpace();
    } catch (IOException e) {
      throw failure("find the usable space of", dir, e);
    }
  }

  @Override
  public Optional<String> fileSystemType(Path path) {
    Path real = realPath(path);
    if (WINDOWS && real.toString().startsWith("\\\\")) {
      return Optional.of("unc"); // the name of a share; a store there says only how it is formatted
    }
    Path directory = real.getParent();
    try {
      Path there = Files.exists(real) || directory == null ? real : directory;
      return Optional.of(Files.getFileStore(there).type());
    } catch (IOException | SecurityException e) {
      return Optional.empty(); // in some containers the mounts do not name it
    }
  }

  @Override
  public Optional<ProcessLock> tryLock(Path lockFile, long position, LockMode mode) {
    return RealLocks.tryLock(lockFile, position, mode);
  }

  @Override
  public boolean isLocked(Path lockFile, long position, int count) {
    return RealLocks.isLocked(lockFile, position, count);
  }

  @Override
  public long nanoTime() {
    return System.nanoTime();
  }

  @Override
  public long currentTimeMillis() {
    return System.currentTimeMillis();
  }

  @Override
  public long processId() {
    return processId;
  }

  @Override
  public OptionalLong processStart(long processId) {
    return Processes.start(processId);
  }

  @Override
  public Optional<String> bootId() {
    return bootId;
  }
}
