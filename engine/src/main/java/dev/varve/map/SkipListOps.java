// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** Operations at rest, so that operations allocate nothing: a few for any number of threads. */
final class SkipListOps {

  private static final int PLACES = 16;
  private static final int LINE_SHIFT = 4;

  private final AtomicReferenceArray<@Nullable SkipListOp> places =
      new AtomicReferenceArray<>(PLACES << LINE_SHIFT);

  private static int place() {
    return ((int) Thread.currentThread().threadId() & (PLACES - 1)) << LINE_SHIFT;
  }

  /** Takes one, or makes one if the thread's place is empty. */
  SkipListOp take(SkipList list) {
    SkipListOp op = places.getAndSet(place(), null);
    if (op == null) {
      return new SkipListOp(list);
    }
    if (op.list != list) {
      op.bind(list);
    }
    op.heals = false;
    return op;
  }

  /** Gives one back. */
  void give(SkipListOp op) {
    op.forget();
    places.setRelease(place(), op);
  }
}
