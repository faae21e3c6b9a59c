// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/** What a compute does with the value that it found; may run several times. */
@FunctionalInterface
interface Remapping {

  /**
   * Decides on an entry, whose old value is in the op's old fields.
   *
   * @param op where the new value goes
   * @return {@link Updates#KEEP}, {@link Updates#STORE} or {@link Updates#DROP}
   */
  int apply(Op op);
}
