// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

/** What a {@link Mapping} of a file permits. */
public enum MapAccess {
  /** Reading; stores through the segment are refused by exception. */
  READ_ONLY,
  /**
   * Reading and writing, shared with every other mapping and handle of the file, in this process
   * and in others.
   */
  READ_WRITE,
  /**
   * Reading and writing, where a page that is stored to becomes a private copy: the file never
   * changes. Whether a page that was not stored to follows later changes of the file is
   * unspecified.
   */
  PRIVATE
}
