// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/**
 * What a reader of a {@link StreamCache} reads: from where to where, which columns, in which order,
 * and on whose account. Immutable: each method returns changed options.
 *
 * {@snippet class="dev.varve.arrow.StreamCacheSnippetsTest" region="parts"}
 */
public final class ReadOptions {

  /** Everything from the beginning, in order, with the cache's allocator. */
  public static final ReadOptions ALL =
      new ReadOptions(Start.BEGINNING, Long.MAX_VALUE, null, null, OptionalLong.empty(), null);

  private final Start start;
  private final long end;
  private final @Nullable List<String> names;
  private final int @Nullable [] positions;
  private final OptionalLong seed;
  private final @Nullable BufferAllocator allocator;

  private ReadOptions(
      Start start,
      long end,
      @Nullable List<String> names,
      int @Nullable [] positions,
      OptionalLong seed,
      @Nullable BufferAllocator allocator) {
    this.start = start;
    this.end = end;
    this.names = names;
    this.positions = positions;
    this.seed = seed;
    this.allocator = allocator;
  }

  /**
   * Begins elsewhere.
   *
   * @param start where
   * @return the options
   */
  public ReadOptions from(Start start) {
    return new ReadOptions(
        Objects.requireNonNull(start, "start"), end, names, positions, seed, allocator);
  }

  /**
   * Reads some batches only.
   *
   * @param from the first batch
   * @param end the batch behind the last; the stream may end before
   * @return the options
   * @throws IllegalArgumentException if {@code from} is negative or behind {@code end}
   */
  public ReadOptions range(long from, long end) {
    if (end < from) {
      throw new IllegalArgumentException("range ends at " + end + ", before its start " + from);
    }
    return new ReadOptions(Start.at(from), end, names, positions, seed, allocator);
  }

  /**
   * Reads some columns only, in the given order; the others cost nothing.
   *
   * @param names names of columns, each of which must be unambiguous in the schema
   * @return the options
   */
  public ReadOptions columns(String... names) {
    return new ReadOptions(start, end, List.of(names), null, seed, allocator);
  }

  /**
   * Reads some columns only, in the given order; the others cost nothing.
   *
   * @param positions positions of columns, from 0
   * @return the options
   */
  public ReadOptions columns(int... positions) {
    return new ReadOptions(start, end, null, positions.clone(), seed, allocator);
  }

  /**
   * Reads the batches in an order drawn from a seed; equal seeds and numbers of batches give equal
   * orders. The reader first ingests the stream to the end of its range.
   *
   * @param seed the seed
   * @return the options
   */
  public ReadOptions shuffled(long seed) {
    return new ReadOptions(start, end, names, positions, OptionalLong.of(seed), allocator);
  }

  /**
   * Loads into vectors of another allocator, which may be of another root than the cache's.
   *
   * @param allocator the allocator, which must outlive the reader
   * @return the options
   */
  public ReadOptions allocator(BufferAllocator allocator) {
    return new ReadOptions(
        start, end, names, positions, seed, Objects.requireNonNull(allocator, "allocator"));
  }

  Start start() {
    return start;
  }

  long end() {
    return end;
  }

  OptionalLong seed() {
    return seed;
  }

  BufferAllocator allocatorOr(BufferAllocator other) {
    return allocator == null ? other : allocator;
  }

  boolean isProjection() {
    return names != null || positions != null;
  }

  /** Positions of the chosen columns. */
  int[] resolve(StreamSchema schema) {
    int count = schema.message().getFields().size();
    if (names != null) {
      return schema.positions(names);
    }
    if (positions != null) {
      for (int position : positions) {
        if (position < 0 || position >= count) {
          throw new IllegalArgumentException(
              "there is no column " + position + "; the columns are 0 to " + (count - 1));
        }
      }
      return positions.clone();
    }
    int[] all = new int[count];
    for (int i = 0; i < count; i++) {
      all[i] = i;
    }
    return all;
  }
}
