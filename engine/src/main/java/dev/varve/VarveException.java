// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * The root of every exception that Varve throws about its own state or about the world outside it.
 *
 * <p>Exceptions are unchecked. A message says what happened, where, what was expected, what was
 * found, and what to do. Misuse of a method, such as an argument out of range, is an {@link
 * IllegalArgumentException} and not one of these.
 */
public abstract class VarveException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  protected VarveException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  protected VarveException(String message, Throwable cause) {
    super(message, cause);
  }
}
