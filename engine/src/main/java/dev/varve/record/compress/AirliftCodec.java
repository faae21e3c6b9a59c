// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.compress;

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
import java.util.function.Supplier;

/** The one class that cannot be loaded without the library. */
final class AirliftCodec extends BlockCodec {
  /** The most bytes that a byte of an LZ4 block stands for. */
  private static final long LZ4_RATIO = 255;

  private final boolean zstd;
  private final Compressor compressor;
  private final Decompressor decompressor;

  private AirliftCodec(boolean zstd, Compressor compressor, Decompressor decompressor) {
    this.zstd = zstd;
    this.compressor = compressor;
    this.decompressor = decompressor;
  }

  static BlockCodec newLz4() {
    return create(
        () -> new AirliftCodec(false, new Lz4NativeCompressor(), new Lz4NativeDecompressor()),
        () -> new AirliftCodec(false, new Lz4JavaCompressor(), new Lz4JavaDecompressor()));
  }

  static BlockCodec newZstd(int level) {
    return create(
        () -> new AirliftCodec(true, new ZstdNativeCompressor(level), new ZstdNativeDecompressor()),
        () -> new AirliftCodec(true, new ZstdJavaCompressor(), new ZstdJavaDecompressor()));
  }

  private static BlockCodec create(
      Supplier<AirliftCodec> nativeCode, Supplier<AirliftCodec> javaCode) {
    boolean granted = Compressor.class.getModule().isNativeAccessEnabled();
    try {
      return probed(granted ? nativeCode : javaCode);
    } catch (RuntimeException | LinkageError e) {
      try {
        return probed(granted ? javaCode : nativeCode);
      } catch (RuntimeException | LinkageError second) {
        e.addSuppressed(second);
        throw e;
      }
    }
  }

  /** What the JVM permits shows only when the code runs. */
  private static AirliftCodec probed(Supplier<AirliftCodec> code) {
    AirliftCodec codec = code.get();
    byte[] block = new byte[codec.compressor.maxCompressedLength(1)];
    int length = codec.compressor.compress(new byte[1], 0, 1, block, 0, block.length);
    codec.decompressor.decompress(block, 0, length, new byte[1], 0, 1);
    return codec;
  }

  @Override
  public long compressBound(long bytes) {
    return compressor.maxCompressedLength(Math.toIntExact(bytes));
  }

  @Override
  public long compress(MemorySegment source, MemorySegment target) {
    return compressor.compress(source, target);
  }

  @Override
  public long decompressBound(MemorySegment source) {
    return zstd ? ZstdFrame.contentBound(source) : LZ4_RATIO * source.byteSize();
  }

  @Override
  long decompressUpTo(MemorySegment source, MemorySegment target) {
    return decompressor.decompress(source, target);
  }
}
