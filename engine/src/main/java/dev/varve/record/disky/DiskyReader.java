// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.ClosedException;
import dev.varve.CorruptionException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.record.OnDamage;
import dev.varve.record.SkippedRegion;
import dev.varve.record.kind.FileKind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * Reads the records of a file in disky's format, in order.
 *
 * {@snippet class = "dev.varve.record.disky.DiskySnippetsTest" region = "read"}
 *
 * <p><b>Damage.</b> Every chunk is verified before the first of its records is given out. What
 * happens where a chunk is damaged or cut off, {@link OnDamage} says; with {@link OnDamage#SKIP}, a
 * damaged byte costs at most the records of the chunk that it is in, and a file that was cut off
 * gives every record of every chunk before. Nothing is allocated for a size that the file is not
 * long enough for.
 *
 * <p><b>A file that grows.</b> At the end of the file {@link #next} is false; it may be true later,
 * once a writer has flushed more. It is best called after the writer's flush has returned: a chunk
 * that is just being written is as good as cut off.
 *
 * <p><b>Threads.</b> For one thread at a time. Closing it in another one is safe.
 */
public final class DiskyReader implements AutoCloseable {
  private final OnDamage onDamage;
  private final StorageFile file;
  private final BlockInput in;
  private final Chunk chunk;
  private final ChunkScanner scanner;

  /** Whether there is a current record. */
  private boolean current;

  private volatile boolean closed;

  private DiskyReader(Storage storage, Path path, OnDamage onDamage) {
    this.onDamage = Objects.requireNonNull(onDamage, "onDamage");
    this.file = storage.open(path, FileAccess.READ);
    try {
      Damage damage = new Damage(path);
      if (file.size() == 0 && onDamage == OnDamage.FAIL) {
        throw damage.torn(0, "a signature of " + ChunkLayout.SIGNATURE_BYTES + " bytes", 0);
      }
      if (onDamage == OnDamage.FAIL) {
        FileKind.DISKY.require(file);
      }
      this.in = new BlockInput(file);
      this.chunk = new Chunk(damage);
      this.scanner = new ChunkScanner(in, damage, onDamage, chunk);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /**
   * Opens a file; damage is an error.
   *
   * @param path the file
   * @return a reader before the first record, which the caller closes
   * @throws dev.varve.NotFoundException if there is no such file
   * @throws CorruptionException if the file is empty or seems to be of another format
   */
  public static DiskyReader open(Path path) {
    return open(path, OnDamage.FAIL);
  }

  /**
   * Opens a file.
   *
   * @param path the file
   * @param onDamage what to do where the file is damaged
   * @return a reader before the first record, which the caller closes
   * @throws dev.varve.NotFoundException if there is no such file
   * @throws CorruptionException if the file is empty or seems to be of another format, and that is
   *     to be an error
   */
  public static DiskyReader open(Path path, OnDamage onDamage) {
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
   * @throws CorruptionException if the file is empty or seems to be of another format, and that is
   *     to be an error
   */
  public static DiskyReader open(Storage storage, Path path, OnDamage onDamage) {
    Objects.requireNonNull(storage, "storage");
    Objects.requireNonNull(path, "path");
    return new DiskyReader(storage, path, onDamage);
  }

  /**
   * Moves to the next record. The one before is then gone, and memory that was given out for it may
   * hold anything.
   *
   * @return whether there is one; if not, the end of the file was reached
   * @throws CorruptionException if the next chunk is damaged or cut off, and that is to be an
   *     error; again each time it is called
   * @throws ClosedException if this reader is closed
   * @throws dev.varve.UnavailableException if the next chunk is compressed and that is not
   *     available
   * @throws dev.varve.StorageException if reading failed
   */
  public boolean next() {
    checkOpen();
    try {
      current = chunk.next() || (nextChunk() && chunk.next());
      return current;
    } catch (IllegalStateException e) {
      // Closed by another thread, and its memory with it.
      checkOpen();
      throw e;
    }
  }

  /**
   * Loads the next chunk. Not while the reader is being closed: decompression must not lose its
   * memory.
   */
  private synchronized boolean nextChunk() {
    checkOpen();
    current = false;
    while (true) {
      try {
        if (scanner.next()) {
          return true;
        }
      } catch (CorruptionException e) {
        // Perhaps a chunk that was not all there, and is by now.
        if (!in.grow()) {
          throw e;
        }
        continue;
      }
      if (!in.grow()) {
        return false;
      }
    }
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
    return chunk.values().asSlice(chunk.offset(), chunk.length());
  }

  /**
   * Returns a copy of the current record.
   *
   * @return its bytes
   * @throws IllegalStateException if there is no current record
   * @throws ClosedException if this reader is closed
   */
  public byte[] copy() {
    return record().toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Returns the memory that the current record lies in. With {@link #offset} and {@link #length} it
   * gives access to the record without an object for each; it is the same for all records of a
   * chunk.
   *
   * @return read-only memory; valid until the next call of {@link #next} or {@link #close}
   * @throws IllegalStateException if there is no current record
   * @throws ClosedException if this reader is closed
   */
  public MemorySegment segment() {
    checkCurrent();
    return chunk.values();
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
    return chunk.offset();
  }

  /**
   * Returns the length of the current record.
   *
   * @return the length in bytes, 0 to 2^31 - 1
   * @throws IllegalStateException if there is no current record
   * @throws ClosedException if this reader is closed
   */
  public long length() {
    checkCurrent();
    return chunk.length();
  }

  /**
   * Counts the records of the whole file, by reading all of it once more; what is damaged counts as
   * it does for {@link #next}. The position stays as it is.
   *
   * @return how many records a new reader gives
   * @throws CorruptionException if the file is damaged, and that is to be an error
   * @throws ClosedException if this reader is closed
   * @throws dev.varve.UnavailableException if the file is compressed and that is not available
   * @throws dev.varve.StorageException if reading failed
   */
  public synchronized long count() {
    checkOpen();
    Damage damage = new Damage(path());
    try (BlockInput all = new BlockInput(file);
        Chunk each = new Chunk(damage)) {
      ChunkScanner chunks = new ChunkScanner(all, damage, onDamage, each);
      long count = 0;
      while (chunks.next()) {
        count += each.records();
      }
      return count;
    }
  }

  /**
   * Returns the parts of the file that were passed over so far, in their order.
   *
   * @return at most the first 1000 of them; empty with {@link OnDamage#FAIL}
   */
  public synchronized List<SkippedRegion> skipped() {
    return List.copyOf(scanner.skipped());
  }

  /**
   * Returns how much of the file was passed over so far.
   *
   * @return the length in bytes of all parts, also of those that are not listed any more
   */
  public synchronized long skippedBytes() {
    return scanner.skippedBytes();
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
      throw new ClosedException("disky reader \"" + path() + "\"");
    }
  }

  private void checkCurrent() {
    checkOpen();
    if (!current) {
      throw new IllegalStateException(
          "reader of \"" + path() + "\" has no current record; call next() until it is false");
    }
  }

  /** Closes the file and frees the memory of the current record. Closing again has no effect. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      file.close();
    } finally {
      try {
        in.close();
      } finally {
        chunk.close();
      }
    }
  }
}
