// SPDX-License-Identifier: Apache-2.0

/**
 * The Varve storage engine: durable and off-heap structures on the Foreign Function and Memory API,
 * without JNI and without {@code sun.misc.Unsafe} in its own code.
 */
module dev.varve.engine {
  requires static transitive org.jspecify;
  requires jdk.jfr;
  requires static aircompressor.v3; // optional: LZ4 and zstd

  exports dev.varve;
  exports dev.varve.codec;
  exports dev.varve.file;
  exports dev.varve.log;
  exports dev.varve.map;
  exports dev.varve.memory;
  exports dev.varve.record;
  exports dev.varve.record.disky;
  exports dev.varve.record.tfrecord;
  exports dev.varve.store;
}
