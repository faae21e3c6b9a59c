// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.StorageException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Closes arenas of mappings. */
final class Arenas {
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(10);
  private static final long PAUSE = TimeUnit.MICROSECONDS.toNanos(50);

  private Arenas() {}

  /** Closes an arena as soon as no channel uses its memory as the buffer of a read or write. */
  static void close(Arena arena, Path path) {
    long start = System.nanoTime();
    while (true) {
      try {
        arena.close();
        return;
      } catch (IllegalStateException e) {
        if (System.nanoTime() - start > PATIENCE) {
          throw new StorageException(
              "cannot unmap file "
                  + Failures.quote(path)
                  + ": its memory is the buffer of a read or write that goes on; close the mapping"
                  + " again after that",
              e);
        }
        LockSupport.parkNanos(PAUSE);
      }
    }
  }
}
