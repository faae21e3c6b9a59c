// SPDX-License-Identifier: Apache-2.0

/** Makes Varve's allocation manager the default of Apache Arrow. */
module dev.varve.arrow.memory {
  requires transitive dev.varve.arrow;
  requires static transitive org.jspecify;

  exports org.apache.arrow.memory.unsafe;
}
