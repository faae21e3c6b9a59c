// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

/** How {@link Storage#open} opens a file. */
public enum FileAccess {
  /** An existing file, for reading only. */
  READ,
  /** An existing file, for reading and writing. */
  WRITE,
  /** A file that must not exist yet and is created empty, for reading and writing. */
  CREATE_NEW;

  /**
   * Tells whether a file opened so can be written.
   *
   * @return true for all but {@link #READ}
   */
  public boolean isWritable() {
    return this != READ;
  }
}
