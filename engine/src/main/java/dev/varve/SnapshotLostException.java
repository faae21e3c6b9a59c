// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when a reader's snapshot is no longer there, because it was held for longer than permitted
 * or its process was taken for dead.
 *
 * <p>What was read before this exception is valid. Take a new snapshot to read on.
 */
public final class SnapshotLostException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public SnapshotLostException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public SnapshotLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
