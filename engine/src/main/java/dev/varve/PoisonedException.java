// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when a store refuses work because an earlier failure, such as a failed sync, left it
 * unknown what is on the disk.
 *
 * <p>What was acknowledged before the failure is safe. Close every handle and open again, which
 * recovers the last good state.
 */
public final class PoisonedException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public PoisonedException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public PoisonedException(String message, Throwable cause) {
    super(message, cause);
  }
}
