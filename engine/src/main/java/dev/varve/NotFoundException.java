// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/** Thrown when something that was named, such as a file, table or batch, does not exist. */
public final class NotFoundException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public NotFoundException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public NotFoundException(String message, Throwable cause) {
    super(message, cause);
  }
}
