// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/** What a reader of a record file does where the file is damaged or cut off. */
public enum OnDamage {
  /**
   * It throws a {@link dev.varve.CorruptionException}, after every record before the damage, and
   * again on every further attempt to read on.
   */
  FAIL,
  /**
   * It goes on with the next intact part of the file, and lists what it passed over as a {@link
   * SkippedRegion}.
   */
  SKIP
}
