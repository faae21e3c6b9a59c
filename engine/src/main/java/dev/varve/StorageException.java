// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when reading, writing, or syncing a file fails in the operating system.
 *
 * <p>The cause is the {@link java.io.IOException} of the JDK. A full disk is a {@link
 * FullException} instead.
 */
public final class StorageException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public StorageException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public StorageException(String message, Throwable cause) {
    super(message, cause);
  }
}
