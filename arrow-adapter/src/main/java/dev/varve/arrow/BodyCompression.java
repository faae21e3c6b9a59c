// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import org.apache.arrow.vector.compression.CompressionCodec;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;

/** How the buffers of message bodies are compressed, as the Arrow IPC format numbers it. */
enum BodyCompression {
  NONE(CodecType.NO_COMPRESSION),
  LZ4_FRAME(CodecType.LZ4_FRAME),
  ZSTD(CodecType.ZSTD);

  private final CodecType type;

  BodyCompression(CodecType type) {
    this.type = type;
  }

  /** Returns the number that stands in a message. */
  byte id() {
    return type.getType();
  }

  /**
   * Returns the codec.
   *
   * @throws IllegalStateException if no codec is on the class or module path
   */
  CompressionCodec codec() {
    try {
      return CompressionCodec.Factory.INSTANCE.createCodec(type);
    } catch (IllegalArgumentException e) {
      throw new IllegalStateException(
          "bodies compressed with "
              + this
              + " need a codec, and none is on the class path; add the dependency"
              + " org.apache.arrow:arrow-compression, or use no compression",
          e);
    }
  }
}
