// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when something cannot be opened for reading only, since it was not closed in order, or was
 * moved or copied, and must be recovered first, which takes a handle that writes.
 *
 * <p>Nothing was changed. Nobody else has it open: unlike after a {@link BusyException}, waiting
 * does not help. Open it for writing once, and close it.
 */
public final class RecoveryNeededException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public RecoveryNeededException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public RecoveryNeededException(String message, Throwable cause) {
    super(message, cause);
  }
}
