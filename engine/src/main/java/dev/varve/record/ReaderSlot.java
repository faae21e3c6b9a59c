// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ConflictException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import java.nio.file.Path;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** One of the places in which a sharded reader has a shard open. */
final class ReaderSlot {
  /**
   * Where to begin in a shard.
   *
   * @param place which one of the sequence
   * @param number the number of the first record
   */
  record Start(long place, long number) {}

  /**
   * What was read at once: records, and what came behind them.
   *
   * @param slot who read it
   * @param place where in the sequence the shard is
   * @param file the shard
   * @param batch the records
   * @param first the number of the first of them
   * @param last whether the shard is at its end
   * @param error why it is, if something is wrong; behind the records
   */
  record Delivery(
      ReaderSlot slot,
      long place,
      Path file,
      RecordBatch batch,
      long first,
      boolean last,
      @Nullable VarveException error) {

    /** Returns the number that follows what was taken of it. */
    long next() {
      return first + Math.min(batch.index() + 1, batch.count());
    }

    int records() {
      return batch.count() - Math.min(batch.index() + 1, batch.count());
    }
  }

  final int index;
  private final ShardSequence sequence;
  private final Function<Path, RecordReader> open;

  // Guarded by the reader's lock.
  boolean busy;
  boolean finished;
  long queuedBytes;

  // For the worker that has it.
  private @Nullable Start start;
  private @Nullable RecordReader reader;
  private boolean standing;

  /** Whether no record of the shard was found yet, of those from its start on. */
  private boolean empty;

  ReaderSlot(int index, ShardSequence sequence, Function<Path, RecordReader> open) {
    this.index = index;
    this.sequence = sequence;
    this.open = open;
  }

  /** Tells whether it is to be given a shard. */
  boolean isIdle() {
    return start == null;
  }

  void begin(Start newStart) {
    start = newStart;
    empty = newStart.number == 0;
  }

  /** Tells whether the shard it was given is open. */
  boolean isReading() {
    return reader != null;
  }

  /** Returns where in the sequence its shard is. */
  long place() {
    return start == null ? 0 : start.place;
  }

  /** Tells whether the shard that has just ended has no record at all. */
  boolean wasEmpty() {
    return empty;
  }

  /** Reads on, into an empty batch. */
  Delivery read(RecordBatch batch) {
    Start from = start;
    if (from == null) {
      throw new IllegalStateException("slot " + index + " has no shard");
    }
    Path file = sequence.files().get(sequence.shard(from.place));
    long first = -1;
    try {
      RecordReader opened = reader;
      if (opened == null) {
        opened = open.apply(file);
        reader = opened;
        position(opened, file, from.number);
      }
      while (standing || opened.next()) {
        standing = true;
        if (batch.count() == 0) {
          first = opened.number();
        } else if (opened.number() != first + batch.count() || !batch.fits(opened.length())) {
          return new Delivery(this, from.place, file, batch, first, false, null);
        }
        batch.add(opened.memory(), opened.offset(), opened.length());
        standing = false;
        empty = false;
      }
      close();
      return new Delivery(this, from.place, file, batch, first, true, null);
    } catch (RuntimeException | Error e) {
      empty = false;
      close();
      return new Delivery(this, from.place, file, batch, first, true, named(e, file));
    }
  }

  private static void position(RecordReader opened, Path file, long number) {
    if (!opened.resume(number)) {
      throw new ConflictException(
          "shard "
              + file
              + " has "
              + opened.count()
              + " records, and the checkpoint is behind "
              + number
              + "; resume over the same shards");
    }
  }

  private static VarveException named(Throwable error, Path file) {
    if (error instanceof VarveException known
        && String.valueOf(error.getMessage()).contains(file.toString())) {
      return known;
    }
    return new StorageException("shard " + file + " cannot be read: " + error, error);
  }

  /** Closes the shard. */
  void close() {
    RecordReader opened = reader;
    reader = null;
    standing = false;
    start = null;
    if (opened != null) {
      opened.close();
    }
  }
}
