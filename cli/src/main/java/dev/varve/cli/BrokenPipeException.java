// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.io.IOException;

/** Thrown when the reader of the standard output went away. */
final class BrokenPipeException extends IOException {
  private static final long serialVersionUID = 1L;

  BrokenPipeException(IOException cause) {
    super(cause);
  }
}
