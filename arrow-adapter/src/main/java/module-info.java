// SPDX-License-Identifier: Apache-2.0

/** Varve for Apache Arrow. */
module dev.varve.arrow {
  requires transitive dev.varve.engine;
  requires transitive org.apache.arrow.memory.core;
  requires transitive org.apache.arrow.vector;
  requires static transitive org.jspecify;
  requires flatbuffers.java;
  requires org.apache.arrow.format;
  requires static org.apache.arrow.c;
  requires static org.apache.commons.compress;
  requires java.management;
  requires jdk.management;

  exports dev.varve.arrow;
}
