// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/** What a compute does with the value that it found; may run several times. */
@FunctionalInterface
interface SkipListRemapping {

  /**
   * Decides on an entry, whose old value is in the op's old fields.
   *
   * @param op where the new value goes
   * @return {@link SkipListUpdates#KEEP}, {@link SkipListUpdates#STORE} or {@link
   *     SkipListUpdates#DROP}
   */
  int apply(SkipListOp op);
}
