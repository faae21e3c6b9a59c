// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/** Refuses misuse, with the same words in every storage. */
final class Checks {
  private Checks() {}

  static void writable(Path path, FileAccess access) {
    if (!access.isWritable()) {
      throw new IllegalArgumentException(
          "file "
              + Failures.quote(path)
              + " was opened for reading only; open it with FileAccess.WRITE to change it");
    }
  }

  static void range(Path path, long position, long length) {
    if (position < 0 || length < 0 || position > Long.MAX_VALUE - length) {
      throw new IllegalArgumentException(
          "range of file "
              + Failures.quote(path)
              + " is impossible: position "
              + position
              + ", length "
              + length);
    }
  }

  static void target(MemorySegment target) {
    if (target.isReadOnly()) {
      throw new IllegalArgumentException(
          "cannot read into a read-only segment of " + target.byteSize() + " bytes");
    }
  }

  static void sources(MemorySegment[] sources, int count) {
    if (count < 0 || count > sources.length) {
      throw new IllegalArgumentException(
          "count must be from 0 to " + sources.length + ", the number of sources, not " + count);
    }
    for (int i = 0; i < count; i++) {
      if (!sources[i].isNative()) {
        throw new IllegalArgumentException(
            "source " + i + " of a gathering write must be a native segment, not a heap one");
      }
    }
  }

  /** Returns the sum of the lengths, or refuses. */
  static long total(Path path, long position, MemorySegment[] sources, int count) {
    long total = 0;
    for (int i = 0; i < count; i++) {
      long length = sources[i].byteSize();
      range(path, position, total);
      range(path, position + total, length);
      total += length;
    }
    return total;
  }

  static void noHole(Path path, long position, long size) {
    if (position > size) {
      throw new IllegalArgumentException(
          "a write at "
              + position
              + " would leave a hole in file "
              + Failures.quote(path)
              + ", which has "
              + size
              + " bytes; extend it first");
    }
  }

  static void extension(Path path, long size, long newSize) {
    if (newSize < size) {
      throw new IllegalArgumentException(
          "cannot extend file " + Failures.quote(path) + " of " + size + " bytes to " + newSize);
    }
  }

  static void truncation(Path path, long size, long newSize) {
    if (newSize < 0 || newSize > size) {
      throw new IllegalArgumentException(
          "cannot truncate file " + Failures.quote(path) + " of " + size + " bytes to " + newSize);
    }
  }

  static void mapping(Path path, FileAccess file, MapAccess map) {
    Objects.requireNonNull(map, "access");
    if (map != MapAccess.READ_ONLY && !file.isWritable()) {
      throw new IllegalArgumentException(
          "a "
              + map
              + " mapping needs file "
              + Failures.quote(path)
              + " opened with FileAccess.WRITE; it was opened for reading only");
    }
  }

  static void mappedRange(Path path, long position, long length, long size) {
    if (position < 0 || length < 0 || position > size - length) {
      throw new IllegalArgumentException(
          "cannot map "
              + length
              + " bytes at "
              + position
              + " of file "
              + Failures.quote(path)
              + ", which has "
              + size
              + " bytes; extend it first");
    }
  }

  static void forcedRange(Path path, long offset, long length, long size) {
    if (offset < 0 || length < 0 || offset > size - length) {
      throw new IllegalArgumentException(
          "cannot force "
              + length
              + " bytes at "
              + offset
              + " of a mapping of "
              + size
              + " bytes of file "
              + Failures.quote(path));
    }
  }

  static void lockPosition(Path path, long position) {
    if (position < 0 || position == Long.MAX_VALUE) {
      throw new IllegalArgumentException(
          "position of a lock in file " + Failures.quote(path) + " is impossible: " + position);
    }
  }

  static void lockPositions(Path path, long position, int count) {
    lockPosition(path, position);
    if (count < 1 || position > Long.MAX_VALUE - count) {
      throw new IllegalArgumentException(
          "number of bytes from "
              + position
              + " in lock file "
              + Failures.quote(path)
              + " is impossible: "
              + count);
    }
  }

  static IllegalArgumentException lockFile(Path path) {
    return new IllegalArgumentException(
        "file "
            + Failures.quote(path)
            + " is a lock file on which this process holds a lock; opening it would release the"
            + " lock");
  }
}
