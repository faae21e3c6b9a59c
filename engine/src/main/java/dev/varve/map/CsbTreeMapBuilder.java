// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.codec.KeyCodec;
import dev.varve.codec.ValueCodec;
import dev.varve.memory.FreshMemory;
import dev.varve.memory.SlabPool;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The options of a {@link CsbTreeMap}.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class CsbTreeMapBuilder<K, V> {

  /** The size of nodes unless another is chosen: 2 KiB. */
  public static final int DEFAULT_NODE_BYTES = 2048;

  /** The slabs of a map without a pool of the user's: zeroing one takes half a millisecond. */
  private static final long SLAB_BYTES = 1 << 20;

  /** A map of fewer slabs of a huge page than this has smaller ones. */
  private static final long LEAST_HUGE_SLABS = 8;

  final KeyCodec<K> keys;
  final ValueCodec<V> values;
  int nodeBytes = DEFAULT_NODE_BYTES;
  long maxBytes = Long.MAX_VALUE;
  @Nullable SlabPool pool;

  CsbTreeMapBuilder(KeyCodec<K> keys, ValueCodec<V> values) {
    this.keys = Objects.requireNonNull(keys, "keys");
    this.values = Objects.requireNonNull(values, "values");
  }

  /**
   * Sets the size of nodes. Larger ones make lookups of many entries and scans faster, smaller ones
   * disturb readers less.
   *
   * @param bytes a power of two from 256 to 4096
   * @return this
   * @throws IllegalArgumentException if the size is none of these
   */
  public CsbTreeMapBuilder<K, V> nodeBytes(int bytes) {
    TreeLayout.checkNodeBytes(bytes);
    this.nodeBytes = bytes;
    return this;
  }

  /**
   * Limits the memory of the map.
   *
   * @param bytes the most that its slabs have together: at least one slab, or two if keys or values
   *     are not numbers, since these have slabs of their own; {@link #build} refuses less
   * @return this
   * @throws IllegalArgumentException if the limit is not positive
   */
  public CsbTreeMapBuilder<K, V> maxBytes(long bytes) {
    if (bytes <= 0) {
      throw new IllegalArgumentException("A map needs memory; its limit cannot be " + bytes);
    }
    this.maxBytes = bytes;
    return this;
  }

  /** The size of slabs without a pool. */
  long slabBytes() {
    boolean huge = FreshMemory.isHuge() && maxBytes / FreshMemory.HUGE_BYTES >= LEAST_HUGE_SLABS;
    return huge ? FreshMemory.HUGE_BYTES : SLAB_BYTES;
  }

  /**
   * Sets where slabs come from, so that maps share a reserve of memory. Without a pool slabs have 1
   * MiB, or 2 MiB where the system gives huge pages and the limit is 16 MiB or more, and go back to
   * the system.
   *
   * @param slabs a pool, not closed by the map, whose slabs have a power of two of bytes up to 1
   *     GiB
   * @return this
   */
  public CsbTreeMapBuilder<K, V> pool(SlabPool slabs) {
    this.pool = Objects.requireNonNull(slabs, "slabs");
    return this;
  }

  /**
   * Creates the map, which is empty.
   *
   * @return the map
   * @throws dev.varve.FullException if the system has no memory
   * @throws IllegalArgumentException if the pool's slabs are of no suitable size, or nothing fits
   *     into the limit
   */
  public CsbTreeMap<K, V> build() {
    return new CsbTreeMap<>(this);
  }
}
