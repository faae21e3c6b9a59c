// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.memory.RefCounted;
import dev.varve.memory.Slab;

/** A frame in memory. The tier holds one count, every pin another. */
abstract sealed class HotFrame extends RefCounted {

  final HotTier tier;

  /** Bytes that the tier got more by it. */
  final long added;

  private HotFrame(HotTier tier, long added) {
    this.tier = tier;
    this.added = added;
  }

  /** It leaves the tier, though it may stay pinned; answers the bytes that go with it. */
  abstract long cooled();

  /** A copy in a slab. */
  static final class Copied extends HotFrame {
    final Slab slab;
    final long offset;

    Copied(HotTier tier, Slab slab, long offset, long bytes) {
      super(tier, bytes);
      this.slab = slab;
      this.offset = offset;
    }

    @Override
    long cooled() {
      return added;
    }

    @Override
    protected void free() {
      tier.freed(added);
      slab.release();
    }
  }

  /** The application's own memory. */
  static final class Kept extends HotFrame {
    final KeptFrame frame;

    Kept(HotTier tier, KeptFrame frame, long added) {
      super(tier, added);
      this.frame = frame;
    }

    @Override
    long cooled() {
      return tier.shared.cooled(frame);
    }

    @Override
    protected void free() {
      tier.freed(tier.shared.freed(frame));
      frame.close();
    }
  }
}
