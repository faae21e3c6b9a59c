// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when an operation needs something that this process lacks: an optional library, an access
 * that the JVM was started without, or an operating system or file system that can do it.
 *
 * <p>Nothing was changed; the message says what to add or change.
 */
public final class UnavailableException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public UnavailableException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public UnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
