// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The seam through which the engine reaches files, directories, locks, processes and the clock.
 *
 * <p>Implementations may be used by any number of threads. Interrupting a thread disturbs no
 * operation; the interrupt flag is as it was, or set, afterwards. Failures of the operating system
 * are unchecked: {@link dev.varve.NotFoundException} for a file or directory that is missing,
 * {@link dev.varve.FullException} when there is no space, {@link dev.varve.StorageException} for
 * everything else, with the {@link java.io.IOException} as its cause where there is one.
 *
 * {@snippet :
 * Storage storage = Storage.real();
 * Path dir = Path.of("data");
 * storage.createDirectories(dir);
 * try (StorageFile file = storage.open(dir.resolve("log"), FileAccess.CREATE_NEW)) {
 *   file.write(0, MemorySegment.ofArray(new byte[] {1, 2, 3}));
 *   file.sync();
 * }
 * storage.syncDirectory(dir);
 * }
 */
public interface Storage {
  /**
   * Returns the storage of the operating system.
   *
   * @return the one instance
   */
  static Storage real() {
    return RealStorage.INSTANCE;
  }

  /**
   * Opens a regular file.
   *
   * @param path the file
   * @param access how to open it, and whether to create it
   * @return a handle that the caller closes
   * @throws dev.varve.NotFoundException if the file, or the directory to create it in, is missing
   * @throws dev.varve.ConflictException if the file is to be created and its name is taken
   * @throws IllegalArgumentException if this process holds a {@link ProcessLock} on the file, which
   *     opening and closing it would release
   */
  StorageFile open(Path path, FileAccess access);

  /**
   * Tells whether there is a file or directory.
   *
   * @param path a path
   * @return true if there is
   */
  boolean exists(Path path);

  /**
   * Returns the one path of a file that may be named by several: absolute and, as far as it exists,
   * without links.
   *
   * @param path the path, of a file that may be missing
   * @return the path
   */
  default Path realPath(Path path) {
    return path.toAbsolutePath().normalize();
  }

  /**
   * Creates a directory and its parents where they are missing. Each is durable once its parent
   * directory is synced.
   *
   * @param dir the directory
   * @throws dev.varve.ConflictException if a file is in the way
   */
  void createDirectories(Path dir);

  /**
   * Lists a directory.
   *
   * @param dir the directory
   * @return the paths of its entries, each the directory's path and a name, sorted by name; a
   *     snapshot
   * @throws dev.varve.NotFoundException if the directory is missing
   */
  List<Path> list(Path dir);

  /**
   * Deletes a file or an empty directory. Handles and mappings of the file stay usable, and its
   * space is freed with the last of them.
   *
   * @param path the file or directory
   * @throws dev.varve.NotFoundException if it is missing
   * @throws dev.varve.ConflictException if it is a directory with entries
   */
  void delete(Path path);

  /**
   * Renames atomically: at every moment the target is what it was or the source. A file replaces a
   * file at the target; a directory replaces nothing. Durable once the directory is synced, both if
   * they differ.
   *
   * @param source what to rename
   * @param target its new path, on the same file system
   * @throws dev.varve.NotFoundException if the source or the target's directory is missing
   * @throws dev.varve.ConflictException if the target is a directory, or a file while the source is
   *     a directory
   */
  void rename(Path source, Path target);

  /**
   * Makes the entries of a directory durable: what was created, renamed and deleted in it.
   *
   * @param dir the directory
   * @throws dev.varve.NotFoundException if the directory is missing
   * @throws dev.varve.StorageException if it failed; what is on the disk is then unknown, and
   *     repeating the call proves nothing
   */
  void syncDirectory(Path dir);

  /**
   * Returns how much can still be written to the file system of a directory.
   *
   * @param dir the directory
   * @return the usable space in bytes, a hint
   * @throws dev.varve.NotFoundException if the directory is missing
   */
  long usableSpace(Path dir);

  /**
   * Returns what the operating system calls the file system that a file is on, such as {@code ext4}
   * or {@code nfs4}.
   *
   * @param path a file or directory, which may be missing if its directory is there
   * @return the type, as the operating system spells it; empty where it is not known
   */
  default Optional<String> fileSystemType(Path path) {
    return Optional.empty();
  }

  /**
   * Tries to lock one byte of a lock file, against other processes and against other handles of
   * this one. Never waits. Creates the lock file, empty, if it is missing; the byte may lie beyond
   * its end. Different bytes are independent locks.
   *
   * <p>Use a file for nothing but locks: in POSIX systems a process loses all its locks on a file
   * when it closes any channel or stream on it. All handles of this process, those of other class
   * loaders too, share one channel, and {@link #open} refuses the file while a lock is held. Only
   * the holder of an exclusive lock may delete it.
   *
   * @param lockFile the lock file, in a directory that exists
   * @param position which byte, not negative
   * @param mode shared or exclusive
   * @return the lock, or empty if it is held in a way that excludes this one
   * @throws dev.varve.NotFoundException if the directory is missing
   */
  Optional<ProcessLock> tryLock(Path lockFile, long position, LockMode mode);

  /**
   * Tells whether anybody holds a lock on any of some bytes of a lock file: another process, or any
   * handle of this one. Looks at all of them at once, and holds those that nobody holds while it
   * looks, so that who tries to lock one meanwhile may be refused. Never waits.
   *
   * @param lockFile the lock file; where it is missing nobody holds a lock
   * @param position the first byte, not negative
   * @param count how many bytes, 1 or more
   * @return whether one of them is locked
   */
  boolean isLocked(Path lockFile, long position, int count);

  /**
   * Returns the time of a clock that only moves forward, for measuring durations.
   *
   * @return nanoseconds since some moment
   */
  long nanoTime();

  /**
   * Returns the time of day, which may be set back and forth.
   *
   * @return milliseconds since 1970-01-01T00:00Z
   */
  long currentTimeMillis();

  /**
   * Returns the number of this process.
   *
   * @return the process id, unique among the living ones of one pid namespace
   */
  long processId();

  /**
   * Returns when a living process started, in a unit of the operating system. Process ids are
   * reused: only the id, this number and {@link #bootId} together identify a process, and only
   * within one pid namespace. A {@link ProcessLock} is the better sign of life.
   *
   * @param processId the id of any process
   * @return a number that stays the same while that process lives; empty if there is none, or it is
   *     ending or a zombie: its locks may be gone before it is
   */
  OptionalLong processStart(long processId);

  /**
   * Returns the identity of the run of the operating system, which changes with every boot.
   *
   * @return an opaque text; empty where the operating system has none
   */
  Optional<String> bootId();
}
