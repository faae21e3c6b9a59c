// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.record.compress.BlockCodec;

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
  /** Zstandard: smaller; at level 3, unless {@code zstd(level)} of the writer's builder says so. */
  ZSTD;

  /** The level that other writers of zstd use unless told. */
  static final int ZSTD_LEVEL = 3;

  /** What stands in a block for it. */
  int codec() {
    return switch (this) {
      case NONE -> Format.PLAIN;
      case LZ4 -> Format.LZ4;
      case ZSTD -> Format.ZSTD;
    };
  }

  /** What a codec in a block stands for. */
  static Compression of(int codec) {
    return switch (codec) {
      case Format.PLAIN -> NONE;
      case Format.LZ4 -> LZ4;
      case Format.ZSTD -> ZSTD;
      default -> throw new IllegalArgumentException("codec " + codec);
    };
  }

  /** Returns what decompresses, and compresses at the usual level. */
  BlockCodec newCodec() {
    return newCodec(ZSTD_LEVEL);
  }

  /**
   * Returns what compresses and decompresses.
   *
   * @param level how hard zstd compresses
   * @throws dev.varve.UnavailableException if the library is missing or nothing is granted to it
   */
  BlockCodec newCodec(int level) {
    return switch (this) {
      case NONE -> throw new IllegalArgumentException("nothing to compress with");
      case LZ4 -> BlockCodec.lz4();
      case ZSTD -> BlockCodec.zstd(level);
    };
  }
}
