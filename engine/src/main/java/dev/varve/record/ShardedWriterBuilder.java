// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.nio.file.Path;
import java.util.Objects;

/** Settings of a {@link ShardedWriter}. For one thread. */
public final class ShardedWriterBuilder extends WriterSettings<ShardedWriterBuilder> {
  private final Path directory;
  private String prefix = "shard";
  private int shards = 2;
  private int workers;
  private int queuedTasks = 64;
  private long queuedBytes = 256L << 20;
  private int batchBytes = 256 << 10;
  private long maxShardBytes = 10L << 30;
  private boolean autoSharding = true;

  ShardedWriterBuilder(Path directory) {
    this.directory = Objects.requireNonNull(directory, "directory");
  }

  @Override
  ShardedWriterBuilder self() {
    return this;
  }

  /**
   * How the names of the files begin: shard N is {@code PREFIX-N.vrec}. Default: {@code shard}.
   *
   * @param prefix the beginning, not empty and without separators
   * @return this builder
   * @throws IllegalArgumentException if it cannot begin a file name
   */
  public ShardedWriterBuilder prefix(String prefix) {
    this.prefix = ShardNames.checkPrefix(prefix);
    return this;
  }

  /**
   * How many files are written to at a time. Default: 2.
   *
   * @param count 1 to 1024
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public ShardedWriterBuilder shards(int count) {
    this.shards = (int) check("number of shards", count, 1, 1024);
    return this;
  }

  /**
   * How many threads write and compress; more than there are shards are of no use, and not started.
   * Default: 0, as many as there are processors.
   *
   * @param count 1 to 1024, or 0 for as many as there are processors
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public ShardedWriterBuilder workers(int count) {
    this.workers = (int) check("number of workers", count, 0, 1024);
    return this;
  }

  /**
   * How many batches can wait for a worker; who appends waits while it is that many. Default: 64.
   *
   * @param count 1 or more
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public ShardedWriterBuilder queuedTasks(int count) {
    this.queuedTasks = (int) check("number of queued tasks", count, 1, Integer.MAX_VALUE);
    return this;
  }

  /**
   * How many bytes can wait for a worker, unless it is a single batch; who appends waits while it
   * is more. Default: 256 MiB.
   *
   * @param bytes 1 or more
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public ShardedWriterBuilder queuedBytes(long bytes) {
    this.queuedBytes = check("number of queued bytes", bytes, 1, Long.MAX_VALUE);
    return this;
  }

  /**
   * How many bytes of records, 8 to 15 more for each, a producer collects before it hands them
   * over. A longer record is handed over alone. Default: 256 KiB.
   *
   * @param bytes 64 bytes to 64 MiB
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public ShardedWriterBuilder batchBytes(int bytes) {
    this.batchBytes = (int) check("size of a batch", bytes, 64, 64 << 20);
    return this;
  }

  /**
   * How long a file may get: a record with which it would be longer goes into the next one, unless
   * it is the first of its file. The index at the end of the file is not counted. Default: 10 GiB.
   *
   * @param bytes 4 KiB or more
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public ShardedWriterBuilder maxShardBytes(long bytes) {
    this.maxShardBytes = check("size of a shard", bytes, 4096, Long.MAX_VALUE);
    return this;
  }

  /**
   * Whether a file that is full is followed by another one. Otherwise records are refused with
   * {@link dev.varve.FullException} once all shards are full. Default: true.
   *
   * @param follow whether to go on with more files
   * @return this builder
   */
  public ShardedWriterBuilder autoSharding(boolean follow) {
    this.autoSharding = follow;
    return this;
  }

  /**
   * Creates the first shards, in a directory that is created if it is missing.
   *
   * @return a writer that the caller closes
   * @throws dev.varve.ConflictException if there is a shard of the prefix already
   * @throws IllegalStateException if the compression is not possible in this JVM
   */
  public ShardedWriter create() {
    return ShardedWriter.open(options(), true);
  }

  /**
   * Creates new shards beside those that there are, in a directory that is created if it is
   * missing. Several writers may do that at a time.
   *
   * @return a writer that the caller closes
   * @throws IllegalStateException if the compression is not possible in this JVM
   */
  public ShardedWriter append() {
    return ShardedWriter.open(options(), false);
  }

  private ShardedOptions options() {
    int wanted = workers == 0 ? Runtime.getRuntime().availableProcessors() : workers;
    return new ShardedOptions(
        directory,
        prefix,
        fileOptions(),
        shards,
        Math.min(wanted, shards),
        queuedTasks,
        queuedBytes,
        batchBytes,
        maxShardBytes,
        autoSharding);
  }
}
