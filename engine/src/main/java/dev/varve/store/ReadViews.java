// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The views of a handle for reading, as many as were ever in use at the same time. A thread begins
 * where its number says, so that threads share no memory that is written, and goes on to the next
 * one where that is in use. For any number of threads.
 */
final class ReadViews {
  private static final int PLACES = 64;

  private final Handle handle;

  /** The first view of each place; further ones hang behind it. */
  private final AtomicReferenceArray<@Nullable ReadView> places =
      new AtomicReferenceArray<>(PLACES);

  ReadViews(Handle handle) {
    this.handle = handle;
  }

  /** Takes a view, which is in use until it is given back. */
  ReadView take() {
    int place = (int) Thread.currentThread().threadId() & PLACES - 1;
    for (ReadView view = places.get(place); view != null; view = view.next) {
      if (view.tryUse()) {
        return view;
      }
    }
    return add(place);
  }

  private synchronized ReadView add(int place) {
    ReadView view = handle.newReadView();
    view.next = places.get(place);
    places.set(place, view);
    return view;
  }

  /**
   * Whether a view is in use. Of one that is given back meanwhile either answer may come: who gave
   * it back asks afterwards.
   */
  boolean isAnyInUse() {
    for (int place = 0; place < PLACES; place++) {
      for (ReadView view = places.get(place); view != null; view = view.next) {
        if (view.isInUse()) {
          return true;
        }
      }
    }
    return false;
  }
}
