// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

/** What is known of the memory in which a source hands over its batches. */
public enum SourceMemory {
  /**
   * It may be mapped from a file. Such memory can vanish while it is read, so it is copied to a
   * private buffer before it is checksummed. The default, but for Arrow's own file and stream
   * readers, which are known to be {@link #PRIVATE}.
   */
  UNKNOWN,
  /**
   * It is the process's own: allocated, not mapped from a file or imported from other code that
   * maps one. Then batches are checksummed and written to disk from where they are, where native
   * access is granted.
   */
  PRIVATE
}
