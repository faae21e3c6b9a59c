// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import io.airlift.compress.v3.Compressor;
import io.airlift.compress.v3.Decompressor;
import io.airlift.compress.v3.lz4.Lz4JavaCompressor;
import io.airlift.compress.v3.lz4.Lz4JavaDecompressor;
import io.airlift.compress.v3.lz4.Lz4NativeCompressor;
import io.airlift.compress.v3.lz4.Lz4NativeDecompressor;
import io.airlift.compress.v3.zstd.ZstdJavaCompressor;
import io.airlift.compress.v3.zstd.ZstdJavaDecompressor;
import io.airlift.compress.v3.zstd.ZstdNativeCompressor;
import io.airlift.compress.v3.zstd.ZstdNativeDecompressor;
import java.lang.foreign.MemorySegment;

/** The codecs of aircompressor, an optional library. */
final class AirliftCodec implements Codec {
  private final Compressor compressor;
  private final Decompressor decompressor;

  private AirliftCodec(Compressor compressor, Decompressor decompressor) {
    this.compressor = compressor;
    this.decompressor = decompressor;
  }

  static Codec nativeLz4() {
    return new AirliftCodec(new Lz4NativeCompressor(), new Lz4NativeDecompressor());
  }

  static Codec javaLz4() {
    return new AirliftCodec(new Lz4JavaCompressor(), new Lz4JavaDecompressor());
  }

  static Codec nativeZstd() {
    return new AirliftCodec(new ZstdNativeCompressor(), new ZstdNativeDecompressor());
  }

  static Codec javaZstd() {
    return new AirliftCodec(new ZstdJavaCompressor(), new ZstdJavaDecompressor());
  }

  @Override
  public int bound(int length) {
    return compressor.maxCompressedLength(length);
  }

  @Override
  public int compress(MemorySegment source, MemorySegment target) {
    return compressor.compress(source, target);
  }

  @Override
  public int decompress(MemorySegment source, MemorySegment target) {
    return decompressor.decompress(source, target);
  }
}
