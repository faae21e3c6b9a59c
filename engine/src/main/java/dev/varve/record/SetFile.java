// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A file of a set, as its header says.
 *
 * @param path the file
 * @param place which one of the set it is: the N of its name
 * @param setId the id of the set
 * @param first the number in the set of its first record
 * @param created when it was created, in milliseconds since 1970
 * @param bytes its length
 */
record SetFile(Path path, long place, long setId, long first, long created, long bytes) {
  /** Returns the name of a file of a set: N has at least six digits. */
  static Path path(Path directory, String prefix, long place) {
    String digits = String.valueOf(place);
    return directory.resolve(
        prefix + "-" + "0".repeat(Math.max(0, 6 - digits.length())) + digits + ".vrec");
  }

  /**
   * Reads the headers of all files of a set, in order. Files that are deleted meanwhile are the
   * oldest ones, and others may have been begun: then all is looked at again.
   */
  static List<SetFile> list(Storage storage, Path directory, String prefix) {
    while (true) {
      List<Path> paths = ShardNames.list(storage, directory, prefix);
      try {
        return read(storage, paths, prefix);
      } catch (NotFoundException e) {
        if (paths.equals(ShardNames.list(storage, directory, prefix))) {
          throw e;
        }
      }
    }
  }

  private static List<SetFile> read(Storage storage, List<Path> paths, String prefix) {
    List<SetFile> files = new ArrayList<>();
    for (Path path : paths) {
      SetFile file = read(storage, path, ShardNames.number(path, prefix));
      if (!files.isEmpty()) {
        file.checkFollows(files.getLast());
      }
      files.add(file);
    }
    return files;
  }

  static SetFile read(Storage storage, Path path, long place) {
    try (StorageFile file = storage.open(path, FileAccess.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(Format.UNIT, Format.UNIT);
      long read = file.read(0, bytes);
      if (read < Format.UNIT || !FileHeader.isWhole(bytes, 0, new Crc32c())) {
        throw corrupt(path, 0, "a whole header", "other bytes");
      }
      long created = FileHeader.read(bytes, 0, path, 0).created();
      long setId = FileHeader.setId(bytes, 0);
      long first = FileHeader.setFirst(bytes, 0);
      if (setId == 0) {
        throw new ConflictException(
            "record file "
                + path
                + " says that it is of no set: choose another prefix, or move it away; if a repair"
                + " made its header anew and could not find its place, its records can be read"
                + " alone");
      }
      if (first < 0) {
        throw corrupt(path, 32, "a number of a record", Long.toUnsignedString(first));
      }
      return new SetFile(path, place, setId, first, created, file.size());
    }
  }

  /** Checks that this file can be behind another one. */
  void checkFollows(SetFile before) {
    if (setId != before.setId) {
      throw new ConflictException(
          "record files "
              + before.path
              + " and "
              + path
              + " are of different sets; move one of them away");
    }
    if (first < before.first) {
      throw corrupt(path, 32, "at least " + before.first, String.valueOf(first));
    }
  }

  private static CorruptionException corrupt(
      Path path, long offset, String expected, String actual) {
    return new CorruptionException(
        "header of a file of a set",
        path.toString(),
        offset,
        expected,
        actual,
        "repair the file where it stands, beside those before and behind it; or restore it from a"
            + " copy");
  }
}
