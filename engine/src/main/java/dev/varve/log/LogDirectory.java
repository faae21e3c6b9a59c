// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.BusyException;
import dev.varve.ConflictException;
import dev.varve.NotFoundException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.FileAccess;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Names, locks, creation and deletion of a log's directory. */
final class LogDirectory {

  static final String LOCK = "varve.lock";
  static final String DELETED = "log.deleted";

  /** The side file of a log that is not kept. */
  static final String TEMPORARY = "log.temporary";

  private static final String FRESH = "log.index.new";
  private static final String PREFIX = "segment-";
  private static final Pattern SEGMENT = Pattern.compile(PREFIX + "[0-9]{8,18}(\\..*)?");
  static final long OWNER_BYTE = 0;
  static final long READER_BYTE = 1;

  private static final System.Logger LOGGER = System.getLogger(LogDirectory.class.getName());

  private LogDirectory() {}

  static Path segment(Path directory, long number, String suffix) {
    return directory.resolve(String.format(Locale.ROOT, "%s%08d%s", PREFIX, number, suffix));
  }

  /**
   * Number of a segment file, or empty for a file of another name.
   *
   * @param suffix what its name must end with
   */
  static OptionalLong segmentNumber(Path path, String suffix) {
    String name = String.valueOf(path.getFileName());
    if (!name.startsWith(PREFIX) || !name.endsWith(suffix)) {
      return OptionalLong.empty();
    }
    String digits =
        name.substring(PREFIX.length(), Math.max(PREFIX.length(), name.length() - suffix.length()));
    return digits.matches("[0-9]{8,18}")
        ? OptionalLong.of(Long.parseLong(digits))
        : OptionalLong.empty();
  }

  static Optional<UUID> boot(Storage storage) {
    return storage.bootId().map(id -> UUID.nameUUIDFromBytes(id.getBytes(StandardCharsets.UTF_8)));
  }

  static ProcessLock lock(Storage storage, Path directory, long position, LockMode mode) {
    return storage
        .tryLock(directory.resolve(LOCK), position, mode)
        .orElseThrow(
            () ->
                new BusyException(
                    "replay log "
                        + directory
                        + " is in use by another handle or process; close that one first"
                        + (position == OWNER_BYTE ? ", or open this one read-only" : "")));
  }

  /**
   * The lock of who only reads, or none where nothing can be written: nobody can delete the log
   * there either.
   */
  static @Nullable ProcessLock readerLock(Storage storage, Path directory) {
    try {
      return lock(storage, directory, READER_BYTE, LockMode.SHARED);
    } catch (StorageException e) {
      Path index = directory.resolve(Journal.FILE);
      if (isWritable(storage, storage.exists(index) ? index : directory.resolve(TEMPORARY))) {
        throw e;
      }
      return null;
    }
  }

  static boolean isWritable(Storage storage, Path file) {
    try (StorageFile opened = storage.open(file, FileAccess.WRITE)) {
      return opened.size() >= 0;
    } catch (StorageException e) {
      return false;
    }
  }

  /**
   * Creates a directory and those above it where they are missing.
   *
   * @return those it created, the deepest first
   */
  static List<Path> create(Storage storage, Path directory) {
    List<Path> created = new ArrayList<>();
    for (Path missing = directory.toAbsolutePath();
        missing != null && !storage.exists(missing);
        missing = missing.getParent()) {
      created.add(missing);
    }
    try {
      storage.createDirectories(directory);
    } catch (Throwable e) {
      takeBack(storage, created, e);
      throw e;
    }
    return created;
  }

  /**
   * Removes directories that were created in vain. They are created anew when it is tried again:
   * what a sync of their entries failed for once would not become durable by another.
   */
  static void takeBack(Storage storage, List<Path> created, Throwable failure) {
    try {
      for (Path directory : created) {
        removeDirectory(storage, directory);
      }
    } catch (VarveException second) {
      failure.addSuppressed(second);
    }
  }

  /** Makes the directory ready for a new log, whose owner lock the caller holds. */
  static void clear(Storage storage, Path directory) {
    if (storage.exists(directory.resolve(Journal.FILE))) {
      throw new ConflictException(
          "directory "
              + directory
              + " holds a kept replay log; open it, delete it, or choose another directory");
    }
    if (storage.exists(directory.resolve(TEMPORARY))
        || storage.exists(directory.resolve(DELETED))) {
      removeFiles(storage, directory);
    }
    storage.list(directory).stream()
        .map(path -> String.valueOf(path.getFileName()))
        .filter(name -> !name.equals(LOCK) && !name.equals(FRESH))
        .findAny()
        .ifPresent(
            name -> {
              throw new ConflictException(
                  "directory "
                      + directory
                      + " is not empty: it holds "
                      + name
                      + "; a replay log needs a directory of its own");
            });
  }

  /**
   * Writes the side file of an empty log, whole or not at all.
   *
   * @param first the first floor mark of a kept log; another one like it follows
   * @param created directories created for it
   * @return the side file, open
   */
  static StorageFile createSideFile(
      Storage storage, Path directory, Header header, Floor first, List<Path> created) {
    if (!header.kept()) {
      Path temporary = directory.resolve(TEMPORARY);
      StorageFile file = storage.open(temporary, FileAccess.CREATE_NEW);
      try {
        file.write(0, header.encode());
        return file;
      } catch (Throwable e) {
        file.close();
        remove(storage, temporary, e);
        throw e;
      }
    }
    Path fresh = directory.resolve(FRESH);
    if (storage.exists(fresh)) {
      storage.delete(fresh);
    }
    Path index = directory.resolve(Journal.FILE);
    try {
      try (StorageFile file = storage.open(fresh, FileAccess.CREATE_NEW)) {
        file.write(0, header.encode());
        file.write(first.offset(header), first.encode(header));
        Floor second = first.next(false, first.boot());
        file.write(second.offset(header), second.encode(header));
        file.sync();
      }
      syncAbove(storage, directory, created);
      storage.rename(fresh, index);
      storage.syncDirectory(directory);
      return storage.open(index, FileAccess.WRITE);
    } catch (Throwable e) {
      remove(storage, fresh, e);
      remove(storage, index, e);
      throw e;
    }
  }

  /** Removes a file that was created in vain. */
  private static void remove(Storage storage, Path path, Throwable failure) {
    try {
      if (storage.exists(path)) {
        storage.delete(path);
      }
    } catch (VarveException second) {
      failure.addSuppressed(second);
    }
  }

  /**
   * Syncs all directories above one, also those that were there: whoever created them may have been
   * killed before he could.
   *
   * @param created those created just now
   */
  private static void syncAbove(Storage storage, Path directory, List<Path> created) {
    Path absolute = directory.toAbsolutePath();
    for (Path child = absolute, above = child.getParent();
        above != null;
        child = above, above = above.getParent()) {
      try {
        storage.syncDirectory(above);
      } catch (StorageException e) {
        boolean needed = child.equals(absolute) || created.contains(child);
        if (needed || !(e.getCause() instanceof AccessDeniedException)) {
          throw e;
        }
        LOGGER.log(System.Logger.Level.DEBUG, "directory " + above + " may not be read", e);
      }
    }
  }

  /**
   * Deletes a log that nobody uses.
   *
   * @throws NotFoundException when the directory holds none
   * @throws BusyException when any handle of any process has it open
   */
  @SuppressWarnings("try") // the locks are held, not used
  static void delete(Storage storage, Path directory) {
    if (!storage.exists(directory.resolve(Journal.FILE))
        && !storage.exists(directory.resolve(TEMPORARY))
        && !storage.exists(directory.resolve(DELETED))) {
      throw new NotFoundException(
          "directory " + directory + " holds no replay log; nothing was deleted");
    }
    try (ProcessLock owner = lock(storage, directory, OWNER_BYTE, LockMode.EXCLUSIVE);
        ProcessLock readers = lock(storage, directory, READER_BYTE, LockMode.EXCLUSIVE)) {
      removeFiles(storage, directory);
      removeLock(storage, directory);
    }
    removeDirectory(storage, directory);
  }

  /**
   * Removes a log's files but for the lock, the side file last, so that an interrupted deletion is
   * known as such.
   */
  static void removeFiles(Storage storage, Path directory) {
    Path index = directory.resolve(Journal.FILE);
    Path deleted = directory.resolve(DELETED);
    if (storage.exists(index)) {
      storage.rename(index, deleted);
      storage.syncDirectory(directory);
    }
    for (Path path : storage.list(directory)) {
      if (SEGMENT.matcher(String.valueOf(path.getFileName())).matches()) {
        storage.delete(path);
      }
    }
    for (Path last : List.of(directory.resolve(TEMPORARY), deleted)) {
      if (storage.exists(last)) {
        storage.delete(last);
      }
    }
  }

  /** Removes the lock file; its holder does so as the last thing before it lets go. */
  static void removeLock(Storage storage, Path directory) {
    Path lock = directory.resolve(LOCK);
    if (storage.exists(lock)) {
      storage.delete(lock);
    }
  }

  /** Removes the directory, unless something is in it. */
  static void removeDirectory(Storage storage, Path directory) {
    try {
      if (storage.exists(directory) && storage.list(directory).isEmpty()) {
        storage.delete(directory);
      }
    } catch (ConflictException | NotFoundException e) {
      // Somebody begins another log there, or removed it, this very moment: both are fine.
      LOGGER.log(System.Logger.Level.DEBUG, "directory " + directory + " left alone", e);
    }
  }
}
