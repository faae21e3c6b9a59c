// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.BusyException;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Byte 0 of {@code NAME-lock}, held by who opens or closes a handle or takes another slot for it.
 *
 * @param storage where the lock file is
 * @param lockFile the lock file, which is made when missing
 * @param isNeeded whether others may have the store open, or come; if not, nothing is locked, and
 *     no lock file made
 */
record Gate(Storage storage, Path lockFile, boolean isNeeded) {
  private static final long POSITION = 0;
  static final long COMPACTION = 1 + SharedState.SLOTS;

  Gate(Storage storage, Path lockFile) {
    this(storage, lockFile, true);
  }

  /** Returns which byte of the lock file is held by the owner of a slot for as long as it lives. */
  static long position(int slot) {
    return 1L + slot;
  }

  /**
   * Takes the gate, trying until a timeout.
   *
   * @return the lock, which the caller closes
   * @throws BusyException if it is held for so long
   */
  ProcessLock take(Duration timeout) {
    return take(
        POSITION,
        timeout,
        "another handle, in this process or another one, is being opened or closed");
  }

  /**
   * Takes the byte of who compacts, trying until a timeout.
   *
   * @return the lock, which the caller closes
   * @throws BusyException if it is held for so long
   */
  ProcessLock takeCompaction(Duration timeout) {
    return take(COMPACTION, timeout, "the store is being compacted already");
  }

  /** Tries to lock a byte, for this handle alone. */
  Optional<ProcessLock> tryLock(long position) {
    return isNeeded
        ? storage.tryLock(lockFile, position, LockMode.EXCLUSIVE)
        : Optional.of(new Unneeded());
  }

  /** A lock where there is nobody else. */
  private record Unneeded() implements ProcessLock {
    @Override
    public LockMode mode() {
      return LockMode.EXCLUSIVE;
    }

    @Override
    public boolean isValid() {
      return true;
    }

    @Override
    public void close() {}
  }

  private ProcessLock take(long position, Duration timeout, String reason) {
    try (Waiting waiting = new Waiting(storage, timeout)) {
      while (true) {
        Optional<ProcessLock> lock = tryLock(position);
        if (lock.isPresent()) {
          return lock.get();
        }
        if (!waiting.pause()) {
          throw new BusyException(
              reason
                  + ": byte "
                  + position
                  + " of "
                  + lockFile
                  + " is held"
                  + " for longer than "
                  + timeout.toMillis()
                  + " ms; try again, or with a longer timeout");
        }
      }
    }
  }

  /**
   * Tells whether any handle is open: whether a byte of any slot is held. The gate is held. Looks
   * at all slots and at nothing but locks, since {@code NAME-shm} may be missing or worthless.
   */
  boolean isAnyoneIn() {
    return storage.isLocked(lockFile, position(0), SharedState.SLOTS);
  }
}
