// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when a file is of a format version that this release does not read, too old or too new.
 *
 * <p>The file is intact as far as it was looked at, and nothing was changed in it. A file that is
 * not of the format at all, or is damaged, is a {@link CorruptionException} instead.
 */
public final class FormatVersionException extends VarveException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates an exception without a cause.
   *
   * @param message what happened, where, and what to do
   */
  public FormatVersionException(String message) {
    super(message);
  }

  /**
   * Creates an exception with a cause.
   *
   * @param message what happened, where, and what to do
   * @param cause what led to it
   */
  public FormatVersionException(String message, Throwable cause) {
    super(message, cause);
  }
}
