// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;

/** One holder of a lock of the operating system; see {@link RealLocks}. */
final class RealLock implements ProcessLock {
  private final Path path;
  private final String key;
  private final long position;
  private final LockMode mode;
  private final AtomicBoolean closed = new AtomicBoolean();

  RealLock(Path path, String key, long position, LockMode mode) {
    this.path = path;
    this.key = key;
    this.position = position;
    this.mode = mode;
  }

  @Override
  public LockMode mode() {
    return mode;
  }

  @Override
  public boolean isValid() {
    return !closed.get() && RealLocks.isValid(path, key, position);
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      try {
        RealLocks.release(key, position);
      } catch (IOException e) {
        throw Failures.translate("unlock", path, e);
      }
    }
  }
}
