// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/** In which order a {@link ShardedReader} gives the records of the shards that it has open. */
public enum ShardOrder {
  /**
   * One record of each in turn. Which shards are open together depends on their order alone, so the
   * whole sequence is the same every time.
   */
  ROUND_ROBIN,
  /**
   * As they are read, block after block; the fastest. Unless only one shard is open at a time, the
   * order of shards among each other differs from time to time.
   */
  DRAIN
}
