// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

/** How a call to a {@link SimulatedStorage} fails. */
public enum FaultKind {
  /** The call has no effect and reports an I/O error; a sync fails as by {@link #SYNC_FAILURE}. */
  IO_ERROR,
  /** A write or extension does half of its work and reports an I/O error; else an I/O error. */
  SHORT_WRITE,
  /**
   * A write or extension does half of its work, and the disk is full; creating and renaming have no
   * effect, and the disk is full; else an I/O error.
   */
  DISK_FULL,
  /**
   * A sync reports an error, once, and what it was to make durable never is, although it can still
   * be read, and although later syncs succeed; as on Linux. Else an I/O error.
   */
  SYNC_FAILURE
}
