// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.Durability;
import dev.varve.file.Storage;
import dev.varve.record.compress.BlockCodec;
import java.util.Map;
import java.util.Objects;

/** Settings that all writers of record files have. For one thread. */
abstract sealed class WriterSettings<B extends WriterSettings<B>>
    permits RecordWriterBuilder, RecordSetWriterBuilder, ShardedWriterBuilder {
  private Storage storage = Storage.real();
  private Durability durability = Durability.NONE;
  private Compression compression = Compression.NONE;
  private int level = Compression.ZSTD_LEVEL;
  private int blockSize = 64 << 10;

  abstract B self();

  /**
   * Where the files are: the real file system unless a test gives a simulated one. Its clock is
   * used too.
   *
   * @param newStorage the storage
   * @return this builder
   */
  public B storage(Storage newStorage) {
    storage = Objects.requireNonNull(newStorage, "storage");
    return self();
  }

  /**
   * What records survive once they are flushed. Default: {@link Durability#NONE}. Under SYNC a
   * flush is a sync; under ASYNC a thread flushes and syncs early enough.
   *
   * @param newDurability the level
   * @return this builder
   */
  public B durability(Durability newDurability) {
    durability = Objects.requireNonNull(newDurability, "durability");
    return self();
  }

  /**
   * How blocks are stored; in a sharded writer its workers compress. Default: {@link
   * Compression#NONE}; zstd at level 3.
   *
   * @param newCompression the compression
   * @return this builder
   */
  public B compression(Compression newCompression) {
    compression = Objects.requireNonNull(newCompression, "compression");
    level = Compression.ZSTD_LEVEL;
    return self();
  }

  /**
   * Has blocks stored with zstd at a level. Readers need not know it. Where the JVM does not grant
   * native access to the library, its Java code compresses at level 3, whatever is asked for.
   *
   * @param newLevel 1 (fast) to 22 (small)
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public B zstd(int newLevel) {
    level =
        (int) check("zstd level", newLevel, BlockCodec.MIN_ZSTD_LEVEL, BlockCodec.MAX_ZSTD_LEVEL);
    compression = Compression.ZSTD;
    return self();
  }

  /**
   * After how many bytes of records a block ends: what damage costs at most, and what is compressed
   * together. Default: 64 KiB.
   *
   * @param bytes 4 KiB to 512 KiB
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public B blockSize(int bytes) {
    blockSize = (int) check("block size in bytes", bytes, 4 << 10, 512 << 10);
    return self();
  }

  static long check(String what, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          what + " is " + value + "; expected " + least + " to " + most);
    }
    return value;
  }

  /** Returns the settings of a writer of one file, for one thread. */
  WriterOptions fileOptions() {
    return new WriterOptions(
        storage,
        durability,
        compression,
        level,
        blockSize,
        Format.LARGE,
        Acknowledge.ON_FLUSH,
        Run.BYTES,
        PartWriter.HUGE_PAGE,
        false,
        Map.of(),
        0,
        0,
        0);
  }
}
