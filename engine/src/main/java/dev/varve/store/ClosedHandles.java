// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.ArrayList;
import java.util.List;

/**
 * The closed handles of this process that transactions are still open in. A daemon thread looks at
 * them ten times a second, as long as there are any, and ends what threads have left open that have
 * ended since the close. For any number of threads.
 */
final class ClosedHandles {
  private static final long LOOK_MILLIS = 100;

  // Guarded by the class.
  private static final List<Handle> HANDLES = new ArrayList<>();
  private static boolean isLooking;

  private ClosedHandles() {}

  static synchronized void add(Handle handle) {
    HANDLES.add(handle);
    if (!isLooking) {
      // Nothing is kept of who happens to close.
      Thread thread =
          Thread.ofPlatform()
              .daemon()
              .name("varve-closed")
              .inheritInheritableThreadLocals(false)
              .unstarted(ClosedHandles::run);
      thread.setContextClassLoader(null);
      thread.start();
      isLooking = true;
    }
  }

  /** For tests: whether a handle is looked at. */
  static synchronized boolean contains(Handle handle) {
    return HANDLES.contains(handle);
  }

  private static void run() {
    boolean isDone = false;
    while (!isDone) {
      try {
        Thread.sleep(LOOK_MILLIS);
        List<Handle> left = left();
        left.forEach(ClosedHandles::look);
        isDone = left.isEmpty();
      } catch (InterruptedException | RuntimeException | Error e) {
        // Of a full heap, say: nobody else would look.
      }
    }
  }

  /** Returns those in which something is open; where there are none, the thread ends. */
  private static synchronized List<Handle> left() {
    HANDLES.removeIf(handle -> !handle.isInUse());
    List<Handle> left = List.copyOf(HANDLES);
    isLooking = !left.isEmpty();
    return left;
  }

  private static void look(Handle handle) {
    try {
      handle.rollBackAbandoned();
    } catch (RuntimeException | Error e) { // of the close
      handle.warn("could not be closed well", e);
    }
  }
}
