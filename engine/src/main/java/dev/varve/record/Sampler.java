// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Mixes the records of several cursors at random, by weight: each step takes the next record of
 * one, chosen with a probability of its weight among those that are not exhausted.
 *
 * <p>Each record of each source comes exactly once, those of one source in its order. The same seed
 * and sources give the same mix.
 *
 * <p>What a source throws is thrown on; the next call chooses anew, and the other sources stay
 * readable. For one thread at a time.
 *
 * {@snippet :
 * try (Sampler sampler =
 *     Sampler.builder()
 *         .add(RecordReader.open(common), 9)
 *         .add(RecordReader.open(rare), 1)
 *         .seed(7)
 *         .open()) {
 *   while (sampler.next()) {
 *     System.out.println(sampler.source() + ": " + sampler.length() + " bytes");
 *   }
 * }
 * }
 */
public final class Sampler implements RecordCursor {
  private final List<RecordCursor> sources;
  private final double[] weights;

  /** How many records were taken of each; of a record file the number of the next one. */
  private final long[] positions;

  private final boolean[] exhausted;
  private final SplitMix random;
  private int current = -1;
  private boolean closed;

  private Sampler(List<RecordCursor> sources, double[] weights, long seed) {
    this.sources = sources;
    this.weights = weights;
    this.positions = new long[weights.length];
    this.exhausted = new boolean[weights.length];
    this.random = new SplitMix(seed);
  }

  /**
   * Returns settings for sampling.
   *
   * @return a new builder without sources
   */
  public static Builder builder() {
    return new Builder();
  }

  @Override
  public boolean next() {
    if (closed) {
      throw new ClosedException("sampler");
    }
    current = -1;
    int chosen = choose();
    while (chosen >= 0) {
      RecordCursor source = sources.get(chosen);
      if (source.next()) {
        positions[chosen] =
            source instanceof RecordReader reader ? reader.number() + 1 : positions[chosen] + 1;
        current = chosen;
        return true;
      }
      exhausted[chosen] = true;
      chosen = choose();
    }
    return false;
  }

  /** Returns a source that is not exhausted, or -1 if there is none. */
  private int choose() {
    double total = 0;
    for (int i = 0; i < weights.length; i++) {
      total += exhausted[i] ? 0 : weights[i];
    }
    if (total == 0) {
      return -1;
    }
    double at = random.fraction() * total;
    int last = -1;
    for (int i = 0; i < weights.length; i++) {
      if (!exhausted[i]) {
        last = i;
        at -= weights[i];
        if (at < 0) {
          break;
        }
      }
    }
    return last;
  }

  private RecordCursor current() {
    return sources.get(source());
  }

  /**
   * Returns where the record is from.
   *
   * @return which source, from 0, in the order in which they were added
   * @throws IllegalStateException if the cursor stands on no record
   */
  public int source() {
    if (current < 0) {
      throw new IllegalStateException("the sampler stands on no record; move it with next");
    }
    return current;
  }

  @Override
  public long length() {
    return current().length();
  }

  @Override
  public MemorySegment memory() {
    return current().memory();
  }

  @Override
  public long offset() {
    return current().offset();
  }

  /**
   * Returns where this sampler is. Another one over the same sources with the same weights goes on
   * behind the record that this one stands on.
   *
   * @return the checkpoint
   */
  public Checkpoint checkpoint() {
    long[] words = new long[2 + 3 * weights.length];
    words[0] = random.state();
    words[1] = weights.length;
    for (int i = 0; i < weights.length; i++) {
      words[2 + 3 * i] = Double.doubleToRawLongBits(weights[i]);
      words[3 + 3 * i] = positions[i];
      words[4 + 3 * i] = exhausted[i] ? 1 : 0;
    }
    return new Checkpoint(Checkpoint.SAMPLER, words);
  }

  private void resume(long[] words) {
    for (int i = 0; i < weights.length; i++) {
      positions[i] = words[3 + 3 * i];
      exhausted[i] = words[4 + 3 * i] != 0;
      if (positions[i] < 0) {
        throw Checkpoint.invalid();
      }
      if (!exhausted[i] && !skip(sources.get(i), positions[i])) {
        throw new ConflictException(
            "source "
                + i
                + " of a sampler ends before "
                + positions[i]
                + " records, where the checkpoint is; resume over the same records");
      }
    }
  }

  private static boolean skip(RecordCursor source, long position) {
    if (source instanceof RecordReader reader) {
      return reader.resume(position);
    }
    for (long i = 0; i < position; i++) {
      if (!source.next()) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      current = -1;
      sources.forEach(RecordCursor::close);
    }
  }

  /** Settings of a {@link Sampler}. For one thread. */
  public static final class Builder {
    private final List<RecordCursor> sources = new ArrayList<>();
    private final List<Double> weights = new ArrayList<>();
    private long seed;
    private @Nullable Checkpoint checkpoint;

    Builder() {}

    /**
     * Adds a source.
     *
     * @param source gives records; the sampler closes it
     * @param weight how often it is chosen, compared with the others: above 0 and at most 1e100
     * @return this builder
     * @throws IllegalArgumentException if the weight is out of range
     */
    public Builder add(RecordCursor source, double weight) {
      if (!(weight > 0 && weight <= 1e100)) {
        throw new IllegalArgumentException(
            "weight is " + weight + "; expected a number above 0 and at most 1e100");
      }
      sources.add(Objects.requireNonNull(source, "source"));
      weights.add(weight);
      return this;
    }

    /**
     * What decides the choice. Default: 0.
     *
     * @param value any number
     * @return this builder
     */
    public Builder seed(long value) {
      this.seed = value;
      return this;
    }

    /**
     * Goes on behind a checkpoint, whose seed is used. The sources are to be the same, each at its
     * start, with the same weights. Record files are positioned at once, of other sources the
     * records are read again.
     *
     * @param of from {@link Sampler#checkpoint}
     * @return this builder
     */
    public Builder resume(Checkpoint of) {
      this.checkpoint = Objects.requireNonNull(of, "of");
      return this;
    }

    /**
     * Starts sampling.
     *
     * @return a sampler that the caller closes
     * @throws IllegalArgumentException if there is no source
     * @throws ConflictException if the checkpoint is of something else or other weights, or a
     *     source ends before it
     */
    public Sampler open() {
      if (sources.isEmpty()) {
        throw new IllegalArgumentException(
            "the sampler has no source; add at least one source with Sampler.Builder.add");
      }
      double[] all = weights.stream().mapToDouble(Double::doubleValue).toArray();
      if (checkpoint == null) {
        return new Sampler(List.copyOf(sources), all, seed);
      }
      long[] words = checkpoint.words(Checkpoint.SAMPLER, 2);
      if (words.length - 2 != 3 * words[1]) {
        throw Checkpoint.invalid();
      }
      boolean same = words[1] == all.length;
      for (int i = 0; same && i < all.length; i++) {
        same = words[2 + 3 * i] == Double.doubleToRawLongBits(all[i]);
      }
      if (!same) {
        throw new ConflictException(
            "the checkpoint is of a sampler with other sources or weights than "
                + weights
                + "; add the same ones");
      }
      Sampler sampler = new Sampler(List.copyOf(sources), all, words[0]);
      sampler.resume(words);
      return sampler;
    }
  }
}
