// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.BusyException;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.NotFoundException;
import dev.varve.file.FileAccess;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/**
 * A follower's position in a file of its own: two marks, written in turn, of which the newer whole
 * one counts.
 *
 * <pre>
 *  0  8  magic              24  8  file id
 *  8  4  version            32  8  number of the next record
 * 12  4  epoch              40  8  set id, or 0
 * 16  8  sequence           60  4  checksum of 0 to 59
 * </pre>
 */
final class FollowerCursor implements AutoCloseable {
  private static final long MAGIC = 0x5352554356524156L;
  private static final int VERSION = 1;
  private static final int BYTES = 1024;
  private static final int HALF = 512;
  private static final int MARK = 64;
  private static final int CHECKSUM = 60;
  private static final int MAX_NAME = 64;
  private static final String SUFFIX = ".cursor-";

  private final Storage storage;
  private final ProcessLock lock;
  private final StorageFile file;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment mark = arena.allocate(MARK, MARK);
  private final Crc32c crc = new Crc32c();
  private long sequence;

  /** Whether the newest mark was synced since the file was opened. */
  private boolean settled;

  /** What the newest mark says. */
  private FollowerPosition position = FollowerPosition.NONE;

  private FollowerCursor(Storage storage, ProcessLock lock, StorageFile file) {
    this.storage = storage;
    this.lock = lock;
    this.file = file;
  }

  static String checkName(String name) {
    Objects.requireNonNull(name, "name");
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "name of a cursor is '"
              + name
              + "'; expected 1 to "
              + MAX_NAME
              + " letters, digits, - and _ of ASCII");
    }
    return name;
  }

  private static boolean isName(String name) {
    boolean possible = !name.isEmpty() && name.length() <= MAX_NAME;
    for (int i = 0; possible && i < name.length(); i++) {
      char c = name.charAt(i);
      possible =
          (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || c == '-'
              || c == '_';
    }
    return possible;
  }

  /**
   * Returns the highest epoch that a cursor of a record file says, or of the set that it is of by
   * its name; or 0. It can be one of which the file has nothing any more. Somebody may commit
   * meanwhile.
   */
  static long newestEpoch(Storage storage, Path recordFile) {
    Path directory = recordFile.toAbsolutePath().getParent();
    if (directory == null) {
      return 0;
    }
    long newest = 0;
    String set = SetPlace.prefix(recordFile);
    for (Path path : storage.list(directory)) {
      String name = String.valueOf(path.getFileName());
      if (isOf(String.valueOf(recordFile.getFileName()), name)
          || (set != null && isOf(set, name))) {
        newest = Math.max(newest, newestEpoch(storage, path, new Crc32c()));
      }
    }
    return newest;
  }

  /** Tells whether a name is that of a cursor of a file, or of a set, of a name. */
  private static boolean isOf(String followed, String name) {
    String prefix = followed + SUFFIX;
    return name.startsWith(prefix) && isName(name.substring(prefix.length()));
  }

  /** Returns the higher epoch of two marks; none that is whole, or known, has one. */
  private static long newestEpoch(Storage storage, Path path, Crc32c crc) {
    long newest = 0;
    try (StorageFile file = storage.open(path, FileAccess.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment mark = arena.allocate(MARK, MARK);
      for (long at = 0; at < BYTES; at += HALF) {
        if (file.read(at, mark) == MARK && isWhole(mark, crc) && mark.get(LE_INT, 8) == VERSION) {
          newest = Math.max(newest, epoch(mark));
        }
      }
    } catch (NotFoundException e) {
      return 0; // Deleted since it was listed.
    }
    return newest;
  }

  private static boolean isWhole(MemorySegment mark, Crc32c crc) {
    return mark.get(LE_LONG, 0) == MAGIC
        && mark.get(LE_INT, CHECKSUM) == Format.checksum(crc, mark, 0, CHECKSUM);
  }

  private static long epoch(MemorySegment mark) {
    return Integer.toUnsignedLong(mark.get(LE_INT, 12));
  }

  /**
   * Opens a cursor, and creates it if it does not exist.
   *
   * @param followed the record file; or of a set what its names begin with, in its directory
   */
  static FollowerCursor open(Storage storage, Path followed, String name) {
    Path path = WriterLock.sibling(followed, SUFFIX + name);
    ProcessLock lock =
        storage
            .tryLock(WriterLock.sibling(path, ".lock"), 0, LockMode.EXCLUSIVE)
            .orElseThrow(
                () ->
                    new BusyException(
                        "cursor "
                            + path
                            + " is open elsewhere, in this process or another one; close that"
                            + " follower first, or use another name"));
    FollowerCursor cursor = null;
    StorageFile file = null;
    boolean read = false;
    try {
      if (!storage.exists(path)) {
        create(storage, path);
      }
      file = storage.open(path, FileAccess.WRITE);
      cursor = new FollowerCursor(storage, lock, file);
      cursor.read();
      read = true;
      return cursor;
    } finally {
      if (!read) {
        if (cursor != null) {
          cursor.arena.close();
        }
        if (file != null) {
          file.close();
        }
        lock.close();
      }
    }
  }

  private static void create(Storage storage, Path path) {
    Path fresh = WriterLock.sibling(path, ".new");
    if (storage.exists(fresh)) {
      storage.delete(fresh);
    }
    try (StorageFile file = storage.open(fresh, FileAccess.CREATE_NEW);
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(BYTES, MARK);
      write(bytes, 0, FollowerPosition.NONE, new Crc32c());
      file.write(0, bytes);
      file.sync();
    }
    storage.rename(fresh, path);
    NewFile.nameDurably(storage, path);
  }

  private static void write(
      MemorySegment mark, long sequence, FollowerPosition position, Crc32c crc) {
    mark.set(LE_LONG, 0, MAGIC);
    mark.set(LE_INT, 8, VERSION);
    mark.set(LE_INT, 12, (int) position.epoch());
    mark.set(LE_LONG, 16, sequence);
    mark.set(LE_LONG, 24, position.fileId());
    mark.set(LE_LONG, 32, position.number());
    mark.set(LE_LONG, 40, position.setId());
    mark.set(LE_INT, CHECKSUM, Format.checksum(crc, mark, 0, CHECKSUM));
  }

  private void read() {
    boolean found = false;
    for (long at = 0; at < BYTES; at += HALF) {
      if (file.read(at, mark) == MARK
          && isWhole(mark, crc)
          && isKnown()
          && mark.get(LE_LONG, 32) >= 0
          && (!found || mark.get(LE_LONG, 16) > sequence)) {
        found = true;
        sequence = mark.get(LE_LONG, 16);
        position =
            new FollowerPosition(
                mark.get(LE_LONG, 40), mark.get(LE_LONG, 24), mark.get(LE_LONG, 32), epoch(mark));
      }
    }
    if (!found || file.size() != BYTES) {
      throw new CorruptionException(
          "cursor of a follower",
          file.path().toString(),
          0,
          BYTES + " bytes with a whole mark",
          file.size() + " bytes" + (found ? "" : " without one"),
          "delete it, and begin where you know that the follower has come to");
    }
  }

  private boolean isKnown() {
    int version = mark.get(LE_INT, 8);
    if (version != VERSION) {
      throw new FormatVersionException(
          "cursor "
              + file.path()
              + " is of format version "
              + version
              + ", and this release reads version "
              + VERSION
              + "; use the release that wrote it");
    }
    return true;
  }

  /** Returns the newest position that was made durable. */
  FollowerPosition position() {
    return position;
  }

  Path path() {
    return file.path();
  }

  /** Makes a position durable. */
  void commit(FollowerPosition newPosition) {
    if (!settled) {
      // A sync that failed before, or was not come to, may have left it in the page cache only.
      put(sequence, position);
      NewFile.syncName(storage, file.path());
      settled = true;
    }
    if (newPosition.equals(position)) {
      return;
    }
    put(sequence + 1, newPosition);
    sequence++;
    position = newPosition;
  }

  private void put(long newSequence, FollowerPosition newPosition) {
    mark.fill((byte) 0);
    write(mark, newSequence, newPosition, crc);
    file.write((newSequence & 1) * HALF, mark);
    file.sync();
  }

  @Override
  public void close() {
    file.close();
    lock.close();
    arena.close();
  }
}
