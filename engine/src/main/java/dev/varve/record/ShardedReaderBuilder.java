// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.Storage;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Settings of a {@link ShardedReader}. For one thread. */
public final class ShardedReaderBuilder {
  static final int MOST_SHARDS = 1024;

  private final @Nullable Path directory;
  private final @Nullable List<Path> given;
  private String prefix = "shard";
  private Storage storage = Storage.real();
  private OnDamage onDamage = OnDamage.FAIL;
  private boolean unclosed;
  private int shards = 2;
  private int workers;
  private long queueBytes = 256L << 20;
  private ShardOrder order = ShardOrder.ROUND_ROBIN;
  private boolean endless;
  private boolean shuffled;
  private long seed;
  private @Nullable Checkpoint checkpoint;

  ShardedReaderBuilder(@Nullable Path directory, @Nullable List<Path> given) {
    this.directory = directory;
    this.given = given;
  }

  /**
   * Where the files are: the real file system unless a test gives a simulated one.
   *
   * @param storage the storage
   * @return this builder
   */
  public ShardedReaderBuilder storage(Storage storage) {
    this.storage = Objects.requireNonNull(storage, "storage");
    return this;
  }

  /**
   * How the names of the files of a directory begin: {@code PREFIX-N.vrec}, taken in the order of
   * N. Default: {@code shard}.
   *
   * @param prefix the beginning, not empty and without separators
   * @return this builder
   * @throws IllegalArgumentException if it cannot begin a file name
   */
  public ShardedReaderBuilder prefix(String prefix) {
    this.prefix = ShardNames.checkPrefix(prefix);
    return this;
  }

  /**
   * What to do where a file is damaged. Default: {@link OnDamage#FAIL}, and the rest of that file
   * is left out.
   *
   * @param onDamage what to do
   * @return this builder
   */
  public ShardedReaderBuilder onDamage(OnDamage onDamage) {
    this.onDamage = Objects.requireNonNull(onDamage, "onDamage");
    return this;
  }

  /**
   * Takes files whose writers have not closed them to end behind their last whole block, as {@link
   * RecordReaderBuilder#acceptUnclosed}.
   *
   * @return this builder
   */
  public ShardedReaderBuilder acceptUnclosed() {
    this.unclosed = true;
    return this;
  }

  /**
   * How many shards are open at a time; it decides the order of records too. Default: 2.
   *
   * @param count 1 to 1024
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public ShardedReaderBuilder shards(int count) {
    if (count < 1 || count > MOST_SHARDS) {
      throw new IllegalArgumentException(
          "number of open shards is " + count + "; expected 1 to " + MOST_SHARDS);
    }
    this.shards = count;
    return this;
  }

  /**
   * How many threads read and decompress; more than there are open shards are of no use, and not
   * started. Does not change the order in turn. Default: 0, as many as there are processors.
   *
   * @param count 1 to 1024, or 0 for as many as there are processors
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public ShardedReaderBuilder workers(int count) {
    if (count < 0 || count > MOST_SHARDS) {
      throw new IllegalArgumentException(
          "number of workers is " + count + "; expected 0 to " + MOST_SHARDS);
    }
    this.workers = count;
    return this;
  }

  /**
   * How many bytes can wait to be taken, shared out evenly to the open shards; each can have at
   * least one record waiting. Default: 256 MiB.
   *
   * @param bytes 1 or more
   * @return this builder
   * @throws IllegalArgumentException if it is less
   */
  public ShardedReaderBuilder queueBytes(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException(
          "size of the queue is " + bytes + " bytes; expected 1 or more");
    }
    this.queueBytes = bytes;
    return this;
  }

  /**
   * In which order records of different shards come. Default: {@link ShardOrder#ROUND_ROBIN}.
   *
   * @param order the order
   * @return this builder
   */
  public ShardedReaderBuilder order(ShardOrder order) {
    this.order = Objects.requireNonNull(order, "order");
    return this;
  }

  /**
   * Begins again with the first shard after the last one, for ever; unless no shard has a record.
   *
   * <p>With one shard open at a time, each pass is complete before the next one begins. With more,
   * passes run into each other: where a shard ends, the next place of the sequence follows, of the
   * next pass too, while others are still in the pass before. {@linkplain ShardOrder#ROUND_ROBIN In
   * turn}, short shards can so be passes ahead of long ones. A checkpoint can be taken anywhere,
   * also between passes, and its reader goes on the same way. A damaged shard is told of in each
   * pass; files that have come since are not read.
   *
   * @return this builder
   */
  public ShardedReaderBuilder endless() {
    this.endless = true;
    return this;
  }

  /**
   * Takes the shards in a random order, in each pass another one.
   *
   * @param newSeed decides the orders
   * @return this builder
   */
  public ShardedReaderBuilder shuffled(long newSeed) {
    this.shuffled = true;
    this.seed = newSeed;
    return this;
  }

  /**
   * Goes on behind a checkpoint: over the shards that it is of, in their order, with as many open
   * at a time, in the same pass. What was set for these does not count.
   *
   * @param of from {@link ShardedReader#checkpoint}
   * @return this builder
   */
  public ShardedReaderBuilder resume(Checkpoint of) {
    this.checkpoint = Objects.requireNonNull(of, "of");
    return this;
  }

  /**
   * Starts reading the files that there are now.
   *
   * @return a reader that the caller closes
   * @throws dev.varve.NotFoundException if the directory does not exist, or has no file of the
   *     prefix; a writer makes one also where it is given no record
   * @throws dev.varve.ConflictException if the checkpoint is of something else
   */
  public ShardedReader open() {
    List<Path> files = given != null ? given : list(Objects.requireNonNull(directory, "directory"));
    if (checkpoint != null) {
      return new ShardedReader(this, ShardProgress.read(checkpoint, files), false).start();
    }
    ShardSequence sequence = new ShardSequence(files, shuffled, endless, seed);
    int slots = Math.min(shards, files.size());
    ShardProgress.Resumed fresh =
        new ShardProgress.Resumed(order, sequence, slots, 0, 0, List.of());
    return new ShardedReader(this, fresh, true).start();
  }

  private List<Path> list(Path from) {
    List<Path> files = ShardNames.list(storage, from, prefix);
    if (files.isEmpty()) {
      throw ShardNames.notFound("dataset", ShardNames.path(from, prefix, 0));
    }
    return files;
  }

  long queueBytes() {
    return queueBytes;
  }

  String name() {
    return directory == null ? "a list" : directory.resolve(prefix + "-N.vrec").toString();
  }

  int workersFor(int slots) {
    int wanted = workers == 0 ? Runtime.getRuntime().availableProcessors() : workers;
    return Math.min(wanted, slots);
  }

  /** Returns how shards are opened, by what is set now. */
  Function<Path, RecordReader> opener() {
    Storage from = storage;
    OnDamage what = onDamage;
    boolean accept = unclosed;
    return file -> {
      RecordReaderBuilder builder = RecordReader.builder(file).storage(from).onDamage(what);
      return (accept ? builder.acceptUnclosed() : builder).open();
    };
  }
}
