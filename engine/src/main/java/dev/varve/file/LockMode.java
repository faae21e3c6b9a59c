// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

/** How a {@link ProcessLock} is held. */
public enum LockMode {
  /** Together with any number of other shared holders, but no exclusive one. */
  SHARED,
  /** Alone. */
  EXCLUSIVE
}
