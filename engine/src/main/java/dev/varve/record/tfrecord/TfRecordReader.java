// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import dev.varve.ClosedException;
import dev.varve.CorruptionException;
import dev.varve.StorageException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import dev.varve.record.OnDamage;
import dev.varve.record.SkippedRegion;
import dev.varve.record.kind.FileKind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Reads the records of a TFRecord file in order, as the file was when it was opened.
 *
 * {@snippet class = "dev.varve.record.tfrecord.TfRecordSnippetsTest" region = "read"}
 *
 * <p><b>Damage.</b> Both checksums of a record are verified before it is given out. With {@link
 * OnDamage#SKIP} a record whose data is damaged is passed over. Behind a length that is damaged, or
 * a record that is cut off, nothing more can be read: the format has no mark to find the next
 * record by, so the rest of the file is lost. A file that was cut between two records is as good as
 * a shorter one; nobody can tell. Memory is taken for a record only if its length agrees with its
 * checksum and the file is long enough for it.
 *
 * <p>For one thread at a time. Moving allocates nothing on the heap.
 */
public final class TfRecordReader implements AutoCloseable {
  private static final long WINDOW_BYTES = 1 << 20;
  private static final int MOST_REGIONS = 1000;

  private final StorageFile file;
  private final OnDamage onDamage;
  private final long size;
  private final Crc32c crc = new Crc32c();
  private final List<SkippedRegion> skipped = new ArrayList<>();
  private Arena arena = Arena.ofShared();
  private MemorySegment window;
  private MemorySegment view;

  /** What the window holds of the file. */
  private long windowStart;

  private long windowEnd;

  /** Where in the file the next record begins. */
  private long at;

  /** Where in the window the current record is; a length of -1 if there is none. */
  private long offset;

  private long length = -1;
  private long skippedBytes;
  private boolean closed;

  private TfRecordReader(StorageFile file, OnDamage onDamage) {
    this.file = file;
    this.onDamage = onDamage;
    this.size = file.size();
    this.window = arena.allocate(Math.clamp(size, 1, WINDOW_BYTES));
    this.view = window.asReadOnly();
    crc.keepView(window);
  }

  /**
   * Opens a file; damage is an error.
   *
   * @param path the file
   * @return a reader before the first record, which the caller closes
   * @throws dev.varve.NotFoundException if there is no such file
   * @throws CorruptionException if the file seems to be of another format, and damage is an error
   */
  public static TfRecordReader open(Path path) {
    return open(path, OnDamage.FAIL);
  }

  /**
   * Opens a file.
   *
   * @param path the file
   * @param onDamage what to do where the file is damaged
   * @return a reader before the first record, which the caller closes
   * @throws dev.varve.NotFoundException if there is no such file
   * @throws CorruptionException if the file seems to be of another format, and damage is an error
   */
  public static TfRecordReader open(Path path, OnDamage onDamage) {
    return open(Storage.real(), path, onDamage);
  }

  /**
   * Opens a file of a storage.
   *
   * @param storage where the file is
   * @param path the file
   * @param onDamage what to do where the file is damaged
   * @return a reader before the first record, which the caller closes
   * @throws dev.varve.NotFoundException if there is no such file
   * @throws CorruptionException if the file seems to be of another format, and damage is an error
   */
  public static TfRecordReader open(Storage storage, Path path, OnDamage onDamage) {
    Objects.requireNonNull(storage, "storage");
    Objects.requireNonNull(path, "path");
    Objects.requireNonNull(onDamage, "onDamage");
    StorageFile file = storage.open(path, FileAccess.READ);
    try {
      if (onDamage == OnDamage.FAIL) {
        FileKind.TFRECORD.require(file);
      }
      return new TfRecordReader(file, onDamage);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /**
   * Moves to the next record. The one before is then gone, and memory that was given out for it may
   * hold anything.
   *
   * @return whether there is one; if not, the end of the file was reached
   * @throws CorruptionException if the next record is damaged or cut off, and that is to be an
   *     error; again each time it is called
   * @throws ClosedException if this reader is closed
   * @throws StorageException if reading failed
   */
  public boolean next() {
    checkOpen();
    length = -1;
    while (at < size) {
      long rest = size - at;
      if (rest < TfRecordLayout.HEADER_BYTES) {
        torn(rest + " bytes, less than the header of a record");
        return false;
      }
      long header = load(at, TfRecordLayout.HEADER_BYTES);
      long bytes = TfRecordLayout.length(window, header);
      int said = TfRecordLayout.lengthChecksum(window, header);
      int actual = TfRecordLayout.checksum(crc, window, header, 8);
      if (said != actual) {
        lost("length of a record", rest, SkippedRegion.UNKNOWN, actual, said);
        return false;
      }
      long room = rest - TfRecordLayout.HEADER_BYTES - TfRecordLayout.FOOTER_BYTES;
      if (bytes < 0 || bytes > room) {
        torn(
            rest
                + " bytes, less than a record of "
                + Long.toUnsignedString(bytes)
                + " bytes takes");
        return false;
      }
      long begin = at + TfRecordLayout.HEADER_BYTES;
      long data = load(begin, bytes + TfRecordLayout.FOOTER_BYTES);
      said = window.get(LE_INT_UNALIGNED, data + bytes);
      actual = TfRecordLayout.checksum(crc, window, data, bytes);
      long frame = TfRecordLayout.HEADER_BYTES + bytes + TfRecordLayout.FOOTER_BYTES;
      if (said != actual) {
        lost("data of a record", frame, 1, actual, said);
        continue;
      }
      at += frame;
      offset = data;
      length = bytes;
      return true;
    }
    return false;
  }

  /** The file ends within a record. */
  private void torn(String actual) {
    if (onDamage == OnDamage.FAIL) {
      throw corrupt("last record", "a whole record", actual);
    }
    skip(size - at, SkippedRegion.UNKNOWN, "a record that is cut off");
  }

  private void lost(String what, long bytes, long records, int actual, int said) {
    if (onDamage == OnDamage.FAIL) {
      throw corrupt(what, String.format("checksum 0x%08x", said), String.format("0x%08x", actual));
    }
    skip(bytes, records, "the " + what + " does not agree with its checksum");
  }

  private CorruptionException corrupt(String what, String expected, String actual) {
    return new CorruptionException(
        what,
        path().toString(),
        at,
        expected,
        actual,
        "restore the file from a copy, or read what is intact with OnDamage.SKIP");
  }

  private void skip(long bytes, long records, String reason) {
    if (skipped.size() < MOST_REGIONS) {
      skipped.add(new SkippedRegion(at, bytes, records, reason));
    }
    skippedBytes += bytes;
    at += bytes;
  }

  /** Has the window hold a range of the file that lies within it, and returns where it does. */
  private long load(long begin, long bytes) {
    if (begin >= windowStart && begin + bytes <= windowEnd) {
      return begin - windowStart;
    }
    if (bytes > window.byteSize()) {
      arena.close();
      arena = Arena.ofShared();
      window = arena.allocate(bytes);
      view = window.asReadOnly();
      crc.keepView(window);
    }
    windowStart = begin;
    windowEnd = begin;
    long wanted = Math.min(window.byteSize(), size - begin);
    windowEnd += file.read(begin, window.asSlice(0, wanted));
    if (windowEnd - begin < bytes) {
      throw new StorageException(
          "file \""
              + path()
              + "\" became shorter while it was read: expected "
              + size
              + " bytes, found "
              + windowEnd
              + "; read it again once nobody cuts it");
    }
    return 0;
  }

  /**
   * Returns the current record where it lies.
   *
   * @return its bytes, read-only; valid until the next call of {@link #next} or {@link #close}
   * @throws IllegalStateException if there is no current record
   * @throws ClosedException if this reader is closed
   */
  public MemorySegment record() {
    checkCurrent();
    return view.asSlice(offset, length);
  }

  /**
   * Returns a copy of the current record.
   *
   * @return its bytes
   * @throws IllegalStateException if there is no current record, or it is longer than an array can
   *     be
   * @throws ClosedException if this reader is closed
   */
  public byte[] copy() {
    return record().toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Returns the memory that the current record lies in. With {@link #offset} and {@link #length} it
   * gives access to the record without an object for each; it is the same for many records.
   *
   * @return read-only memory; valid until the next call of {@link #next} or {@link #close}
   * @throws IllegalStateException if there is no current record
   * @throws ClosedException if this reader is closed
   */
  public MemorySegment segment() {
    checkCurrent();
    return view;
  }

  /**
   * Returns where in {@link #segment} the current record begins.
   *
   * @return the offset in bytes
   * @throws IllegalStateException if there is no current record
   * @throws ClosedException if this reader is closed
   */
  public long offset() {
    checkCurrent();
    return offset;
  }

  /**
   * Returns the length of the current record.
   *
   * @return the length in bytes, from 0
   * @throws IllegalStateException if there is no current record
   * @throws ClosedException if this reader is closed
   */
  public long length() {
    checkCurrent();
    return length;
  }

  /**
   * Returns the parts of the file that were passed over so far, in their order.
   *
   * @return at most the first 1000 of them; empty with {@link OnDamage#FAIL}
   */
  public List<SkippedRegion> skipped() {
    return List.copyOf(skipped);
  }

  /**
   * Returns how much of the file was passed over so far.
   *
   * @return the length in bytes of all parts, also of those that are not listed any more
   */
  public long skippedBytes() {
    return skippedBytes;
  }

  /**
   * Returns the file.
   *
   * @return the path as it was given
   */
  public Path path() {
    return file.path();
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("TFRecord reader \"" + path() + "\"");
    }
  }

  private void checkCurrent() {
    checkOpen();
    if (length < 0) {
      throw new IllegalStateException(
          "reader of \"" + path() + "\" has no current record; call next() until it is false");
    }
  }

  /** Closes the file and frees the memory of the current record. Closing again has no effect. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      file.close();
    } finally {
      arena.close();
    }
  }
}
