// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Gives the records of another cursor in a random order, through a buffer: it is filled, then each
 * step gives out one of it at random and takes in the next one of the source. At the end the rest
 * comes out in random order.
 *
 * <p>Each record of the source comes exactly once. With a buffer of all records every order is
 * possible; with a smaller one of n a record comes at most n - 1 places before its own, and usually
 * within a few n behind it. With n = 1 nothing changes. The same seed and source give the same
 * order.
 *
 * <p>The buffer holds copies in native memory, which never takes more than {@link Builder#bytes}:
 * if the next record does not fit, the buffer is smaller for a while, and a record that would not
 * fit even alone is given out when it comes. Each slot takes 8 bytes of heap.
 *
 * <p>What the source throws is thrown on. The buffer is kept, and the next call asks the source
 * again. For one thread at a time.
 */
public final class Shuffler implements RecordCursor {
  private static final int NONE = -1;

  /** Stands for the record that the source stands on. */
  private static final int PASSED = -2;

  private final RecordCursor source;
  private final int capacity;
  private final long bytes;
  private final long seed;
  private final SplitMix random;
  private final Reservoir reservoir;

  /** The slot that was given out, or one of the above. */
  private int shown = NONE;

  /** Whether the source stands on a record that was not taken yet. */
  private boolean pending;

  private boolean ended;
  private long given;
  private boolean closed;

  private Shuffler(RecordCursor source, int capacity, long bytes, long seed) {
    this.source = source;
    this.capacity = capacity;
    this.bytes = bytes;
    this.seed = seed;
    this.random = new SplitMix(seed);
    this.reservoir = new Reservoir(bytes);
  }

  /**
   * Returns settings for shuffling.
   *
   * @param source gives the records; the shuffler closes it
   * @return a new builder
   */
  public static Builder builder(RecordCursor source) {
    return new Builder(source);
  }

  @Override
  public boolean next() {
    if (closed) {
      throw new ClosedException("shuffler");
    }
    release();
    while (reservoir.size() < capacity && advanceSource()) {
      long length = source.length();
      if (!reservoir.canHold(length)) {
        shown = PASSED;
        given++;
        return true;
      }
      if (!reservoir.fits(length)) {
        break;
      }
      reservoir.add(source.memory(), source.offset(), length);
      pending = false;
    }
    if (reservoir.size() == 0) {
      return false;
    }
    shown = random.below(reservoir.size());
    given++;
    return true;
  }

  private boolean advanceSource() {
    if (!pending && !ended) {
      pending = source.next();
      ended = !pending;
    }
    return pending;
  }

  /** Lets go of the record that the cursor stands on. */
  private void release() {
    if (shown == PASSED) {
      pending = false;
    } else if (shown != NONE) {
      reservoir.remove(shown);
    }
    shown = NONE;
  }

  private boolean isBuffered() {
    if (shown == NONE) {
      throw new IllegalStateException("the shuffler stands on no record; move it with next");
    }
    return shown != PASSED;
  }

  @Override
  public long length() {
    return isBuffered() ? reservoir.length(shown) : source.length();
  }

  @Override
  public MemorySegment memory() {
    return isBuffered() ? reservoir.memory() : source.memory();
  }

  @Override
  public long offset() {
    return isBuffered() ? reservoir.offset(shown) : source.offset();
  }

  /**
   * Returns where this shuffler is. Another one over the same records, from their start, goes on
   * behind the record that this one stands on. To resume takes as long as to come here.
   *
   * @return the checkpoint, 60 bytes
   */
  public Checkpoint checkpoint() {
    return new Checkpoint(Checkpoint.SHUFFLER, seed, capacity, bytes, given);
  }

  /** Returns how much native memory the buffer takes. */
  long bufferBytes() {
    return reservoir.bytes();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      shown = NONE;
      reservoir.close();
      source.close();
    }
  }

  /** Settings of a {@link Shuffler}. For one thread. */
  public static final class Builder {
    private static final long LEAST_BYTES = 4096;

    private final RecordCursor source;
    private int records = 10_000;
    private long bytes = 256L << 20;
    private long seed;
    private @Nullable Checkpoint checkpoint;

    Builder(RecordCursor source) {
      this.source = Objects.requireNonNull(source, "source");
    }

    /**
     * How many records the buffer holds. Default: 10,000.
     *
     * @param count 1 or more
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder records(int count) {
      if (count < 1) {
        throw new IllegalArgumentException(
            "a shuffler's buffer holds " + count + " records; expected 1 or more");
      }
      this.records = count;
      return this;
    }

    /**
     * How much native memory the buffer takes at most; it grows as needed, and holds records of
     * three quarters of that, 16 to 23 bytes for each record counted. Default: 256 MiB.
     *
     * @param most 4 KiB or more
     * @return this builder
     * @throws IllegalArgumentException if it is less
     */
    public Builder bytes(long most) {
      if (most < LEAST_BYTES) {
        throw new IllegalArgumentException(
            "a shuffler's buffer takes " + most + " bytes; expected at least " + LEAST_BYTES);
      }
      this.bytes = most;
      return this;
    }

    /**
     * What decides the order. Default: 0.
     *
     * @param value any number
     * @return this builder
     */
    public Builder seed(long value) {
      this.seed = value;
      return this;
    }

    /**
     * Goes on behind a checkpoint, with the settings it was taken with. The source is to be the
     * same, and at its start.
     *
     * @param of from {@link Shuffler#checkpoint}
     * @return this builder
     */
    public Builder resume(Checkpoint of) {
      this.checkpoint = Objects.requireNonNull(of, "of");
      return this;
    }

    /**
     * Starts shuffling; nothing is read yet, unless this resumes.
     *
     * @return a shuffler that the caller closes
     * @throws ConflictException if the checkpoint is of something else, or the source ends before
     *     it
     */
    public Shuffler open() {
      if (checkpoint == null) {
        return new Shuffler(source, records, bytes, seed);
      }
      long[] words = checkpoint.words(Checkpoint.SHUFFLER, 4);
      if (words[1] < 1 || words[1] > Integer.MAX_VALUE || words[2] < LEAST_BYTES || words[3] < 0) {
        throw Checkpoint.invalid();
      }
      Shuffler shuffler = new Shuffler(source, (int) words[1], words[2], words[0]);
      try {
        while (shuffler.given < words[3]) {
          if (!shuffler.next()) {
            throw new ConflictException(
                "the source of a shuffler has "
                    + shuffler.given
                    + " records, and its checkpoint is behind "
                    + words[3]
                    + "; resume over the same records");
          }
        }
      } catch (RuntimeException | Error e) {
        shuffler.reservoir.close();
        throw e;
      }
      return shuffler;
    }
  }
}
