// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

/**
 * Thrown by a {@link SimulatedStorage} whose process is dead, in place of the process itself.
 *
 * <p>An error and not an exception, so that no handler takes it for a failure it could treat. Code
 * that runs after it, in {@code finally} blocks, has no effect any more.
 */
public final class SimulatedCrash extends Error {
  private static final long serialVersionUID = 1L;

  SimulatedCrash(String message) {
    super(message);
  }
}
