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
      Thread thread = new Thread(ClosedHandles::run, "varve-closed");
      thread.setDaemon(true);
      thread.setContextClassLoader(null); // that of who happens to close is not kept
      thread.start();
      isLooking = true;
    }
  }

  private static void run() {
    for (List<Handle> left = left(); !left.isEmpty(); left = left()) {
      try {
        Thread.sleep(LOOK_MILLIS);
      } catch (InterruptedException e) {
        // Then it looks now.
      }
      left.forEach(ClosedHandles::look);
    }
  }

  /** Returns those in which something is open; where there are none, the thread ends. */
  private static synchronized List<Handle> left() {
    HANDLES.removeIf(handle -> !handle.isInUse());
    isLooking = !HANDLES.isEmpty();
    return List.copyOf(HANDLES);
  }

  private static void look(Handle handle) {
    try {
      handle.rollBackAbandoned();
    } catch (RuntimeException | Error e) { // of the close; nobody is there to be told
      System.getLogger(ClosedHandles.class.getName())
          .log(System.Logger.Level.WARNING, () -> handle.name() + " could not be closed well", e);
    }
  }
}
