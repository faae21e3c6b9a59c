// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * An open file of a {@link Storage}.
 *
 * <p>All positions and lengths are in bytes. Every operation is positional; there is no shared
 * cursor. Any number of threads may use a handle at the same time; two writes to the same bytes, or
 * a write and a read of the same bytes, are not atomic towards each other. Interrupting a thread
 * neither disturbs an operation nor closes anything: the interrupt flag is as it was, or set,
 * afterwards.
 *
 * <p>No operation leaves a hole in the file, because storing to a mapped hole on a full disk
 * faults.
 *
 * <p>Buffers of the hot path are native segments. Heap segments are accepted and copied in pieces.
 *
 * <p>What is written is visible at once to every handle and mapping in every process, and survives
 * the death of the process. It survives power loss only after {@link #sync}; the file's name only
 * after {@link Storage#syncDirectory}.
 *
 * <p>Every operation but {@link #path}, {@link #key} and {@link #close} throws {@link
 * dev.varve.ClosedException} after close, {@link dev.varve.PoisonedException} after a failed sync
 * and {@link dev.varve.StorageException} when the operating system reports an error.
 */
public interface StorageFile extends AutoCloseable {
  /**
   * Returns the path the file was opened by.
   *
   * @return the path as it was given
   */
  Path path();

  /**
   * Returns how the file was opened.
   *
   * @return the access as it was given
   */
  FileAccess access();

  /**
   * Returns the identity of the file, equal for all handles of one file and only for these,
   * whatever path they were opened by, as long as one of them is open.
   *
   * @return an opaque text, on POSIX systems made of device and inode
   */
  String key();

  /**
   * Returns the length of the file.
   *
   * @return the length in bytes, as of now
   */
  long size();

  /**
   * Returns how much can still be written to the file system that the file is on, by any user: what
   * some file systems keep for root, such as ext4, does not count, also where root asks.
   *
   * @return the usable space in bytes, a hint; {@link Long#MAX_VALUE} where it is not known
   */
  long usableSpace();

  /**
   * Writes a segment: all of it, or an exception. After an exception any part of the range may have
   * been written, and the file may have grown by a part.
   *
   * @param position where to write; at most the current length of the file
   * @param source the bytes, of any length; native or heap
   * @throws IllegalArgumentException if the position is negative or beyond the end of the file, or
   *     the file was opened for reading only
   * @throws dev.varve.FullException if the disk is full or a limit on the file's length is reached
   */
  void write(long position, MemorySegment source);

  /**
   * Writes segments one after the other as if they were one, with one system call where the
   * operating system permits. Concurrent gathering writes of one handle wait for each other.
   *
   * @param position where to write; at most the current length of the file
   * @param sources the segments, of any length each; native ones
   * @param count how many of the sources to write, from the first
   * @throws IllegalArgumentException if the position is negative or beyond the end of the file, the
   *     count is negative or more than there are sources, a source is not native, or the file was
   *     opened for reading only
   * @throws dev.varve.FullException if the disk is full or a limit on the file's length is reached
   */
  void write(long position, MemorySegment[] sources, int count);

  /**
   * Reads until the target is full or the file ends.
   *
   * @param position where to read; may be at or beyond the end of the file
   * @param target where to put the bytes, of any length; native or heap
   * @return how many bytes were read: fewer than the target holds only at the end of the file, 0 at
   *     or beyond the end
   * @throws IllegalArgumentException if the position is negative or the target is read-only
   */
  long read(long position, MemorySegment target);

  /**
   * Makes the file longer by writing zeros, so that every byte has its place on the disk. If the
   * disk is full, the length is put back to what it was.
   *
   * @param newSize the length afterwards, at least the current one
   * @throws IllegalArgumentException if the file is longer already, or was opened for reading only
   * @throws dev.varve.FullException if the disk is full or a limit on the file's length is reached
   */
  void extend(long newSize);

  /**
   * Makes the file shorter. Nobody may have the part mapped that goes.
   *
   * @param newSize the length afterwards, at most the current one
   * @throws IllegalArgumentException if the size is negative, the file is shorter already, or was
   *     opened for reading only
   */
  void truncate(long newSize);

  /**
   * Makes everything written so far durable: data, length, and stores to shared mappings. Of the
   * other metadata, such as times, nothing is promised.
   *
   * <p>An operating system reports a failure to write back once, and then forgets the data. So a
   * failed sync poisons this handle: it only knows that what an earlier sync covered is safe.
   *
   * @throws dev.varve.StorageException if it failed
   */
  void sync();

  /**
   * Maps a part of the file. The mapping is independent of this handle: it stays valid after {@link
   * #close}.
   *
   * @param position where the part begins; need not be aligned
   * @param length length of the part
   * @param access what the mapping permits
   * @return a mapping that the caller closes
   * @throws IllegalArgumentException if the part reaches beyond the end of the file or is negative,
   *     or if the access is not read-only and the file was opened for reading only
   */
  Mapping map(long position, long length, MapAccess access);

  /**
   * Closes the handle without a sync. Closing again has no effect. Operations in flight complete or
   * fail with {@link dev.varve.ClosedException}.
   */
  @Override
  void close();
}
