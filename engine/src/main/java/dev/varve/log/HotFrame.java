// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.memory.RefCounted;
import dev.varve.memory.Slab;

/** The copy of a frame in memory. The tier holds one count, every pin another. */
final class HotFrame extends RefCounted {

  final Slab slab;
  final long offset;
  final long bytes;
  private final HotTier tier;

  HotFrame(HotTier tier, Slab slab, long offset, long bytes) {
    this.tier = tier;
    this.slab = slab;
    this.offset = offset;
    this.bytes = bytes;
  }

  @Override
  protected void free() {
    tier.freed(bytes);
    slab.release();
  }
}
