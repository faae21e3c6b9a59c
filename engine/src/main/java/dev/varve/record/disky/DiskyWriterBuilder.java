// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.CorruptionException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.record.SkippedRegion;
import dev.varve.record.compress.BlockCodec;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/** Settings of a {@link DiskyWriter}, all checked before anything is touched. For one thread. */
public final class DiskyWriterBuilder {
  private static final long DEFAULT_CHUNK_BYTES = 1 << 20;
  private static final long MAX_CHUNK_BYTES = 1 << 29;
  private static final int NO_COMPRESSION = 0;

  private final Path path;
  private Storage storage = Storage.real();
  private long chunkBytes = DEFAULT_CHUNK_BYTES;
  private int zstdLevel = NO_COMPRESSION;

  DiskyWriterBuilder(Path path) {
    this.path = Objects.requireNonNull(path, "path");
    if (path.getFileName() == null) {
      throw new IllegalArgumentException("\"" + path + "\" is a directory; pass a file");
    }
  }

  /**
   * Where the file is: in the real file system unless a test gives a simulated one.
   *
   * @param newStorage the storage
   * @return this builder
   */
  public DiskyWriterBuilder storage(Storage newStorage) {
    this.storage = Objects.requireNonNull(newStorage, "storage");
    return this;
  }

  /**
   * Bytes of records from which on a chunk is full; the record that reaches it is the last one of
   * the chunk. Default: 1 MiB, as in disky. A chunk is what damage costs, and what a reader holds
   * in memory.
   *
   * @param bytes 1 to 2^29
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public DiskyWriterBuilder chunkBytes(long bytes) {
    if (bytes < 1 || bytes > MAX_CHUNK_BYTES) {
      throw new IllegalArgumentException(
          "chunk size is " + bytes + " bytes; expected 1 to " + MAX_CHUNK_BYTES);
    }
    this.chunkBytes = bytes;
    return this;
  }

  /**
   * Compresses with zstd. Default: no compression.
   *
   * <p>Needs the library {@code io.airlift:aircompressor-v3}, and native access granted to it or
   * memory access of {@code sun.misc.Unsafe}. Without native access every level is as 3.
   *
   * @param level 1 (fast) to 22 (small)
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public DiskyWriterBuilder zstd(int level) {
    if (level < BlockCodec.MIN_ZSTD_LEVEL || level > BlockCodec.MAX_ZSTD_LEVEL) {
      throw new IllegalArgumentException(
          "zstd level is "
              + level
              + "; expected "
              + BlockCodec.MIN_ZSTD_LEVEL
              + " to "
              + BlockCodec.MAX_ZSTD_LEVEL);
    }
    this.zstdLevel = level;
    return this;
  }

  /**
   * Creates the file.
   *
   * @return a writer that the caller closes
   * @throws dev.varve.ConflictException if the file exists
   * @throws dev.varve.BusyException if it has a writer
   * @throws dev.varve.NotFoundException if its directory is missing
   * @throws dev.varve.UnavailableException if compression was asked for and is not available
   * @throws dev.varve.FullException if there is no space
   */
  public DiskyWriter create() {
    return open(() -> WriterFile.create(storage, path));
  }

  /**
   * Creates the file, or empties it: by a new file in its place, so that who has the old one open
   * keeps it.
   *
   * @return a writer that the caller closes
   * @throws dev.varve.BusyException if the file has a writer
   * @throws dev.varve.NotFoundException if its directory is missing
   * @throws dev.varve.UnavailableException if compression was asked for and is not available
   * @throws dev.varve.FullException if there is no space
   */
  public DiskyWriter truncate() {
    return open(
        () -> {
          if (storage.exists(path)) {
            storage.open(path, FileAccess.READ).close(); // which a directory refuses
            storage.delete(path);
          }
          return WriterFile.create(storage, path);
        });
  }

  /**
   * Opens the file to add to it, or creates it. If its last chunk was not finished, the remains are
   * covered up, which {@link DiskyWriter#repaired} tells of: all that stands behind the last chunk
   * whose hashes are right. Damage in front of the last intact chunk is left as it is.
   *
   * @return a writer that the caller closes
   * @throws CorruptionException if the file does not begin with the signature of the format
   * @throws dev.varve.BusyException if it has a writer
   * @throws dev.varve.NotFoundException if its directory is missing
   * @throws dev.varve.UnavailableException if compression was asked for and is not available
   * @throws dev.varve.FullException if there is no space for the repair
   */
  public DiskyWriter append() {
    return open(
        () ->
            storage.exists(path)
                ? storage.open(path, FileAccess.WRITE)
                : WriterFile.create(storage, path));
  }

  private DiskyWriter open(WriterFile.Opening opening) {
    BlockCodec zstd = zstdLevel == NO_COMPRESSION ? null : BlockCodec.zstd(zstdLevel);
    WriterFile file = WriterFile.open(storage, path, opening);
    try {
      Optional<SkippedRegion> repaired = Tail.repair(file.file());
      return new DiskyWriter(
          file, new ChunkBuilder(chunkBytes, zstd), file.file().size(), repaired);
    } catch (Throwable e) {
      try {
        file.close();
      } catch (RuntimeException | Error second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }
}
