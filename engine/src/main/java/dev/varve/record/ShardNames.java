// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.NotFoundException;
import dev.varve.file.Storage;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Objects;

/** Names of files of one prefix: PREFIX-N.vrec. */
final class ShardNames {
  private static final String SUFFIX = ".vrec";

  private ShardNames() {}

  static String checkPrefix(String prefix) {
    Objects.requireNonNull(prefix, "prefix");
    if (prefix.isEmpty()
        || prefix.startsWith(".")
        || prefix.indexOf('/') >= 0
        || prefix.indexOf('\\') >= 0
        || prefix.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "prefix is \"" + prefix + "\"; expected the beginning of file names, without separators");
    }
    return prefix;
  }

  static Path path(Path directory, String prefix, long number) {
    return directory.resolve(prefix + "-" + number + SUFFIX);
  }

  /** Returns the number of a file of a prefix, or -1 if its name is none. */
  static long number(Path file, String prefix) {
    String name = String.valueOf(file.getFileName());
    int from = prefix.length() + 1;
    int to = name.length() - SUFFIX.length();
    if (to <= from || to - from > 18 || !name.startsWith(prefix + "-") || !name.endsWith(SUFFIX)) {
      return -1;
    }
    long number = 0;
    for (int i = from; i < to; i++) {
      int digit = name.charAt(i) - '0';
      if (digit < 0 || digit > 9) {
        return -1;
      }
      number = 10 * number + digit;
    }
    return number;
  }

  /** Returns the files of a prefix, in the order of their numbers. */
  static List<Path> list(Storage storage, Path directory, String prefix) {
    return storage.list(directory).stream()
        .filter(path -> number(path, prefix) >= 0)
        .sorted(
            Comparator.<Path>comparingLong(path -> number(path, prefix))
                .thenComparing(Path::toString))
        .toList();
  }

  /** Tells that nothing is there to read. */
  static NotFoundException notFound(String what, Path expected) {
    return new NotFoundException(
        "no file of this "
            + what
            + " exists, such as "
            + expected
            + "; check the directory and the prefix, or write it first");
  }

  /** Returns a number above those of all files of a prefix. */
  static long free(Storage storage, Path directory, String prefix) {
    List<Path> files = list(storage, directory, prefix);
    return files.isEmpty() ? 0 : number(files.getLast(), prefix) + 1;
  }

  /** Creates a directory with its parents, durably. */
  static void createDirectory(Storage storage, Path directory) {
    Deque<Path> missing = new ArrayDeque<>();
    Path at = directory.toAbsolutePath().normalize();
    while (at != null && !storage.exists(at)) {
      missing.push(at);
      at = at.getParent();
    }
    storage.createDirectories(directory);
    for (Path created : missing) {
      Path parent = created.getParent();
      if (parent != null) {
        storage.syncDirectory(parent);
      }
    }
  }
}
