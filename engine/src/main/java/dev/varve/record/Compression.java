// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * How the blocks of a record file are stored. Blocks that do not get smaller by a 16th are stored
 * plain in any case.
 *
 * <p>All but {@link #NONE} need the artifact {@code io.airlift:aircompressor-v3}, and a JVM that
 * grants it {@code sun.misc.Unsafe} or native access.
 */
public enum Compression {
  /** As they are. */
  NONE,
  /** LZ4, block format: fast. */
  LZ4,
  /** Zstandard: smaller. */
  ZSTD;

  /** What stands in a block for it. */
  int codec() {
    return switch (this) {
      case NONE -> Format.PLAIN;
      case LZ4 -> Format.LZ4;
      case ZSTD -> Format.ZSTD;
    };
  }
}
