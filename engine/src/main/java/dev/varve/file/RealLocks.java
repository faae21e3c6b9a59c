// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The locks that this process holds by the operating system.
 *
 * <p>A POSIX lock belongs to the process and is lost when the process closes any descriptor of the
 * file. So there is one channel for each lock file, and one registry of them for all class loaders:
 * a map in the system properties, made of JDK types only, which is also the monitor that guards
 * everything in it. It maps the key of a file to its channel and its locks:
 *
 * <pre>
 * key of the file -&gt; { "channel" -&gt; AsynchronousFileChannel,
 *                      position (Long) -&gt; { FileLock, number of holders (Integer) }, ...
 *                      "foreign" -&gt; true, if other code locked the file, too }
 * </pre>
 *
 * <p>The channel is an asynchronous one because no interrupt closes it; {@code tryLock} on it runs
 * in the calling thread.
 */
final class RealLocks {
  private static final String PROPERTY = "dev.varve.file.locks";
  private static final String CHANNEL = "channel";
  private static final String FOREIGN = "foreign";
  private static final int ATTEMPTS = 100;

  /** Kept in a field, in case the application replaces its system properties. */
  private static final Map<String, Map<Object, Object>> REGISTRY = registry();

  private RealLocks() {}

  @SuppressWarnings("unchecked") // what is under the property was put there by this method
  private static Map<String, Map<Object, Object>> registry() {
    return (Map<String, Map<Object, Object>>)
        System.getProperties()
            .computeIfAbsent(PROPERTY, name -> new HashMap<String, Map<Object, Object>>());
  }

  /** Refuses a path that names a file on which this process holds a lock. */
  static void checkNotLocked(Path path) throws IOException {
    synchronized (REGISTRY) {
      if (!REGISTRY.isEmpty() && REGISTRY.containsKey(Identity.of(path))) {
        throw Checks.lockFile(path);
      }
    }
  }

  static Optional<ProcessLock> tryLock(Path path, long position, LockMode mode) {
    Checks.lockPosition(path, position);
    try {
      for (int i = 0; i < ATTEMPTS; i++) {
        createIfMissing(path);
        try {
          return attempt(path, position, mode);
        } catch (NoSuchFileException e) {
          // Deleted or replaced since it was created: once more.
        }
      }
      throw restless(path);
    } catch (IOException e) {
      throw RealStorage.failure("lock", path, e, true);
    } catch (ReadOnlyFileSystemException e) {
      throw Failures.readOnly("lock", path, e);
    }
  }

  static boolean isLocked(Path path, long position, int count) {
    Checks.lockPositions(path, position, count);
    try {
      for (int i = 0; i < ATTEMPTS; i++) {
        try {
          return look(path, position, count);
        } catch (NoSuchFileException e) {
          if (!Files.exists(path)) {
            return false;
          }
        }
      }
      throw restless(path);
    } catch (IOException e) {
      throw RealStorage.failure("look at the locks of", path, e);
    } catch (ReadOnlyFileSystemException e) {
      throw Failures.readOnly("look at the locks of", path, e);
    }
  }

  private static FileSystemException restless(Path path) {
    String reason =
        Files.isSymbolicLink(path)
            ? "it is a symbolic link to a file that cannot be found; delete the link"
            : "the lock file is deleted or replaced again and again; find out which program does"
                + " that, and stop it";
    return new FileSystemException(path.toString(), null, reason);
  }

  /**
   * Looks once.
   *
   * @throws NoSuchFileException if the path names another file or none by now
   */
  private static boolean look(Path path, long position, int count) throws IOException {
    synchronized (REGISTRY) {
      String key = Identity.of(path);
      Map<Object, Object> file = openFile(path, key);
      boolean locked = false;
      try {
        for (long at = position; at < position + count; at++) {
          locked |= file.containsKey(at);
        }
        locked = locked || isLockedElsewhere(file, position, count);
      } finally {
        closeIfUnused(key, file);
      }
      if (!Identity.is(path, key)) {
        throw new NoSuchFileException(path.toString());
      }
      return locked;
    }
  }

  private static boolean isLockedElsewhere(Map<Object, Object> file, long position, int count)
      throws IOException {
    try (FileLock lock = channel(file).tryLock(position, count, false)) {
      return lock == null;
    } catch (OverlappingFileLockException e) {
      file.put(FOREIGN, true); // as below
      return true;
    }
  }

  /** What is registered of a file, which is opened if it was not. */
  private static Map<Object, Object> openFile(Path path, String key) throws IOException {
    Map<Object, Object> file = REGISTRY.get(key);
    if (file == null) {
      file = new HashMap<>();
      file.put(CHANNEL, open(path, key));
      REGISTRY.put(key, file);
    }
    return file;
  }

  private static void createIfMissing(Path path) throws IOException {
    if (!Files.exists(path)) {
      try {
        Files.createFile(path);
      } catch (FileAlreadyExistsException e) {
        // Another process or thread was faster, which is as good.
        return;
      }
    }
  }

  /**
   * Tries once.
   *
   * @throws NoSuchFileException if the path names another file or none by now
   */
  private static Optional<ProcessLock> attempt(Path path, long position, LockMode mode)
      throws IOException {
    synchronized (REGISTRY) {
      String key = Identity.of(path);
      Map<Object, Object> file = openFile(path, key);
      boolean held = false;
      try {
        held = acquire(file, position, mode);
      } finally {
        if (!held) {
          closeIfUnused(key, file);
        }
      }
      if (!held) {
        return Optional.empty();
      }
      // Whoever held the lock before may have deleted the file, or put another one there. Ours can
      // even be the one between, if the third has got the inode of the first: hence the second
      // look.
      if (!Identity.is(path, key) || !Identity.isOpen(key)) {
        release(key, position);
        throw new NoSuchFileException(path.toString());
      }
      return Optional.of(new RealLock(path, key, position, mode));
    }
  }

  private static AsynchronousFileChannel open(Path path, String key) throws IOException {
    AsynchronousFileChannel channel =
        AsynchronousFileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    boolean same = false;
    try {
      same = Identity.is(path, key);
    } finally {
      if (!same) {
        channel.close();
      }
    }
    if (!same) {
      throw new NoSuchFileException(path.toString());
    }
    return channel;
  }

  private static boolean acquire(Map<Object, Object> file, long position, LockMode mode)
      throws IOException {
    Object[] state = (Object[]) file.get(position);
    if (state != null) {
      boolean shared = ((FileLock) state[0]).isShared() && mode == LockMode.SHARED;
      if (shared) {
        state[1] = (Integer) state[1] + 1;
      }
      return shared;
    }
    AsynchronousFileChannel channel = channel(file);
    FileLock lock;
    try {
      lock = channel.tryLock(position, 1, mode == LockMode.SHARED);
    } catch (OverlappingFileLockException e) {
      // Other code of this process locked the file by a channel of its own. Closing ours would
      // release that lock, so it stays open for good.
      file.put(FOREIGN, true);
      return false;
    }
    if (lock == null) {
      return false;
    }
    file.put(position, new Object[] {lock, 1});
    return true;
  }

  static boolean isValid(Path path, String key, long position) {
    synchronized (REGISTRY) {
      Map<Object, Object> file = REGISTRY.get(key);
      Object[] state = file == null ? null : (Object[]) file.get(position);
      try {
        return state != null && ((FileLock) state[0]).isValid() && Identity.is(path, key);
      } catch (IOException e) {
        throw Failures.translate("check the lock on", path, e);
      }
    }
  }

  static void release(String key, long position) throws IOException {
    synchronized (REGISTRY) {
      Map<Object, Object> file = REGISTRY.get(key);
      if (file == null || !(file.get(position) instanceof Object[] state)) {
        throw new IllegalStateException("no lock on " + key + " at " + position);
      }
      int holders = (Integer) state[1];
      if (holders > 1) {
        state[1] = holders - 1;
        return;
      }
      file.remove(position);
      try {
        ((FileLock) state[0]).release();
      } finally {
        closeIfUnused(key, file);
      }
    }
  }

  private static void closeIfUnused(String key, Map<Object, Object> file) throws IOException {
    if (file.size() == 1) {
      REGISTRY.remove(key);
      channel(file).close();
    }
  }

  private static AsynchronousFileChannel channel(Map<Object, Object> file) {
    return (AsynchronousFileChannel) Objects.requireNonNull(file.get(CHANNEL));
  }
}
