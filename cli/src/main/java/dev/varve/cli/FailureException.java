// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

/** Thrown where a run fails for a reason that no other exception tells. */
final class FailureException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** One of {@link ExitCode}. */
  private final int exitCode;

  FailureException(int exitCode, String message) {
    super(message);
    this.exitCode = exitCode;
  }

  int exitCode() {
    return exitCode;
  }
}
