// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/**
 * The identity of files of the operating system.
 *
 * <p>A path may come to name another file at any time. As long as a channel holds a file open, its
 * inode cannot be given to another one, so a path with the same key names that file.
 */
final class Identity {
  private static final Path OWN_DESCRIPTORS = Path.of("/proc/self/fd");

  private Identity() {}

  /** Returns the key of the file that a path names now. */
  static String of(Path path) throws IOException {
    Object key = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    return key != null ? key.toString() : path.toRealPath().toString();
  }

  /** Tells whether a path names the file of a key now. */
  static boolean is(Path path, String key) throws IOException {
    try {
      return of(path).equals(key);
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** Tells whether this process has the file of a key open, if the operating system shows it. */
  static boolean isOpen(String key) throws IOException {
    if (!Files.isDirectory(OWN_DESCRIPTORS)) {
      return true;
    }
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(OWN_DESCRIPTORS)) {
      for (Path descriptor : descriptors) {
        if (is(descriptor, key)) {
          return true;
        }
      }
    }
    return false;
  }

  /**
   * Opens one more channel on a file that is open already: by its path, or, if the file was renamed
   * or deleted, by one of the descriptors of this process where the operating system shows them.
   *
   * @return the channel; null if the file cannot be reached any more
   */
  static @Nullable FileChannel reopen(Path path, String key, FileAccess access) throws IOException {
    FileChannel channel = openIf(path, key, access);
    if (channel != null || !Files.isDirectory(OWN_DESCRIPTORS)) {
      return channel;
    }
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(OWN_DESCRIPTORS)) {
      for (Path descriptor : descriptors) {
        channel = openIf(descriptor, key, access);
        if (channel != null) {
          return channel;
        }
      }
    }
    return null;
  }

  private static @Nullable FileChannel openIf(Path path, String key, FileAccess access)
      throws IOException {
    try {
      if (!is(path, key)) {
        return null;
      }
      FileChannel channel = FileChannel.open(path, RealChannel.options(access));
      boolean same = false;
      try {
        same = is(path, key);
      } finally {
        if (!same) {
          channel.close();
        }
      }
      return same ? channel : null;
    } catch (NoSuchFileException e) {
      return null;
    }
  }
}
