// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

/**
 * A lock on one byte of a lock file, held against other processes and against other handles of this
 * process.
 *
 * <p>The operating system releases it when the process dies, however it dies, so it is the sign of
 * life of its holder. It belongs to the process, not to a thread, and may be used and closed from
 * any thread. Obtained from {@link Storage#tryLock}.
 */
public interface ProcessLock extends AutoCloseable {
  /**
   * Returns how it is held.
   *
   * @return the mode it was taken in
   */
  LockMode mode();

  /**
   * Tells whether the lock is still held and still protects: it was not closed, and the lock file
   * is still the one at its path.
   *
   * <p>A lock that was lost because other code in the process opened and closed the lock file by
   * itself cannot be told by this.
   *
   * @return false after {@link #close}, or when the lock file was deleted or replaced
   */
  boolean isValid();

  /** Releases the lock. Closing again has no effect. */
  @Override
  void close();
}
