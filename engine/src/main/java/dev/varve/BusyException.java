// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when something that only one can hold at a time is held by another thread or process, and
 * waiting was not asked for or took too long.
 *
 * <p>Nothing was changed; trying again later is safe.
 */
public final class BusyException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public BusyException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public BusyException(String message, Throwable cause) {
    super(message, cause);
  }
}
