// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when an operation contradicts what is there: a name that is taken, options that differ
 * from those a file was created with, or a transaction that another one has overtaken.
 *
 * <p>Nothing was changed.
 */
public final class ConflictException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public ConflictException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public ConflictException(String message, Throwable cause) {
    super(message, cause);
  }
}
